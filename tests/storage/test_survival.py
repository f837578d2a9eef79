"""What is stored under a schema survives every later one: rows and values, table by table."""

from collections.abc import AsyncIterator

import asyncpg
import pytest
from tests.storage.survival import Rows, fill, lost, rows_of, shape_of

from wattwarden.storage.database import Connection
from wattwarden.storage.migrate import Migration, load_migrations, migrate

# Taken away on purpose: 0012 enters by what was noted, where 0007 had counted how far it was.
TAKEN_AWAY = {"ledger_position"}
SCHEMA = "survival"


@pytest.fixture
async def connection(store_server: str) -> AsyncIterator[Connection]:
    """A connection to a schema of its own, without anything in it."""
    connection = await asyncpg.connect(
        f"{store_server}&search_path={SCHEMA}", statement_cache_size=0
    )
    await connection.execute(f"CREATE SCHEMA {SCHEMA}")
    yield connection
    await connection.execute(f"DROP SCHEMA {SCHEMA} CASCADE")
    await connection.close()


async def test_rows_of_every_schema_there_was_survive_all_that_came_after(
    connection: Connection,
) -> None:
    migrations = load_migrations()
    known: dict[str, dict[str, tuple[str, int]]] = {}
    before: Rows = {}
    found: dict[int, list[str]] = {}
    for migration in migrations:
        assert await migrate(connection, migrations[: migration.number]) == [str(migration)]
        found[migration.number] = lost(before, await rows_of(connection))

        shape = await shape_of(connection)
        changed = {name for name, columns in shape.items() if known.get(name) != columns}
        await fill(connection, changed, migration.number)
        known, before = shape, await rows_of(connection)

    assert {name for name, rows in before.items() if rows} == known.keys()
    taken = {number: faults for number, faults in found.items() if faults}
    assert list(taken) == [12]
    assert [one.partition(",")[0] for one in taken[12]] == [f"table {one}" for one in TAKEN_AWAY]


@pytest.mark.parametrize(
    ("sql", "says"),
    [
        ("DROP TABLE silence_kept", "table silence_kept, with 2 rows"),
        ("ALTER TABLE silence_kept DROP COLUMN why", "columns why of silence_kept"),
        ("DELETE FROM silence_kept WHERE id = 1", "a row of silence_kept"),
        ("UPDATE silence_kept SET why = 'no' WHERE id = 1", "a row of silence_kept"),
        ("ALTER TABLE silence_kept ALTER why TYPE varchar(3) USING left(why, 3)", "a row of"),
    ],
    ids=["table", "column", "row", "value", "cut"],
)
async def test_a_migration_that_takes_something_away_is_found_out(
    connection: Connection, sql: str, says: str
) -> None:
    first = Migration(1, "first", "CREATE TABLE silence_kept (id integer, why text)")
    await migrate(connection, [first])
    for number in (1, 2):
        await fill(connection, {"silence_kept"}, number)
    before = await rows_of(connection)

    await migrate(connection, [first, Migration(2, "second", sql)])

    faults = lost(before, await rows_of(connection))
    assert faults
    assert all(one.startswith(says) for one in faults)
    assert lost(before, before) == []
