"""Commands: queued once, taken by one gateway, ended once, whoever is killed."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from wattwarden.protocol.command import CannotAskError, Command, Verb
from wattwarden.protocol.polling import PollCounters
from wattwarden.storage.commands.counts import Counted, load_counts, tell_counts
from wattwarden.storage.commands.listing import (
    Entered,
    cancel,
    find_command,
    list_commands,
    record_of,
)
from wattwarden.storage.commands.queue import (
    AWAY,
    MOST_QUEUED,
    UNKNOWN_OUTCOME,
    claim,
    enter,
    expire,
    finish,
    hold,
    in_hand,
    waiting,
)
from wattwarden.storage.database import Connection, connect
from wattwarden.storage.errors import StorageError
from wattwarden.storage.meters import add_meter

NOW = datetime(2026, 11, 22, 3, tzinfo=UTC)
HOUR = timedelta(hours=1)
TIME = Command(Verb.ASK, ("time",))


async def meter_in(store: Connection, address: str = "m1") -> int:
    return (await add_meter(store, "hj212", address, actor="li", now=NOW)).id


async def queued(store: Connection, meter: int, command: Command = TIME, **more: Any) -> int:
    given: dict[str, Any] = {"actor": "li", "now": NOW, "expires_at": NOW + HOUR} | more
    return await enter(store, meter, command, **given)


async def found(store: Connection, number: int) -> Entered:
    entered = await find_command(store, number)
    assert entered is not None
    return entered


async def test_a_command_goes_its_way_and_all_of_it_is_recorded(store: Connection) -> None:
    meter = await meter_in(store)
    command = Command(Verb.RECALL, ("minute",), since=1, until=2)
    number = await queued(store, meter, command, channel="1-1")
    (one,) = await waiting(store)
    assert (one.id, one.meter, one.channel, one.command) == (
        number, ("hj212", "m1"), "1-1", command,
    )  # fmt: skip
    assert await claim(store, [number], "gw-1", NOW) == [number]
    assert (await waiting(store), await in_hand(store, "gw-1")) == ([], [number])
    reply = {"values": {"time": "x"}, "message": ""}
    await finish(store, number, "answered", reply, gateway="gw-1", now=NOW)
    done = await found(store, number)
    assert (done.state, done.gateway, done.reply, done.is_open) == (
        "answered", "gw-1", reply, False,
    )  # fmt: skip
    happened = await record_of(store, number)
    assert [(one.what, one.actor) for one in happened] == [
        ("entered", "li"), ("sent", "gw-1"), ("answered", "gw-1"),
    ]  # fmt: skip


async def test_the_record_only_grows(store: Connection) -> None:
    await queued(store, await meter_in(store))
    with pytest.raises(Exception, match="rows are only ever added"):
        await store.execute("DELETE FROM command_event")


async def test_the_same_that_waits_is_the_same(store: Connection) -> None:
    meter = await meter_in(store)
    number = await queued(store, meter)
    assert await queued(store, meter) == number
    assert await queued(store, meter, actor="wang") != number
    assert await queued(store, meter, channel="2") != number
    await claim(store, [number], "gw-1", NOW)
    assert await queued(store, meter) != number


async def test_a_meter_has_so_many_waiting_and_no_more(store: Connection) -> None:
    meter = await meter_in(store)
    await store.execute(
        "INSERT INTO command (meter, body, actor, entered_at, expires_at)"
        " SELECT $1, '{}', 'x', $2, $3 FROM generate_series(1, $4)",
        *(meter, NOW, NOW + HOUR, MOST_QUEUED),
    )
    with pytest.raises(CannotAskError, match="256 commands wait"):
        await queued(store, meter)
    await queued(store, await meter_in(store, "m2"))


async def test_of_two_gateways_one_gets_it(store: Connection, store_dsn: str) -> None:
    number = await queued(store, await meter_in(store))
    other = await connect(store_dsn, name="other")
    try:
        async with store.transaction():
            assert await claim(store, [number], "gw-1", NOW) == [number]
            assert await claim(other, [number], "gw-2", NOW) == []
        assert await claim(other, [number], "gw-2", NOW) == []
    finally:
        await other.close()


async def test_what_is_over_is_not_sent(store: Connection) -> None:
    number = await queued(store, await meter_in(store))
    assert await claim(store, [number], "gw-1", NOW + HOUR) == []
    assert await expire(store, NOW + HOUR, "gw-1") == 1
    done = await found(store, number)
    assert (done.state, done.reply) == ("expired", {"message": AWAY.en, "zh": AWAY.zh})
    assert await expire(store, NOW + HOUR, "gw-1") == 0


async def test_what_a_killed_gateway_had_sent_ends_as_nobody_knows(
    store: Connection, store_dsn: str
) -> None:
    number = await queued(store, await meter_in(store))
    gateway = await connect(store_dsn, name="gateway")
    await hold(gateway, "gw-1")
    await claim(gateway, [number], "gw-1", NOW)
    assert await expire(store, NOW, "gw-2") == 0
    await gateway.close()
    assert await expire(store, NOW, "gw-2") == 1
    done = await found(store, number)
    assert (done.state, done.reply["message"]) == ("expired", UNKNOWN_OUTCOME.en)
    assert await claim(store, [number], "gw-2", NOW) == []


async def test_a_gateway_that_lives_does_not_take_itself_for_dead(
    store: Connection, store_dsn: str
) -> None:
    number = await queued(store, await meter_in(store))
    gateway = await connect(store_dsn, name="gateway")
    try:
        await hold(gateway, "gw-1")
        await claim(gateway, [number], "gw-1", NOW)
        assert await expire(gateway, NOW, "gw-1") == 0
    finally:
        await gateway.close()
    assert (await found(store, number)).state == "sent"


async def test_an_answer_of_who_was_thought_dead_counts_and_a_strangers_does_not(
    store: Connection,
) -> None:
    number = await queued(store, await meter_in(store))
    await claim(store, [number], "gw-1", NOW)
    await expire(store, NOW, "gw-2")
    await finish(store, number, "refused", {}, gateway="gw-2", now=NOW)
    assert (await found(store, number)).state == "expired"
    await finish(store, number, "answered", {}, gateway="gw-1", now=NOW)
    assert (await found(store, number)).state == "answered"
    await finish(store, number, "refused", {}, gateway="gw-1", now=NOW)
    assert (await found(store, number)).state == "answered"


async def test_whatever_a_meter_says_can_be_kept(store: Connection) -> None:
    number = await queued(store, await meter_in(store))
    await claim(store, [number], "gw-1", NOW)
    deep: Any = "end"
    for _ in range(50):
        deep = [deep]
    values = {"a\0": "b\0\ud800", 7: 2**70, "x": float("nan"), "deep": deep, "raw": b"\xff"}
    await finish(store, number, "answered", {"values": values}, gateway="gw-1", now=NOW)
    kept = (await found(store, number)).reply["values"]
    assert (kept["a\\0"], kept["7"], kept["x"]) == ("b\\0\\ud800", str(2**70), None)


async def test_only_what_waits_is_taken_back(store: Connection) -> None:
    number = await queued(store, await meter_in(store))
    await cancel(store, number, actor="wang", now=NOW)
    assert (await found(store, number)).state == "cancelled"
    assert (await record_of(store, number))[-1].actor == "wang"
    with pytest.raises(StorageError, match="cannot be taken back"):
        await cancel(store, number, actor="wang", now=NOW)


async def test_lists_are_by_meter_state_and_whose_they_are(store: Connection) -> None:
    one, other = await meter_in(store, "m1"), await meter_in(store, "m2")
    first, second = await queued(store, one), await queued(store, other)
    await cancel(store, second, actor="x", now=NOW)

    async def ids(**chosen: Any) -> list[int]:
        return [entered.id for entered in await list_commands(store, **chosen)]

    assert await ids() == [second, first]
    assert await ids(meter=one) == [first]
    assert await ids(state="cancelled") == [second]
    assert await ids(meters={"hj212:m1"}) == [first]
    assert await ids(most=1) == [second]
    assert await find_command(store, 99) is None


async def test_counts_of_polls_are_those_of_the_last_connection(store: Connection) -> None:
    for asked in (5, 2):
        counted = Counted("dtu", "861", PollCounters(asked, 1, 2, 3, 4))
        await tell_counts(store, [counted], NOW)
    assert counted.name == "dtu:861"
    row = await load_counts(store, "dtu", "861")
    assert row == {
        "told_at": NOW, "asked": 2, "answered": 1, "timed_out": 2, "silenced": 3, "late": 4,
    }  # fmt: skip
    assert await load_counts(store, "dtu", "862") is None
