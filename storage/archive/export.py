"""A closed day's way from its partition to its file, and what becomes of late rows.

    hot ─ write ─► file under its name ─ verify ─► in the catalogue ─ drop ─► archived
     ▲                                                                           │
     └────────────── give_back: late rows came, or somebody asked ◄──────────────┘

Each arrow is done once or not at all, and done again harmlessly: whoever dies between two leaves
the day where it was.  Rows that come while a day is on its way stop it before the drop.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final, TypeVar

import asyncpg
import pyarrow as pa

from wattwarden.storage.archive import extract, files
from wattwarden.storage.archive.catalogue import (
    ArchiveFile,
    Waits,
    find_current,
    find_newest,
    pinned_days,
    save_file,
    stand_for_day,
)
from wattwarden.storage.archive.giveback import give_back
from wattwarden.storage.archive.kinds import KINDS, LAYOUT, Kind
from wattwarden.storage.archive.store import Opener, Store
from wattwarden.storage.database import Connection, errors
from wattwarden.storage.errors import StorageError
from wattwarden.storage.rows.partitions import LOCK_KEY, LOCK_TIMEOUT_MS

# Meters send what they owe within minutes of one another: an hour without a row, and they are done.
QUIET: Final = timedelta(hours=1)
# A warden that takes slices over folds again from the states that were kept last, six passes of an
# hour's steps before at most.
KEPT_WITHIN_STEPS: Final = 6 * 3600

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Closed:
    """A partition whose day is over for so long that it may go."""

    kind: str
    day: date

    @property
    def partition(self) -> str:
        """Name of the partition."""
        return f"{self.kind}_{self.day:%Y%m%d}"


async def closed_days(connection: Connection, now: datetime, hot_days: int) -> list[Closed]:
    """Return the partitions of days that began more than ``hot_days`` ago, the oldest first.

    Days that somebody keeps in the database are left out.

    Raises:
        StorageError: The database is away.
    """
    last = now.astimezone(UTC).date() - timedelta(days=hot_days)
    with errors("looking for closed days"):
        pinned = await pinned_days(connection, now)
        rows = await connection.fetch(
            "SELECT p.relname AS kind, c.relname AS partition FROM pg_inherits AS i"
            " JOIN pg_class AS c ON c.oid = i.inhrelid JOIN pg_class AS p ON p.oid = i.inhparent"
            " WHERE i.inhparent IN (to_regclass('reading'), to_regclass('factor'))"
            r" AND c.relname ~ '^(reading|factor)_\d{8}$' ORDER BY 2"
        )
    found = [
        Closed(row["kind"], date.fromisoformat(row["partition"].removeprefix(f"{row['kind']}_")))
        for row in rows
    ]
    due = [one for one in found if one.day < last and one.day not in pinned]
    return sorted(due, key=lambda one: (one.day, one.kind))


class Exporter:
    """Takes closed days into a store, one step after another.

    ``connection`` has no timeout for its commands that a day's export would exceed.
    """

    def __init__(
        self,
        connection: Connection,
        store: Store,
        opener: Opener = Store,
        tell: Callable[[int], object] = int,
    ) -> None:
        self._connection = connection
        self._store = store
        self._opener = opener
        self._tell = tell

    async def archive(self, closed: Closed, now: datetime) -> ArchiveFile | Waits | None:
        """Take a day all the way, from where it stands; None where there was nothing in it.

        Raises:
            StorageError: The database or the store is away, or what was written is not what was to
                be; the day is where it was.
        """
        with errors(f"archiving {closed.partition}"):
            known = await extract.survey(self._connection, KINDS[closed.kind], closed.partition)
            if not known.rows:
                return await self._drop_empty(closed)
            if waits := await self._waits(known, now):
                return waits
            current = await find_current(self._connection, closed.kind, closed.day)
            if current is not None:
                # Rows came for a day that lies in a file: the file's rows join them first.
                await give_back(self._connection, current, self._opener)
            ready = await find_newest(self._connection, closed.kind, closed.day)
            if ready is None or not await self.is_whole(closed, ready):
                ready = await self.write(closed, ready, now)
                await asyncio.to_thread(files.verify, self._store, ready)
                await save_file(self._connection, ready)
            return await self.drop(closed, ready, now)

    async def write(self, closed: Closed, last: ArchiveFile | None, now: datetime) -> ArchiveFile:
        """Write a day's rows, as of now, into a file of the next generation.

        Raises:
            StorageError: What came is not what the database counts.
        """
        kind = KINDS[closed.kind]
        generation = 1 if last is None else last.generation + 1
        path = f"{closed.kind}/{closed.day:%Y-%m}/{closed.partition}-g{generation}.parquet"
        tally = extract.Tally()
        async with self._connection.transaction(isolation="repeatable_read"):
            seen_before = await self._connection.fetchval(
                "SELECT pg_snapshot_xmin(pg_current_snapshot())::text"
            )
            known = await extract.survey(self._connection, kind, closed.partition)
            asked = await extract.totals(self._connection, kind, closed.partition, known)
            written = await self._write_file(kind, closed, known, path, tally)
        if reason := extract.disagreement(asked, tally):
            message = f"{closed.partition} came otherwise than it is stored: {reason}"
            raise StorageError(message, retryable=True)
        assert known.first_at is not None  # noqa: S101  there are rows
        assert known.last_at is not None  # noqa: S101  as above
        return ArchiveFile(
            kind=closed.kind,
            day=closed.day,
            generation=generation,
            store=self._store.url,
            path=path,
            sha256=written.sha256,
            bytes=written.bytes,
            rows=written.rows,
            first_at=known.first_at,
            last_at=known.last_at,
            layout=LAYOUT,
            digests=written.digests,
            seen_before=seen_before,
            written_at=now,
        )

    async def is_whole(self, closed: Closed, file: ArchiveFile) -> bool:
        """Whether a file that was written before holds all that the partition holds now."""
        count, later = await self._since(closed, file)
        if later or count != file.rows or file.store != self._store.url:
            return False
        sha256, _ = await asyncio.to_thread(self._store.measure, file.path)
        return sha256 == file.sha256

    async def drop(self, closed: Closed, file: ArchiveFile, now: datetime) -> ArchiveFile | Waits:
        """Let a verified file stand for its day and drop the partition, in one transaction.

        Nothing is dropped when rows came since the file was written, or when somebody reads.
        """
        try:
            async with self._connection.transaction():
                await self._lock(closed)
                if (await self._since(closed, file)) != (file.rows, 0):
                    return Waits("rows came while it was written")
                await self._note_last(closed)
                await stand_for_day(self._connection, file, now)
                await self._drop_partition(closed)
        except (asyncpg.LockNotAvailableError, asyncpg.DeadlockDetectedError):
            return Waits("its rows are being read")
        return file

    async def _write_file(
        self, kind: Kind, closed: Closed, known: extract.Survey, path: str, tally: extract.Tally
    ) -> files.Written:
        schema = kind.schema_of(known.present, known.codes)
        async with _aside(self._store.create(path)) as file:
            writer = files.DayWriter(file, schema)

            async def sink(batch: pa.RecordBatch) -> None:
                def take() -> None:
                    tally.take(batch)
                    writer.take(batch)

                await asyncio.to_thread(take)
                self._tell(batch.num_rows)

            await extract.extract(self._connection, kind, closed.partition, known.present, sink)
            return await asyncio.to_thread(writer.finish)

    async def _waits(self, known: extract.Survey, now: datetime) -> Waits | None:
        """Why a day cannot go: rows still come, or not everybody has taken them."""
        if known.newest is not None and known.newest > now - QUIET:
            return Waits("rows came within the last hour")
        behind = await self._connection.fetchrow(
            "SELECT who, step, wanted FROM (SELECT 'the warden' AS who, min(step) AS step,"
            " $1::integer + $2::integer AS wanted FROM slice_position UNION ALL"
            " SELECT 'forwarding to ' || platform, step, $1 FROM forward_position) AS p"
            " WHERE step < wanted ORDER BY step LIMIT 1",
            known.last_step,
            KEPT_WITHIN_STEPS,
        )
        if behind is None:
            return None
        return Waits(
            f"{behind['who']} has taken steps up to {behind['step']} of {behind['wanted']}"
        )

    async def _lock(self, closed: Closed) -> None:
        await self._connection.execute(f"SET LOCAL lock_timeout = {LOCK_TIMEOUT_MS}")
        await self._connection.execute("SELECT pg_advisory_xact_lock($1)", LOCK_KEY)
        # Writers wait, readers do not yet.
        await self._connection.execute(f"LOCK TABLE {closed.partition} IN SHARE MODE")

    async def _since(self, closed: Closed, file: ArchiveFile) -> tuple[int, int]:
        """How many rows there are, and how many of them may have changed since a file was written.

        A row's transaction is told from those before by its low 32 bits, as the server does it.
        """
        row = await self._connection.fetchrow(
            "WITH now AS (SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint AS top,"  # noqa: S608  our own name
            " $1::text::bigint AS seen) SELECT count(*) AS rows, count(*) FILTER (WHERE"
            " top - ((top - r.xmin::text::bigint) & 4294967295) >= seen) AS later"
            f" FROM {closed.partition} AS r CROSS JOIN now",
            file.seen_before,
        )
        assert row is not None  # noqa: S101  an aggregate always gives a row
        return row["rows"], row["later"]

    async def _note_last(self, closed: Closed) -> None:
        """Keep when each channel was heard last: its rows are in no table any more."""
        await self._connection.execute(
            "INSERT INTO archive_last (kind, meter, channel, period, at)"  # noqa: S608  our own name
            " SELECT $1, meter, channel, period, max(least(at, received_at))"
            f" FROM {closed.partition} GROUP BY meter, channel, period"
            " ON CONFLICT (kind, meter, channel, period)"
            " DO UPDATE SET at = greatest(archive_last.at, excluded.at)",
            closed.kind,
        )

    async def _drop_partition(self, closed: Closed) -> None:
        await self._connection.execute(
            "DELETE FROM step_part WHERE partition = $1", closed.partition
        )
        await self._connection.execute(f"DROP TABLE {closed.partition}")

    async def _drop_empty(self, closed: Closed) -> Waits | None:
        try:
            async with self._connection.transaction():
                await self._lock(closed)
                there = await self._connection.fetchval(
                    f"SELECT EXISTS (SELECT FROM {closed.partition})"  # noqa: S608  our own name
                )
                if not there:
                    await self._drop_partition(closed)
        except (asyncpg.LockNotAvailableError, asyncpg.DeadlockDetectedError):
            return Waits("its rows are being read")
        return None


@contextlib.asynccontextmanager
async def _aside(manager: AbstractContextManager[_T]) -> AsyncIterator[_T]:
    """Enter and leave in a thread what waits for a disk or a network."""
    entered = await asyncio.to_thread(manager.__enter__)
    try:
        yield entered
    except BaseException as error:
        await asyncio.to_thread(manager.__exit__, type(error), error, error.__traceback__)
        raise
    await asyncio.to_thread(manager.__exit__, None, None, None)
