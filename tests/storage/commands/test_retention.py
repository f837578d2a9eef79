"""Commands that ended long ago are forgotten; what may still be answered, and the record, stay."""

from datetime import UTC, datetime, timedelta

from wattwarden.protocol.command import Command, Verb
from wattwarden.server.chores import RetentionCounters, retention_chore
from wattwarden.server.settings import ArchivistSettings
from wattwarden.storage.commands.listing import find_command, list_commands, record_of
from wattwarden.storage.commands.queue import claim, enter, finish
from wattwarden.storage.commands.retention import forget_commands
from wattwarden.storage.database import Connection
from wattwarden.storage.meters import add_meter

NOW = datetime(2026, 11, 22, 3, tzinfo=UTC)
HOUR = timedelta(hours=1)
KEPT = timedelta(days=ArchivistSettings().commands_days)


async def ask(store: Connection, meter: int, item: str, at: datetime) -> int:
    command = Command(Verb.ASK, (item,))
    return await enter(store, meter, command, actor="li", now=at, expires_at=at + HOUR)


async def ended(store: Connection, meter: int, item: str, at: datetime) -> int:
    number = await ask(store, meter, item, at - HOUR)
    await claim(store, [number], "gw", at - HOUR)
    await finish(store, number, "answered", {"values": {item: 1}}, gateway="gw", now=at)
    return number


async def meter_in(store: Connection) -> int:
    return (await add_meter(store, "hj212", "m1", actor="li", now=NOW)).id


async def test_only_what_ended_goes_and_its_record_stays(store: Connection) -> None:
    meter = await meter_in(store)
    old, young = [await ended(store, meter, f"item{n}", NOW + n * HOUR) for n in range(2)]
    queued, sent = [await ask(store, meter, name, NOW - KEPT) for name in ("time", "power")]
    await claim(store, [sent], "gw", NOW - KEPT)
    assert await forget_commands(store, NOW + HOUR, 100) == 1
    assert await find_command(store, old) is None
    assert {one.id for one in await list_commands(store)} == {young, queued, sent}
    assert [one.what for one in await record_of(store, old)] == ["entered", "sent", "answered"]


async def test_the_oldest_go_first_and_no_more_than_are_allowed(store: Connection) -> None:
    meter = await meter_in(store)
    numbers = [await ended(store, meter, f"item{n}", NOW - n * HOUR) for n in range(3)]
    assert await forget_commands(store, NOW + HOUR, 2) == 2
    assert [one.id for one in await list_commands(store)] == numbers[:1]


async def test_the_chore_counts_what_it_forgets(store: Connection, store_dsn: str) -> None:
    meter = await meter_in(store)
    await ended(store, meter, "time", NOW - KEPT - HOUR)
    young = await ended(store, meter, "power", NOW - KEPT + HOUR)
    counters = RetentionCounters()
    await retention_chore(store_dsn, ArchivistSettings(), counters).do(NOW)
    assert counters == RetentionCounters(commands=1)
    assert [one.id for one in await list_commands(store)] == [young]
