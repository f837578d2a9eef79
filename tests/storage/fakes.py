"""A codec of a made-up protocol, a journal in memory, and what builds entries for them.

46 4B | length 2 | kind 1 | body        R readings, F factors, H heartbeat, B refused, P poison,
                                        K ends the process
"""

import faulthandler
import math
import os
import signal
import struct
import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import msgspec
import numpy as np

from wattwarden.protocol.codec import (
    Batch,
    Block,
    Claim,
    Codec,
    Columns,
    FactorBlock,
    Field,
    Message,
    ProfileOf,
    Refused,
)
from wattwarden.protocol.envelope import (
    Alive,
    Envelope,
    Occurrence,
    Occurrences,
    SessionRow,
    Tick,
    digest,
    encode,
)
from wattwarden.protocol.errors import ProtocolError, Refusal
from wattwarden.protocol.outline import LengthPrefixed
from wattwarden.protocol.quantity import MISSING
from wattwarden.storage.enrolment import Admission
from wattwarden.storage.journal.entry import Entry, Kind
from wattwarden.storage.moments import moment_of, us_of
from wattwarden.storage.profiles import ProfileBook
from wattwarden.storage.retrying import Readers
from wattwarden.storage.rows.binding import ClockBounds

HEAD = b"FK"
NOON = us_of(datetime(2026, 11, 21, 12, tzinfo=UTC))
SECOND = 1_000_000
DAY = 86_400 * SECOND
PEER = "10.0.0.1:4000"

_READING = struct.Struct(">8s8sqffq")


def reading(
    meter: str = "m1",
    at: int = NOON,
    *,
    channel: str = "",
    volts: float = math.nan,
    amps: float = math.nan,
    energy: int = MISSING,
) -> bytes:
    """A frame with one reading; what is not given is absent from it."""
    body = _READING.pack(meter.encode(), channel.encode(), at, volts, amps, energy)
    return frame(b"R" + body)


def together(*readings: bytes) -> bytes:
    """One frame of several readings."""
    return frame(b"R" + b"".join(raw[5:] for raw in readings))


def factors(meter: str, at: int, amounts: dict[str, float | None], flags: str = "") -> bytes:
    """A frame of factors."""
    return frame(b"F" + msgspec.json.encode([meter, at, amounts, flags]))


def frame(body: bytes) -> bytes:
    return HEAD + struct.pack(">H", len(body)) + body


HEARTBEAT = frame(b"H")
REFUSED = frame(b"B")
POISON = frame(b"P")
LYING = frame(b"L")
# How they end a process that decodes them, by name.
DEADLY = {name: frame(b"K" + name.encode()) for name in ("SIGKILL", "SIGSEGV", "0", "exit")}
ENDLESS = frame(b"Kloop")


def decode(batch: Batch) -> Columns:
    """Rows of R and F; B is refused, P raises, L gives columns that are no columns."""
    meters: list[str] = []
    readings: list[tuple[int, int, str, int, float, float, int]] = []
    blocks: list[FactorBlock] = []
    refused: list[Refused] = []
    for index, raw in enumerate(batch.frames()):
        kind, body = raw[4:5], raw[5:]
        if kind == b"R":
            for name, channel, at, *values in _READING.iter_unpack(body):
                meters.append(_text(name))
                readings.append((index, len(meters) - 1, _text(channel), at, *values))
        elif kind == b"F":
            name, at, amounts, flags = msgspec.json.decode(body)
            meters.append(name)
            blocks.append(_factor_block(index, len(meters) - 1, at, amounts, flags))
        elif kind == b"B":
            refused.append(Refused(index, Refusal.DECODE, "month is 13", 7))
        elif kind == b"P":
            raise RuntimeError("the codec choked")
        elif kind == b"L":
            refused.append(Refused(len(batch), Refusal.DECODE, "not in the batch"))
        elif kind == b"K":
            _end(body.decode())
    return Columns(tuple(meters), tuple(_blocks(readings)), tuple(blocks), tuple(refused))


def _end(how: str) -> None:
    match how:
        case "loop":
            while True:
                pass
        case "exit":
            sys.exit(3)
        case "0":
            os._exit(0)
        case _:
            # It dies on purpose: no traceback among the results of tests.
            faulthandler.disable()
            os.kill(os.getpid(), signal.Signals[how])


def _blocks(readings: Sequence[tuple[int, int, str, int, float, float, int]]) -> list[Block]:
    blocks = []
    for channel in sorted({row[2] for row in readings}):
        rows = [row for row in readings if row[2] == channel]
        frames, places, _, at, volts, amps, energy = zip(*rows, strict=True)
        blocks.append(
            Block(
                np.array(frames, np.int32),
                np.array(places, np.int32),
                channel,
                "instant",
                np.array(at, np.int64),
                np.zeros(len(rows), np.int16),
                {
                    "voltage_a": np.array(volts, np.float64),
                    "current_a": np.array(amps, np.float64),
                    "energy_forward": np.array(energy, np.int64),
                },
            )
        )
    return blocks


def _factor_block(
    index: int, meter: int, at: int, amounts: dict[str, float | None], flags: str
) -> FactorBlock:
    values = [math.nan if amount is None else amount for amount in amounts.values()]
    letters = flags.encode().replace(b" ", b"\0").ljust(len(values), b"\0")
    return FactorBlock(
        np.array([index], np.int32),
        np.array([meter], np.int32),
        "",
        "minute",
        np.array([at], np.int64),
        np.zeros(1, np.int16),
        tuple(amounts),
        np.array([values], np.float32),
        np.frombuffer(letters, np.uint8)[None, :],
    )


def _text(raw: bytes) -> str:
    return raw.rstrip(b"\0").decode()


def _measure(buffer: bytes, start: int) -> int:
    size = buffer[start + 2 : start + 4]
    return 4 + int.from_bytes(size, "big") if len(size) == 2 else 0


def _read(raw: bytes, _profile_of: ProfileOf) -> Message:
    raise ProtocolError(Refusal.UNKNOWN, raw.hex())


def _dialogue(_profile_of: ProfileOf) -> Any:
    raise AssertionError("the writer holds no conversation")


def _encode(message: Message) -> bytes:
    return message.kind.encode()


def _explain(_raw: bytes, _request: bytes | None) -> tuple[Field, ...]:
    return ()


FAKE = Codec(
    name="fake",
    title="made up",
    outline=LengthPrefixed(HEAD, 2000, _measure, lambda _buffer, _start, _end: True),
    kinds={},
    recognise=lambda head: Claim.YES if head.startswith(HEAD) else Claim.NO,
    dialogue=_dialogue,
    confirm=None,
    acknowledge=lambda batch: [b""] * len(batch),
    decode=decode,
    read=_read,
    encode=_encode,
    explain=_explain,
)


def readers(**changes: Any) -> Readers:
    """What a writer or a retry reads with: the fake codec and the default bounds."""
    book = ProfileBook()
    plain = Readers({"fake": FAKE}, book.of, ClockBounds(), Admission(), "test 1")
    return replace(plain, **changes)


class MemoryJournal:
    """A shard's entries in a list, as a stream keeps them; ``read`` gives what follows."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.chains: dict[str, tuple[int, bytes]] = {}
        self.waits = 0

    async def read(self, shard: int, after: int, *, most: int, most_bytes: int) -> list[Entry]:
        assert shard == 0
        assert most_bytes > 0
        return [entry for entry in self.entries if entry.sequence > after][:most]

    async def wait(self, shard: int, after: int) -> None:
        self.waits += shard + 1
        assert after >= 0

    def add(self, kind: Kind, payload: bytes) -> Entry:
        sequence = self.entries[-1].sequence + 1 if self.entries else 1
        entry = Entry(sequence, kind, f"id{sequence}", payload, moment_of(NOON))
        self.entries.append(entry)
        return entry

    def frames(
        self,
        *frames: bytes,
        codec: str = "fake",
        chain: str = "g1:0",
        peer: str = PEER,
        identity: str | None = None,
        received_at: int = NOON,
        reasons: Sequence[str] = (),
    ) -> Entry:
        """Append an envelope of frames, the next of its chain."""
        number, previous = self.chains.get(chain, (0, b""))
        envelope = build_envelope(
            frames,
            codec=codec,
            chain=chain,
            number=number + 1,
            previous=previous,
            session=SessionRow(1, peer, identity),
            received_at=received_at,
            reasons=reasons,
        )
        payload = encode(envelope)
        self.chains[chain] = number + 1, digest(payload)
        return self.add(Kind.FRAMES, payload)

    def tick(self, number: int, second: int | None = None) -> Entry:
        second = NOON // SECOND + number if second is None else second
        return self.add(Kind.TICK, encode(Tick(1, number, second, 1)))

    def occurrence(self, what: str, at: int = NOON) -> Entry:
        row = Occurrence(at, 1, what, PEER, "fake", "m1", "why\0")
        return self.add(Kind.SESSION, encode(Occurrences(1, "g1", [row, row])))

    def alive(self, at: int = NOON) -> Entry:
        refused = [(NOON, NOON + 1, "full")]
        return self.add(Kind.ALIVE, encode(Alive(1, "g1", at, 7, refused)))


def build_envelope(
    frames: Sequence[bytes],
    *,
    codec: str,
    chain: str,
    number: int,
    previous: bytes,
    session: SessionRow,
    received_at: int,
    reasons: Sequence[str] = (),
) -> Envelope:
    count = len(frames)
    return Envelope(
        1,
        codec,
        chain,
        number,
        previous,
        received_at,
        [session],
        [],
        np.full(count, received_at, "<i8").tobytes(),
        np.array([len(raw) for raw in frames], "<u4").tobytes(),
        np.zeros(count, "<u4").tobytes(),
        np.full(count, -1, "<i4").tobytes(),
        b"".join(frames),
        list(reasons),
    )
