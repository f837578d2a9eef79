"""Which writer takes which shards."""

import asyncpg

from wattwarden.storage import presence
from wattwarden.storage.database import Connection, session_name
from wattwarden.storage.rows.shards import leave_shards, release_shards, share_shards


async def test_a_writer_alone_has_all_shards(store: Connection) -> None:
    shares = await share_shards(store, "w1", 5)
    assert (shares.held, shares.surplus) == (dict.fromkeys(range(5), 1), ())
    assert await share_shards(store, "w1", 5) == shares


async def test_a_second_one_gets_its_half_once_the_first_has_let_go(store: Connection) -> None:
    await share_shards(store, "w1", 5)
    assert (await share_shards(store, "w2", 5)).held == {}
    first = await share_shards(store, "w1", 5)
    assert first.surplus == (3, 4)
    assert (await share_shards(store, "w2", 5)).held == {}
    await release_shards(store, "w1", first.surplus)
    assert (await share_shards(store, "w2", 5)).held == {3: 2, 4: 2}
    assert (await share_shards(store, "w1", 5)).surplus == ()


async def test_who_leaves_leaves_everything_at_once(store: Connection) -> None:
    await share_shards(store, "w1", 2)
    await leave_shards(store, "w1")
    assert (await share_shards(store, "w2", 2)).held == {0: 2, 1: 2}
    await release_shards(store, "w1", (0, 1))
    assert (await share_shards(store, "w2", 2)).held == {0: 2, 1: 2}


async def test_shards_of_who_is_gone_are_taken_and_his_sessions_ended(
    store: Connection, store_dsn: str
) -> None:
    names = ("w1", "writer 0", "somebody")
    settings = [{"application_name": session_name(name)} for name in names]
    sessions = [await asyncpg.connect(store_dsn, server_settings=one) for one in settings]
    await share_shards(store, "w1", 2)
    # Without a session he would be gone by now; not seen for longer, he is all the same.
    # Somebody is there: where nobody was seen, the database was away.
    await presence.be_seen(store, "writer", "w2")
    await store.execute(
        "UPDATE writer SET seen_at = clock_timestamp() - interval '3 s' WHERE holder = 'w1'"
    )
    assert (await share_shards(store, "w2", 2)).held == {}
    await store.execute("UPDATE writer SET seen_at = now() - interval '6 s' WHERE holder = 'w1'")
    assert (await share_shards(store, "w2", 2)).held == {0: 2, 1: 2}
    for session, lives in zip(sessions, (False, False, True), strict=True):
        try:
            await session.execute("SELECT 1")
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
            assert not lives
        except asyncpg.InternalClientError:
            # The server's last word was read, the end of the connection not yet.
            assert not lives
        else:
            assert lives
        await session.close(timeout=1)


async def test_a_writer_that_was_killed_is_gone_after_seconds(store: Connection) -> None:
    await share_shards(store, "w1", 2)
    # Somebody is there: where nobody was seen, the database was away.
    await presence.be_seen(store, "writer", "w2")
    await store.execute(
        "UPDATE writer SET seen_at = clock_timestamp() - interval '3 s' WHERE holder = 'w1'"
    )
    assert (await share_shards(store, "w2", 2)).held == {0: 2, 1: 2}
