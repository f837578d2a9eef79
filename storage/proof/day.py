"""A stretch of the journal taken apart: what each sender sent, and every entry of each shard.

entry ─┬─ envelope ─► blocks by sender ─► SHA-256 a sender
       └─ sequence, kind, time, SHA-256 of its payload ─► SHA-256 a shard
"""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import takewhile
from typing import Final, Protocol

import numpy as np

from wattwarden.protocol.envelope import Envelope, decode_envelope
from wattwarden.storage.journal.entry import Entry, Kind
from wattwarden.storage.moments import us_of
from wattwarden.storage.proof.frames import blocks_of, written
from wattwarden.storage.proof.statement import Extent, Leaf, LeafKind, sender_name

# One read: large enough for the disk, small enough to leave the loop responsive.
PAGE_ENTRIES: Final = 512
PAGE_BYTES: Final = 4 * 1024 * 1024

Chosen = Callable[[str, str | None], bool]
"""Whether the blocks of a sender, by codec and identity, are wanted."""


class Pages(Protocol):
    """The journal with its archive, as ``journal.history.History`` reads it."""

    async def read(self, shard: int, after: int, *, most: int, most_bytes: int) -> list[Entry]:
        """Entries after a sequence."""


@dataclass(slots=True)
class _Sender:
    """What one sender sent: hashed as it goes by, its blocks kept where they are wanted."""

    sha256: "hashlib._Hash" = field(default_factory=hashlib.sha256)
    count: int = 0
    blocks: list[bytes] | None = None


@dataclass(slots=True)
class _Shard:
    """The entries of a shard: hashed as they go by."""

    first: int = 0
    last: int = 0
    count: int = 0
    sha256: "hashlib._Hash" = field(default_factory=hashlib.sha256)


class Taken:
    """What was taken of the journal so far."""

    def __init__(self, chosen: Chosen | None = None) -> None:
        self._chosen = chosen
        self._senders: dict[tuple[str, str | None], _Sender] = {}
        self._shards: dict[int, _Shard] = {}
        self._received: tuple[int, int] | None = None

    @property
    def records(self) -> int:
        """How many entries."""
        return sum(shard.count for shard in self._shards.values())

    @property
    def frames(self) -> int:
        """How many frames."""
        return sum(sender.count for sender in self._senders.values())

    @property
    def received(self) -> tuple[int, int]:
        """When the first and the last frame were received, µs UTC; 0 without frames."""
        return self._received or (0, 0)

    @property
    def extents(self) -> list[Extent]:
        """Which entries of each shard."""
        return [
            Extent(number, shard.first, shard.last)
            for number, shard in sorted(self._shards.items())
        ]

    def leaves(self) -> list[Leaf]:
        """Return a leaf a sender and a leaf a shard."""
        return [
            *(
                Leaf(LeafKind.FRAMES, sender_name(*name), one.count, one.sha256.hexdigest())
                for name, one in self._senders.items()
            ),
            *(
                Leaf(LeafKind.SHARD, str(number), one.count, one.sha256.hexdigest())
                for number, one in self._shards.items()
            ),
        ]

    def kept(self) -> dict[tuple[str, str | None], bytes]:
        """Return the blocks of the senders that were chosen, by codec and identity."""
        return {
            name: b"".join(one.blocks)
            for name, one in self._senders.items()
            if one.blocks is not None
        }

    def take(self, shard: int, entries: Sequence[Entry]) -> None:
        """Take the entries that follow those taken before."""
        for entry in entries:
            place = self._shards.setdefault(shard, _Shard(first=entry.sequence))
            place.last, place.count = entry.sequence, place.count + 1
            stored_at = us_of(entry.stored_at)
            digest = hashlib.sha256(entry.payload).hexdigest()
            line = f"{entry.sequence} {entry.kind} {stored_at} {digest}\n"
            place.sha256.update(line.encode())
            if entry.kind is Kind.FRAMES:
                self._take_envelope(shard, entry.sequence, stored_at, entry.payload)

    def _take_envelope(self, shard: int, sequence: int, stored_at: int, payload: bytes) -> None:
        try:
            envelope = decode_envelope(payload)
        except ValueError:
            # Nobody could read it as frames: its bytes are in the shard's hash all the same.
            return
        if not len(envelope):
            return
        self._note_received(envelope)
        for identity, block in blocks_of(envelope, shard, sequence, stored_at):
            name = (envelope.codec, identity)
            sender = self._senders.get(name)
            if sender is None:
                wanted = self._chosen is not None and self._chosen(*name)
                sender = self._senders[name] = _Sender(blocks=[] if wanted else None)
            data = written(block)
            sender.sha256.update(data)
            sender.count += len(block.lengths) // 4
            if sender.blocks is not None:
                sender.blocks.append(data)

    def _note_received(self, envelope: Envelope) -> None:
        times = np.frombuffer(envelope.received_at, "<i8")
        first, last = int(times.min()), int(times.max())
        if self._received is not None:
            first, last = min(first, self._received[0]), max(last, self._received[1])
        self._received = first, last


async def walk(journal: Pages, after: Mapping[int, int], taken: Taken, until: datetime) -> None:
    """Take what was stored before a moment, after a sequence of each shard.

    Raises:
        SegmentCorrupt: A closed segment is not what was archived.
        StorageError: Journal or archive cannot be read.
    """
    for shard, position in sorted(after.items()):
        reached = position
        while True:
            page = await journal.read(shard, reached, most=PAGE_ENTRIES, most_bytes=PAGE_BYTES)
            # What follows the first one is left as well, though a clock that was put back may have
            # given it an earlier time: a statement is about entries without a gap between.
            mine = list(takewhile(lambda entry: entry.stored_at < until, page))
            await asyncio.to_thread(taken.take, shard, mine)
            if not page or len(mine) < len(page):
                break
            reached = page[-1].sequence


async def walk_extents(journal: Pages, extents: Sequence[Extent], taken: Taken) -> None:
    """Take exactly the entries that a statement is about; raises as ``walk``."""
    async for shard, mine in pages_of(journal, extents):
        await asyncio.to_thread(taken.take, shard, mine)


async def pages_of(
    journal: Pages, extents: Sequence[Extent]
) -> AsyncIterator[tuple[int, list[Entry]]]:
    """Yield the entries that a statement is about, a page of a shard each; raises as ``walk``."""
    for extent in extents:
        reached = extent.first - 1
        while reached < extent.last:
            page = await journal.read(
                extent.shard, reached, most=PAGE_ENTRIES, most_bytes=PAGE_BYTES
            )
            if not page:
                break
            yield extent.shard, [entry for entry in page if entry.sequence <= extent.last]
            reached = page[-1].sequence


def day_after(moment: datetime) -> datetime:
    """Return the midnight (UTC) that ends the day of a moment."""
    start = moment.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return start + timedelta(days=1)
