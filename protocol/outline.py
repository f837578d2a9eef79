"""Where a frame ends.  An outline answers that for one protocol; the one framer asks it.

    cut(buffer, start) → FRAME, end   buffer[start:end] is a frame
                         MORE, ·      a frame may begin at start, its end has not arrived
                         NOISE, end   buffer[start:end] belongs to no frame
                         SKIP, end    buffer[start:end] is an allowed separator

Outlines are stateless and do linear work: whoever waits for more bytes remembers how far the
search has come.  What they say about a byte depends on the bytes before its frame's end alone, so
frames are the same however the stream was cut into segments.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from wattwarden.protocol.checksum import WindowScan


class Verdict(Enum):
    """What a stretch of bytes is."""

    FRAME = "frame"
    MORE = "more"
    NOISE = "noise"
    SKIP = "skip"


FRAME: Final = Verdict.FRAME
MORE: Final = Verdict.MORE
NOISE: Final = Verdict.NOISE
SKIP: Final = Verdict.SKIP


# The end of the stretch; for MORE, how far the search for the end has come.  A plain tuple, since
# one is made for each frame.
Cut = tuple[Verdict, int]


class Outline(Protocol):
    """How frames of a protocol are delimited.

    ``head`` is what each frame begins with, ``most_bytes`` the longest frame accepted.
    """

    @property
    def head(self) -> bytes:
        """What each frame begins with."""

    @property
    def most_bytes(self) -> int:
        """The longest frame accepted."""

    def cut(self, buffer: bytes, start: int, searched: int) -> Cut:
        """Judge the bytes from ``start``; no frame ends before ``searched``."""

    def cut_strictly(self, buffer: bytes, start: int, searched: int = 0) -> Cut:
        """Judge likewise, and leave no checksum open."""


def next_head(head: bytes, buffer: bytes, start: int) -> int:
    """Return where a frame can begin after ``start``: at a head, or at one cut short by the end."""
    at = buffer.find(head, start + 1)
    if at >= 0:
        return at
    for keep in range(len(head) - 1, 0, -1):
        if buffer.endswith(head[:keep]) and len(buffer) - keep > start:
            return len(buffer) - keep
    return len(buffer)


@dataclass(frozen=True, slots=True)
class LengthPrefixed:
    """Frames that say their own length.

    ``measure(buffer, start)`` returns the frame's whole length, 0 when its header has not arrived,
    -1 when no frame can begin here.  ``fits(buffer, start, end)`` is the full check, checksum
    included; ``seems(buffer, start, end)`` a cheap one that may leave the checksum open for
    ``Codec.confirm``.  ``separators`` may follow a frame; one of each belongs to it when it arrives
    with it.
    """

    head: bytes
    most_bytes: int
    measure: Callable[[bytes, int], int]
    fits: Callable[[bytes, int, int], bool]
    seems: Callable[[bytes, int, int], bool] | None = None
    separators: bytes = b""

    def cut(self, buffer: bytes, start: int, searched: int) -> Cut:  # noqa: ARG002, D102  # seam
        if not buffer.startswith(self.head, start):
            return self._without_head(buffer, start)
        size = self.measure(buffer, start)
        end = start + size
        most = self.most_bytes
        if 0 < size <= most and end <= len(buffer):
            seems = self.seems
            if (seems is not None and seems(buffer, start, end)) or self.fits(buffer, start, end):
                if end < len(buffer) and self.separators:
                    end = self._after_separators(buffer, start, end)
                return (FRAME, end)
        elif 0 <= size <= most and len(buffer) - start < most:
            return (MORE, start)
        return (NOISE, next_head(self.head, buffer, start))

    def cut_strictly(  # noqa: D102  # described by Outline
        self, buffer: bytes, start: int, searched: int = 0
    ) -> Cut:
        return replace(self, seems=None).cut(buffer, start, searched)

    def _without_head(self, buffer: bytes, start: int) -> Cut:
        if buffer[start] in self.separators:
            rest = buffer[start:]
            return (SKIP, len(buffer) - len(rest.lstrip(self.separators)))
        if self.head.startswith(buffer[start : start + len(self.head)]):
            return (MORE, start)
        return (NOISE, next_head(self.head, buffer, start))

    def _after_separators(self, buffer: bytes, start: int, end: int) -> int:
        limit = min(end + len(self.separators), start + self.most_bytes, len(buffer))
        while end < limit and buffer[end] in self.separators:
            end += 1
        return end


# A window that holds what most searches need; where it does not, the next is that many times wider.
_FIRST_WINDOW_BYTES: Final = 256
_WIDER: Final = 8


@dataclass(frozen=True, slots=True)
class Delimited:
    """Frames between a head and a tail, without length and without stuffing.

    The tail may stand inside a frame, so only a tail before which the checksum fits is the end.
    ``fits(buffer, start, end)`` checks one candidate.  The frame is the one that ends first and, of
    those, begins first.  When the first candidate of a frame fails, every head is therefore tried
    with every end in one ``scan``: a broken frame never holds back its neighbour, and the work
    stays linear in the bytes.  A frame without a checksum, should ``fits`` accept one, is found
    where the framing is in step, not behind a broken one.
    """

    head: bytes
    tail: bytes
    least_bytes: int
    most_bytes: int
    fits: Callable[[bytes, int, int], bool]
    scan: WindowScan
    plausible: Callable[[bytes, int], bool]
    """Whether a frame may begin here, judged by the byte after the head; True until it is there."""
    _begin: re.Pattern[bytes] = field(init=False, repr=False, compare=False)
    _plausible: NDArray[np.bool_] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        nexts = [byte for byte in range(256) if self.plausible(self.head + bytes([byte]), 0)]
        plausible = np.zeros(256, bool)
        plausible[nexts] = True
        object.__setattr__(self, "_plausible", plausible)
        object.__setattr__(self, "_begin", _beginning(self.head, bytes(nexts)))

    def cut(self, buffer: bytes, start: int, searched: int) -> Cut:  # noqa: D102  # by Outline
        tail = self.tail
        if not buffer.startswith(self.head, start) or not self.plausible(buffer, start):
            begin = self._next_begin(buffer, start)
            return (NOISE, begin) if begin > start else (MORE, start)
        least = start + self.least_bytes - len(tail)
        earliest = searched if searched > least else least
        at = buffer.find(tail, earliest, start + self.most_bytes)
        if at < 0:
            return self._unended(buffer, start)
        end = at + len(tail)
        if self.fits(buffer, start, end):
            return (FRAME, end)
        return self._search(buffer, start, end)

    def cut_strictly(  # noqa: D102  # described by Outline
        self, buffer: bytes, start: int, searched: int = 0
    ) -> Cut:
        return self.cut(buffer, start, searched)

    def _unended(self, buffer: bytes, start: int) -> Cut:
        """Give up the heads that are too far from the next tail."""
        reach = start + self.most_bytes
        if len(buffer) < reach:
            return self._more(buffer, start)
        at = buffer.find(self.tail, reach - len(self.tail) + 1, reach + self.most_bytes)
        last = min(len(buffer), reach + self.most_bytes) if at < 0 else at + len(self.tail) - 1
        return (NOISE, self._next_begin(buffer, last - self.most_bytes + 1))

    def _search(self, buffer: bytes, start: int, first_end: int) -> Cut:
        """Find the first sound frame behind a candidate that failed, ends before it excluded."""
        whole = min(len(buffer) - start, 2 * self.most_bytes)
        size = min(max(first_end - start, _FIRST_WINDOW_BYTES), whole)
        searched = first_end - len(self.tail) - start
        while True:
            window = buffer[start : start + size]
            found = self._sound(window, searched)
            if found is not None:
                begin, end = found
                return (NOISE, start + begin) if begin else (FRAME, start + end)
            if size == whole:
                break
            searched, size = size - len(self.tail) + 1, min(size * _WIDER, whole)
        if whole < self.most_bytes:
            return self._more(buffer, start)
        # Every frame that begins in the first part of the window has had room to end.
        return (NOISE, self._next_begin(buffer, start + whole - self.most_bytes + 1))

    def _sound(self, window: bytes, searched: int) -> tuple[int, int] | None:
        """Return the sound frame of a window that ends first, None when there is none."""
        ends = occurrences(window, self.tail, searched) + len(self.tail)
        span = (self.least_bytes, self.most_bytes)
        begins = self.scan.beginnings(window, self._heads(window), ends, span)
        found = begins >= 0
        for begin, end in zip(begins[found].tolist(), ends[found].tolist(), strict=True):
            if self.fits(window, begin, end):
                return begin, end
        return None

    def _heads(self, window: bytes) -> NDArray[np.int64]:
        """Return where frames may begin."""
        heads = occurrences(window, self.head)
        nexts = heads + len(self.head)
        heads, nexts = heads[nexts < len(window)], nexts[nexts < len(window)]
        return heads[self._plausible[np.frombuffer(window, np.uint8)[nexts]]]

    def _more(self, buffer: bytes, start: int) -> Cut:
        return (MORE, max(start, len(buffer) - len(self.tail) + 1))

    def _next_begin(self, buffer: bytes, start: int) -> int:
        """Return where a frame can begin from ``start`` on, the end of the buffer when nowhere."""
        match = self._begin.search(buffer, start)
        return len(buffer) if match is None else match.start()


def _beginning(head: bytes, nexts: bytes) -> re.Pattern[bytes]:
    """Match a head that one of ``nexts`` follows, or one that the end cuts short."""
    prefixes = b"|".join(re.escape(head[:size]) for size in range(len(head), 0, -1))
    follows = b"|".join(re.escape(bytes([byte])) for byte in nexts)
    return re.compile(re.escape(head) + b"(?:" + follows + b")|(?:" + prefixes + rb")\Z", re.DOTALL)


def occurrences(buffer: bytes, needle: bytes, start: int = 0) -> NDArray[np.int64]:
    """Return every place from ``start`` on where ``needle`` begins, overlapping ones too."""
    array = np.frombuffer(buffer, np.uint8)[start:]
    span = max(0, len(array) - len(needle) + 1)
    hit = np.ones(span, bool)
    for index, byte in enumerate(needle):
        hit &= array[index : index + span] == byte
    return np.flatnonzero(hit) + start
