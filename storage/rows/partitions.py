"""Daily partitions: a table of rows has one for each UTC day, and DEFAULT for the rest.

    reading ── reading_20261122, reading_20261123, …     within retention, two days ahead
            └─ reading_default                            clocks that are years off

A day's partition is made when its first row comes, or ahead of it; rows of that day which wait in
DEFAULT move into it in the same transaction, since PostgreSQL refuses a partition otherwise.
"""

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from typing import Final

import asyncpg
import structlog

from wattwarden.protocol.quality import Quality
from wattwarden.storage.database import Connection, deadline, errors

DAY_US: Final = 86_400_000_000
# Making a partition needs DEFAULT for itself.  A long query on it holds everybody up meanwhile, so
# we give up early: the rows go to DEFAULT and move when the partition is made.
LOCK_TIMEOUT_MS: Final = 2_000
# It takes milliseconds, and longer only where millions of rows wait in DEFAULT.
MAKE_DEADLINE_S: Final = 60.0
# Makers of partitions take turns; any number that nobody else takes in the database.
LOCK_KEY: Final = int.from_bytes(b"wwpartit", "big")

_EPOCH: Final = date(1970, 1, 1)

_log = structlog.get_logger(__name__)


def partition_name(table: str, day: int) -> str:
    """Name of the partition of a day, which counts from 1970-01-01."""
    return f"{table}_{_EPOCH + timedelta(days=day):%Y%m%d}"


def default_name(table: str) -> str:
    """Name of the partition for days that have none."""
    return f"{table}_default"


class Partitions:
    """Which partitions there are, as last seen; makes those that are missing.

    Forgets nothing by itself: ``load`` again when a partition turns out to be gone.
    """

    def __init__(self, shard: int) -> None:
        self._shard = shard
        self._days: dict[str, frozenset[int]] = {}

    async def load(self, connection: Connection, table: str) -> None:
        """Look up the days that have a partition."""
        names = await connection.fetch(
            "SELECT c.relname FROM pg_inherits AS i JOIN pg_class AS c ON c.oid = i.inhrelid"
            " WHERE i.inhparent = to_regclass($1)",
            table,
        )
        self._days[table] = frozenset(
            day for row in names if (day := _day_of(row["relname"], table)) is not None
        )

    def days(self, table: str) -> frozenset[int]:
        """The days that have a partition."""
        return self._days.get(table, frozenset())

    async def ensure(self, connection: Connection, table: str, days: Iterable[int]) -> int:
        """Make the partitions of these days that are missing; return how many were made.

        Each in a transaction of its own.  A day whose partition could not be made, since a query
        held the tables, is left for the next time.

        Raises:
            StorageError: The database is away or refuses.
        """
        if table not in self._days:
            with errors(f"listing partitions of {table}"):
                await self.load(connection, table)
        made = 0
        for day in sorted(set(days) - self._days[table]):
            name = partition_name(table, day)
            with errors(f"making partition {name}"):
                try:
                    async with deadline(connection, MAKE_DEADLINE_S):
                        made += await _make(connection, table, day, self._shard)
                except asyncpg.LockNotAvailableError:
                    _log.warning("partition not made, its tables are in use", partition=name)
                    continue
            self._days[table] |= {day}
        return made


async def _make(connection: Connection, table: str, day: int, shard: int) -> bool:
    """Make one partition; False when it is there already."""
    name, default = partition_name(table, day), default_name(table)
    start = datetime.combine(_EPOCH + timedelta(days=day), datetime.min.time(), UTC)
    end = start + timedelta(days=1)
    async with connection.transaction():
        await connection.execute(f"SET LOCAL lock_timeout = {LOCK_TIMEOUT_MS}")
        await connection.execute("SELECT pg_advisory_xact_lock($1)", LOCK_KEY)
        if await connection.fetchval("SELECT to_regclass($1)", name) is not None:
            return False
        await connection.execute(f"CREATE TABLE {name} (LIKE {table} INCLUDING ALL)")
        await connection.execute(f"LOCK TABLE {default} IN ACCESS EXCLUSIVE MODE")
        moved = await _move(connection, default, name, (start, end), shard)
        await connection.execute(
            f"ALTER TABLE {table} ATTACH PARTITION {name}"
            f" FOR VALUES FROM ('{start.isoformat()}') TO ('{end.isoformat()}')"
        )
    _log.info("partition made", partition=name, moved_rows=moved)
    return True


async def _move(
    connection: Connection, default: str, name: str, span: tuple[datetime, datetime], shard: int
) -> int:
    """Take the rows of a day out of DEFAULT, and note where those of each step now lie."""
    moved = await connection.fetch(
        f"WITH moved AS (DELETE FROM {default} WHERE at >= $1 AND at < $2 RETURNING *),"  # noqa: S608  our own table names
        f" placed AS (INSERT INTO {name} SELECT * FROM moved RETURNING step)"
        " SELECT step, count(*)::integer AS rows FROM placed GROUP BY step",
        *span,
    )
    if moved:
        await connection.execute(
            f"UPDATE {name} SET quality = quality & $1",  # noqa: S608  our own table names
            ~int(Quality.DEFAULT_PARTITION),
        )
        await note_parts(connection, shard, {(row["step"], name): row["rows"] for row in moved})
    return sum(row["rows"] for row in moved)


async def note_parts(connection: Connection, shard: int, parts: dict[tuple[int, str], int]) -> None:
    """Add to ``step_part`` how many rows of a step went into a partition: {(step, name): rows}."""
    if not parts:
        return
    ordered = sorted(parts)
    await connection.execute(
        "INSERT INTO step_part (step, shard, partition, rows)"
        " SELECT s, $1, p, r FROM unnest($2::integer[], $3::text[], $4::integer[]) AS n (s, p, r)"
        " ON CONFLICT (step, shard, partition) DO UPDATE SET rows = step_part.rows + excluded.rows",
        shard,
        [step for step, _ in ordered],
        [name for _, name in ordered],
        [parts[part] for part in ordered],
    )


def _day_of(name: str, table: str) -> int | None:
    digits = name.removeprefix(f"{table}_")
    if len(digits) != len("20261122") or not digits.isdecimal():
        return None
    return (date(int(digits[:4]), int(digits[4:6]), int(digits[6:])) - _EPOCH).days
