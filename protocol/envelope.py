"""Envelopes: what the gateway puts into the journal, and how it comes back.

    Envelope     frames of one codec, back to back, with columns that say whence and when each came
    Occurrences  what happened to connections: open, login, close
    Tick         one second that the journal has passed
    Alive        a gateway's sign of life, with what it refused meanwhile

Each is one msgpack array.  Integers of columns travel as little-endian bytes, so that numpy reads
them without copying.
"""

import hashlib
from collections.abc import Iterator
from typing import Final, TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from wattwarden.protocol.codec import Batch, ProfileOf, default_profile

MAX_ENVELOPE_FRAMES: Final = 4096
# JetStream takes 1 MiB a message by default; a quarter keeps a replica's catch-up in small bites.
MAX_ENVELOPE_BYTES: Final = 256 * 1024
FORMAT: Final = 1


class SessionRow(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A connection that frames of an envelope came from.  Holds no secret.

    ``epoch`` numbers the connections of one gateway process; ``profile_version`` is the profile
    that was in force; ``key_id`` names a key, it is not one.
    """

    epoch: int
    peer: str
    identity: str | None
    profile_version: int = 0
    key_id: str | None = None


class Envelope(msgspec.Struct, frozen=True, array_like=True):
    """Frames of one codec in arrival order.

    ``chain`` names the writing gateway process and shard, ``number`` counts its envelopes from 1
    and ``previous`` is the SHA-256 of the one before (empty for the first).  ``reasons`` has one
    entry a frame under the codec ``unknown``, why no framer accepted the bytes, and none under
    others.  Columns are little-endian bytes: received_at int64 microseconds UTC, lengths uint32,
    session uint32 into ``sessions``, request int32 into ``requests`` (-1 for none).
    """

    format: int
    codec: str
    chain: str
    number: int
    previous: bytes
    sealed_at: int
    sessions: list[SessionRow]
    requests: list[bytes]
    received_at: bytes
    lengths: bytes
    session: bytes
    request: bytes
    data: bytes
    reasons: list[str] = []

    def __len__(self) -> int:
        return len(self.lengths) // 4

    def offsets(self) -> NDArray[np.int64]:
        """Return where each frame begins in ``data``, and where the last ends: int64[n + 1]."""
        lengths = np.frombuffer(self.lengths, "<u4")
        offsets = np.zeros(len(lengths) + 1, np.int64)
        np.cumsum(lengths, out=offsets[1:])
        return offsets

    def batch(self, profile_of: ProfileOf = default_profile) -> Batch:
        """Return the frames as a codec takes them."""
        return Batch(
            data=self.data,
            offsets=self.offsets(),
            received_at=np.frombuffer(self.received_at, "<i8").astype(np.int64, copy=False),
            session=np.frombuffer(self.session, "<u4").astype(np.int32),
            identities=tuple([row.identity for row in self.sessions]),
            request=np.frombuffer(self.request, "<i4").astype(np.int32),
            requests=tuple(self.requests),
            profile_of=profile_of,
        )


class Occurrence(msgspec.Struct, frozen=True, array_like=True):
    """Something that happened to a connection: ``what`` is open, login, close or takeover."""

    at: int
    epoch: int
    what: str
    peer: str
    codec: str | None = None
    identity: str | None = None
    reason: str = ""


class Occurrences(msgspec.Struct, frozen=True, array_like=True):
    """Occurrences of one gateway process, in order."""

    format: int
    gateway: str
    rows: list[Occurrence]


class Tick(msgspec.Struct, frozen=True, array_like=True):
    """Second ``second`` (Unix) has passed; numbered without gaps in every shard.

    ``covers_s`` is how many seconds it stands for: more than one after an interruption, or when
    the clock runs at a rate.
    """

    format: int
    number: int
    second: int
    covers_s: int


class Alive(msgspec.Struct, frozen=True, array_like=True):
    """A gateway process served until ``at``.

    ``refused`` lists (from, to, reason) when it let nobody in.
    """

    format: int
    gateway: str
    at: int
    sessions: int
    refused: list[tuple[int, int, str]] = []


_Read = TypeVar("_Read", Envelope, Occurrences, Tick, Alive)

_encoder: Final = msgspec.msgpack.Encoder()
_envelopes: Final = msgspec.msgpack.Decoder(Envelope)
_ticks: Final = msgspec.msgpack.Decoder(Tick)
_occurrences: Final = msgspec.msgpack.Decoder(Occurrences)
_alive: Final = msgspec.msgpack.Decoder(Alive)


def encode(message: Envelope | Occurrences | Tick | Alive) -> bytes:
    """Return the message as the journal keeps it."""
    return _encoder.encode(message)


def decode_envelope(payload: bytes) -> Envelope:
    """Read an envelope.

    Raises:
        ValueError: it is none, or it contradicts itself.
    """
    envelope = _decode(_envelopes, payload)
    contradiction = next(_contradictions(envelope), None)
    if contradiction is not None:
        message = f"envelope {envelope.chain}:{envelope.number}: {contradiction}"
        raise ValueError(message)
    return envelope


def _contradictions(envelope: Envelope) -> Iterator[str]:
    """Say what is wrong; what comes later may rely on what came earlier."""
    if envelope.format != FORMAT:
        yield f"format {envelope.format}, {FORMAT} is known"
    count = len(envelope)
    if count > MAX_ENVELOPE_FRAMES:
        yield f"{count} frames, at most {MAX_ENVELOPE_FRAMES} are allowed"
    columns = (
        (envelope.lengths, 4), (envelope.received_at, 8), (envelope.session, 4),
        (envelope.request, 4),
    )  # fmt: skip
    if any(len(column) != count * width for column, width in columns):
        yield "columns differ in length"
    if len(envelope.reasons) not in {0, count}:
        yield f"{len(envelope.reasons)} reasons for {count} frames"
    if int(envelope.offsets()[-1]) != len(envelope.data):
        yield "lengths do not sum to the bytes"
    session = np.frombuffer(envelope.session, "<u4")
    if np.any(session >= len(envelope.sessions)):
        yield "a frame of a session that is not listed"
    request = np.frombuffer(envelope.request, "<i4")
    if np.any((request < -1) | (request >= len(envelope.requests))):
        yield "a frame of a request that is not listed"


def decode_tick(payload: bytes) -> Tick:
    """Read a tick.  Raises ValueError where it is none."""
    return _decode(_ticks, payload)


def decode_occurrences(payload: bytes) -> Occurrences:
    """Read what happened to connections.  Raises ValueError where it is no such thing."""
    return _decode(_occurrences, payload)


def decode_alive(payload: bytes) -> Alive:
    """Read a gateway's sign of life.  Raises ValueError where it is none."""
    return _decode(_alive, payload)


def _decode(decoder: msgspec.msgpack.Decoder[_Read], payload: bytes) -> _Read:
    """Let one kind of error out, whatever msgspec meets: another type, bad UTF-8, deep nesting."""
    try:
        return decoder.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError(str(error)) from error


def digest(payload: bytes) -> bytes:
    """Return the SHA-256 by which the next envelope of the chain names this one."""
    return hashlib.sha256(payload).digest()
