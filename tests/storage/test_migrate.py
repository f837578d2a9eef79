import asyncio
import hashlib
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncpg
import pytest

from wattwarden.storage import migrate as migrate_module
from wattwarden.storage.engines.postgres import EmbeddedPostgres
from wattwarden.storage.errors import SchemaError, StorageError
from wattwarden.storage.migrate import Connection, Migration, load_migrations, migrate

METERS = Migration(1, "meters", "CREATE TABLE meter (id int PRIMARY KEY)")
LINES = Migration(2, "lines", "CREATE TABLE line (id int); INSERT INTO line VALUES (1), (2)")
BROKEN = Migration(3, "broken", "CREATE TABLE half (id int); SELECT 1 / 0")


@pytest.fixture(scope="module")
def postgres(cluster_folder: Path) -> Iterator[EmbeddedPostgres]:
    """One server for all of them."""
    engine = EmbeddedPostgres(cluster_folder)
    asyncio.run(engine.start())
    yield engine
    asyncio.run(engine.stop())


@pytest.fixture
async def connection(postgres: EmbeddedPostgres) -> AsyncIterator[Connection]:
    """A connection to an empty schema."""
    connection = await asyncpg.connect(postgres.dsn)
    await connection.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    yield connection
    await connection.close()


async def tables(connection: Connection) -> set[str]:
    rows = await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    return {row["tablename"] for row in rows}


async def test_an_empty_database_gets_everything_once(connection: Connection) -> None:
    assert await migrate(connection, [METERS]) == ["0001_meters"]
    assert await migrate(connection, [METERS, LINES]) == ["0002_lines"]
    assert await migrate(connection, (METERS, LINES)) == []

    rows = await connection.fetch("SELECT * FROM migration ORDER BY number")
    assert [(row["number"], row["name"], row["sha256"]) for row in rows] == [
        (1, "meters", hashlib.sha256(METERS.sql.encode()).hexdigest()),
        (2, "lines", hashlib.sha256(LINES.sql.encode()).hexdigest()),
    ]
    assert rows[0]["applied_at"].tzinfo is not None
    assert await connection.fetchval("SELECT count(*) FROM line") == 2


async def test_nothing_to_do_is_done_silently(connection: Connection) -> None:
    notices: list[object] = []
    connection.add_log_listener(lambda _connection, message: notices.append(message))

    await migrate(connection, [METERS])
    await migrate(connection, [METERS])

    assert notices == []


async def test_a_failing_migration_leaves_those_before_it_and_nothing_of_itself(
    connection: Connection,
) -> None:
    with pytest.raises(SchemaError, match=r"0003_broken failed .* division by zero") as raised:
        await migrate(connection, [METERS, LINES, BROKEN])

    assert not raised.value.retryable
    assert await tables(connection) == {"migration", "meter", "line"}
    mended = Migration(3, "broken", "CREATE TABLE whole (id int)")
    assert await migrate(connection, [METERS, LINES, mended]) == ["0003_broken"]


async def test_an_applied_migration_that_changed_is_refused(connection: Connection) -> None:
    await migrate(connection, [METERS])
    changed = Migration(1, "meters", METERS.sql + " -- better")

    with pytest.raises(SchemaError, match="0001_meters is not what was applied as 0001_meters"):
        await migrate(connection, [changed, LINES])
    assert "line" not in await tables(connection)


async def test_a_newer_database_is_refused_with_a_cure(connection: Connection) -> None:
    await migrate(connection, [METERS, LINES])

    with pytest.raises(
        SchemaError, match="has migration 0002_lines, this program knows 1"
    ) as raised:
        await migrate(connection, [METERS])
    assert raised.value.cure.startswith("run a newer version")


async def test_runners_that_start_together_take_turns(
    connection: Connection, postgres: EmbeddedPostgres
) -> None:
    others = [await asyncpg.connect(postgres.dsn) for _ in range(3)]
    slow = Migration(1, "slow", "CREATE TABLE once (id int); SELECT pg_sleep(0.05)")

    done = await asyncio.gather(*(migrate(one, [slow]) for one in (connection, *others)))

    for other in others:
        await other.close()
    assert sorted(done) == [[], [], [], ["0001_slow"]]


async def test_a_step_and_who_waits_for_it_may_take_longer_than_a_query(
    connection: Connection, postgres: EmbeddedPostgres
) -> None:
    del connection  # it has emptied the schema
    hasty = [await asyncpg.connect(postgres.dsn, command_timeout=0.2) for _ in range(2)]
    slow = Migration(1, "slow", "CREATE TABLE once (id int); SELECT pg_sleep(0.5)")

    done = await asyncio.gather(*(migrate(one, [slow]) for one in hasty))

    for one in hasty:
        await one.close()
    assert sorted(done) == [[], ["0001_slow"]]


async def test_the_lock_is_free_after_a_failure(
    connection: Connection, postgres: EmbeddedPostgres
) -> None:
    with pytest.raises(SchemaError):
        await migrate(connection, [METERS, LINES, BROKEN])
    other = await asyncpg.connect(postgres.dsn)

    async with asyncio.timeout(60):
        assert await migrate(other, [METERS, LINES]) == []
    await other.close()


async def test_a_table_in_use_is_waited_for_briefly_and_can_be_tried_again(
    connection: Connection, postgres: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrate_module, "LOCK_TIMEOUT_MS", 20)
    await migrate(connection, [METERS])
    widened = Migration(2, "wider", "ALTER TABLE meter ADD COLUMN name text")
    user = await asyncpg.connect(postgres.dsn)
    async with user.transaction():
        await user.fetch("SELECT * FROM meter")
        with pytest.raises(SchemaError, match="0002_wider waited 20 ms") as raised:
            await migrate(connection, [METERS, widened])
    await user.close()

    assert raised.value.retryable
    assert await migrate(connection, [METERS, widened]) == ["0002_wider"]


async def test_a_migration_that_ends_its_own_transaction_is_refused(
    connection: Connection,
) -> None:
    sneaky = Migration(1, "sneaky", "CREATE TABLE stays (id int); COMMIT")

    with pytest.raises(SchemaError, match="0001_sneaky ended its own transaction"):
        await migrate(connection, [sneaky])
    assert await connection.fetchval("SELECT count(*) FROM migration") == 0


async def test_a_role_that_may_not_make_tables_is_told_so(connection: Connection) -> None:
    await connection.execute("REVOKE CREATE ON SCHEMA public FROM wattwarden")

    with pytest.raises(SchemaError, match="may not make tables"):
        await migrate(connection, [METERS])


async def test_a_database_that_goes_away_can_be_tried_again(
    connection: Connection, postgres: EmbeddedPostgres
) -> None:
    suicide = Migration(1, "suicide", "SELECT pg_terminate_backend(pg_backend_pid())")

    with pytest.raises(StorageError, match="went away") as raised:
        await migrate(connection, [suicide])

    assert raised.value.retryable
    assert postgres.poll() is None


async def test_a_server_that_is_too_old_is_refused(
    connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrate_module, "MIN_SERVER_MAJOR", 99)

    with pytest.raises(SchemaError, match=r"is PostgreSQL 1[0-9], 99 or newer is needed") as raised:
        await migrate(connection, [METERS])
    assert "upgrade" in raised.value.cure
    assert await tables(connection) == set()


async def test_numbers_with_gaps_are_a_mistake_of_ours(connection: Connection) -> None:
    with pytest.raises(ValueError, match=r"numbered \[2\]"):
        await migrate(connection, [LINES])


def test_files_are_read_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    (tmp_path / "0002_lines.sql").write_text("SELECT '线'\r\n", "utf-8", newline="")
    (tmp_path / "0001_meters.sql").write_text("SELECT 1\n")
    (tmp_path / "__init__.py").write_text("")

    first, second = load_migrations(tmp_path)

    assert (first.number, first.name, first.sql) == (1, "meters", "SELECT 1\n")
    # A checkout with other line ends is the same migration.
    assert second.sha256 == Migration(2, "lines", "SELECT '线'\n").sha256


@pytest.mark.parametrize("name", ["1_meters.sql", "0001-meters.sql", "0001_Meters.sql", "x.sql"])
def test_a_file_named_otherwise_is_a_mistake_of_ours(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text("")

    with pytest.raises(ValueError, match="is not named NNNN"):
        load_migrations(tmp_path)


@pytest.mark.parametrize("names", [("0002_a",), ("0001_a", "0001_b"), ("0000_a",)], ids=str)
def test_files_with_gaps_or_twins_are_a_mistake_of_ours(
    names: tuple[str, ...], tmp_path: Path
) -> None:
    for name in names:
        (tmp_path / f"{name}.sql").write_text("")

    with pytest.raises(ValueError, match="not 1, 2, 3 without gaps"):
        load_migrations(tmp_path)


def test_the_packages_own_migrations_are_in_order() -> None:
    numbers = [migration.number for migration in load_migrations()]

    assert numbers == list(range(1, len(numbers) + 1))
