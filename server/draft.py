"""An envelope while it fills: frames of one codec and the connections they came from.

Columns are built when the envelope is sealed.  While it fills, frames are kept as they came, one by
one or by the hundred back to back, beside their lengths; what tells whence and when is one entry a
received segment, whatever the number of its frames.
"""

from bisect import bisect
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from wattwarden.protocol.codec import Asked, Batch, Codec, ProfileOf, Routine, tabulate
from wattwarden.protocol.envelope import (
    FORMAT,
    Envelope,
    SessionRow,
)

UNKNOWN: Final = "unknown"
"""The codec under which bytes are kept that no framer accepts."""


class Source(Protocol):
    """A connection that frames come from, and that their replies go to."""

    @property
    def row(self) -> SessionRow:
        """What the envelope says of the connection."""

    def reply(self, data: bytes) -> None:
        """Send replies to frames that are stored."""

    def reject(self, frame: bytes) -> None:
        """Take back a frame whose checksum does not fit."""


class Draft:
    """Frames of one codec that wait to be sealed into an envelope."""

    __slots__ = (
        "_chunks",
        "_counts",
        "_lengths",
        "_sources",
        "_spans",
        "_times",
        "asked",
        "codec",
        "first_at",
        "is_awaited",
        "name",
        "reasons",
        "size_bytes",
    )

    def __init__(self, codec: Codec | None, now: int) -> None:
        self.codec = codec
        self.name = UNKNOWN if codec is None else codec.name
        self.first_at = now
        # Whether a sender of its frames waits for an answer.
        self.is_awaited = False
        self.size_bytes = 0
        self.reasons: list[str] = []
        self.asked: dict[int, bytes] = {}
        # The bytes of all frames in order, cut anyhow; the length of each frame.
        self._chunks: list[bytes] = []
        self._lengths: list[int] = []
        # One entry a received segment: whence, how many frames.
        self._sources: list[Source] = []
        self._counts: list[int] = []
        # One entry a turn of the loop: when, how many segments.
        self._times: list[int] = []
        self._spans: list[int] = []

    def __len__(self) -> int:
        """How many frames it holds."""
        return len(self._lengths)

    @property
    def last_at(self) -> int:
        """When the last frames came."""
        return self._times[-1] if self._times else self.first_at

    def add(self, source: Source, frames: list[bytes], now: int) -> None:
        """Take the frames of one segment."""
        self._chunks += frames
        self._lengths += map(len, frames)
        self._sources.append(source)
        self._counts.append(len(frames))
        self._note_time(now, 1)

    def add_many(self, sources: Sequence[Source], routine: Routine, now: int) -> None:
        """Take the frames of many segments that came at one time, one from each source."""
        self._chunks.append(routine.data)
        self._lengths += routine.lengths
        self._sources += sources
        self._counts += routine.counts
        self._note_time(now, len(sources))

    def _note_time(self, now: int, segments: int) -> None:
        if self._times and self._times[-1] == now:
            self._spans[-1] += segments
        else:
            self._times.append(now)
            self._spans.append(segments)

    def ask(self, asked: Asked) -> None:
        """Note what frames that come now answer or continue, by their index among these."""
        first = len(self)
        self.asked |= {first + index: text for index, text in asked.items()}

    def freeze(self) -> "Frozen":
        """Turn what has been collected into columns."""
        # Sources compare by identity.
        sources = dict.fromkeys(self._sources)
        segments = len(self._sources)
        if len(sources) == segments:
            session = np.arange(segments, dtype=np.int32)
        else:
            numbers = {source: number for number, source in enumerate(sources)}
            session = np.fromiter(map(numbers.__getitem__, self._sources), np.int32, segments)
        times, spans = np.array(self._times, np.int64), np.array(self._spans, np.int64)
        if not self._is_one_each():
            counts = np.fromiter(self._counts, np.int64, segments)
            session = np.repeat(session, counts)
            spans = np.add.reduceat(counts, np.cumsum(spans) - spans)
        request, requests = tabulate(self.asked, len(self))
        return Frozen(
            draft=self,
            rows=[source.row for source in sources],
            session=session,
            received_at=np.repeat(times, spans),
            spans=list(zip(self._times, spans.tolist(), strict=True)),
            lengths=np.fromiter(self._lengths, np.uint32, len(self)),
            request=request,
            requests=requests,
            data=b"".join(self._chunks),
        )

    def _is_one_each(self) -> bool:
        """Whether every segment brought one frame, as most do."""
        return len(self._lengths) == len(self._sources) and 0 not in self._counts

    def frames(self) -> list[bytes]:
        """Return the bytes of every frame."""
        data = b"".join(self._chunks)
        bounds = accumulate(self._lengths, initial=0)
        return [data[begin:end] for begin, end in pairwise(bounds)]

    def take_out(self, frames: list[int]) -> list[tuple[Source, bytes]]:
        """Remove frames by index, ascending; return each with the connection it came from."""
        owner = np.repeat(np.arange(len(self._counts)), self._counts)
        left = self.frames()
        taken = [(self._sources[owner[index]], left[index]) for index in frames]
        for index in reversed(frames):
            del left[index]
            del self._lengths[index]
            self._counts[owner[index]] -= 1
        self._chunks = left
        gone = set(frames)
        kept = ((index, text) for index, text in self.asked.items() if index not in gone)
        self.asked = {index - bisect(frames, index): text for index, text in kept}
        return taken

    def send(self, replies: list[bytes]) -> None:
        """Hand the replies to the connections, one write for each received segment."""
        if self._is_one_each():
            for source, data in zip(self._sources, replies, strict=True):
                if data:
                    reply = source.reply  # a call of an attribute costs twice that of a name
                    reply(data)
            return
        at = 0
        for source, count in zip(self._sources, self._counts, strict=True):
            data = replies[at] if count == 1 else b"".join(replies[at : at + count])
            if data:
                source.reply(data)
            at += count


@dataclass(frozen=True, slots=True)
class Frozen:
    """The columns of a draft; see ``Envelope`` and ``Batch`` for their shapes.

    ``spans`` says in order how many frames came at one time.
    """

    draft: Draft
    rows: list[SessionRow]
    session: NDArray[np.int32]
    received_at: NDArray[np.int64]
    spans: list[tuple[int, int]]
    lengths: NDArray[np.uint32]
    request: NDArray[np.int32]
    requests: tuple[bytes, ...]
    data: bytes

    def batch(self, profile_of: ProfileOf) -> Batch:
        """Return the frames as a codec takes them."""
        offsets = np.zeros(len(self.lengths) + 1, np.int64)
        np.cumsum(self.lengths, out=offsets[1:])
        return Batch(
            data=self.data,
            offsets=offsets,
            received_at=self.received_at,
            session=self.session,
            identities=tuple([row.identity for row in self.rows]),
            request=self.request,
            requests=self.requests,
            profile_of=profile_of,
        )

    def envelope(self, chain: str, number: int, previous: bytes, now: int) -> Envelope:
        """Build the envelope."""
        return Envelope(
            format=FORMAT,
            codec=self.draft.name,
            chain=chain,
            number=number,
            previous=previous,
            sealed_at=now,
            sessions=self.rows,
            requests=list(self.requests),
            received_at=self.received_at.astype("<i8", copy=False).tobytes(),
            lengths=self.lengths.astype("<u4", copy=False).tobytes(),
            session=self.session.astype("<u4").tobytes(),
            request=self.request.astype("<i4", copy=False).tobytes(),
            data=self.data,
            reasons=self.draft.reasons,
        )
