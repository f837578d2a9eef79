"""Which days lie in which files: the tables ``archive_file`` and ``archive_day``.

Nothing here opens a file.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final

import asyncpg
import orjson

from wattwarden.storage.database import Connection, errors

DAY: Final = timedelta(days=1)
# Whoever reads the catalogue and then a file is done with it long before; pages take a minute.
REPLACED_KEPT: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class ArchiveFile:
    """One file: the rows of a kind (``reading``, ``factor``) of a UTC day, as of a generation.

    ``digests`` are SHA-256 (hex) of the values of each column; ``seen_before`` is the transaction
    from which on nothing is in it.
    """

    kind: str
    day: date
    generation: int
    store: str
    path: str
    sha256: bytes
    bytes: int
    rows: int
    first_at: datetime
    last_at: datetime
    layout: int
    digests: Mapping[str, str]
    seen_before: str
    written_at: datetime


@dataclass(frozen=True, slots=True)
class ListedFile:
    """A file as people see it: ``current`` when the day is read from it."""

    file: ArchiveFile
    current: bool


@dataclass(frozen=True, slots=True)
class Held:
    """How many days lie in files, and how large these are."""

    days: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Waits:
    """Why a closed day cannot become a file yet."""

    why: str


_COLUMNS: Final = (
    "f.kind, f.day, f.generation, f.store, f.path, f.sha256, f.bytes, f.rows, f.first_at,"
    " f.last_at, f.layout, f.digests, f.seen_before::text AS seen_before, f.written_at"
)
_CURRENT: Final = (
    "archive_day AS d JOIN archive_file AS f"
    " ON f.kind = d.kind AND f.day = d.day AND f.generation = d.generation"
)


def day_start(day: date) -> datetime:
    """Return where a UTC day begins."""
    return datetime.combine(day, time.min, UTC)


async def archived(
    connection: Connection, since: datetime | None, until: datetime | None
) -> list[ArchiveFile]:
    """Return the files that stand for days which touch a stretch of time, by kind and day."""
    rows = await connection.fetch(
        f"SELECT {_COLUMNS} FROM {_CURRENT}"  # noqa: S608  words of ours
        " WHERE ($1::date IS NULL OR d.day >= $1) AND ($2::timestamptz IS NULL"
        " OR d.day::timestamp AT TIME ZONE 'UTC' < $2) ORDER BY d.kind, d.day",
        None if since is None else since.astimezone(UTC).date(),
        until,
    )
    return [_file(row) for row in rows]


async def find_current(connection: Connection, kind: str, day: date) -> ArchiveFile | None:
    """Return the file that stands for a day; None when the day is in the database."""
    row = await connection.fetchrow(
        f"SELECT {_COLUMNS} FROM {_CURRENT} WHERE d.kind = $1 AND d.day = $2",  # noqa: S608  as above
        kind,
        day,
    )
    return None if row is None else _file(row)


async def find_newest(connection: Connection, kind: str, day: date) -> ArchiveFile | None:
    """Return the file of a day's highest generation, whether or not it stands for the day."""
    row = await connection.fetchrow(
        f"SELECT {_COLUMNS} FROM archive_file AS f WHERE f.kind = $1 AND f.day = $2"  # noqa: S608  as above
        " ORDER BY f.generation DESC LIMIT 1",
        kind,
        day,
    )
    return None if row is None else _file(row)


async def list_files(connection: Connection) -> list[ListedFile]:
    """Return the files in order of their days, replaced ones left out.

    Raises:
        StorageError: The database is away.
    """
    with errors("listing the archive"):
        rows = await connection.fetch(
            f"SELECT {_COLUMNS}, EXISTS (SELECT FROM archive_day AS d WHERE d.kind = f.kind"  # noqa: S608  as above
            " AND d.day = f.day AND d.generation = f.generation) AS current"
            " FROM archive_file AS f WHERE f.replaced_at IS NULL ORDER BY f.day, f.kind"
        )
    return [ListedFile(_file(row), row["current"]) for row in rows]


async def archive_held(connection: Connection) -> Held:
    """Return how much lies in files."""
    row = await connection.fetchrow(
        f"SELECT count(*) AS days, coalesce(sum(f.bytes), 0)::bigint AS bytes FROM {_CURRENT}"  # noqa: S608  as above
    )
    assert row is not None  # noqa: S101  an aggregate always gives a row
    return Held(row["days"], row["bytes"])


async def oldest_day(connection: Connection) -> date | None:
    """Return the oldest day that has a partition of readings.

    Raises:
        StorageError: The database is away.
    """
    with errors("looking for the oldest day"):
        name = await connection.fetchval(
            "SELECT min(c.relname) FROM pg_inherits AS i JOIN pg_class AS c ON c.oid = i.inhrelid"
            r" WHERE i.inhparent = to_regclass('reading') AND c.relname ~ '^reading_\d{8}$'"
        )
    return None if name is None else date.fromisoformat(name.removeprefix("reading_"))


async def save_file(connection: Connection, file: ArchiveFile) -> None:
    """Note a file that was written and read back, in the place of one of the same generation."""
    names = (
        "kind", "day", "generation", "store", "path", "sha256", "bytes", "rows", "first_at",
        "last_at", "layout", "digests", "seen_before", "written_at",
    )  # fmt: skip
    given = [f"${place}" for place in range(1, len(names) + 1)]
    given[names.index("digests")] += "::text::jsonb"
    given[names.index("seen_before")] += "::text::xid8"
    values = [getattr(file, name) for name in names]
    values[names.index("digests")] = orjson.dumps(dict(file.digests)).decode()
    updates = ", ".join(f"{name} = excluded.{name}" for name in names[3:])
    await connection.execute(
        f"INSERT INTO archive_file ({', '.join(names)}) VALUES ({', '.join(given)})"  # noqa: S608  as above
        f" ON CONFLICT (kind, day, generation) DO UPDATE SET {updates}",
        *values,
    )


async def stand_for_day(connection: Connection, file: ArchiveFile, now: datetime) -> None:
    """Let a file stand for its day from now on; generations before it are done with."""
    await connection.execute(
        "INSERT INTO archive_day (kind, day, generation, archived_at) VALUES ($1, $2, $3, $4)"
        " ON CONFLICT (kind, day) DO UPDATE SET generation = excluded.generation,"
        " archived_at = excluded.archived_at",
        file.kind,
        file.day,
        file.generation,
        now,
    )
    await connection.execute(
        "UPDATE archive_file SET replaced_at = $4 WHERE kind = $1 AND day = $2"
        " AND generation < $3 AND replaced_at IS NULL",
        file.kind,
        file.day,
        file.generation,
        now,
    )


async def release_day(connection: Connection, kind: str, day: date) -> None:
    """Let a day be read from the database again; its file stays until another stands for it."""
    await connection.execute("DELETE FROM archive_day WHERE kind = $1 AND day = $2", kind, day)


async def retire_before(connection: Connection, day: date, now: datetime) -> int:
    """Take days that were kept long enough out of the archive; return how many files that is."""
    async with connection.transaction():
        await connection.execute("DELETE FROM archive_day WHERE day < $1", day)
        done = await connection.execute(
            "UPDATE archive_file SET replaced_at = $2 WHERE day < $1 AND replaced_at IS NULL",
            day,
            now,
        )
    return int(done.split()[-1])


async def replaced_files(connection: Connection, now: datetime) -> list[ArchiveFile]:
    """Return the files that nobody reads any more."""
    rows = await connection.fetch(
        f"SELECT {_COLUMNS} FROM archive_file AS f WHERE f.replaced_at < $1"  # noqa: S608  as above
        " AND NOT EXISTS (SELECT FROM archive_day AS d WHERE d.kind = f.kind AND d.day = f.day"
        " AND d.generation = f.generation) ORDER BY f.day, f.kind",
        now - REPLACED_KEPT,
    )
    return [_file(row) for row in rows]


async def forget_file(connection: Connection, file: ArchiveFile) -> None:
    """Take a file that was removed out of the catalogue."""
    await connection.execute(
        "DELETE FROM archive_file WHERE kind = $1 AND day = $2 AND generation = $3",
        file.kind,
        file.day,
        file.generation,
    )


async def pin_days(connection: Connection, days: Collection[date], until: datetime) -> None:
    """Keep days in the database until a moment."""
    await connection.execute(
        "INSERT INTO archive_pin (day, until) SELECT d, $2 FROM unnest($1::date[]) AS n (d)"
        " ON CONFLICT (day) DO UPDATE SET until = excluded.until",
        list(days),
        until,
    )


async def pinned_days(connection: Connection, now: datetime) -> frozenset[date]:
    """Return the days that are kept in the database for now."""
    await connection.execute("DELETE FROM archive_pin WHERE until <= $1", now)
    rows = await connection.fetch("SELECT day FROM archive_pin")
    return frozenset(row["day"] for row in rows)


def _file(row: asyncpg.Record) -> ArchiveFile:
    values = {name: row[name] for name in ArchiveFile.__slots__}
    return ArchiveFile(**values | {"digests": orjson.loads(row["digests"])})
