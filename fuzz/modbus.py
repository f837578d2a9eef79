"""Invariant: whatever a line brings, each Modbus frame is rows, refused or without readings.

Allowed: ProtocolError from ``read``.  Nothing from ``recognise``, ``dialogue``, ``acknowledge``,
``decode``, ``explain``, ``answer``, nor from ``encode`` of what was read.  Besides: only replies
to a question about registers give rows; a batch means what its frames mean one by one;
explanations are the frame, byte by byte; what was read is written as the frame that it was, from
its data as from its parts; a meter answers with sound frames; framing does work linear in the
bytes.
"""

from random import Random
from typing import Any, Final
from zlib import crc32

from fuzz.contract import (
    RECEIVED_AT,
    Wire,
    check_acknowledged,
    check_columns,
    check_conversation,
    check_explained,
    check_recognised,
    check_singly,
    check_written,
    cut_checked,
    read_checked,
    rows_of,
)
from fuzz.harness import Target, read_seeds
from fuzz.stream import check_work

from wattwarden.codecs.modbus import CODEC, answer, find_type, registers, requests, type_names
from wattwarden.codecs.modbus.frame import MOST_BYTES, rtu_ends
from wattwarden.codecs.modbus.functions import READINGS
from wattwarden.protocol.checksum import modbus
from wattwarden.protocol.codec import Batch, Claim, Columns, Field, Message, Profile

# A place has three ends at most: as a request, as a reply, as a frame of TCP.
MOST_WORK_A_BYTE: Final = 3 * MOST_BYTES
_TYPES: Final = type_names()
_PROFILE: Final = Profile(
    options={
        "meters": [
            {"slave": slave, "type": _TYPES[slave % len(_TYPES)]}
            for slave in range(256)
            if slave % 3
        ]
    }
)
_HELD: Final = {name: registers(kind, {}) for name in _TYPES if (kind := find_type(name))}


def profile_of(_address: str) -> Profile:
    """Two slaves of three are meters of some type, whatever the site."""
    return _PROFILE


def run(data: bytes) -> None:
    """Hold the invariant for one stream."""
    rng = Random(crc32(data))
    check_recognised(CODEC, data, rng)
    frames = cut_checked(CODEC, data, profile_of)
    check_work(CODEC, data, MOST_WORK_A_BYTE)
    if not frames:
        return
    asked = _asked(frames, rng)
    identity = rng.choice((None, "fuzz1"))
    batch = Batch.of(frames, RECEIVED_AT, identity=identity, profile_of=profile_of, asked=asked)
    columns = CODEC.decode(batch)
    check_columns(batch, columns)
    check_conversation(CODEC, frames, profile_of, RECEIVED_AT)
    check_acknowledged(CODEC, batch, rng)
    if len(frames) > 1:
        check_singly(CODEC, batch, columns, rng)
    _check_counted(batch, columns, rng)


def _asked(frames: list[bytes], rng: Random) -> dict[int, bytes]:
    """On a line the question stands before its answer; at times the pairing is wrong."""
    return {
        index: frames[index - 1] if rng.random() < 0.9 else rng.choice(frames)
        for index in range(len(frames))
        if rng.random() < 0.8
    }


def _check_counted(batch: Batch, columns: Columns, rng: Random) -> None:
    rows = rows_of(columns)
    refused = {entry.frame for entry in columns.refused}
    for index, frame in enumerate(batch.frames()):
        assert CODEC.recognise(frame) is Claim.YES, "a frame is not recognised"
        request = batch.requests[batch.request[index]] if batch.request[index] >= 0 else None
        check_explained(CODEC, frame)
        _check_told(CODEC.explain(frame, request), frame)
        message = read_checked(CODEC, frame, profile_of)
        assert message is not None, "a frame cannot be read"
        assert not (index in rows and index in refused), "a frame is both refused and in rows"
        assert check_written(CODEC, message, profile_of) == frame, "a frame is written otherwise"
        _check_parts(message, frame)
        if index in rows:
            assert request is not None, "a reply without its request gives readings"
            assert message.fields["fc"] in READINGS, f"{message.kind} gives readings"
        said = answer(frame, message.fields["slave"], _HELD[rng.choice(_TYPES)])
        assert said, "a meter that is asked says nothing"
        assert read_checked(CODEC, said, profile_of) is not None, "a meter's answer is no frame"


def _check_told(fields: tuple[Field, ...], frame: bytes) -> None:
    assert b"".join(field.raw for field in fields) == frame, (
        "explained with its request, it is less"
    )


def _check_parts(message: Message, frame: bytes) -> None:
    """What the parts say is what the bytes were: they build the frame again."""
    fields: dict[str, Any] = dict(message.fields)
    if message.kind == "other" or "objects" in fields:
        return
    fields.pop("data", None)
    again = CODEC.encode(Message(message.kind, fields=fields))
    assert again == frame, f"from its parts {again.hex()}, it was {frame.hex()}"


# --- inputs ---------------------------------------------------------------------------------------


def _mend(data: bytes, rng: Random) -> bytes:
    """Make checksums fit wherever a frame seems to begin, else make its counts fit its end."""
    mended = bytearray(data)
    at = 0
    while at + 4 <= len(mended):
        at = _mended(mended, at, rng)
    return bytes(mended)


def _mended(mended: bytearray, at: int, rng: Random) -> int:
    """Mend the frame that begins at ``at``; return where it ends."""
    rest = len(mended) - at
    if rest > 8 and mended[at + 2 : at + 4] == b"\0\0" and mended[at + 4] == 0:
        end = at + 6 + mended[at + 5]
        if end > len(mended) and rest <= MOST_BYTES:
            mended[at + 5] = rest - 6
        return max(at + 8, end)
    ends = [end for end in rtu_ends(bytes(mended), at) if 0 < end <= len(mended)]
    if len(mended) not in ends and 5 <= rest <= 256 and rng.random() < 0.9:
        for counted, around in ((2, 5), (6, 9), (10, 13)):
            if rest >= around:
                kept, mended[at + counted] = mended[at + counted], rest - around
                if len(mended) in rtu_ends(bytes(mended), at):
                    ends = [len(mended)]
                    break
                mended[at + counted] = kept
    if not ends:
        return at + 1
    end = len(mended) if len(mended) in ends else rng.choice(ends)
    mended[end - 2 : end] = modbus(bytes(mended[at : end - 2])).to_bytes(2, "little")
    return end


def _seeds() -> list[bytes]:
    """The vectors, and each question about each type of meter with its answer."""
    made = []
    for slave, name in enumerate(_TYPES, 1):
        kind = find_type(name)
        for request in requests(slave, kind) if kind is not None else ():
            made += [request, request + (answer(request, slave, _HELD[name]) or b"")]
    return [*read_seeds("modbus"), *made]


_TOKENS: Final = (
    b"\x01\x03", b"\x01\x04", b"\x01\x83", b"\x01\x10", b"\x01\x17", b"\x01\x2b\x0e", b"\x01\x05",
    b"\0\0\0\x06", b"\0\x01\0\0\0", b"\xff\xff", b"\x7f\xc0\0\0", b"\0\x02", b"\x04",
)  # fmt: skip

TARGET: Final = Target("modbus", run, _seeds, _mend, _TOKENS, Wire(CODEC, profile_of, _asked))
