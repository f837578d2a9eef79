"""The store of the tests: started once, emptied for each."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

import asyncpg

from wattwarden.storage.database import Connection
from wattwarden.storage.engines.postgres import EmbeddedPostgres
from wattwarden.storage.migrate import load_migrations, migrate
from wattwarden.storage.rows.partitions import Partitions

# 2026-11-21 to 23 have partitions always: making one costs more than all else in most tests.
STORE_DAYS: Final = range(20_778, 20_781)
EMPTY_STORE: Final = "SELECT testing.empty_store()"

# What is emptied is written down once, when the schema stands: to look up tables and constraints
# takes ten times as long as to delete a few rows, and restarting a sequence makes a file.  Nothing
# fires meanwhile: tables that only grow refuse to be emptied, and references hold no order then.
_TABLES: Final = """
SELECT oid::regclass::text FROM pg_class WHERE relnamespace = 'public'::regnamespace
AND relkind IN ('r', 'p') AND NOT relispartition AND relname <> 'migration'
"""
_SEQUENCES: Final = """
SELECT format('setval(%L, %s, false)', sequencename, start_value) FROM pg_sequences
WHERE schemaname = 'public'
"""
_EMPTYING: Final = """
CREATE SCHEMA testing;
CREATE FUNCTION testing.empty_store() RETURNS void LANGUAGE plpgsql
SET session_replication_role = replica AS $$
DECLARE name text;
BEGIN
    FOR name IN SELECT inhrelid::regclass FROM pg_inherits JOIN pg_class ON oid = inhrelid
        WHERE inhparent IN ('reading'::regclass, 'factor'::regclass)
        AND relname !~ 'default|2026112[123]'
    LOOP EXECUTE 'DROP TABLE ' || name; END LOOP;
    {deletions}
    INSERT INTO slice_position (slice) SELECT generate_series(0, 31);
    PERFORM {restarts};
END $$
"""

T = TypeVar("T")


class Hand:
    """A connection that is kept open while tests come and go, each with a loop of its own.

    The first look at sixty tables takes a new connection longer than most tests.
    """

    def __init__(self, dsn: str) -> None:
        self._loop = asyncio.new_event_loop()
        # No statement is remembered: tests alter tables.
        connecting = asyncpg.connect(dsn, statement_cache_size=0)
        self._connection: Connection = self._loop.run_until_complete(connecting)

    def do(self, work: Callable[[Connection], Awaitable[T]]) -> T:
        """Do something in the store, from where no loop runs."""
        return self._loop.run_until_complete(_done(work, self._connection))

    def empty(self) -> None:
        """Empty the store."""
        self.do(lambda connection: connection.execute(EMPTY_STORE))

    def close(self) -> None:
        """Hang up."""
        self._loop.run_until_complete(self._connection.close())
        self._loop.close()


async def _done(work: Callable[[Connection], Awaitable[T]], connection: Connection) -> T:
    return await work(connection)


async def start_with_schema(engine: EmbeddedPostgres, admin_dsn: str) -> None:
    """Start a server that does not wait for the disk, with our schema in it."""
    await engine.start()
    admin = await asyncpg.connect(admin_dsn)
    for setting in ("fsync = off", "full_page_writes = off", "autovacuum = off"):
        await admin.execute(f"ALTER SYSTEM SET {setting}")
    await admin.execute("SELECT pg_reload_conf()")
    await admin.execute("GRANT SET ON PARAMETER session_replication_role TO wattwarden")
    await admin.close()
    connection = await asyncpg.connect(engine.dsn)
    await migrate(connection, load_migrations())
    for table in ("reading", "factor"):
        await Partitions(0).ensure(connection, table, STORE_DAYS)
    await connection.execute(await _emptying(connection))
    await connection.close()


async def _emptying(connection: Connection) -> str:
    """Return what makes the function that empties the store as it stands."""
    tables = [row[0] for row in await connection.fetch(_TABLES)]
    restarts = [row[0] for row in await connection.fetch(_SEQUENCES)]
    deletions = "\n    ".join(f"DELETE FROM {name};" for name in tables)  # noqa: S608  our own
    return _EMPTYING.format(deletions=deletions, restarts=", ".join(restarts))
