"""Whose the bytes of one peer are: frames of the codec that claims them, or noise.

    bytes ─ feed ─► head ── a codec claims it ──► framer ─► frames
                      │  └ nobody does: noise       └ noise: the other codecs are asked again
                      └ another protocol altogether: the end

What is found comes one by one, and the next is looked for only when it is asked for: whoever
takes the pieces may stop.  Frames make up for noise before them.
"""

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from wattwarden.protocol.codec import Codec
from wattwarden.protocol.events import Closing, Skipped
from wattwarden.protocol.foreign import foreign_protocol, may_become_foreign
from wattwarden.protocol.framer import Framer
from wattwarden.protocol.recognition import claim

NEVER: Final = 2**63 - 1

_UNKNOWN: Final = "no codec knows it"
_UNENDED: Final = "frame without its end"
_UNSOUND: Final = "checksum does not fit"


class Cut(NamedTuple):
    """Whole frames, and whose they are."""

    codec: Codec
    frames: list[bytes]


Piece = Cut | Skipped | Closing
"""``Skipped`` belongs to no frame; ``Closing`` says why nothing more can come of the peer."""


class Stream:
    """The bytes of one peer.

    ``codec`` is whose they are, None until one claims them.  ``noise_bytes`` is the peer's debt.
    ``partial_by`` is when the rest of a frame must be there, NEVER while none is waited for; it
    comes ``partial_us`` after its begin at most.
    """

    __slots__ = (
        "_codecs",
        "_framer",
        "_framing",
        "_head",
        "_made_up_bytes",
        "_partial_us",
        "codec",
        "noise_bytes",
        "partial_by",
    )

    def __init__(self, codecs: Sequence[Codec], partial_us: int) -> None:
        self._codecs = codecs
        self._partial_us = partial_us
        # Without a framer the bytes' codec is in question, and the head waits for the answer.
        self._framer: Framer | None = None
        self._framing: Codec | None = None
        self._head = b""
        self._made_up_bytes = 0
        self.codec: Codec | None = None
        self.noise_bytes = 0
        self.partial_by = NEVER

    @property
    def is_in_step(self) -> bool:
        """Whether nothing is owed to noise, nothing waits for its rest, nothing is in question."""
        framer = self._framer
        return (
            framer is not None
            and framer.is_clean
            and not self.noise_bytes
            and self._framing is self.codec
        )

    def begin(self, codec: Codec) -> None:
        """Know whose the bytes are before any came."""
        self._framer, self._framing = Framer(codec.outline), codec
        self.codec = codec

    def feed(self, data: bytes, now: int, credit_bytes: int) -> Iterator[Piece]:
        """Take bytes; codecs are looked for until ``credit_bytes`` of noise."""
        framer = self._framer
        if framer is None:
            yield from self._recognise(self._head + data, now, credit_bytes)
            return
        frames = framer.feed(data)
        if framer.is_clean:
            self.partial_by = NEVER
            yield from self._hear(self._framing, frames)
            return
        noise = framer.take_noise()
        if noise and not frames:
            # The peer may have changed its protocol (a DTU, a replayed capture).
            others = [codec for codec in self._codecs if codec is not self._framing]
            bytes_in_question = noise + framer.pending
            start, codec = claim(others, bytes_in_question, credit_bytes - self.noise_bytes)
            if start < len(noise) and (codec is not None or not framer.pending):
                yield from self._settle(codec, bytes_in_question, start, now)
                return
        yield from self._take(framer, frames, noise, _UNKNOWN, now)

    def give_up_partial(self, now: int) -> Iterator[Piece]:
        """Look for a true start inside a frame whose rest did not come."""
        framer = self._framer
        if framer is not None and not framer.pending:
            return
        if framer is not None and self._framing is self.codec:
            self.partial_by = NEVER
            frames = framer.resynchronise()
            yield from self._take(framer, frames, framer.take_noise(), _UNENDED, now)
        elif self.codec is not None:
            # It might have been another protocol's; what it is, it must be in this one.
            self._head = self._head if framer is None else framer.pending
            yield from self._frame_anew(self.codec, _UNENDED, now)

    def reject(self, frame: bytes) -> Iterator[Piece]:
        """Take back a frame whose checksum does not fit; it is searched from its second byte."""
        if self.codec is None:
            return
        # It was taken for a frame, and may have made up for noise.
        back = min(len(frame), self._made_up_bytes)
        self._made_up_bytes -= back
        self.noise_bytes += back
        framer = Framer(self.codec.outline)
        frames = framer.recut(frame)
        yield from self._hear(self.codec, frames)
        yield from self._skip(framer.take_noise(), _UNSOUND)

    def end(self) -> bytes:
        """Return, once, what still waited for its rest."""
        left = self._head or (self._framer.pending if self._framer is not None else b"")
        self._head, self._framer = b"", None
        return left

    def _recognise(self, data: bytes, now: int, credit_bytes: int) -> Iterator[Piece]:
        """Ask every codec whose the bytes are."""
        start, codec = claim(self._codecs, data, credit_bytes - self.noise_bytes)
        if start and self.codec is None and not self.noise_bytes:
            foreign = foreign_protocol(data)
            if foreign is not None:
                self._head = data
                yield Closing(f"{foreign} on the meter port")
                return
            if codec is None and may_become_foreign(data):
                self._head = data
                return
        yield from self._settle(codec, data, start, now)

    def _settle(self, codec: Codec | None, data: bytes, start: int, now: int) -> Iterator[Piece]:
        """Give the bytes from ``start`` on to the codec, or keep them for those that want more."""
        self._head = data[start:]
        yield from self._skip(data[:start], _UNKNOWN)
        if codec is not None:
            yield from self._frame_anew(codec, _UNKNOWN, now)
        elif self.codec is not None and not self._head:
            yield from self._frame_anew(self.codec, _UNKNOWN, now)
        else:
            self._framer = self._framing = None
            if self.codec is not None and self.partial_by == NEVER:
                self.partial_by = now + self._partial_us

    def _frame_anew(self, codec: Codec, reason: str, now: int) -> Iterator[Piece]:
        """Frame the bytes that waited for their codec."""
        if self.codec is None:
            self.codec = codec
        head, self._head = self._head, b""
        framer = self._framer = Framer(codec.outline)
        self._framing = codec
        self.partial_by = NEVER
        frames = framer.feed(head)
        yield from self._take(framer, frames, framer.take_noise(), reason, now)

    def _take(
        self, framer: Framer, frames: list[bytes], noise: bytes, reason: str, now: int
    ) -> Iterator[Piece]:
        """Pass on what the framer gave, and watch over what it keeps."""
        if not framer.pending:
            self.partial_by = NEVER
        elif frames or noise or self.partial_by == NEVER:
            self.partial_by = now + self._partial_us
        yield from self._hear(self._framing, frames)
        yield from self._skip(noise, reason)

    def _hear(self, codec: Codec | None, frames: list[bytes]) -> Iterator[Piece]:
        if codec is None or not frames:
            return
        # Bytes that look like another protocol's change nothing; a frame does.
        self.codec = codec
        if self.noise_bytes:
            made_up = min(self.noise_bytes, sum(map(len, frames)))
            self.noise_bytes -= made_up
            self._made_up_bytes += made_up
        yield Cut(codec, frames)

    def _skip(self, data: bytes, reason: str) -> Iterator[Piece]:
        if data:
            self.noise_bytes += len(data)
            yield Skipped(data, reason)
