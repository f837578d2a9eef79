"""The end of the journal read backwards: what arrived last before a moment, in bounded bites.

    first ……………………………………………………… until ………… last
                  ◄── bite ◄── bite ◄──┤

Only what the stream still holds is found: closed segments lie in the archive.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol

from wattwarden.storage.journal.entry import Entry
from wattwarden.storage.journal.journal import ShardStatus

# Envelopes have 256 KiB at the most: a bite of a busy journal is 16 MiB, of a quiet one a minute.
BITE: Final = 64
READ_BYTES: Final = 4 * 1024 * 1024


class Readable(Protocol):
    """The part of the journal that is needed here."""

    async def read(self, shard: int, after: int, *, most: int, most_bytes: int) -> list[Entry]:
        """Entries after a sequence."""

    async def status(self, shard: int) -> ShardStatus:
        """How full the shard is."""


@dataclass(frozen=True, slots=True)
class Reach:
    """How far one looks back: so many entries, or the bite with which so many bytes are reached."""

    entries: int
    bytes: int


async def bites_before(
    journal: Readable, shard: int, until: datetime, reach: Reach
) -> AsyncIterator[list[Entry]]:
    """Yield what a shard stored before a moment, the latest bite first, each in its own order.

    Raises:
        JournalAway: No complete answer.
    """
    status = await journal.status(shard)
    end = await _last_before(journal, shard, until, status)
    left, left_bytes = reach.entries, reach.bytes
    while end >= status.first and left > 0 and left_bytes > 0:
        after = max(status.first - 1, end - min(BITE, left))
        bite = await _between(journal, shard, after, end)
        if not bite:
            # Purged since.
            return
        yield bite
        left -= len(bite)
        left_bytes -= sum(len(one.payload) for one in bite)
        end = after


async def _between(journal: Readable, shard: int, after: int, end: int) -> list[Entry]:
    """Return the entries behind one sequence up to another."""
    found: list[Entry] = []
    while after < end:
        page = await journal.read(shard, after, most=end - after, most_bytes=READ_BYTES)
        page = [one for one in page if one.sequence <= end]
        if not page:
            break
        found += page
        after = page[-1].sequence
    return found


async def _last_before(journal: Readable, shard: int, until: datetime, status: ShardStatus) -> int:
    """Return the last sequence stored before a moment; one before the first where none was.

    The server's clock numbers and dates entries alike, so that halving finds it.
    """
    low, high = status.first - 1, status.last
    while low < high:
        # The end is asked for first: mostly, the moment is now.
        middle = high if high == status.last else (low + high + 1) // 2
        page = await journal.read(shard, middle - 1, most=1, most_bytes=1)
        if page and page[0].stored_at < until:
            low = middle
        else:
            high = middle - 1
    return low
