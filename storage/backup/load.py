"""A backup's rows into an empty database, all of them or none.

schema as the backup has it ─► days' partitions ─► rows, triggers off, references dropped
─► references made again, which checks them ─► sequences ─► commit ─► migrations since
"""

from collections.abc import AsyncIterator, Iterable, Sequence
from pathlib import Path
from typing import Final

import zstandard

from wattwarden.storage.backup.errors import BackupError, DamagedError, OccupiedError
from wattwarden.storage.backup.files import Tell
from wattwarden.storage.backup.manifest import Manifest, TableFact
from wattwarden.storage.backup.tables import (
    BOUND,
    DAILY,
    Reference,
    count_relations,
    references_of,
    tables_of,
)
from wattwarden.storage.database import Connection, errors
from wattwarden.storage.migrate import LOCK_KEY, TABLE, Migration, migrate

PIECE_BYTES: Final = 1024 * 1024
# Transactions are numbered anew in another server: before the first of them is before all.
NO_TRANSACTION: Final = "0"


def check_schema(manifest: Manifest, migrations: Sequence[Migration]) -> None:
    """Refuse a backup whose schema this program does not know.

    Raises:
        BackupError: It is newer than the program, or of another one.
    """
    for had, ours in zip(manifest.schema, migrations, strict=False):
        if (had.number, had.sha256) != (ours.number, ours.sha256):
            message = f"the backup has {had.number:04d}_{had.name} otherwise than this program"
            raise BackupError(message, cure=f"restore it with wattwarden {manifest.program}")
    if len(manifest.schema) > len(migrations):
        newest = manifest.schema[-1]
        message = (
            f"the backup has migration {newest.number:04d}_{newest.name},"
            f" this program knows {len(migrations)}"
        )
        cure = f"restore it with wattwarden {manifest.program} or newer: there is no way back"
        raise BackupError(message, cure=cure)


async def check_empty(connection: Connection) -> None:
    """Refuse a database that holds something.

    Raises:
        OccupiedError: It does.
        StorageError: It is away.
    """
    with errors("looking whether the database is empty"):
        count = await count_relations(connection)
    if count:
        message = f"the database holds {count} tables and sequences already"
        cure = "give an empty one (createdb), or drop this one and make it again"
        raise OccupiedError(message, cure=cure)


async def load(
    connection: Connection,
    root: Path,
    manifest: Manifest,
    migrations: Sequence[Migration],
    days_store: str,
    tell: Tell = int,
) -> list[str]:
    """Fill an empty database with a backup, verified before; then bring it up to date.

    Args:
        connection: Of the database's owner, without a timeout for its commands.
        root: The backup.
        manifest: What it holds; ``check_schema`` has passed.
        migrations: All of this program's.
        days_store: Where the files of closed days lie from now on.
        tell: Hears of bytes as they are read.

    Returns:
        The migrations applied after it, by name.

    Raises:
        OccupiedError: The database holds something.
        DamagedError: The rows are not those of the manifest.
        StorageError: The database is away; nothing was changed.
    """
    with errors("restoring the database"):
        # Whoever starts meanwhile waits, as for a migration.
        await connection.execute("SELECT pg_advisory_lock($1)", LOCK_KEY)
        try:
            await check_empty(connection)
            async with connection.transaction():
                await _fill(connection, root, manifest, migrations, tell)
                await _moved(connection, manifest, days_store)
        finally:
            if not connection.is_closed():
                await connection.execute("SELECT pg_advisory_unlock($1)", LOCK_KEY)
    applied = await migrate(connection, migrations)
    with errors("counting what was restored"):
        await connection.execute("ANALYZE")
    return applied


async def _fill(
    connection: Connection,
    root: Path,
    manifest: Manifest,
    migrations: Sequence[Migration],
    tell: Tell,
) -> None:
    await connection.execute(TABLE)
    for migration in migrations[: len(manifest.schema)]:
        await connection.execute(migration.sql)
    names = [one.name for one in await tables_of(connection)]
    await _check_tables(manifest, names)
    references = await references_of(connection)
    await _let_go(connection, names, references)
    for table in manifest.tables:
        await _load_table(connection, root, table, tell)
    await _hold_again(connection, names, references)
    for sequence in manifest.sequences:
        await connection.fetchval(
            "SELECT setval(quote_ident($1)::regclass, $2)", sequence.name, sequence.last
        )


async def _check_tables(manifest: Manifest, made: Iterable[str]) -> None:
    """See that the backup's tables are those that its migrations make, and days' partitions."""
    there, known = {one.name for one in manifest.tables if one.parent is None}, set(made)
    if there != known:
        odd = ", ".join(sorted(there ^ known)[:5])
        message = f"tables of the backup are not those of its schema: {odd}"
        raise BackupError(
            message, cure="take out of the database what is not this program's, and back up again"
        )
    for one in manifest.tables:
        if one.parent is None:
            continue
        if DAILY.fullmatch(one.name) is None or not one.name.startswith(f"{one.parent}_"):
            message = f"{one.name} is no day of {one.parent}"
            raise DamagedError(message)
        if one.bound is None or BOUND.fullmatch(one.bound) is None:
            message = f"{one.name} has no day's bounds: {one.bound}"
            raise DamagedError(message)


async def _let_go(
    connection: Connection, names: Iterable[str], references: Iterable[Reference]
) -> None:
    """Take away what would act on rows or refuse their order, and what migrations put in."""
    for one in references:
        await connection.execute(f'ALTER TABLE "{one.table}" DROP CONSTRAINT "{one.name}"')
    for name in names:
        await connection.execute(f'ALTER TABLE "{name}" DISABLE TRIGGER USER')
    await connection.execute(f"TRUNCATE {', '.join(map(_quoted, names))}")


async def _hold_again(
    connection: Connection, names: Iterable[str], references: Iterable[Reference]
) -> None:
    for one in references:
        await connection.execute(
            f'ALTER TABLE "{one.table}" ADD CONSTRAINT "{one.name}" {one.definition}'
        )
    for name in names:
        await connection.execute(f'ALTER TABLE "{name}" ENABLE TRIGGER USER')


async def _load_table(connection: Connection, root: Path, table: TableFact, tell: Tell) -> None:
    if table.parent is not None:
        # Without indexes: they are built at once when the partition is attached.
        await connection.execute(
            f'CREATE TABLE "{table.name}" (LIKE "{table.parent}" INCLUDING ALL EXCLUDING INDEXES)'
        )
    if table.rows:
        done = await connection.copy_to_table(
            table.name,
            columns=table.columns,
            source=_pieces(root / table.path, tell),
            timeout=None,
        )
        if int(done.split()[-1]) != table.rows:
            message = f"{table.path} gave {done.split()[-1]} rows, not {table.rows}"
            raise DamagedError(message)
    if table.parent is not None:
        await connection.execute(
            f'ALTER TABLE "{table.parent}" ATTACH PARTITION "{table.name}" {table.bound}'
        )


async def _pieces(path: Path, tell: Tell) -> AsyncIterator[bytes]:
    unpacker = zstandard.ZstdDecompressor().decompressobj()
    with path.open("rb") as file:
        while piece := file.read(PIECE_BYTES):
            tell(len(piece))
            if out := unpacker.decompress(piece):
                yield out


async def _moved(connection: Connection, manifest: Manifest, days_store: str) -> None:
    """Let the catalogue of closed days say where their files lie now.

    Which rows came after a file was written was told by the old server's transactions: none of
    them counts here, so that a file is held against its rows anew before these go.
    """
    if await connection.fetchval("SELECT to_regclass('archive_file')") is None:
        return
    await connection.execute("UPDATE archive_file SET seen_before = $1::text::xid8", NO_TRANSACTION)
    for day in manifest.days:
        await connection.execute(
            "UPDATE archive_file SET store = $1"
            " WHERE kind = $2 AND day = $3::text::date AND generation = $4",
            days_store,
            day.kind,
            day.day,
            day.generation,
        )


def _quoted(name: str) -> str:
    return f'"{name}"'
