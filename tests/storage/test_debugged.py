"""Which meters are debugged: the newest word on each, while its time lasts."""

from datetime import UTC, datetime, timedelta

import pytest

from wattwarden.storage.database import Connection, connect
from wattwarden.storage.debugged import LONGEST, debug_meter, load_debugged
from wattwarden.storage.errors import StorageError
from wattwarden.storage.people.log import Deed, events_before


async def test_the_newest_word_on_a_meter_counts_while_its_time_lasts(store: Connection) -> None:
    now = datetime.now(UTC)
    assert await load_debugged(store) == []
    for meter, minutes in (("a:1", 5), ("b:2", 5), ("a:1", 9), ("c:3", -1), ("b:2", 0)):
        until = now + timedelta(minutes=minutes)
        await debug_meter(store, meter, until, actor="me", address="here")
    [found] = await load_debugged(store)
    assert (found.meter, found.until, found.actor) == ("a:1", now + timedelta(minutes=9), "me")


async def test_who_debugs_a_meter_stands_among_what_was_done(store: Connection) -> None:
    until = datetime.now(UTC) + timedelta(minutes=5)
    await debug_meter(store, "a:1", until, actor="me", address="here")
    [event] = await events_before(store, 2**31, 10)
    assert (event.deed, event.actor, event.address) == (Deed.DEBUGGED, "me", "here")
    assert event.detail == f"a:1 until {until.isoformat()}"


async def test_nobody_debugs_a_meter_for_ever(store: Connection) -> None:
    until = datetime.now(UTC) + LONGEST + timedelta(minutes=1)
    with pytest.raises(ValueError, match="at most 24 hours"):
        await debug_meter(store, "a:1", until, actor="me", address="here")
    assert await events_before(store, 2**31, 10) == []


async def test_a_database_that_is_away_is_said_to_be(store_dsn: str) -> None:
    connection = await connect(store_dsn, name="debugging")
    connection.terminate()
    until = datetime.now(UTC) + timedelta(minutes=5)
    with pytest.raises(StorageError, match="debugging a meter"):
        await debug_meter(connection, "a:1", until, actor="me", address="here")
