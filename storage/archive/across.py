"""The tables of rows with archived days in them, for as long as a block lasts.

    reading (partitions) ──────────────────────┐
    files ─ meter, time ─► archived_reading ───┴─► pg_temp.reading, which queries here find first

Within the block `reading` and `factor` of this connection are views over both, and any query that
names them sees a day the same way, wherever it lies.  Where no day of the stretch is archived,
nothing is made and the tables are themselves.
"""

import contextlib
from collections.abc import AsyncIterator, Collection, Sequence
from datetime import date, datetime, timedelta
from itertools import groupby
from typing import Final

from wattwarden.storage.archive.catalogue import DAY, ArchiveFile, archived, day_start
from wattwarden.storage.database import Connection
from wattwarden.storage.errors import StorageError
from wattwarden.storage.rows.tables import FACTOR, READING, Table

# What is put into a temporary table at once where somebody reads on and on: a month of a meter.
STRETCH: Final = timedelta(days=31)

_TABLES: Final = {table.name: table for table in (READING, FACTOR)}


class DayUnreadableError(StorageError):
    """The file of an archived day cannot be read now: it is not there, or its store is away."""

    def __init__(self, day: date, message: str) -> None:
        super().__init__(message, retryable=True)
        self.day = day


@contextlib.asynccontextmanager
async def holding(connection: Connection) -> AsyncIterator[None]:
    """Let no partition of rows be dropped in the transaction that goes on, or in one of its own.

    In a transaction that reads as of one moment it comes before anything else: what is archived
    later would be missing in its snapshot, in the files as well as in the database.
    """
    async with contextlib.AsyncExitStack() as stack:
        if not connection.is_in_transaction():
            await stack.enter_async_context(connection.transaction(isolation="repeatable_read"))
        await connection.execute("LOCK TABLE ONLY reading, ONLY factor IN ACCESS SHARE MODE")
        yield


@contextlib.asynccontextmanager
async def across(
    connection: Connection,
    meters: Collection[int] | None,
    since: datetime | None,
    until: datetime | None,
) -> AsyncIterator[None]:
    """Have rows of archived days in `reading` and `factor` while the block lasts.

    In the transaction that goes on, or in one of its own; it must not be read-only.  Rows of other
    meters, and of days outside of the stretch, may be missing within.

    Args:
        connection: Nobody else uses it meanwhile.
        meters: Whose rows are wanted; None: of all.
        since: From when on; None: from the first.
        until: To when, excluded; None: to the last.

    Raises:
        DayUnreadableError: A file cannot be read; what was made goes with the transaction, or with
            the savepoint of whoever goes on without the day.
    """
    async with holding(connection):
        files = await archived(connection, since, until)
        if meters is not None and not meters:
            files = []
        made = [
            await _make(connection, _TABLES[kind], list(some), meters, (since, until))
            for kind, some in groupby(files, key=lambda file: file.kind)
        ]
        yield
        # After an error the transaction takes them back by itself.
        for name in made:
            await connection.execute(f"DROP VIEW pg_temp.{name}")
            await connection.execute(f"DROP TABLE pg_temp.archived_{name}")


async def stretches(
    connection: Connection, since: datetime | None, until: datetime | None
) -> list[tuple[datetime | None, datetime | None]]:
    """Cut a stretch of time so that no part needs more than a month of archived days at once."""
    days = [file.day for file in await archived(connection, since, until)]
    if not days:
        return [(since, until)]
    cuts, cut, last = [], day_start(min(days)), day_start(max(days)) + DAY
    while cut < last:
        cuts.append(cut)
        cut += STRETCH
    cuts.append(last)
    inner = [
        cut for cut in cuts if (since is None or cut > since) and (until is None or cut < until)
    ]
    return list(zip([since, *inner], [*inner, until], strict=True))


async def _make(
    connection: Connection,
    table: Table,
    files: Sequence[ArchiveFile],
    meters: Collection[int] | None,
    span: tuple[datetime | None, datetime | None],
) -> str:
    """Make the view of a table over partitions and files."""
    # Arrow takes a third of a second to import, and most who read rows need no file.
    from wattwarden.storage.archive.loading import load_rows  # noqa: PLC0415  see above

    schema = await connection.fetchval(
        "SELECT relnamespace::regnamespace::text FROM pg_class WHERE oid = $1::text::regclass",
        table.name,
    )
    copy, hot = f"pg_temp.archived_{table.name}", f"{schema}.{table.name}"
    await connection.execute(
        f"CREATE TEMPORARY TABLE archived_{table.name}"
        f" (LIKE {hot}, PRIMARY KEY ({', '.join(table.key)})) ON COMMIT DROP"
    )
    for file in files:
        try:
            await load_rows(connection, file, meters, span, into=f"archived_{table.name}")
        except StorageError as error:
            raise DayUnreadableError(file.day, error.message) from error
    days = _runs(files)
    # Rows that came since for these days: the archived row of the same key was there first.
    await connection.execute(
        f"INSERT INTO {copy} SELECT * FROM {hot} WHERE ({days})"  # noqa: S608  our own names
        " AND ($1::integer[] IS NULL OR meter = ANY($1)) ON CONFLICT DO NOTHING",
        None if meters is None else sorted(meters),
    )
    await connection.execute(
        f"CREATE TEMPORARY VIEW {table.name} AS SELECT * FROM {hot} WHERE NOT ({days})"  # noqa: S608  as above
        f" UNION ALL SELECT * FROM {copy}"
    )
    # A statement that was prepared before would go on to name the table alone.
    await connection.execute("DISCARD PLANS")
    return table.name


def _runs(files: Sequence[ArchiveFile]) -> str:
    """The condition that a row's time lies in one of the days of some files."""
    runs: list[tuple[datetime, datetime]] = []
    for file in files:
        start = day_start(file.day)
        if runs and runs[-1][1] == start:
            runs[-1] = (runs[-1][0], start + DAY)
        else:
            runs.append((start, start + DAY))
    return " OR ".join(
        f"at >= '{since.isoformat()}' AND at < '{until.isoformat()}'" for since, until in runs
    )
