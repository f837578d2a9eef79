"""What is missing is asked for again: when, how often, and what becomes of it."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import numpy as np
import pytest
from tests.storage.feed import START, late, readings, register, small_city, store_rows, store_ticks
from tests.storage.folding import fold
from tests.storage.missing import HOUR, MINUTE, NOON, add_meter, minutes, say

from wattwarden.protocol.command import Command, Verb
from wattwarden.server.meter_chores import (
    MeterChoreCounters,
    clock_chore,
    queue_recalls,
    queue_syncs,
    recall_chore,
)
from wattwarden.storage.database import Connection
from wattwarden.storage.gaps import read_gaps
from wattwarden.storage.moments import moment_of, us_of
from wattwarden.storage.recalls import (
    COMMANDS_PER_METER_HOUR,
    GRACE,
    MOST_HOURS,
    MOST_TRIES,
    PAUSE,
    Recall,
    due_recalls,
    forget_recalls,
    next_recall,
    note_recall,
)
from wattwarden.storage.rollups import note_touched, recompute_due

AUTO = '{"cycle_s": 60, "recall": "auto"}'
T0 = datetime(2026, 11, 22, 12, tzinfo=UTC)
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)
LATER = datetime(2027, 1, 1, tzinfo=UTC)


def at(minute: int) -> datetime:
    return T0 + timedelta(minutes=minute)


async def commands(store: Connection) -> Sequence[Any]:
    return await store.fetch("SELECT * FROM command ORDER BY id")


async def test_a_gap_of_a_meter_that_is_to_be_recalled_becomes_one_command(
    store: Connection,
) -> None:
    meter = await add_meter(store, codec="hj212", body=AUTO)
    await say(store, meter, minutes(0, 10) + minutes(20, 30) + minutes(40, 130))
    counters = MeterChoreCounters()
    await queue_recalls(store, counters, at(59))
    assert await commands(store) == []
    await queue_recalls(store, counters, at(71))
    (row,) = await commands(store)
    command = msgspec.json.decode(row["body"], type=Command)
    assert (row["meter"], row["actor"], row["state"]) == (meter, "system", "queued")
    assert (command.verb, command.items) == (Verb.RECALL, ("minute",))
    assert (command.since, command.until) == (us_of(at(9)), us_of(at(40)))
    # It waits: nothing is asked twice.
    await queue_recalls(store, counters, at(72))
    assert len(await commands(store)) == counters.recalled == 1
    (gap, _) = await read_gaps(store, [meter], LONG_AGO, LATER)
    assert gap.tries == 1


@pytest.mark.parametrize(
    ("codec", "body"),
    [
        pytest.param("hj212", '{"cycle_s": 60}', id="nobody asked for it"),
        pytest.param("hj212", '{"cycle_s": 60, "recall": "off"}', id="off"),
        pytest.param("acrel", AUTO, id="the meter keeps nothing"),
    ],
)
async def test_others_are_not_asked(store: Connection, codec: str, body: str) -> None:
    meter = await add_meter(store, codec=codec, body=body)
    await say(store, meter, minutes(0, 10) + minutes(20, 30))
    await queue_recalls(store, MeterChoreCounters(), at(100))
    assert await commands(store) == []


async def test_a_queue_without_room_is_counted_and_asked_again_later(store: Connection) -> None:
    meter = await add_meter(store, codec="hj212", body=AUTO)
    await say(store, meter, minutes(0, 10) + minutes(20, 30))
    await store.execute(
        "INSERT INTO command (meter, body, actor, entered_at, expires_at)"
        " SELECT $1, '{}', 'test', now(), now() + interval '1 day' FROM generate_series(1, 256)",
        meter,
    )
    counters = MeterChoreCounters()
    await queue_recalls(store, counters, at(100))
    assert (counters.recalled, counters.refused) == (0, 1)
    assert await store.fetchval("SELECT count(*) FROM recall") == 0


async def ended(store: Connection, state: str, *, sent: bool, only: int | None = None) -> None:
    await store.execute(
        "UPDATE command SET state = $1, sent_at = CASE WHEN $2 THEN now() END, finished_at = now()"
        " WHERE $3::integer IS NULL OR id = (SELECT min(id) + $3 - 1 FROM command)",
        state,
        sent,
        only,
    )


async def test_in_vain_three_times_and_no_more(store: Connection) -> None:
    meter = await add_meter(store, codec="hj212", body=AUTO)
    await say(store, meter, minutes(0, 10) + minutes(20, 130))
    now = at(100)
    for _ in range(MOST_TRIES + 2):
        await queue_recalls(store, MeterChoreCounters(), now)
        await ended(store, "answered", sent=True)
        await queue_recalls(store, MeterChoreCounters(), now + timedelta(minutes=5))
        now += PAUSE
    assert len(await commands(store)) == MOST_TRIES


async def test_a_command_that_never_reached_the_meter_was_no_try(store: Connection) -> None:
    meter = await add_meter(store, codec="hj212", body=AUTO)
    await say(store, meter, minutes(0, 10) + minutes(20, 130))
    now = at(100)
    for _ in range(MOST_TRIES + 2):
        await queue_recalls(store, MeterChoreCounters(), now)
        await ended(store, "expired", sent=False)
        now += PAUSE
    assert len(await commands(store)) == MOST_TRIES + 2
    assert await store.fetchval("SELECT tries FROM recall") == 1


async def test_a_last_try_that_never_reached_the_meter_is_made_again(store: Connection) -> None:
    meter = await add_meter(store, codec="hj212", body=AUTO)
    await say(store, meter, minutes(0, 10) + minutes(20, 130))
    now, unsent = at(100), {MOST_TRIES: "expired", MOST_TRIES + 1: "cancelled"}
    for number in range(1, MOST_TRIES + 5):
        await queue_recalls(store, MeterChoreCounters(), now)
        await ended(store, unsent.get(number, "answered"), sent=number not in unsent, only=number)
        now += PAUSE
    assert len(await commands(store)) == MOST_TRIES + len(unsent)


async def test_what_is_tried_out_does_not_stand_before_what_was_never_asked_for(
    store: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wattwarden.storage.recalls.GAPS_PER_ROUND", 1)
    silent = await add_meter(store, "m1", body=AUTO)
    other = await add_meter(store, "m2", body=AUTO)
    await say(store, silent, minutes(0, 30) + minutes(200, 210))
    await say(store, other, minutes(0, 10) + minutes(20, 130))
    now = at(300)
    asked = []
    for _ in range(MOST_TRIES + 1):
        for recall in await due_recalls(store, ["fake"], now):
            asked.append(recall.meter)
            await note_recall(store, recall, len(asked), now)
        now += PAUSE
    assert asked == [silent] * MOST_TRIES + [other]


async def test_what_waits_for_its_pause_or_its_hour_does_not_stand_before_others(
    store: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wattwarden.storage.recalls.GAPS_PER_ROUND", 1)
    meters = [await add_meter(store, f"m{number}", body=AUTO) for number in range(3)]
    await say(store, meters[0], minutes(310, 311) + minutes(315, 316))
    await say(store, meters[1], minutes(0, 30) + minutes(50, 200))
    await say(store, meters[2], minutes(0, 10) + minutes(20, 130))
    (first,) = await due_recalls(store, ["fake"], at(320))
    await note_recall(store, first, 1, at(320))
    (second,) = await due_recalls(store, ["fake"], at(321))
    assert [first.meter, second.meter] == meters[1:]


async def test_a_meter_gets_so_many_commands_an_hour(store: Connection) -> None:
    meter = await add_meter(store, body=AUTO)
    await say(store, meter, [NOON - 90 * HOUR, NOON])
    asked = []
    for minute in range(30):
        for recall in await due_recalls(store, ["fake"], at(60 + minute)):
            asked.append(recall)
            await note_recall(store, recall, len(asked), at(60 + minute))
    assert len(asked) == COMMANDS_PER_METER_HOUR
    assert all(len(recall.hours) <= MOST_HOURS for recall in asked)
    # The newest first, none twice.
    hours = [hour for recall in asked for hour in reversed(recall.hours)]
    assert hours == sorted(hours, reverse=True)
    assert len(set(hours)) == len(hours)


def test_hours_side_by_side_are_asked_for_together_from_the_first_gap_to_the_last() -> None:
    found = next_recall(1, [(at(50), at(70)), (at(100), at(130))], {}, at(300))
    hours = (at(0), at(60), at(120))
    assert found == Recall(1, at(50), at(130), hours)


def test_an_hour_is_asked_for_when_it_is_over() -> None:
    gaps = [(at(5), at(9))]
    assert next_recall(1, gaps, {}, at(60) + GRACE - timedelta(seconds=1)) is None
    assert next_recall(1, gaps, {}, at(60) + GRACE) == Recall(1, at(5), at(9), (at(0),))


def test_an_hour_asked_for_lately_parts_what_is_asked() -> None:
    gaps = [(at(5), at(175))]
    asked = {at(60): (1, at(290))}
    found = next_recall(1, gaps, asked, at(300))
    assert found == Recall(1, at(120), at(175), (at(120),))


def test_nothing_is_asked_of_what_is_too_old() -> None:
    found = next_recall(1, [(LONG_AGO, at(30))], {at(0): (MOST_TRIES, LONG_AGO)}, at(100))
    assert found is not None
    assert found.since > LONG_AGO
    assert next_recall(1, [(LONG_AGO, LONG_AGO + timedelta(minutes=9))], {}, at(0)) is None


async def test_what_was_asked_of_old_hours_is_forgotten(store: Connection) -> None:
    await note_recall(store, Recall(1, at(0), at(9), (at(0), at(60))), 1, at(100))
    await forget_recalls(store, at(30))
    assert [row["hour"] for row in await store.fetch("SELECT hour FROM recall")] == [at(60)]


async def test_a_clock_that_is_off_is_told_the_time(store: Connection) -> None:
    meter = await add_meter(store, codec="hj212", body='{"cycle_s": 60, "clock": "sync"}')
    await say(store, meter, minutes(0, 20), lag=200_000_000)
    counters = MeterChoreCounters()
    await queue_syncs(store, counters, at(30))
    await queue_syncs(store, counters, at(31))
    (row,) = await commands(store)
    command = msgspec.json.decode(row["body"], type=Command)
    assert (command.verb, command.values) == (Verb.SET, {"time": "now"})
    assert counters.synced == 1


async def test_the_chores_do_it_once_a_minute(store: Connection, store_dsn: str) -> None:
    meter = await add_meter(
        store, codec="hj212", body='{"cycle_s": 60, "clock": "sync", "recall": "auto"}'
    )
    await say(store, meter, minutes(0, 10) + minutes(20, 40), lag=200_000_000)
    counters = MeterChoreCounters()
    chores = (recall_chore(store_dsn, counters), clock_chore(store_dsn, counters))
    for second in (0, 10, 20):
        for chore in chores:
            await chore.do(at(100) + timedelta(seconds=second))
    assert (counters.recalled, counters.synced) == (1, 1)


def power(_firm: str, part: str, minute: int) -> float | None:
    """Treatment stands still for a while, and its meter says nothing of that."""
    return 0.0 if part == "t" and 60 <= minute < 100 else 0.8


async def compute(store: Connection) -> None:
    rows = await store.fetch(
        "SELECT meter, extract(epoch FROM at)::bigint / 3600 AS h FROM reading"
    )
    pairs = {row["h"] << 32 | row["meter"] for row in rows}
    await note_touched(store, np.array(sorted(pairs), np.int64))
    await recompute_due(store)


async def test_what_was_missing_is_found_asked_for_marked_and_folded_again(
    store: Connection, store_dsn: str
) -> None:
    await register(store, small_city(["E1"]))
    rows = readings(["E1"], range(290), power)
    gap = [row for row in rows if row.meter == "E1-t" and 50 <= (row.at - START) // MINUTE < 180]
    await store_rows(store, [row for row in rows if row not in gap])
    await store_ticks(store, 230)
    await fold(store_dsn)
    assert await store.fetchval("SELECT count(*) FROM alarm WHERE rule = 'R2'") == 0
    meter = await store.fetchval("SELECT id FROM meter WHERE address = 'E1-t'")
    await store.execute(
        "INSERT INTO meter_profile (meter, version, body, entered_at, actor)"
        " VALUES ($1, 1, $2, now(), 'test')",
        meter,
        AUTO,
    )
    await compute(store)
    (found,) = await read_gaps(store, [meter], LONG_AGO, LATER)
    assert found.missing == len(gap)
    # What the commands bring is marked as a later repetition, as HJ 212's history is.
    counters = MeterChoreCounters()
    now = moment_of(START + 230 * MINUTE)
    await queue_recalls(store, counters, now, codecs=["fake"])
    (row,) = await commands(store)
    asked = msgspec.json.decode(row["body"], type=Command)
    brought = [one for one in gap if (asked.since or 0) <= one.at < (asked.until or 0)]
    assert brought == gap
    await store_rows(store, late(brought, START + 231 * MINUTE))
    await store_ticks(store, 290, from_step=230 * 3)
    warden = await fold(store_dsn)
    assert warden.counters.days_again >= 1
    alarms = await store.fetch("SELECT subject, found_late FROM alarm WHERE rule = 'R2'")
    assert [tuple(alarm) for alarm in alarms] == [("unit:E1-t", True)]
    await compute(store)
    assert await read_gaps(store, [meter], LONG_AGO, LATER) == []
