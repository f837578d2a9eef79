"""Known bytes, cut into frames of whichever codecs know them.

bytes ─ cut ─► frame | frame | no frame | frame

A live connection waits for more bytes; here nothing more comes, so whatever is no frame is said
to be none, and the search goes on behind it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from wattwarden.protocol.codec import Claim, Codec
from wattwarden.protocol.outline import FRAME, MORE, SKIP, next_head
from wattwarden.protocol.recognition import MAX_HEAD_BYTES

Claimants = Callable[[bytes, int], Sequence[Codec]]
"""The codecs that a frame beginning at a place may belong to, the likeliest first."""
Proof = Callable[[Codec, bytes], bool]
"""Whether a frame's checksum, where the outline cannot check it, fits."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of the bytes.  ``codec`` is None where no codec claims it.

    ``sound`` tells a frame from bytes that are none.
    """

    offset: int
    raw: bytes
    codec: Codec | None
    sound: bool


def recognising(codecs: Sequence[Codec]) -> Claimants:
    """Ask the codecs themselves whose frame it is."""

    def claimants(data: bytes, start: int) -> Sequence[Codec]:
        head = data[start : start + MAX_HEAD_BYTES]
        asked = [codec for codec in codecs if not (start and codec.is_opening)]
        claims = [(codec.recognise(head), codec) for codec in asked]
        sure = [codec for claim, codec in claims if claim is Claim.YES]
        return sure or [codec for claim, codec in claims if claim is Claim.MORE]

    return claimants


def all_of(codec: Codec) -> Claimants:
    """Take every byte for the given codec's."""
    return lambda _data, _start: (codec,)


class Cutter:
    """Cuts whole inputs.

    ``codecs`` give the heads where frames may begin; ``claimants`` says whose each is; ``proven``
    has the last word on a frame that the outline lets pass.  ``last`` are codecs whose frames
    anything could be: they are asked where none of the others has a frame, and not within bytes
    that are none.
    """

    def __init__(
        self,
        codecs: Sequence[Codec],
        claimants: Claimants,
        proven: Proof,
        last: Sequence[Codec] = (),
    ) -> None:
        self._codecs = codecs
        self._claimants = claimants
        self._proven = proven
        self._last = last

    def cut(self, data: bytes) -> list[Piece]:
        """Return every stretch of ``data`` in order; separators between frames are left out."""
        pieces: list[Piece] = []
        heads = _Heads(self._codecs, data)
        start, unclaimed = 0, 0
        while start < len(data):
            piece = self._piece_at(heads, start, self._last if start == unclaimed else ())
            if piece is not None and (start == unclaimed or self._stands_out(piece, data)):
                _keep_unclaimed(pieces, data, unclaimed, start)
                pieces.append(piece)
                start = unclaimed = start + len(piece.raw)
                continue
            skipped = self._skip(data, start) if start == unclaimed else start
            if skipped > start:
                start = unclaimed = skipped
            else:
                start = heads.after(start)
        _keep_unclaimed(pieces, data, unclaimed, len(data))
        return pieces

    def _piece_at(self, heads: "_Heads", start: int, last: Sequence[Codec]) -> Piece | None:
        data = heads.data
        claimants = self._claimants(data, start)
        for codec in (*claimants, *last):
            end = self._frame_end(codec, data, start)
            if end:
                return Piece(start, data[start:end], codec, sound=True)
        if not claimants:
            return None
        end = self._broken_end(claimants[0], heads, start)
        return Piece(start, data[start:end], claimants[0], sound=False) if end > start else None

    def _stands_out(self, piece: Piece, data: bytes) -> bool:
        """Whether a piece amid strange bytes is more than what may become a frame.

        Some heads are one byte long, which is no reason to cut what nobody knows.
        """
        if piece.sound or piece.codec is None:
            return piece.sound
        head = data[piece.offset : piece.offset + MAX_HEAD_BYTES]
        return piece.codec.recognise(head) is Claim.YES

    def _frame_end(self, codec: Codec, data: bytes, start: int) -> int:
        """Return where the frame that begins here ends, 0 when none begins."""
        verdict, end = codec.outline.cut_strictly(data, start)
        return end if verdict is FRAME and self._proven(codec, data[start:end]) else 0

    def _broken_end(self, codec: Codec, heads: "_Heads", start: int) -> int:
        """Return where the bytes that ``codec`` claims in vain end: at the next frame, or head."""
        data = heads.data
        verdict, end = codec.outline.cut_strictly(data, start)
        if verdict is SKIP:
            return start
        most = len(data) if verdict is MORE else end
        at = heads.after(start)
        while at < most:
            if any(self._frame_end(one, data, at) for one in self._claimants(data, at)):
                return at
            at = heads.after(at)
        return most

    def _skip(self, data: bytes, start: int) -> int:
        for codec in self._codecs:
            verdict, end = codec.outline.cut_strictly(data, start)
            if verdict is SKIP:
                return end
        return start


class _Heads:
    """Where frames can begin in ``data``; asked for rising places, it searches each byte once."""

    __slots__ = ("_codecs", "_next", "data")

    def __init__(self, codecs: Sequence[Codec], data: bytes) -> None:
        self.data = data
        self._codecs = codecs
        self._next = [0] * len(codecs)

    def after(self, start: int) -> int:
        """Return the first place behind ``start`` where some codec's head stands."""
        for index, codec in enumerate(self._codecs):
            if self._next[index] <= start:
                self._next[index] = next_head(codec.outline.head, self.data, start)
        return min(self._next)


def _keep_unclaimed(pieces: list[Piece], data: bytes, start: int, end: int) -> None:
    if start < end:
        pieces.append(Piece(start, data[start:end], None, sound=False))
