"""Numbered SQL, applied forward: each file once, in its own transaction, never changed afterwards.

    storage/schema/0001_registry.sql, 0002_reading.sql, …  →  table migration

Forward only: an older program refuses a newer database.  Any number of programs may start at once;
an advisory lock makes them take turns.
"""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Final, TypeAlias

import asyncpg

from wattwarden.storage.errors import SchemaError, StorageError

# Quoted: generic for type checkers only.
Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

# The oldest server whose SQL the schema is written for.
MIN_SERVER_MAJOR: Final = 15
FILE_NAME: Final = re.compile(r"(\d{4})_([a-z0-9_]+)\.sql")
# Any number that nobody else takes in the same database: "wattward" as bytes.
LOCK_KEY: Final = int.from_bytes(b"wattward", "big")
# A change of a table waits for those who use it, and everybody later waits behind it: give up
# before meters notice, and try again.
LOCK_TIMEOUT_MS: Final = 10_000
# A step may read the largest table whole, and who comes second waits for all of them; the limit of
# a connection is that of a page's query, and no large step would ever get through it.
STEP_TIMEOUT_S: Final = 6 * 3600.0

TABLE: Final = """
CREATE TABLE IF NOT EXISTS migration (
    number integer PRIMARY KEY,
    name text NOT NULL,
    sha256 text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
)
"""


@dataclass(frozen=True, slots=True)
class Migration:
    """One step of the schema: ``number`` from 1 without gaps, its ``sql`` one transaction."""

    number: int
    name: str
    sql: str

    @property
    def sha256(self) -> str:
        """Hash of the SQL, hexadecimal."""
        return hashlib.sha256(self.sql.encode()).hexdigest()

    def __str__(self) -> str:
        return f"{self.number:04d}_{self.name}"


def load_migrations(folder: Traversable | None = None) -> tuple[Migration, ...]:
    """Read ``NNNN_name.sql`` from a folder, from the package's own by default, in order.

    Raises:
        ValueError: A file is named otherwise, or the numbers are not 1, 2, 3…
    """
    files = (folder or resources.files("wattwarden.storage.schema")).iterdir()
    migrations = []
    for file in files:
        if file.name.endswith(".sql"):
            named = FILE_NAME.fullmatch(file.name)
            if named is None:
                message = f"{file.name} is not named NNNN_name.sql"
                raise ValueError(message)
            migrations.append(Migration(int(named[1]), named[2], file.read_text("utf-8")))
    ordered = tuple(sorted(migrations, key=lambda migration: migration.number))
    _check_numbers(ordered)
    return ordered


async def migrate(connection: Connection, migrations: Sequence[Migration]) -> list[str]:
    """Bring a database to the last migration; nothing happens when it is there already.

    A failing migration leaves those before it applied and nothing of itself.

    Args:
        connection: A connection of the database's owner, not in a transaction.
        migrations: All of them, from number 1.

    Returns:
        The names of those applied now, ``0001_registry`` first.

    Raises:
        SchemaError: The server is too old, the database is newer than the program, an applied
            migration has changed, or one fails; retryable when only a lock was not free.
        StorageError: The connection broke; retryable.
        ValueError: The numbers are not 1, 2, 3…
    """
    _check_numbers(migrations)
    major = connection.get_server_version().major
    if major < MIN_SERVER_MAJOR:
        message = f"the server is PostgreSQL {major}, {MIN_SERVER_MAJOR} or newer is needed"
        raise SchemaError(message, cure="upgrade it, or leave out --dsn to use the embedded one")
    try:
        return await _take_turn(connection, migrations)
    except (OSError, asyncpg.PostgresConnectionError, asyncpg.InterfaceError) as error:
        message = f"the database went away during the migration: {error}"
        raise StorageError(message, retryable=True) from error


async def _take_turn(connection: Connection, migrations: Sequence[Migration]) -> list[str]:
    await connection.execute("SELECT pg_advisory_lock($1)", LOCK_KEY, timeout=STEP_TIMEOUT_S)
    try:
        known = await _applied(connection)
        _check_applied(known, migrations)
        pending = migrations[len(known) :]
        for migration in pending:
            await _apply(connection, migration)
    finally:
        if not connection.is_closed():
            await connection.execute("SELECT pg_advisory_unlock($1)", LOCK_KEY)
    return [str(migration) for migration in pending]


async def _applied(connection: Connection) -> list[asyncpg.Record]:
    try:
        # Looked for first: CREATE … IF NOT EXISTS says a NOTICE every time and needs the right.
        if await connection.fetchval("SELECT to_regclass('migration')") is None:
            await connection.execute(TABLE)
        return await connection.fetch("SELECT number, name, sha256 FROM migration ORDER BY number")
    except asyncpg.InsufficientPrivilegeError as error:
        message = f"the role may not make tables: {error}"
        raise SchemaError(message, cure="ALTER DATABASE … OWNER TO the role of the DSN") from error


def _check_numbers(migrations: Sequence[Migration]) -> None:
    numbers = [migration.number for migration in migrations]
    if numbers != list(range(1, len(numbers) + 1)):
        message = f"migrations are numbered {numbers}, not 1, 2, 3 without gaps"
        raise ValueError(message)


def _check_applied(known: Sequence[asyncpg.Record], migrations: Sequence[Migration]) -> None:
    """Refuse unless what was applied is where this program's list begins."""
    for row, migration in zip(known, migrations, strict=False):
        if (row["number"], row["sha256"]) != (migration.number, migration.sha256):
            message = f"{migration} is not what was applied as {row['number']:04d}_{row['name']}"
            cure = "run the version of the program that made this database, then a newer one"
            raise SchemaError(message, cure=cure)
    if len(known) > len(migrations):
        newest = known[-1]
        message = (
            f"the database has migration {newest['number']:04d}_{newest['name']}, "
            f"this program knows {len(migrations)}"
        )
        raise SchemaError(message, cure="run a newer version of the program: there is no way back")


async def _apply(connection: Connection, migration: Migration) -> None:
    try:
        async with connection.transaction():
            await connection.execute(f"SET LOCAL lock_timeout = {LOCK_TIMEOUT_MS}")
            await connection.execute(migration.sql, timeout=STEP_TIMEOUT_S)
            if not connection.is_in_transaction():
                message = f"{migration} ended its own transaction; part of it may have stayed"
                raise SchemaError(message, cure="take COMMIT and ROLLBACK out of the file")
            await connection.execute(
                "INSERT INTO migration (number, name, sha256) VALUES ($1, $2, $3)",
                migration.number,
                migration.name,
                migration.sha256,
            )
    except asyncpg.LockNotAvailableError as error:
        message = f"{migration} waited {LOCK_TIMEOUT_MS} ms for a table in use"
        cure = "start again when less is going on, or stop the other roles first"
        raise SchemaError(message, cure=cure, retryable=True) from error
    except asyncpg.PostgresError as error:
        message = f"{migration} failed and left nothing behind: {error}"
        raise SchemaError(message, cure="report it with the server's log") from error
