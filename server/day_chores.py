"""The archivist's chore with days: closed ones become files, late rows join them, old ones go."""

import contextlib
from collections import deque
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Final

import structlog

from wattwarden.server.archivist import Chore
from wattwarden.server.settings import ArchivistSettings
from wattwarden.storage.archive.catalogue import ArchiveFile, Waits

# A day closes once a day; late rows have to rest for an hour anyway.
LOOK_INTERVAL: Final = timedelta(hours=1)

_log: Final = structlog.get_logger(__name__)


@dataclass(slots=True)
class ArchiveCounters:
    """What became of days since the process started; ``waiting``: why closed days are not files."""

    days: int = 0
    rows: int = 0
    bytes: int = 0
    removed: int = 0
    failed: int = 0
    waiting: dict[str, str] = field(default_factory=dict)


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
    looked: list[datetime] = []

    async def keep(now: datetime) -> None:
        if not left and looked and now - looked[0] < LOOK_INTERVAL:
            return
        # Arrow takes a third of a second to import, and most rounds end before.
        from wattwarden.storage.archive import export, keeping  # noqa: PLC0415  see above
        from wattwarden.storage.archive.store import Store  # noqa: PLC0415  see above

        # A command that does the same by hand goes first.
        with contextlib.suppress(keeping.ArchiveBusyError):
            async with keeping.archiving(dsn) as connection:
                if not left:
                    looked[:] = [now]
                    counters.waiting.clear()
                    counters.removed += await keeping.sweep(connection, now, settings.archive_days)
                    closed = await export.closed_days(connection, now, settings.hot_days)
                    left.extend((one.kind, one.day) for one in closed)
                if not left:
                    return
                one = export.Closed(*left.popleft())
                try:
                    done = await export.Exporter(connection, Store(store)).archive(one, now)
                except Exception:
                    counters.failed += 1
                    raise
                _count(counters, one.partition, done)

    return Chore("days", keep)


def _count(counters: ArchiveCounters, partition: str, done: ArchiveFile | Waits | None) -> None:
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
