"""All rows of a database as of one moment, while it is written to.

    snapshot ── held by one connection ──► each table copied in a transaction of its own, as of it

No table is locked longer than its own copy takes, except that days' partitions are not dropped
meanwhile: a writer that makes tomorrow's partition would wait for us otherwise, and meters for it.
What the database forgets by vacuuming waits until the snapshot is let go.
"""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final

import asyncpg
import zstandard

from wattwarden.storage.backup.errors import BackupError
from wattwarden.storage.backup.files import BackupFolder
from wattwarden.storage.backup.manifest import Applied, SequenceFact, TableFact
from wattwarden.storage.backup.tables import Table, sequences_of, tables_of
from wattwarden.storage.database import Connection, connect, errors

# COPY's text shrinks to a tenth at this level, as fast as the server sends it.
ZSTD_LEVEL: Final = 3
# A partition can go between our list and our lock; twice in a row it is no coincidence any more.
ATTEMPTS: Final = 5
_NEVER: Final = "SET LOCAL idle_in_transaction_session_timeout = 0"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One moment of a database, and what is found in it then."""

    id: str
    connection: Connection
    tables: tuple[Table, ...]
    schema: tuple[Applied, ...]
    positions: dict[int, int]


@contextlib.asynccontextmanager
async def snapshot(dsn: str) -> AsyncIterator[Snapshot]:
    """Hold a moment of a database, as long as the block lasts.

    Raises:
        BackupError: There is no system in it.
        StorageError: It is away.
    """
    connection = await connect(dsn, name="backup", command_timeout_s=None)
    try:
        with errors("taking a snapshot of the database"):
            yield await _held(connection)
    finally:
        connection.terminate()


async def dump(dsn: str, held: Snapshot, folder: BackupFolder) -> list[TableFact]:
    """Write the rows of every table, as of a snapshot; return what was written.

    Raises:
        BackupError: The database was brought to another schema meanwhile.
        StorageError: It is away.
    """
    connection = await connect(dsn, name="backup", command_timeout_s=None)
    try:
        with errors("copying the database"):
            written = [await _copied(connection, held.id, one, folder) for one in held.tables]
            if await _applied(connection) != held.schema:
                message = "the database was upgraded while it was copied"
                raise BackupError(message, cure="make the backup again", retryable=True)
        return written
    finally:
        connection.terminate()


async def last_values(held: Snapshot) -> tuple[SequenceFact, ...]:
    """Return where sequences stand: at or beyond every row of the snapshot."""
    with errors("looking at sequences"):
        found = await sequences_of(held.connection)
    return tuple(SequenceFact(name, last) for name, last in found.items())


async def _held(connection: Connection) -> Snapshot:
    for _ in range(ATTEMPTS):
        # Read only and repeatable read: all that is asked in it is as of its first question.
        await connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        await connection.execute(_NEVER)
        if await connection.fetchval("SELECT to_regclass('migration')") is None:
            message = "the database holds no tables of this program"
            raise BackupError(message, cure="see that --data or --dsn names the right system")
        tables = await tables_of(connection)
        try:
            days = [f'"{one.name}"' for one in tables if one.parent is not None]
            if days:
                await connection.execute(f"LOCK TABLE {', '.join(days)} IN ACCESS SHARE MODE")
        except asyncpg.UndefinedTableError:
            await connection.execute("ROLLBACK")
            continue
        held = await connection.fetchval("SELECT pg_export_snapshot()")
        rows = await connection.fetch("SELECT shard, sequence FROM journal_position")
        positions = {row["shard"]: row["sequence"] for row in rows}
        return Snapshot(held, connection, tuple(tables), await _applied(connection), positions)
    message = "days of readings were archived while we looked at them"
    raise BackupError(message, cure="make the backup again", retryable=True)


async def _applied(connection: Connection) -> tuple[Applied, ...]:
    rows = await connection.fetch("SELECT number, name, sha256 FROM migration ORDER BY number")
    return tuple(Applied(**dict(row)) for row in rows)


async def _copied(
    connection: Connection, held: str, table: Table, folder: BackupFolder
) -> TableFact:
    path = f"database/{table.name}.copy.zst"
    with folder.create(path) as file:
        packer = zstandard.ZstdCompressor(level=ZSTD_LEVEL, write_checksum=True).compressobj()

        async def take(piece: bytes) -> None:
            file.write(packer.compress(piece))
            folder.share(len(piece))

        async with connection.transaction(isolation="repeatable_read", readonly=True):
            await connection.execute(f"SET TRANSACTION SNAPSHOT '{held}'")
            done = await connection.copy_from_table(
                table.name, columns=table.columns, output=take, timeout=None
            )
        file.write(packer.flush())
    rows = int(done.split()[-1])
    return TableFact(table.name, table.columns, rows, path, table.parent, table.bound)


async def measure_tables(held: Snapshot) -> int:
    """Return about how many bytes the rows of all tables take."""
    with errors("measuring the database"):
        size = await held.connection.fetchval(
            "SELECT coalesce(sum(pg_relation_size(c.oid) + coalesce(pg_relation_size("
            "nullif(c.reltoastrelid, 0)), 0)), 0)::bigint FROM pg_class AS c"
            " WHERE c.relkind = 'r' AND c.relnamespace = current_schema()::regnamespace"
        )
    return int(size)
