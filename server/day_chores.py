"""The archivist's chore with days: closed ones become files, late rows join them, old ones go."""

import asyncio
import contextlib
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Final

import structlog

from wattwarden.server.archivist import Chore, Due, Rested
from wattwarden.server.settings import ArchivistSettings
from wattwarden.storage.archive.catalogue import ArchiveFile, Waits

# A day closes once a day; late rows have to rest for hours anyway.
LOOK_INTERVAL: Final = timedelta(hours=1)

_log: Final = structlog.get_logger(__name__)


@dataclass(slots=True)
class ArchiveCounters:
    """What became of days since the process started.

    ``waiting`` says of closed days, by partition, why they were no files when last tried.
    """

    days: int = 0
    rows: int = 0
    bytes: int = 0
    removed: int = 0
    failed: int = 0
    waiting: dict[str, str] = field(default_factory=dict)

    def note_removed(self, count: int) -> None:
        """Count files that were removed."""
        self.removed += count

    def forget_but(self, closed: Iterable[str]) -> None:
        """Forget what kept others than these partitions: they are gone, or kept on purpose."""
        there = set(closed)
        self.waiting = {name: why for name, why in self.waiting.items() if name in there}


def days_chore(
    dsn: str, settings: ArchivistSettings, store: str, counters: ArchiveCounters
) -> Chore:
    """Return the chore that takes one closed day a round into the store, while there are any.

    A day takes a minute, and the journal's segments must not wait for all of them.

    Args:
        dsn: The database.
        settings: How long days are kept where.
        store: Where the files go.
        counters: Where it is counted.
    """
    left: deque[tuple[str, date]] = deque()
    looks, sweeps = Due(LOOK_INTERVAL), Due(LOOK_INTERVAL)

    async def keep(now: datetime) -> Rested | None:
        is_look, is_sweep = not left and looks.begins(now), sweeps.begins(now)
        if not (left or is_look or is_sweep):
            return Rested.NOT_DUE
        # Arrow takes a third of a second to import, and most rounds end before.
        from wattwarden.storage.archive import export, keeping  # noqa: PLC0415  see above
        from wattwarden.storage.archive.store import Store  # noqa: PLC0415  see above

        # A command that does the same by hand goes first.
        with contextlib.suppress(keeping.ArchiveBusyError):
            async with keeping.archiving(dsn) as connection:
                if is_look:
                    closed = await export.closed_days(connection, now, settings.hot_days)
                    left.extend((one.kind, one.day) for one in closed)
                    counters.forget_but(one.partition for one in closed)
                    looks.done(now)
                if left:
                    one = export.Closed(*left.popleft())
                    try:
                        # Where a bucket lies may have to be asked.
                        place = await asyncio.to_thread(Store, store)
                        done = await export.Exporter(connection, place).archive(one, now)
                    except Exception:
                        counters.failed += 1
                        raise
                    _count(counters, one.partition, done)
                if is_sweep:
                    # Last: a store of old that cannot be reached keeps no day from going.
                    days = settings.archive_days
                    tell = counters.note_removed
                    swept = await keeping.sweep(connection, now, days, store, tell=tell)
                    if swept.left:
                        _log.info("files are left in stores that are not ours", count=swept.left)
                    sweeps.done(now)
        return None

    return Chore("days", keep)


def _count(counters: ArchiveCounters, partition: str, done: ArchiveFile | Waits | None) -> None:
    counters.waiting.pop(partition, None)
    match done:
        case ArchiveFile():
            counters.days += 1
            counters.rows += done.rows
            counters.bytes += done.bytes
            _log.info(
                "archived", partition=partition, path=done.path, rows=done.rows, bytes=done.bytes
            )
        case None:
            _log.info("dropped, nothing was in it", partition=partition)
        case Waits(why):
            counters.waiting[partition] = why
