"""The writers of one process, begun and ended as shards come and go."""

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest
from tests.storage.store import EMPTY_STORE

from wattwarden.server.shards import Shards
from wattwarden.storage import presence
from wattwarden.storage.database import Connection
from wattwarden.storage.errors import StorageError
from wattwarden.storage.rows.position import Fenced
from wattwarden.storage.rows.shards import share_shards

SHARDS = 4


class FakeWriter:
    """Works until it is stopped, or fails."""

    def __init__(self, error: StorageError | None) -> None:
        self.error = error
        self.done = False
        # Until then it cannot finish its round.
        self.may_finish = asyncio.Event()
        self.may_finish.set()

    async def run(self, stop: asyncio.Event) -> None:
        if self.error is not None:
            raise self.error
        await stop.wait()
        await self.may_finish.wait()
        self.done = True


class Crew:
    """The shards of a process; ``errors`` meet the next writers of a shard."""

    def __init__(self, dsn: str, holder: str = "writer-a") -> None:
        self.made: list[tuple[int, FakeWriter]] = []
        self.errors: dict[int, StorageError] = {}
        self.shards = Shards(dsn, SHARDS, holder, self.make)

    def make(self, shard: int) -> FakeWriter:
        writer = FakeWriter(self.errors.pop(shard, None))
        self.made.append((shard, writer))
        return writer


@pytest.fixture
async def database(store_server: str) -> AsyncIterator[Connection]:
    connection = await asyncpg.connect(store_server)
    await connection.execute(EMPTY_STORE)
    yield connection
    await connection.close()


@pytest.fixture(autouse=True)
def _nobody_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    """However busy the machine is between two rounds."""
    monkeypatch.setattr(presence, "TTL_S", 600.0)
    monkeypatch.setattr(presence, "GRACE_S", 600.0)


async def stopped(crew: Crew) -> None:
    """Run it with the order to stop given already."""
    stop = asyncio.Event()
    stop.set()
    await crew.shards.run(stop)


async def test_it_works_on_what_it_has_and_lets_others_have_their_share(
    database: Connection, store_server: str
) -> None:
    one, other = Crew(store_server), Crew(store_server, "writer-b")
    await one.shards.round()
    assert one.shards.held == [0, 1, 2, 3]
    await other.shards.round()
    assert other.shards.held == []
    one.made[2][1].may_finish.clear()
    await one.shards.round()
    await other.shards.round()
    assert other.shards.held == []
    await one.shards.round()
    assert one.shards.held == [0, 1, 2]
    assert [writer.done for _, writer in one.made] == [False, False, False, True]
    await other.shards.round()
    assert other.shards.held == [3]
    # However long a round takes, who finishes it is seen.
    seen = "SELECT seen_at > $1 FROM writer WHERE holder = 'writer-a'"
    before = await database.fetchval("SELECT clock_timestamp()")
    await one.shards.round()
    assert await database.fetchval(seen, before)
    one.made[2][1].may_finish.set()
    await asyncio.sleep(0)
    await one.shards.round()
    assert one.shards.held == [0, 1]
    await other.shards.round()
    assert other.shards.held == [2, 3]
    await stopped(one)
    await other.shards.round()
    assert other.shards.held == [0, 1, 2, 3]
    await stopped(other)
    assert await database.fetchval("SELECT count(holder) FROM shard_lease") == 0
    assert all(writer.done for crew in (one, other) for _, writer in crew.made)


@pytest.mark.parametrize(("away_s", "held"), [(3600.0, [0, 1]), (0.0, [0, 1, 2, 3])])
async def test_who_comes_back_to_a_database_that_saw_nobody_waits_for_the_others(
    database: Connection,
    store_server: str,
    monkeypatch: pytest.MonkeyPatch,
    away_s: float,
    held: list[int],
) -> None:
    monkeypatch.setattr(presence, "GRACE_S", 30.0)
    one = Crew(store_server)
    await one.shards.round()
    await database.execute(
        "INSERT INTO writer (holder, seen_at) VALUES ('writer-b', now() - interval '1 hour')"
    )
    await database.execute(
        "UPDATE writer SET seen_at = now() - make_interval(secs => $1) WHERE holder = 'writer-a'",
        away_s,
    )
    await database.execute("UPDATE shard_lease SET holder = NULL")
    await one.shards.round()
    ours = "SELECT shard FROM shard_lease WHERE holder = 'writer-a' ORDER BY shard"
    assert [row["shard"] for row in await database.fetch(ours)] == held
    await stopped(one)


@pytest.mark.usefixtures("database")
async def test_a_writer_that_gave_way_begins_anew_while_the_shard_is_ours(
    store_server: str,
) -> None:
    crew = Crew(store_server)
    crew.errors[1] = Fenced(1, 7)
    await crew.shards.round()
    await asyncio.sleep(0)
    await crew.shards.round()
    assert [shard for shard, _ in crew.made] == [0, 1, 2, 3, 1]
    await stopped(crew)


async def test_what_was_taken_is_no_longer_worked_on(
    database: Connection, store_server: str
) -> None:
    crew = Crew(store_server)
    await crew.shards.round()
    await database.execute("DELETE FROM writer")
    assert (await share_shards(database, "thief", SHARDS)).held.keys() == set(range(SHARDS))
    await crew.shards.round()
    await asyncio.sleep(0)
    await crew.shards.round()
    assert crew.shards.held == []
    assert all(writer.done for _, writer in crew.made)
    await stopped(crew)


@pytest.mark.usefixtures("database")
async def test_a_writer_that_cannot_go_on_ends_the_process(
    store_server: str,
) -> None:
    crew = Crew(store_server)
    crew.errors[2] = StorageError("a gap in the journal", retryable=False)
    await crew.shards.round()
    await asyncio.sleep(0)
    with pytest.raises(StorageError, match="a gap"):
        await crew.shards.run(asyncio.Event())
    assert sorted(writer.done for _, writer in crew.made) == [False, True, True, True]


@pytest.mark.usefixtures("database")
async def test_without_a_database_everybody_keeps_what_he_has(
    store_server: str,
) -> None:
    crew = Crew(store_server)
    await crew.shards.round()
    connection = crew.shards._connection
    assert connection is not None
    connection.terminate()
    crew.shards._dsn = "postgresql://nobody@127.0.0.1:9/nothing"
    await crew.shards.round()
    assert crew.shards.held == [0, 1, 2, 3]
    crew.shards._dsn = store_server
    await crew.shards.round()
    assert [shard for shard, _ in crew.made] == [0, 1, 2, 3]
    await stopped(crew)
