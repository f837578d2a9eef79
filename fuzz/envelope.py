"""Invariant: a payload is read as what was written, or refused; never read with contradictions.

Allowed: ValueError from every reader.  Besides: what was read is written as the same; frames come
back as they were put in; every index of an envelope that was read names something.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from random import Random
from typing import Any, Final, TypeVar
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
Message = TypeVar("Message")
MAX_PIECES: Final = 40
FRAMES_A_SEED: Final = 4
NESTED_TOO_DEEP: Final = b"\x91" * 2000 + b"\xc0"  # Python gives up at a thousand calls


def run(data: bytes) -> None:
    """Hold the invariant for one payload, and for its bytes as the frames of an envelope."""
    for reader in READERS:
        message = _read(reader, data)
        assert message is None or reader(encode(message)) == message, "read again, it is another"
    envelope = _read(decode_envelope, data)
    if envelope is not None:
        check_envelope(envelope)
    rng = Random(crc32(data))
    pieces = _pieces(data, rng)
    read = check_envelope(_envelope(pieces, rng))
    assert read.batch().frames() == pieces, "frames come back as others"


def _read(reader: Callable[[bytes], Message], data: bytes) -> Message | None:
    try:
        return reader(data)
    except ValueError as error:
        if type(error) is not ValueError:  # a foreign error that happens to be one, let out
            raise
        return None


def check_envelope(envelope: Envelope) -> Envelope:
    """An envelope comes back as it was, and its batch is one that codecs can rely on."""
    payload = encode(envelope)
    read = decode_envelope(payload)
    assert read == envelope, "written and read again, it is another"
    assert encode(read) == payload, "the same, written otherwise"
    assert digest(payload) == digest(bytes(bytearray(payload))), "a chain that cannot be followed"
    _check_batch(read)
    for what, contradiction in CONTRADICTIONS.items():
        if len(envelope) or not contradiction.of_a_frame:
            check_contradiction(envelope, what)
    return read


def check_contradiction(envelope: Envelope, what: str) -> None:
    """What the envelope would be if one of its parts denied another is refused, and named."""
    contradiction = CONTRADICTIONS[what]
    broken = contradiction.put_into(envelope)
    try:
        decode_envelope(encode(broken))
    except ValueError as error:
        complaint = str(error)
        assert contradiction.complaint in complaint, f"{what}: {complaint}"
        assert f"{envelope.chain}:{envelope.number}" in complaint, f"nobody's: {complaint}"
        return
    message = f"{what} was read: {broken}"
    raise AssertionError(message)


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


@dataclass(frozen=True, slots=True)
class Contradiction:
    """Parts of an envelope that deny others, and how the reader says so.

    ``changes`` gives the parts; ``of_a_frame`` says that the last frame is what is denied.
    """

    changes: Callable[[Envelope], dict[str, Any]]
    complaint: str
    of_a_frame: bool = False

    def put_into(self, envelope: Envelope) -> Envelope:
        """Return the envelope with the contradiction in it."""
        return msgspec.structs.replace(envelope, **self.changes(envelope))


def _more(column: str, tail: bytes) -> Callable[[Envelope], dict[str, Any]]:
    return lambda envelope: {column: getattr(envelope, column) + tail}


def _less(column: str, count_bytes: int) -> Callable[[Envelope], dict[str, Any]]:
    return lambda envelope: {column: getattr(envelope, column)[:-count_bytes]}


def _last(column: str, value: Callable[[Envelope], int]) -> Callable[[Envelope], dict[str, Any]]:
    return lambda envelope: {
        column: getattr(envelope, column)[:-4] + (value(envelope) % 2**32).to_bytes(4, "little")
    }


_LENGTHS, _SUM = "columns differ in length", "lengths do not sum to the bytes"
_SESSION, _REQUEST = "session that is not listed", "request that is not listed"
CONTRADICTIONS: Final = {
    "another format": Contradiction(
        lambda envelope: {"format": envelope.format + 1}, f"format {FORMAT + 1}, {FORMAT} is known"
    ),
    "too many frames": Contradiction(
        lambda _envelope: {"lengths": bytes(4 * (MAX_ENVELOPE_FRAMES + 1))},
        f"{MAX_ENVELOPE_FRAMES + 1} frames, at most {MAX_ENVELOPE_FRAMES}",
    ),
    "a broken column of lengths": Contradiction(_more("lengths", b"\0"), _LENGTHS),
    "a length too many": Contradiction(_more("lengths", bytes(4)), _LENGTHS),
    "a broken column of times": Contradiction(_more("received_at", b"\0"), _LENGTHS),
    "a time too few": Contradiction(_less("received_at", 8), _LENGTHS, of_a_frame=True),
    "a session too many": Contradiction(_more("session", bytes(4)), _LENGTHS),
    "a request too many": Contradiction(_more("request", b"\xff" * 4), _LENGTHS),
    "a broken column of requests": Contradiction(_less("request", 1), _LENGTHS, of_a_frame=True),
    "a byte too many": Contradiction(_more("data", b"x"), _SUM),
    "a frame longer than the bytes": Contradiction(
        _last("lengths", lambda envelope: 1 + len(envelope.data)), _SUM, of_a_frame=True
    ),
    "a reason too many": Contradiction(
        lambda envelope: {"reasons": ["why"] * (len(envelope) + 1)}, " reasons for "
    ),
    "no such session": Contradiction(
        _last("session", lambda envelope: len(envelope.sessions)), _SESSION, of_a_frame=True
    ),
    "no sessions at all": Contradiction(lambda _: {"sessions": []}, _SESSION, of_a_frame=True),
    "no such request": Contradiction(
        _last("request", lambda envelope: len(envelope.requests)), _REQUEST, of_a_frame=True
    ),
    "a request before the first": Contradiction(
        _last("request", lambda _: -2), _REQUEST, of_a_frame=True
    ),
}


def _pieces(data: bytes, rng: Random) -> list[bytes]:
    cuts = sorted(int(rng.random() * len(data)) for _ in range(rng.randrange(MAX_PIECES)))
    bounds = [0, *cuts, len(data)]
    return [data[begin:end] for begin, end in pairwise(bounds)]


def envelope_of(frames: list[bytes], **changes: Any) -> Envelope:
    """Put frames into an envelope; of the first session and asked by nobody, unless changed."""
    count = len(frames)
    envelope = Envelope(
        format=FORMAT, codec="acrel", chain="gateway-0/0", number=1, previous=b"",
        sealed_at=RECEIVED_AT,
        sessions=[SessionRow(1, "198.51.100.7:2049", "21201031700227")], requests=[],
        received_at=(RECEIVED_AT + np.arange(count, dtype="<i8")).tobytes(),
        lengths=np.array([len(frame) for frame in frames], "<u4").tobytes(),
        session=np.zeros(count, "<u4").tobytes(), request=np.full(count, -1, "<i4").tobytes(),
        data=b"".join(frames),
    )  # fmt: skip
    return msgspec.structs.replace(envelope, **changes)


def _envelope(frames: list[bytes], rng: Random) -> Envelope:
    sessions = [
        SessionRow(epoch, "198.51.100.7:2049", rng.choice((None, "21201031700227")), key_id="k1")
        for epoch in range(1 + rng.randrange(3))
    ]
    requests = [b"\x01\x03\x00\x00\x00\x02"] * rng.randrange(3)
    return envelope_of(
        frames,
        number=1 + rng.randrange(9),
        previous=digest(b"") if rng.random() < 0.5 else b"",
        sessions=sessions,
        requests=requests,
        session=np.array([rng.randrange(len(sessions)) for _ in frames], "<u4").tobytes(),
        request=np.array([rng.randrange(-1, len(requests)) for _ in frames], "<i4").tobytes(),
        reasons=[] if rng.random() < 0.7 else ["no codec knows it"] * len(frames),
    )


# --- inputs ---------------------------------------------------------------------------------------


def _seeds() -> list[bytes]:
    """Envelopes of the vectors, one of each of the other messages, and each with a trap in it."""
    frames = read_seeds("acrel", "hj212")
    rng = Random(0)
    groups = [frames[at : at + FRAMES_A_SEED] for at in range(0, len(frames), FRAMES_A_SEED)]
    others: tuple[Tick | Occurrences | Alive, ...] = (
        Tick(FORMAT, 7, 1_718_884_800, 1),
        Occurrences(FORMAT, "gateway-0", [Occurrence(RECEIVED_AT, 3, "login", "x", "acrel", "1")]),
        Alive(FORMAT, "gateway-0", RECEIVED_AT, 17, [(1, 2, "the journal is full")]),
    )
    envelopes = [encode(_envelope(group, rng)) for group in groups]
    messages = [encode(message) for message in others]
    deep = [with_one_more(payload, NESTED_TOO_DEEP) for payload in (envelopes[0], *messages)]
    return [*envelopes, *messages, *deep]


def with_one_more(payload: bytes, element: bytes) -> bytes:
    """Return an array of up to 14 elements with another at its end, which readers pass over."""
    return bytes([payload[0] + 1]) + payload[1:] + element


def _mend(data: bytes, rng: Random) -> bytes:
    """Change a value inside the message, or make an envelope's columns fit its frames again."""
    try:
        parts = msgspec.msgpack.decode(data)
    except (ValueError, RecursionError):
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


_TOKENS: Final = (
    b"\xc0", b"\xc4\x00", b"\x90", b"\x9e", b"\xdc\xff\xff", b"\xff", b"\xa5acrel", b"\x91" * 600,
    NESTED_TOO_DEEP,
)  # fmt: skip

TARGET: Final = Target("envelope", run, _seeds, _mend, _TOKENS)
