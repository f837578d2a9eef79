"""Gaps: what is missing between readings, however and whenever these came."""

import random
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from tests.storage.missing import HOUR, MINUTE, NOON, SECOND, add_meter, minutes, say

from wattwarden.protocol.quality import Quality
from wattwarden.storage.database import Connection
from wattwarden.storage.gaps import LONGEST, Gap, by_day, open_gaps, read_gaps
from wattwarden.storage.moments import moment_of

LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)
LATER = datetime(2027, 1, 1, tzinfo=UTC)
SHANGHAI = ZoneInfo("Asia/Shanghai")


async def gaps(store: Connection) -> list[tuple[int, int, int]]:
    """Minutes after noon between which something is missing, and how much."""
    found = await read_gaps(store, None, LONG_AGO, LATER)
    return [
        (
            round((gap.since - moment_of(NOON)) / timedelta(minutes=1)),
            round((gap.until - moment_of(NOON)) / timedelta(minutes=1)),
            gap.missing,
        )
        for gap in found
    ]


async def test_a_missing_minute_is_a_gap_and_a_late_one_is_none(store: Connection) -> None:
    meter = await add_meter(store)
    jitter = [NOON + 12 * MINUTE + 20 * SECOND]
    await say(store, meter, [*minutes(0, 10), NOON + 11 * MINUTE, *jitter, *minutes(13, 20)])
    assert await gaps(store) == [(9, 11, 1)]


async def test_a_gap_may_span_hours_and_midnight(store: Connection) -> None:
    meter = await add_meter(store)
    await say(store, meter, minutes(0, 30))
    assert await gaps(store) == []
    await say(store, meter, minutes(5 * 60, 5 * 60 + 30))
    assert await gaps(store) == [(29, 300, 270)]
    (found,) = await read_gaps(store, [meter], LONG_AGO, LATER)
    days = by_day([found], {meter: SHANGHAI}, LONG_AGO, LATER)
    # Noon in UTC is 20:00 there.
    assert [(day.day, day.missing, day.minutes) for day in days] == [
        (date(2026, 11, 22), 210, 210.0),
        (date(2026, 11, 23), 60, 60.0),
    ]


async def test_what_comes_late_parts_a_gap_and_ends_it(store: Connection) -> None:
    meter = await add_meter(store)
    await say(store, meter, minutes(0, 30) + minutes(150, 160))
    assert await gaps(store) == [(29, 150, 120)]
    await say(store, meter, minutes(80, 90), lag=5 * HOUR, quality=Quality.BACKFILL)
    assert await gaps(store) == [(29, 80, 50), (89, 150, 60)]
    await say(store, meter, minutes(30, 80), lag=5 * HOUR, quality=Quality.BACKFILL)
    assert await gaps(store) == [(89, 150, 60)]
    await say(store, meter, minutes(90, 150), lag=5 * HOUR, quality=Quality.BACKFILL)
    assert await gaps(store) == []


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_gaps_are_those_of_the_rows_whatever_the_order_of_arrival(
    store: Connection, seed: int
) -> None:
    noise = random.Random(seed)
    meter = await add_meter(store)
    came = sorted(noise.sample(range(-300, 500), 120))
    stretches = [came[place : place + 12] for place in range(0, len(came), 12)]
    noise.shuffle(stretches)
    for stretch in stretches:
        await say(store, meter, [NOON + minute * MINUTE for minute in stretch])
    plain = [(one, other, other - one - 1) for one, other in pairwise(came) if other - one > 1]
    assert await gaps(store) == plain


async def say_factors(store: Connection, meter: int, at: list[int], quality: int = 0) -> None:
    layout = await store.fetchval(
        "INSERT INTO factor_layout (codes, digest, first_meter, first_at)"
        " VALUES ('{a}', '\\x00', 1, now()) RETURNING id"
    )
    await store.executemany(
        "INSERT INTO factor (meter, step, at, received_at, layout, quality, period, channel,"
        " amounts) VALUES ($1, 1, $2, $2, $3, $4, 'm', '', '{1}')",
        [(meter, moment_of(one), layout, quality) for one in at],
    )


async def test_any_channel_and_any_factor_shows_that_the_meter_was_there(store: Connection) -> None:
    meter = await add_meter(store)
    await say(store, meter, minutes(0, 5))
    await say(store, meter, minutes(5, 8), channel="1-2")
    await say_factors(store, meter, minutes(8, 10))
    await say(store, meter, minutes(12, 14))
    assert await gaps(store) == [(9, 12, 2)]


async def test_a_factor_at_a_time_that_cannot_be_right_fills_no_gap(store: Connection) -> None:
    meter = await add_meter(store)
    await say_factors(store, meter, minutes(5, 10), quality=Quality.CLOCK_AHEAD)
    await say(store, meter, minutes(0, 5) + minutes(10, 15))
    assert await gaps(store) == [(4, 10, 5)]


async def test_who_was_away_for_longer_than_meters_remember_has_no_gap(store: Connection) -> None:
    meter = await add_meter(store)
    back = round(LONGEST / timedelta(minutes=1)) + 120
    await say(store, meter, minutes(0, 5))
    await say(store, meter, minutes(back, back + 5))
    assert await gaps(store) == []


async def test_a_clock_that_is_far_ahead_makes_no_gap(store: Connection) -> None:
    meter = await add_meter(store)
    await say(store, meter, [NOON + 600 * MINUTE], quality=Quality.CLOCK_AHEAD)
    await say(store, meter, minutes(0, 5))
    assert await gaps(store) == []


async def test_of_a_meter_without_a_cycle_nobody_knows_what_is_missing(store: Connection) -> None:
    meter = await add_meter(store, body="{}")
    await say(store, meter, minutes(0, 5) + minutes(50, 60))
    assert await gaps(store) == []


async def test_who_is_away_owes_what_its_cycle_makes_until_now(store: Connection) -> None:
    meter = await add_meter(store)
    await say(store, meter, minutes(0, 5))
    assert await open_gaps(store, [meter], moment_of(NOON + 8 * MINUTE)) == []
    (owed,) = await open_gaps(store, [meter, meter + 1], moment_of(NOON + 24 * MINUTE))
    assert (owed.since, owed.missing, owed.is_open) == (moment_of(NOON + 4 * MINUTE), 20, True)
    assert owed.cycle == timedelta(minutes=1)


def gap(since: datetime, until: datetime, missing: int) -> Gap:
    return Gap(1, since, until, missing)


def test_each_missing_reading_is_in_one_day() -> None:
    since = datetime(2026, 11, 20, 15, 59, tzinfo=UTC)  # 23:59 in Shanghai
    whole: Any = gap(since, since + timedelta(minutes=15 * 200), 199)
    days = by_day([whole], {1: SHANGHAI}, LONG_AGO, LATER)
    assert sum(day.missing for day in days) == 199
    assert [day.missing for day in days] == [96, 96, 7]


def test_days_outside_the_span_are_left_out() -> None:
    since = datetime(2026, 11, 20, 15, 59, tzinfo=UTC)
    whole = gap(since, since + timedelta(minutes=15 * 200), 199)
    span = (datetime(2026, 11, 21, 16, tzinfo=UTC), LATER)
    days = by_day([whole], {1: SHANGHAI}, *span)
    assert [day.day for day in days] == [date(2026, 11, 22), date(2026, 11, 23)]
