"""A codec simple enough to check by eye, and a meter port that answers like a real one."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

import numpy as np

from wattwarden.protocol.codec import (
    NOTHING_ASKED,
    Asked,
    Batch,
    Block,
    Claim,
    Codec,
    Columns,
    Field,
    Message,
    ProfileOf,
    default_profile,
)
from wattwarden.protocol.errors import ProtocolError, Refusal
from wattwarden.protocol.events import Received, SessionLimits
from wattwarden.protocol.outline import LengthPrefixed
from wattwarden.protocol.session import Session

HEAD = b"<>"

# <> size 1, kind 1, meter 1, value 1, sum 1.  Kinds: r reading, answered late; h heartbeat,
# answered at once with the time; q quiet, unanswered; n a reading that names no meter.
SIZE = 7
# 2023-11-14, as good as any.
NOW = 1_700_000_007_000_000


def frame(kind: str, meter: str = "A", value: int = 1, *, head: bytes = HEAD) -> bytes:
    body = head + bytes([SIZE]) + kind.encode() + meter.encode() + bytes([value])
    return body + bytes([sum(body) & 0xFF])


def _fits(buffer: bytes, start: int, end: int) -> bool:
    return sum(buffer[start : end - 1]) & 0xFF == buffer[end - 1]


def _measure(buffer: bytes, start: int) -> int:
    return buffer[start + 2] if start + 2 < len(buffer) else 0


def _recognise(head: bytes) -> Claim:
    if len(head) < len(HEAD):
        return Claim.MORE if HEAD.startswith(head) else Claim.NO
    return Claim.YES if head.startswith(HEAD) else Claim.NO


class _Dialogue:
    def __init__(self) -> None:
        self.identity: str | None = None
        self.idle_limit_s = 60.0
        self.asked: Asked = NOTHING_ASKED

    def receive(self, frames: list[bytes], now: int) -> bytes:
        out = b""
        for one in frames:
            if one[3:4] != b"n":
                self.identity = self.identity or chr(one[4])
            if one[3:4] == b"h":
                out += frame("t", chr(one[4]), now // 1_000_000 % 256)
        return out

    def tick(self, now: int) -> bytes:
        del now
        return b""

    def next_deadline(self) -> int | None:
        return None


def _acknowledge(batch: Batch) -> list[bytes]:
    return [frame("k", chr(f[4]), f[5]) if f[3:4] in b"rn" else b"" for f in batch.frames()]


def _decode(batch: Batch) -> Columns:
    rows = [i for i, f in enumerate(batch.frames()) if f[3:4] in b"rn"]
    if not rows:
        return Columns(())
    frames = batch.frames()
    named = [chr(frames[i][4]) if frames[i][3:4] == b"r" else batch.identities[0] for i in rows]
    meters = tuple(sorted({name or "" for name in named}))
    block = Block(
        frame=np.array(rows, np.int32),
        meter=np.array([meters.index(name or "") for name in named], np.int32),
        channel="",
        period="instant",
        at=batch.received_at[rows],
        quality=np.zeros(len(rows), np.int16),
        values={
            "voltage_a": np.array([frames[i][5] / 10 for i in rows]),
            "current_a": np.full(len(rows), np.nan),
            "energy_forward": np.array([frames[i][5] * 10 for i in rows], np.int64),
        },
    )
    return Columns(meters, (block,))


def _read(raw: bytes, _profile_of: ProfileOf) -> Message:
    if not raw.startswith(HEAD):
        raise ProtocolError(Refusal.UNKNOWN, "a frame begins with <>")
    if len(raw) < SIZE:
        raise ProtocolError(Refusal.LENGTH, f"a frame has {SIZE} bytes, got {len(raw)}", len(raw))
    if not _fits(raw, 0, SIZE):
        raise ProtocolError(Refusal.CHECKSUM, "the sum does not fit", SIZE - 1)
    if raw[5] == 255:
        raise ProtocolError(Refusal.DECODE, "the value is at most 254, got 255", 5)
    kind = chr(raw[3])
    return Message(kind, None if kind == "n" else chr(raw[4]), fields={"value": raw[5]})


def _explain(raw: bytes, _request: bytes | None) -> tuple[Field, ...]:
    return (
        Field(0, raw[:2], "head"),
        Field(2, raw[2:6], "body", str(raw[5]) if len(raw) > 5 else "! cut short", "V"),
        Field(6, raw[6:], "sum"),
    )


TINY = Codec(
    name="tiny",
    title="Tiny",
    outline=LengthPrefixed(HEAD, 16, _measure, _fits, separators=b"\n"),
    kinds={
        "r": "reading",
        "h": "heartbeat",
        "t": "time",
        "q": "quiet",
        "k": "ack",
        "n": "nameless",
    },
    recognise=_recognise,
    dialogue=lambda _profile_of: _Dialogue(),
    confirm=None,
    acknowledge=_acknowledge,
    decode=_decode,
    read=_read,
    encode=lambda message: frame(message.kind, message.meter or "A"),
    explain=_explain,
)

OTHER_HEAD = b"[]"


def _other_read(raw: bytes, _profile_of: ProfileOf) -> Message:
    return Message("other", fields={"raw": raw})


OTHER = replace(
    TINY,
    name="other",
    outline=LengthPrefixed(OTHER_HEAD, 16, _measure, _fits),
    recognise=lambda head: Claim.YES if head.startswith(OTHER_HEAD) else Claim.NO,
    decode=lambda _batch: Columns(()),
    read=_other_read,
)


class FakePort(asyncio.Protocol):
    """Answers at once what a gateway answers at once, and the rest a moment later.

    ``faults`` lists what goes wrong: "mute" never answers, "hang up" closes at the first frame.
    """

    heard: list[bytes]
    connections: list["FakePort"]

    def __init__(self, port: "Port") -> None:
        self._port = port
        self._session = Session(port.codecs, port.profile_of, SessionLimits(), 0)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._port.opened += 1
        self._port.open += 1
        self._port.most_open = max(self._port.most_open, self._port.open)
        self.said = b""
        self._port.said.append(self)

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        self._port.open -= 1

    def data_received(self, data: bytes) -> None:
        self.said += data
        if self._port.fault == "hang up":
            self._transport.close()
            return
        if self._port.fault == "mute":
            return
        self._session.receive_data(data, NOW)
        out = self._session.data_to_send()
        while (event := self._session.next_event()) is not None:
            if isinstance(event, Received):
                out += self._later(event)
        self._transport.write(out)

    def _later(self, event: Received) -> bytes:
        codec, frames = event.codec, event.frames
        if codec.confirm is not None:
            fits = codec.confirm(self._batch(frames)).tolist()
            frames = [one for one, good in zip(frames, fits, strict=True) if good]
        return b"".join(codec.acknowledge(self._batch(frames))) if frames else b""

    def _batch(self, frames: list[bytes]) -> Batch:
        identity = self._session.identity
        return Batch.of(frames, NOW, identity=identity, profile_of=self._port.profile_of)


class Port:
    def __init__(
        self, codecs: Sequence[Codec], fault: str = "", profile_of: ProfileOf = default_profile
    ) -> None:
        self.profile_of = profile_of
        self.codecs = codecs
        self.fault = fault
        self.opened = self.open = self.most_open = 0
        self.said: list[FakePort] = []
        self.number = 0

    def conversations(self) -> list[bytes]:
        """What each connection said that said anything."""
        return sorted(one.said for one in self.said if one.said)


@asynccontextmanager
async def serving(
    codecs: Sequence[Codec] = (TINY, OTHER),
    fault: str = "",
    profile_of: ProfileOf = default_profile,
) -> AsyncIterator[Port]:
    port = Port(codecs, fault, profile_of)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: FakePort(port), "127.0.0.1", 0)
    port.number = server.sockets[0].getsockname()[1]
    try:
        yield port
    finally:
        server.close()
        await server.wait_closed()
