"""A journal in memory with what meters sent, as pages look into it."""

import json
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Final

import numpy as np

from wattwarden.protocol.envelope import FORMAT, Envelope, SessionRow, encode
from wattwarden.storage.journal.journal import Entry, Kind, ShardStatus

VECTORS: Final = Path(__file__).parents[2] / "vectors" / "acrel.jsonl"


class FakeJournal:
    """Two shards, of which the second holds nothing."""

    shards = 2

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.purged = 0
        self.read_after: list[int] = []
        self.is_closed = False

    def keep(self, kind: Kind, payload: bytes, at: datetime) -> None:
        """Store an entry, as of a moment."""
        number = self.purged + len(self.entries) + 1
        self.entries.append(Entry(number, kind, f"m{number}", payload, at))

    async def status(self, shard: int) -> ShardStatus:
        if shard:
            return ShardStatus(0, 0, 1, 0, 10**9)
        last = self.purged + len(self.entries)
        return ShardStatus(len(self.entries), 1000, self.purged + 1, last, 10**9)

    async def read(self, shard: int, after: int, *, most: int, most_bytes: int) -> list[Entry]:
        assert most > 0
        self.read_after.append(after)
        found: list[Entry] = []
        for one in islice((e for e in self.entries if not shard and e.sequence > after), most):
            found.append(one)
            most_bytes -= len(one.payload)
            if most_bytes <= 0:
                break
        return found

    async def close(self) -> None:
        self.is_closed = True


def frames_of(identity: str | None, *frames: bytes, at: datetime, codec: str = "acrel") -> bytes:
    """Return an envelope of frames that came over one connection."""
    count = len(frames)
    micros = round(at.timestamp()) * 1_000_000
    return encode(
        Envelope(
            FORMAT,
            codec,
            "g.0",
            1,
            b"",
            micros,
            [SessionRow(1, "203.0.113.7:5", identity)],
            [],
            np.full(count, micros, "<i8").tobytes(),
            np.array([len(one) for one in frames], "<u4").tobytes(),
            np.zeros(count, "<u4").tobytes(),
            np.full(count, -1, "<i4").tobytes(),
            b"".join(frames),
        )
    )


def vectors() -> list[bytes]:
    """Frames as the meters of a maker send them."""
    with VECTORS.open(encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    return [bytes.fromhex(row["hex"]) for row in rows if not row.get("error")]


def filled(journal: FakeJournal, identity: str, until: datetime, minutes: int) -> None:
    """Let a meter send a frame each minute, and a tick pass beside each."""
    frames = vectors()
    for minute in range(minutes, 0, -1):
        at = until - timedelta(minutes=minute)
        frame = frames[minute % len(frames)]
        journal.keep(Kind.TICK, b"", at)
        journal.keep(Kind.FRAMES, frames_of(identity, frame, at=at), at)
