"""Invariant: a payload is read as what was written, or refused; never read with contradictions.

Allowed: msgspec.DecodeError from every reader, ValueError from ``decode_envelope`` for what
contradicts itself; and what msgspec lets out, UnicodeDecodeError for a text that is not UTF-8,
RecursionError for a thousand nested arrays.  Besides: what was read is written as the same; frames
come back as they were put in; every index of an envelope that was read names something.
"""

from collections.abc import Callable, Iterator
from itertools import pairwise
from random import Random
from typing import Any, Final
from zlib import crc32

import msgspec
import numpy as np
from fuzz.contract import RECEIVED_AT
from fuzz.harness import Target, read_seeds

from wattwarden.protocol.envelope import (
    FORMAT,
    MAX_ENVELOPE_FRAMES,
    Alive,
    Envelope,
    Occurrence,
    Occurrences,
    SessionRow,
    Tick,
    decode_alive,
    decode_envelope,
    decode_occurrences,
    decode_tick,
    digest,
    encode,
)

READERS: Final[tuple[Callable[[bytes], Alive | Occurrences | Tick], ...]] = (
    decode_tick, decode_occurrences, decode_alive,
)  # fmt: skip
REFUSALS: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
MAX_PIECES: Final = 40
FRAMES_A_SEED: Final = 4


def run(data: bytes) -> None:
    """Hold the invariant for one payload, and for its bytes as the frames of an envelope."""
    for reader in READERS:
        try:
            message = reader(data)
        except REFUSALS:
            continue
        assert reader(encode(message)) == message, "written and read again, it is another"
    try:
        envelope = decode_envelope(data)
    except (*REFUSALS, ValueError):
        pass
    else:
        _check_envelope(envelope)
    rng = Random(crc32(data))
    pieces = _pieces(data, rng)
    made = _envelope(pieces, rng)
    read = _check_envelope(made)
    assert read.batch().frames() == pieces, "frames come back as others"


def _check_envelope(envelope: Envelope) -> Envelope:
    """An envelope comes back as it was, and its batch is one that codecs can rely on."""
    payload = encode(envelope)
    read = decode_envelope(payload)
    assert read == envelope, "written and read again, it is another"
    assert encode(read) == payload, "the same, written otherwise"
    assert digest(payload) == digest(bytes(bytearray(payload))), "a chain that cannot be followed"
    _check_batch(read)
    for broken in _contradictions(envelope):
        try:
            decode_envelope(encode(broken))
        except ValueError:
            continue
        message = f"a contradiction was read: {broken}"
        raise AssertionError(message)
    return read


def _check_batch(envelope: Envelope) -> None:
    batch = envelope.batch()
    count = len(batch)
    assert count == len(envelope) <= MAX_ENVELOPE_FRAMES, "more frames than an envelope holds"
    assert b"".join(batch.frames()) == envelope.data, "frames are not the bytes"
    shapes = {batch.received_at.shape, batch.session.shape, batch.request.shape}
    assert shapes == {(count,)}, "columns differ in length"
    for index in range(count):
        assert batch.identities[batch.session[index]] is None or batch.session[index] >= 0
        asked = int(batch.request[index])
        assert asked == -1 or batch.requests[asked] is not None, "a request that is not listed"
        assert asked >= -1, "a request before the first"


def _contradictions(envelope: Envelope) -> Iterator[Envelope]:
    """Yield what the envelope would be if one of its parts denied another."""
    change = msgspec.structs.replace
    yield change(envelope, format=envelope.format + 1)
    yield change(envelope, data=envelope.data + b"x")
    yield change(envelope, lengths=envelope.lengths + b"\0")
    yield change(envelope, lengths=envelope.lengths + b"\0\0\0\0")
    yield change(envelope, received_at=envelope.received_at + b"\0")
    yield change(envelope, session=envelope.session + b"\0\0\0\0")
    yield change(envelope, request=envelope.request + b"\xff\xff\xff\xff")
    yield change(envelope, reasons=["why"] * (len(envelope) + 1))
    if len(envelope):
        beyond = len(envelope.sessions).to_bytes(4, "little")
        yield change(envelope, session=envelope.session[:-4] + beyond)
        beyond = len(envelope.requests).to_bytes(4, "little")
        yield change(envelope, request=envelope.request[:-4] + beyond)
        yield change(envelope, request=envelope.request[:-4] + b"\xfe\xff\xff\xff")


def _pieces(data: bytes, rng: Random) -> list[bytes]:
    cuts = sorted(int(rng.random() * len(data)) for _ in range(rng.randrange(MAX_PIECES)))
    bounds = [0, *cuts, len(data)]
    return [data[begin:end] for begin, end in pairwise(bounds)]


def _envelope(frames: list[bytes], rng: Random) -> Envelope:
    count = len(frames)
    sessions = [
        SessionRow(epoch, "198.51.100.7:2049", rng.choice((None, "21201031700227")), key_id="k1")
        for epoch in range(1 + rng.randrange(3))
    ]
    requests = [b"\x01\x03\x00\x00\x00\x02"] * rng.randrange(3)
    session = [rng.randrange(len(sessions)) for _ in frames]
    request = [rng.randrange(-1, len(requests)) for _ in frames]
    return Envelope(
        format=FORMAT, codec="acrel", chain="gateway-0", number=1 + rng.randrange(9),
        previous=digest(b"") if rng.random() < 0.5 else b"", sealed_at=RECEIVED_AT,
        sessions=sessions, requests=requests,
        received_at=np.full(count, RECEIVED_AT, "<i8").tobytes(),
        lengths=np.array([len(frame) for frame in frames], "<u4").tobytes(),
        session=np.array(session, "<u4").tobytes(),
        request=np.array(request, "<i4").tobytes(),
        data=b"".join(frames),
        reasons=[] if rng.random() < 0.7 else ["no codec knows it"] * count,
    )  # fmt: skip


# --- inputs ---------------------------------------------------------------------------------------


def _seeds() -> list[bytes]:
    """Envelopes of the vectors, and one of each of the other messages."""
    frames = read_seeds("acrel", "hj212")
    rng = Random(0)
    groups = [frames[at : at + FRAMES_A_SEED] for at in range(0, len(frames), FRAMES_A_SEED)]
    others: tuple[Tick | Occurrences | Alive, ...] = (
        Tick(FORMAT, 7, 1_718_884_800, 1),
        Occurrences(FORMAT, "gateway-0", [Occurrence(RECEIVED_AT, 3, "login", "x", "acrel", "1")]),
        Alive(FORMAT, "gateway-0", RECEIVED_AT, 17, [(1, 2, "the journal is full")]),
    )
    envelopes = [encode(_envelope(group, rng)) for group in groups]
    return [*envelopes, *(encode(message) for message in others)]


def _mend(data: bytes, rng: Random) -> bytes:
    """Change a value inside the message, or make an envelope's columns fit its frames again."""
    try:
        parts = msgspec.msgpack.decode(data)
    except (msgspec.DecodeError, ValueError, RecursionError):
        return data
    if not isinstance(parts, list) or not parts:
        return data
    if rng.random() < 0.5:
        at = rng.randrange(len(parts))
        parts[at] = rng.choice((None, 0, -1, 2**63, "x", b"", b"\0\0\0\0", [], [[]], parts[at - 1]))
    elif len(parts) >= _COLUMNS_END and all(isinstance(p, bytes) for p in parts[8:_COLUMNS_END]):
        _fit(parts, rng)
    return bytes(msgspec.msgpack.encode(parts))


_COLUMNS_END: Final = 13


def _fit(parts: list[Any], rng: Random) -> None:
    """Give an envelope columns of as many frames as its session column has."""
    count = len(parts[10]) // 4
    data = parts[12]
    cuts = sorted(int(rng.random() * len(data)) for _ in range(count - 1))
    bounds = [0, *cuts, len(data)] if count else [0]
    lengths = [end - begin for begin, end in pairwise(bounds)]
    parts[8] = parts[8][: 8 * count].ljust(8 * count, b"\0")
    parts[9] = np.array(lengths, "<u4").tobytes()
    parts[10] = parts[10][: 4 * count]
    parts[11] = parts[11][: 4 * count].ljust(4 * count, b"\xff")


TARGET: Final = Target(
    "envelope",
    run,
    _seeds,
    _mend,
    (b"\xc0", b"\xc4\x00", b"\x90", b"\x9e", b"\xdc\xff\xff", b"\xff", b"\xa5acrel", b"\x91" * 600),
)
