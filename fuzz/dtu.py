"""Invariant: whatever a DTU sends, each of its frames is rows, refused or without readings.

Allowed: ProtocolError from ``read``.  Nothing from ``recognise``, ``dialogue``, ``acknowledge``,
``decode``, ``explain``, nor from ``encode`` of what was read.  Besides: a request goes out only
when none is outstanding, or that one's time is over; a reply is paired with that request alone,
and with one that it answers; only replies give rows; a batch means what its frames mean one by
one; explanations are the frame, byte by byte; framing does work linear in the bytes.
"""

from random import Random
from typing import Final
from zlib import crc32

from fuzz.contract import (
    RECEIVED_AT,
    Wire,
    check_acknowledged,
    check_columns,
    check_explained,
    check_nothing,
    check_recognised,
    check_singly,
    check_written,
    cut,
    cut_checked,
    read_checked,
    rows_of,
)
from fuzz.dlt645 import TARGET as DLT645
from fuzz.harness import Target, read_seeds
from fuzz.modbus import TARGET as MODBUS
from fuzz.stream import check_work

from wattwarden.codecs.dlt645 import request as request_645
from wattwarden.codecs.dtu import CODEC, knowing
from wattwarden.codecs.dtu.frame import MOST_BYTES
from wattwarden.codecs.dtu.site import plan_of
from wattwarden.codecs.modbus import answer, find_type, registers
from wattwarden.protocol.checksum import modbus, sum8
from wattwarden.protocol.codec import Batch, Claim, Codec, Columns, Profile

IMEI: Final = b"861234561239875"
BEAT: Final = b"www.usr.cn"
MAC: Final = bytes.fromhex("D8B04CBDD147")
ADDRESS: Final = "170516665384"
# A place ends as a packet, a frame of 645, a request or a reply.
MOST_WORK_A_BYTE: Final = 4 * MOST_BYTES
_PROFILE: Final = Profile(
    options={
        "meters": [
            {"slave": 1, "type": "dds238", "period_s": 2},
            {"slave": 2, "type": "iem3000", "period_s": 3},
            {"address": ADDRESS, "items": ["02010100", "9010"], "period_s": 5},
        ],
        "heartbeats": ["PING", "hex:AA55AA55"],
        "timeout_ms": 700,
    },
    version=1,
)
_WITH_PREFIX: Final = Profile(
    options=dict(_PROFILE.options) | {"prefix": "hex:" + MAC.hex()}, version=1
)
_CONFIGURED: Final = knowing({"SITE-1": _PROFILE, "SITE-12": _PROFILE, "MAC-1": _WITH_PREFIX})
_HELD: Final = {
    slave: registers(kind, {}) for slave, name in ((1, "dds238"), (2, "iem3000"))
    if (kind := find_type(name)) is not None
}  # fmt: skip


_QUESTIONS: Final = {one.request: one for one, _ in plan_of("", _PROFILE).questions}


def profile_of(address: str) -> Profile:
    """Whoever connects has meters."""
    return _WITH_PREFIX if address == "MAC-1" else _PROFILE


def run(data: bytes) -> None:
    """Hold the invariant for one stream."""
    rng = Random(crc32(data))
    chosen = rng.choice((CODEC, _CONFIGURED))
    for codec in (CODEC, _CONFIGURED):
        check_recognised(codec, data, rng)
        frames = cut_checked(codec, data, profile_of)
        check_work(codec, data, MOST_WORK_A_BYTE)
        if frames and codec is chosen:
            _check_frames(codec, frames, rng)
            _check_asking(codec, frames, rng)


def _asked(frames: list[bytes], rng: Random) -> dict[int, bytes]:
    requests = [*_QUESTIONS, request_645(ADDRESS, "00010000")]
    return {index: rng.choice(requests) for index in range(len(frames)) if rng.random() < 0.8}


def _check_frames(codec: Codec, frames: list[bytes], rng: Random) -> None:
    asked = _asked(frames, rng)
    identity = rng.choice((None, "861", "MAC-1"))
    batch = Batch.of(frames, RECEIVED_AT, identity=identity, profile_of=profile_of, asked=asked)
    columns = codec.decode(batch)
    check_columns(batch, columns)
    check_acknowledged(codec, batch, rng)
    if len(frames) > 1:
        check_singly(codec, batch, columns, rng)
    _check_counted(codec, batch, columns)


def _check_counted(codec: Codec, batch: Batch, columns: Columns) -> None:
    rows = rows_of(columns)
    refused = {entry.frame for entry in columns.refused}
    for index, frame in enumerate(batch.frames()):
        check_explained(codec, frame)
        message = read_checked(codec, frame, profile_of)
        assert not (index in rows and index in refused), "a frame is both refused and in rows"
        if message is None:
            assert index not in rows, "a frame that cannot be read gives a row"
            continue
        if message.kind in ("registration", "heartbeat"):
            assert codec.recognise(frame) is Claim.YES, "a packet is not recognised"
            assert index not in rows, "a packet gives readings"
        assert check_written(codec, message, profile_of) == frame, "it is written otherwise"
        if index in rows and message.kind == "modbus":
            assert batch.request[index] >= 0, "a reply without its request gives readings"


def _check_asking(codec: Codec, frames: list[bytes], rng: Random) -> None:
    """Questions and answers, in turn with whatever else comes."""
    dialogue = codec.dialogue(profile_of)
    now, outstanding, asked_at = RECEIVED_AT, b"", 0
    for frame in [IMEI, *frames[:40], *frames[:40]]:
        now += rng.choice((0, 1000, 400_000, 1_500_000))
        if rng.random() < 0.4 and outstanding[:1] in (b"\x01", b"\x02"):
            frame = answer(outstanding, outstanding[0], _HELD[outstanding[0]]) or frame  # noqa: PLW2901  # the answer in its place
        said = dialogue.receive([frame], now)
        for index, request in dialogue.asked.items():
            assert (index, request) == (0, outstanding), "paired with what is not outstanding"
            assert _QUESTIONS[request].hear(frame), "paired with what it does not answer"
            outstanding = b""
        if not said and rng.random() < 0.5:
            now += rng.choice((0, 300_000, 1_000_000, 61_000_000))
            said = dialogue.tick(now)
        if said:
            assert said in _QUESTIONS, "what is sent is no request"
            assert not outstanding or now - asked_at >= 700_000, "two requests are outstanding"
            outstanding, asked_at = said, now
        deadline = dialogue.next_deadline()
        assert deadline is None or deadline > now - 1 or not outstanding, "a request waits for ever"


# --- inputs ---------------------------------------------------------------------------------------


def _mend(data: bytes, rng: Random) -> bytes:
    """Make the frames sound that packets and prefixes are glued to."""
    for glue in (BEAT, IMEI, MAC, b"PING", b"SITE-1"):
        if glue in data:
            pieces = data.split(glue)
            return glue.join(_mend(piece, rng) if piece else piece for piece in pieces)
    if data.isalnum() and data.isascii():
        return _checked(data)
    return _mended(data, rng)


def _checked(data: bytes) -> bytes:
    """Make the check digit of an IMEI or ICCID fit."""
    for digit in b"0123456789":
        made = data[:-1] + bytes([digit])
        if cut(CODEC, made) == [made]:
            return made
    return data


def _mended(data: bytes, rng: Random) -> bytes:
    bare = data.lstrip(b"\xfe")
    if len(bare) >= 12 and (bare[0] == 0x68 or bare[7:8] == b"\x68"):
        summed = b"\x68" + bare[1:7] + b"\x68" + bare[8:9] + bytes([len(bare) - 12 & 0xFF])
        summed += bare[10:-2]
        return data[: len(data) - len(bare)] + summed + bytes([sum8(summed), 0x16])
    mended = MODBUS.mend(data, rng)
    if cut(CODEC, mended) == [] and len(data) > 5:
        covered = bytes([data[0], 3, len(data) - 5 & 0xFF]) + data[3:-2]
        return covered + modbus(covered).to_bytes(2, "little")
    return mended


def _seeds() -> list[bytes]:
    """The vectors, and conversations: packets glued to the frames of meters."""
    frames = [*MODBUS.seeds()[-24:], *DLT645.seeds()[:24]]
    made = [
        *frames,
        *(BEAT + frame for frame in frames[::12]),
        *(MAC + frame for frame in frames[::12]),
        *(IMEI + b"".join(frames[at : at + 3]) + BEAT for at in range(0, 40, 16)),
        b"SITE-12PING" + frames[0],
    ]
    return [*read_seeds("dtu"), *made]


_TOKENS: Final = (
    IMEI, BEAT, MAC, b"PING", b"SITE-1", b"SITE-12", b"\xaa\x55\xaa\x55", b"8986", b"8", b"3", b"w",
    b"\xfe\xfe\xfe\xfe", b"\x68", b"\x01\x03", b"\x02\x03\x0c", b"\x01\x83\x02",
)  # fmt: skip

_WIRE: Final = Wire(_CONFIGURED, profile_of, _asked, check_nothing)

TARGET: Final = Target("dtu", run, _seeds, _mend, _TOKENS, _WIRE)
