"""Frames in readable form: what each says, which readings it gives, what would be answered.

bytes ─ cut ─► pieces ─ read, decode, dialogue, acknowledge ─► Decoded | Unread
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from wattwarden.protocol.codec import (
    DEFAULT_PROFILE,
    Batch,
    Claim,
    Codec,
    Columns,
    FactorBlock,
    Message,
    Profile,
    ProfileOf,
    Refused,
)
from wattwarden.protocol.errors import ProtocolError, Refusal
from wattwarden.protocol.quantity import MISSING, QUANTITIES
from wattwarden.protocol.recognition import MAX_HEAD_BYTES
from wattwarden.tools.cutting import Cutter, Piece, all_of, recognising
from wattwarden.tools.strangers import unknown_bytes
from wattwarden.tools.units import unit_of

# Stands for a meter that no frame names, so that its readings can be shown.
NAMELESS: Final = "?"
SHOWN_BYTES: Final = 8
# Fewer bytes that look like a frame's beginning are chance.
LEAST_LIKENESS_BYTES: Final = 8


@dataclass(frozen=True, slots=True)
class Value:
    """One reading of a frame.  ``unit`` is "" where no table knows that of a factor."""

    quantity: str
    value: float | int
    unit: str
    channel: str
    period: str


@dataclass(frozen=True, slots=True)
class Decoded:
    """A frame that was understood.  ``refused`` are parts of it that gave no reading."""

    piece: Piece
    codec: Codec
    message: Message
    meter: str | None
    values: tuple[Value, ...]
    reply: bytes
    refused: tuple[Refused, ...]


@dataclass(frozen=True, slots=True)
class Unread:
    """Bytes that were refused; ``offset`` counts from the start of what was given."""

    piece: Piece
    kind: Refusal
    message: str
    offset: int


def profiles_with(keys: Mapping[str, bytes]) -> ProfileOf:
    """Return profiles that differ from the default in their keys alone."""
    profiles = {address: Profile(key=key) for address, key in keys.items()}
    return lambda address: profiles.get(address, DEFAULT_PROFILE)


def decode_known(
    codec: Codec,
    frame: bytes,
    now: int,
    profile_of: ProfileOf,
    *,
    identity: str | None = None,
    request: bytes | None = None,
) -> Decoded | Unread:
    """Decode a frame that a connection gave, of whose codec, identity and request more is known."""
    piece = Piece(0, frame, codec, sound=True)
    batch = Batch.of(
        [frame],
        now,
        identity=identity or NAMELESS,
        profile_of=profile_of,
        asked={} if request is None else {0: request},
    )
    try:
        message = codec.read(frame, profile_of)
    except ProtocolError as error:
        return _refuse(piece, error.kind, error.message, error.offset)
    columns = codec.decode(batch)
    given = _values_by_frame(codec.name, columns).get(0, [])
    lost = _refused_by_frame(columns).get(0, [])
    if lost and not given:
        return _refuse(piece, lost[0].kind, lost[0].message, lost[0].offset)
    meter = message.meter or identity
    return Decoded(piece, codec, message, meter, tuple(given), b"", tuple(lost))


class Decoder:
    """Decodes whole inputs, each as if it were all that one connection had sent.

    ``only`` takes every byte for one codec's; otherwise the codecs are asked.  ``nameless`` is the
    meter of frames when neither they nor those before them say which.
    """

    def __init__(
        self,
        codecs: Sequence[Codec],
        profile_of: ProfileOf,
        only: Codec | None = None,
        nameless: str = NAMELESS,
    ) -> None:
        self._profile_of = profile_of
        self._nameless = nameless
        asked = [codec for codec in codecs if codec.is_guessed] if only is None else [only]
        last = [codec for codec in codecs if not codec.is_guessed] if only is None else []
        self._asked = asked
        self._last = last
        claimants = recognising(asked) if only is None else all_of(only)
        self._cutter = Cutter(asked, claimants, self._proven, last)

    def cut(self, data: bytes) -> list[Piece]:
        """Return the stretches of ``data``, frames and others, in order."""
        pieces = self._cutter.cut(data)
        is_strange = bool(pieces) and pieces[0].codec is None
        if is_strange and not any(piece.sound for piece in pieces) and _is_text(data):
            # An h is 68, with which three protocols begin: words are no halves of frames.
            return [Piece(0, data, None, sound=False)]
        return pieces

    def decode(self, data: bytes, now: int) -> list[Decoded | Unread]:
        """Decode ``data``, received at ``now`` (microseconds UTC), in order."""
        pieces = self.cut(data)
        results: dict[int, Decoded | Unread] = {}
        for codec in {piece.codec.name: piece.codec for piece in pieces if piece.codec}.values():
            results |= self._decode_frames(codec, pieces, now)
        for index, piece in enumerate(pieces):
            if index not in results:
                results[index] = self._mended(piece) or self._unread(piece)
        return [results[index] for index in range(len(pieces))]

    def _proven(self, codec: Codec, frame: bytes) -> bool:
        if codec.confirm is None:
            return True
        return bool(codec.confirm(Batch.of([frame], 0, profile_of=self._profile_of))[0])

    def _decode_frames(
        self, codec: Codec, pieces: list[Piece], now: int
    ) -> dict[int, Decoded | Unread]:
        places = [i for i, piece in enumerate(pieces) if piece.sound and piece.codec is codec]
        if not places:
            return {}
        frames = [pieces[i].raw for i in places]
        dialogue = codec.dialogue(self._profile_of)
        at_once: list[bytes] = []
        asked: dict[int, bytes] = {}
        for row, frame in enumerate(frames):
            at_once.append(dialogue.receive([frame], now))
            if dialogue.asked:
                asked[row] = dialogue.asked[0]
        identity = dialogue.identity
        batch = Batch.of(
            frames,
            now,
            identity=identity or self._nameless,
            profile_of=self._profile_of,
            asked=asked,
        )
        later = codec.acknowledge(batch)
        columns = codec.decode(batch)
        values, refused = _values_by_frame(codec.name, columns), _refused_by_frame(columns)
        results: dict[int, Decoded | Unread] = {}
        for row, index in enumerate(places):
            piece = pieces[index]
            try:
                message = codec.read(piece.raw, self._profile_of)
            except ProtocolError as error:
                results[index] = _refuse(piece, error.kind, error.message, error.offset)
                continue
            given, lost = values.get(row, []), refused.get(row, [])
            if lost and not given:
                results[index] = _refuse(piece, lost[0].kind, lost[0].message, lost[0].offset)
                continue
            results[index] = Decoded(
                piece, codec, message, message.meter or identity, tuple(given),
                at_once[row] + later[row], tuple(lost),
            )  # fmt: skip
        return results

    def _mended(self, piece: Piece) -> Decoded | None:
        """Read a master's request whose checksum alone is wrong, and say that; None for others."""
        for codec in (*self._asked, *self._last):
            sound = None if codec.mend is None else codec.mend(piece.raw)
            if sound is None:
                continue
            try:
                message = codec.read(sound, self._profile_of)
            except ProtocolError:
                continue
            told = self._unread(replace(piece, codec=codec))
            fault = Refused(0, told.kind, told.message, told.offset - piece.offset)
            return Decoded(piece, codec, message, message.meter, (), b"", (fault,))
        return None

    def _unclaimed(self, piece: Piece) -> Unread:
        """Say why the reader refuses whose codec took the bytes for its own the longest.

        Codecs that know their own by the checksum alone do not claim a frame whose checksum fails.
        """
        stayed = [(_stayed(codec, piece.raw), codec) for codec in self._asked]
        longest, codec = max(stayed, key=lambda one: one[0], default=(0, None))
        if codec is not None and longest >= LEAST_LIKENESS_BYTES and not _is_text(piece.raw):
            try:
                codec.read(piece.raw, self._profile_of)
            except ProtocolError as error:
                return _refuse(piece, error.kind, error.message, error.offset)
        return _refuse(piece, Refusal.UNKNOWN, unknown_bytes(piece.raw, SHOWN_BYTES))

    def _unread(self, piece: Piece) -> Unread:
        """Say what is wrong with bytes that are no frame."""
        head = piece.raw[:MAX_HEAD_BYTES]
        at_last = (one for one in self._last if one.recognise(head) is Claim.YES)
        codec = piece.codec or next(at_last, None)
        if codec is None:
            return self._unclaimed(piece)
        try:
            codec.read(piece.raw, self._profile_of)
        except ProtocolError as error:
            return _refuse(piece, error.kind, error.message, error.offset)
        # The reader is content, the framing is not: no connection would yield this frame.
        size = len(piece.raw)
        return _refuse(piece, Refusal.LENGTH, f"{size} bytes are no whole {codec.name} frame")


def _stayed(codec: Codec, raw: bytes) -> int:
    """Return how many bytes a codec took for the beginning of its frame, before it knew better."""
    for size in range(min(len(raw), MAX_HEAD_BYTES), 0, -1):
        if codec.recognise(raw[:size]) is not Claim.NO:
            return size
    return 0


def _is_text(data: bytes) -> bool:
    return data.isascii() and data.decode("ascii").isprintable()


def _refuse(piece: Piece, kind: Refusal, message: str, offset: int = 0) -> Unread:
    return Unread(piece, kind, message, piece.offset + offset)


def _refused_by_frame(columns: Columns) -> dict[int, list[Refused]]:
    refused: dict[int, list[Refused]] = {}
    for entry in columns.refused:
        refused.setdefault(entry.frame, []).append(entry)
    return refused


def _values_by_frame(codec: str, columns: Columns) -> dict[int, list[Value]]:
    values: dict[int, list[Value]] = {}
    for block in columns.blocks:
        for row, frame in enumerate(block.frame.tolist()):
            mine = values.setdefault(frame, [])
            for name, column in block.values.items():
                number = _stored(column[row], exact=QUANTITIES[name].exact)
                if number is not None:
                    unit = str(QUANTITIES[name].unit)
                    mine.append(Value(name, number, unit, block.channel, block.period))
    for factors in columns.factors:
        for row, frame in enumerate(factors.frame.tolist()):
            values.setdefault(frame, []).extend(_factor_values(codec, factors, row))
    return values


def _factor_values(codec: str, block: FactorBlock, row: int) -> list[Value]:
    found = []
    for code, raw in zip(block.layout, block.values[row], strict=True):
        number = _stored(raw, exact=False)
        if number is not None:
            unit = unit_of(codec, code)
            found.append(Value(code, number, unit, block.channel, block.period))
    return found


def _stored(raw: Any, *, exact: bool) -> float | int | None:
    """Return what the store would keep: int8 as it is, others as their float4 reads."""
    if exact:
        return None if int(raw) == MISSING else int(raw)
    with np.errstate(over="ignore"):
        number = np.float32(raw)
    return float(str(number)) if np.isfinite(number) else None
