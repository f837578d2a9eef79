"""The outline of frames between a head and a tail, whose end is where the checksum fits."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from wattwarden.protocol.checksum import WindowScan
from wattwarden.protocol.verdict import FRAME, MORE, NOISE, Cut

# A window that holds what most searches need; where it does not, the next is that many times wider.
_FIRST_WINDOW_BYTES: Final = 256
_WIDER: Final = 8
# What comes out cheaper than a search, which costs as much as a few dozen checksums.
_DIRECT_ENDS: Final = 4


@dataclass(frozen=True, slots=True)
class Delimited:
    """Frames between a head and a tail, without length and without stuffing.

    The tail may stand inside a frame, so only a tail before which the checksum fits is the end.
    ``fits(buffer, start, end)`` checks one candidate, ``residue`` of what lies between its head and
    tail is 0 only where it fits: told without a call of ours where frames come by the thousand.
    The frame is the one that ends first and, of
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
    residue: Callable[[bytes], int]
    scan: WindowScan
    plausible: Callable[[bytes, int], bool]
    """Whether a frame may begin here, judged by the byte after the head; True until it is there."""
    _begin: re.Pattern[bytes] = field(init=False, repr=False, compare=False)
    _nexts: frozenset[int] = field(init=False, repr=False, compare=False)
    _plausible: NDArray[np.bool_] = field(init=False, repr=False, compare=False)
    _head_bytes: int = field(init=False, repr=False, compare=False)
    _tail_bytes: int = field(init=False, repr=False, compare=False)
    _least_before_tail: int = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        nexts = [byte for byte in range(256) if self.plausible(self.head + bytes([byte]), 0)]
        plausible = np.zeros(256, bool)
        plausible[nexts] = True
        object.__setattr__(self, "_nexts", frozenset(nexts))
        object.__setattr__(self, "_plausible", plausible)
        object.__setattr__(self, "_begin", _beginning(self.head, bytes(nexts)))
        object.__setattr__(self, "_head_bytes", len(self.head))
        object.__setattr__(self, "_tail_bytes", len(self.tail))
        object.__setattr__(self, "_least_before_tail", self.least_bytes - len(self.tail))

    def cut(self, buffer: bytes, start: int, searched: int) -> Cut:  # noqa: D102  # by Outline
        tail = self.tail
        head = self.head
        after = start + len(head)
        if not buffer.startswith(head, start) or (
            after < len(buffer) and buffer[after] not in self._nexts
        ):
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
        return self._try_next_ends(buffer, start, end)

    def run(  # noqa: D102  # described by Outline
        self, buffer: bytes, start: int, frames: list[bytes]
    ) -> int:
        head, tail, nexts = self.head, self.tail, self._nexts
        fits, residue = self.fits, self.residue
        past_head, past_tail = self._head_bytes, self._tail_bytes
        least, most = self._least_before_tail, self.most_bytes
        last = len(buffer) - self.least_bytes
        # A slice costs less than a call of startswith.
        while (
            start <= last
            and buffer[start : start + past_head] == head
            and buffer[start + past_head] in nexts
        ):
            end = buffer.find(tail, start + least, start + most) + past_tail
            if end < past_tail or (
                residue(buffer[start + past_head : end - past_tail])
                and not fits(buffer, start, end)
            ):
                break
            frames.append(buffer[start:end])
            start = end
        return start

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

    def _try_next_ends(self, buffer: bytes, start: int, end: int) -> Cut:
        """Try a few further ends one by one: one checksum in 256 looks like half a tail itself.

        As long as no other frame can begin in between, this one alone can end here.
        """
        tail = self.tail
        for _ in range(_DIRECT_ENDS):
            if buffer.find(self.head, start + 1, end) >= 0:
                break
            at = buffer.find(tail, end - len(tail) + 1, start + self.most_bytes)
            if at < 0:
                return self._unended(buffer, start)
            end = at + len(tail)
            if self.fits(buffer, start, end):
                return (FRAME, end)
        return self._search(buffer, start, end)

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
