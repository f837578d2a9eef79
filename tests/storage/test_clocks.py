"""How far off clocks are, by what came live."""

from datetime import timedelta

import pytest
from tests.storage.missing import HOUR, MINUTE, NOON, SECOND, add_meter, minutes, say

from wattwarden.protocol.quality import Quality
from wattwarden.storage.clocks import (
    SYNC_PAUSE,
    astray,
    measure_clocks,
    note_sync,
    read_clocks,
)
from wattwarden.storage.database import Connection
from wattwarden.storage.moments import moment_of

SYNC = '{"cycle_s": 60, "clock": "sync"}'
NOW = moment_of(NOON + HOUR)


async def skew(store: Connection, meter: int) -> float | None:
    clock = (await read_clocks(store, [meter])).get(meter)
    return None if clock is None else clock.skew_s


@pytest.mark.parametrize("off_s", [-90, 240], ids=["behind", "ahead"])
async def test_a_clock_is_off_by_the_median_of_its_live_readings(
    store: Connection, off_s: int
) -> None:
    meter = await add_meter(store)
    await say(store, meter, minutes(0, 20), lag=-off_s * SECOND)
    assert await skew(store, meter) == off_s


async def test_what_is_marked_or_came_in_one_burst_tells_nothing_of_the_clock(
    store: Connection,
) -> None:
    meter = await add_meter(store)
    await say(store, meter, minutes(0, 20), lag=2 * SECOND)
    await say(store, meter, minutes(20, 40), lag=3 * HOUR, quality=Quality.BACKFILL)
    assert await skew(store, meter) == -2
    at = [NOON + HOUR + second * SECOND for second in range(20)]
    await store.executemany(
        "INSERT INTO reading (meter, step, at, received_at, quality, period, channel)"
        " VALUES ($1, 1, $2, $3, 0, 'i', '')",
        [(meter, moment_of(one), moment_of(NOON + 5 * HOUR)) for one in at],
    )
    await say(store, meter, [NOON + HOUR + 59 * MINUTE])
    assert await skew(store, meter) == -2


async def test_a_minutes_row_is_due_when_its_minute_is_over(store: Connection) -> None:
    meter = await add_meter(store)
    await say(store, meter, minutes(0, 20), lag=63 * SECOND, period="m")
    assert await skew(store, meter) == -3


async def test_the_newest_measure_stays_whatever_comes_late(store: Connection) -> None:
    meter = await add_meter(store)
    await say(store, meter, minutes(60, 80), lag=SECOND)
    await say(store, meter, minutes(0, 20), lag=30 * SECOND)
    await measure_clocks(store, [(NOON // HOUR, meter)])
    assert await skew(store, meter) == -1


async def test_of_what_came_at_once_the_newest_tells_the_time(store: Connection) -> None:
    meter = await add_meter(store)
    await store.executemany(
        "INSERT INTO reading (meter, step, at, received_at, quality, period, channel)"
        " VALUES ($1, 1, $2, $3, 0, 'i', '')",
        [
            (meter, moment_of(minute - before * SECOND), moment_of(minute + SECOND))
            for minute in minutes(1, 11)
            for before in (0, 20, 40)
        ],
    )
    await measure_clocks(store, [(NOON // HOUR, meter)])
    assert await skew(store, meter) == -1


async def test_a_clock_that_is_off_is_to_be_set_right_where_the_policy_says_so(
    store: Connection,
) -> None:
    off = await add_meter(store, "off", body=SYNC)
    right = await add_meter(store, "right", body=SYNC)
    other = await add_meter(store, "other")
    for meter, lag in ((off, 80), (right, 2), (other, 80)):
        await say(store, meter, minutes(0, 20), lag=lag * SECOND)
    (found,) = await astray(store, NOW)
    assert (found.meter, found.skew_s) == (off, -80)


async def test_a_clock_is_set_again_only_when_it_was_measured_since_and_time_has_passed(
    store: Connection,
) -> None:
    meter = await add_meter(store, body=SYNC)
    await say(store, meter, minutes(0, 20), lag=80 * SECOND)
    await note_sync(store, meter, 7, NOW)
    later = NOW + SYNC_PAUSE + timedelta(seconds=1)
    assert await astray(store, later) == []
    await say(store, meter, minutes(70, 90), lag=80 * SECOND)
    assert await astray(store, NOW + timedelta(minutes=30)) == []
    assert [one.meter for one in await astray(store, later)] == [meter]
    clock = (await read_clocks(store))[meter]
    assert (clock.synced_at, clock.command, clock.syncs) == (NOW, 7, 1)
