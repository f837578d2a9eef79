"""An envelope while it fills: frames of one codec and the connections they came from.

Columns are built when the envelope is sealed; while it fills, each received segment costs four list
appends, whatever the number of its frames.
"""

from bisect import bisect
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from wattwarden.protocol.codec import Asked, Batch, Codec, ProfileOf, tabulate
from wattwarden.protocol.envelope import (
    FORMAT,
    Envelope,
    SessionRow,
)

UNKNOWN: Final = "unknown"
"""The codec under which bytes are kept that no framer accepts."""


class Source(Protocol):
    """A connection that frames come from, and that their replies go to."""

    def row(self) -> SessionRow:
        """Describe the connection for the envelope."""

    def reply(self, data: bytes) -> None:
        """Send replies to frames that are stored."""

    def reject(self, frame: bytes) -> None:
        """Take back a frame whose checksum does not fit."""


class Draft:
    """Frames of one codec that wait to be sealed into an envelope."""

    __slots__ = (
        "asked",
        "codec",
        "counts",
        "first_at",
        "frames",
        "name",
        "reasons",
        "size_bytes",
        "sources",
        "times",
    )

    def __init__(self, codec: Codec | None, now: int) -> None:
        self.codec = codec
        self.name = UNKNOWN if codec is None else codec.name
        self.first_at = now
        self.size_bytes = 0
        self.frames: list[bytes] = []
        self.reasons: list[str] = []
        # One entry a received segment: whence, how many frames, when.
        self.sources: list[Source] = []
        self.counts: list[int] = []
        self.times: list[int] = []
        self.asked: dict[int, bytes] = {}

    @property
    def last_at(self) -> int:
        """When the last frames came."""
        return self.times[-1] if self.times else self.first_at

    def ask(self, asked: Asked) -> None:
        """Note what frames that come now answer or continue, by their index among these."""
        first = len(self.frames)
        self.asked |= {first + index: text for index, text in asked.items()}

    def freeze(self) -> "Frozen":
        """Turn what has been collected into columns."""
        # Sources compare by identity.
        numbers = {source: number for number, source in enumerate(dict.fromkeys(self.sources))}
        segments = len(self.sources)
        session = np.fromiter(map(numbers.__getitem__, self.sources), np.int32, segments)
        received_at = np.fromiter(self.times, np.int64, segments)
        if not self._is_one_each():
            counts = np.fromiter(self.counts, np.int64, segments)
            session, received_at = np.repeat(session, counts), np.repeat(received_at, counts)
        request, requests = tabulate(self.asked, len(self.frames))
        return Frozen(
            draft=self,
            rows=[source.row() for source in numbers],
            session=session,
            received_at=received_at,
            lengths=np.fromiter(map(len, self.frames), np.uint32, len(self.frames)),
            request=request,
            requests=requests,
            data=b"".join(self.frames),
        )

    def _is_one_each(self) -> bool:
        """Whether every segment brought one frame, as most do."""
        return len(self.frames) == len(self.sources) and 0 not in self.counts

    def take_out(self, frames: list[int]) -> list[tuple[Source, bytes]]:
        """Remove frames by index, ascending; return each with the connection it came from."""
        owner = np.repeat(np.arange(len(self.counts)), self.counts)
        taken = [(self.sources[owner[index]], self.frames[index]) for index in frames]
        for index in reversed(frames):
            del self.frames[index]
            self.counts[owner[index]] -= 1
        gone = set(frames)
        kept = ((index, text) for index, text in self.asked.items() if index not in gone)
        self.asked = {index - bisect(frames, index): text for index, text in kept}
        return taken

    def send(self, replies: list[bytes]) -> None:
        """Hand the replies to the connections, one write for each received segment."""
        if self._is_one_each():
            for source, data in zip(self.sources, replies, strict=True):
                if data:
                    source.reply(data)
            return
        at = 0
        for source, count in zip(self.sources, self.counts, strict=True):
            data = replies[at] if count == 1 else b"".join(replies[at : at + count])
            if data:
                source.reply(data)
            at += count


@dataclass(frozen=True, slots=True)
class Frozen:
    """The columns of a draft; see ``Envelope`` and ``Batch`` for their shapes."""

    draft: Draft
    rows: list[SessionRow]
    session: NDArray[np.int32]
    received_at: NDArray[np.int64]
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
