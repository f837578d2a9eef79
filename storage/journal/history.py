"""The whole history of a shard: closed segments first, then what the stream still holds.

    archive  1 … 60 │ 61 … 120 │          at rest, read segment after segment
    stream                     │ 121 … ►  read live

Readers go by sequence, as with the journal itself, and need not know where an entry lies.  A
segment that is closed between two reads changes nothing: it is exported before it is purged.
"""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Protocol

from wattwarden.storage.errors import StorageError
from wattwarden.storage.journal.entry import Entry
from wattwarden.storage.journal.journal import ShardStatus
from wattwarden.storage.journal.segments import load_chain, read_segment


class Live(Protocol):
    """The part of the journal that is needed here."""

    def stream_name(self, shard: int) -> str:
        """Name of the shard's stream."""

    def first_available(self, shard: int) -> int:
        """First sequence that was not purged yet, as last seen."""

    async def read(self, shard: int, after: int, *, most: int, most_bytes: int) -> list[Entry]:
        """Entries after a sequence."""

    async def wait(self, shard: int, after: int) -> None:
        """Return when something after a sequence may be there."""

    async def status(self, shard: int) -> ShardStatus:
        """How full the shard is."""


@dataclass(slots=True)
class _Reading:
    """A segment file being read: its next entry follows ``after``."""

    after: int
    entries: Iterator[Entry]


class History:
    """The journal with its archive; one reader a shard at a time."""

    def __init__(self, journal: Live, archive: Path) -> None:
        self._journal = journal
        self._archive = archive
        self._open: dict[int, _Reading] = {}

    async def read(self, shard: int, after: int, *, most: int, most_bytes: int) -> list[Entry]:
        """Return the entries that follow sequence ``after``, in order and without a gap.

        At most ``most`` of them and about ``most_bytes`` of payload, yet one at least if there is
        any; see ``Journal.read``.  When the first one is not ``after`` + 1, those between are
        neither in the stream nor in the archive.

        Raises:
            SegmentCorrupt: a segment is not what was archived.
            StorageError: archive or journal cannot be read.
        """
        journal = self._journal
        if after + 1 < journal.first_available(shard):
            found = await self._at_rest(shard, after, most, most_bytes)
            if found:
                return found
        page = await journal.read(shard, after, most=most, most_bytes=most_bytes)
        if after + 1 < (page[0].sequence if page else journal.first_available(shard)):
            # Purged since the last look, or nobody had looked before.
            return await self._at_rest(shard, after, most, most_bytes) or page
        return page

    async def wait(self, shard: int, after: int) -> None:
        """Return when something after ``after`` may be there; see ``Journal.wait``."""
        await self._journal.wait(shard, after)

    async def last(self, shard: int) -> int:
        """Return the sequence of the shard's last entry, 0 when there was none.

        Raises:
            StorageError: the journal does not answer.
        """
        return (await self._journal.status(shard)).last

    async def before(self, shard: int, moment: datetime) -> int:
        """Return a sequence after which everything stored since ``moment`` follows.

        Only whole segments are skipped.  Their chain of hashes is checked on the way.

        Raises:
            SegmentCorrupt: it is broken.
            StorageError: the archive cannot be read.
        """
        folder = self._folder(shard)
        chain = await asyncio.to_thread(load_chain, folder)
        return max((one.last for one in chain if one.last_stored_at < moment), default=0)

    async def _at_rest(self, shard: int, after: int, most: int, most_bytes: int) -> list[Entry]:
        """Read on in a closed segment; nothing when none holds entry ``after`` + 1."""
        return await asyncio.to_thread(self._page, shard, after, most, most_bytes)

    def _page(self, shard: int, after: int, most: int, most_bytes: int) -> list[Entry]:
        """Blocks on the disk."""
        reading = self._open.pop(shard, None)
        page: list[Entry] = []
        if reading is not None and reading.after == after:
            page = _take(reading.entries, most, most_bytes)
        if not page:
            # Nothing was read here before, or the segment ended with the last page.
            reading = self._find(shard, after)
            page = _take(reading.entries, most, most_bytes) if reading is not None else []
        if page and reading is not None:
            reading.after = page[-1].sequence
            self._open[shard] = reading
        return page

    def _find(self, shard: int, after: int) -> _Reading | None:
        """Open the segment that holds entry ``after`` + 1, at this entry."""
        try:
            paths = sorted(self._folder(shard).glob("*.json"))
        except OSError as error:
            text = f"archive: {error.strerror}"
            raise StorageError(text, retryable=True) from error
        for path in paths:
            first, _, last = path.stem.partition("-")
            if int(first) <= after + 1 <= int(last):
                entries = read_segment(path.with_suffix(".zst"))
                return _Reading(after, islice(entries, after + 1 - int(first), None))
        return None

    def _folder(self, shard: int) -> Path:
        return self._archive / self._journal.stream_name(shard)


def _take(entries: Iterator[Entry], most: int, most_bytes: int) -> list[Entry]:
    """The next entries, at most so many and about so many bytes; none at the end."""
    page: list[Entry] = []
    size = 0
    for entry in islice(entries, most):
        page.append(entry)
        size += len(entry.payload)
        if size >= most_bytes:
            break
    return page
