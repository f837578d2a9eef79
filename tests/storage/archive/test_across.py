"""Whoever reads sees the same rows, wherever their day lies."""

from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest
from tests.storage.archive.days import (
    FACTOR,
    FIRST,
    HOUR,
    READING,
    START,
    archive,
    fill,
    make_days,
    meters,
    partitions,
    put_reading,
    read_all,
    taken,
)

from wattwarden.alarms.registry.nouns import Point
from wattwarden.storage.archive.across import DayUnreadableError, across, holding, stretches
from wattwarden.storage.archive.export import Closed
from wattwarden.storage.database import Connection
from wattwarden.storage.readings import Span
from wattwarden.storage.registry.meters import first_readings
from wattwarden.storage.rollups import note_touched, recompute_due
from wattwarden.storage.views.curves import load_curves
from wattwarden.storage.warden.running import heard_until
from wattwarden.storage.warden.steps import Wanted, read_span

DAY = timedelta(days=1)
SPANS = (
    Span(),
    Span(channel="1-1", period="instant"),
    Span(since=START + 5 * HOUR, until=START + 30 * HOUR),
    Span(until=START + DAY),
    Span(since=START + DAY),
)


@pytest.mark.parametrize(("seed", "both"), [(0, False), (1, True)], ids=["one day", "both days"])
async def test_readings_are_the_same_when_days_have_become_files(
    store: Connection, tmp_path: Path, seed: int, *, both: bool
) -> None:
    await fill(store, seed)
    before = await read_all(store, *SPANS)
    second = (Closed("reading", FIRST + DAY), Closed("factor", FIRST + DAY))

    await archive(store, tmp_path, READING, FACTOR, *(second if both else ()))

    assert await read_all(store, *SPANS) == before
    assert sum(map(len, before)) > 100
    assert await partitions(store) == (set() if both else {"reading_20260802", "factor_20260802"})


async def test_every_column_comes_back_as_it_was(store: Connection, tmp_path: Path) -> None:
    await fill(store, seed=9, days=1)
    queries = (
        "SELECT * FROM reading ORDER BY meter, channel, period, at",
        "SELECT * FROM factor ORDER BY meter, channel, period, at",
    )
    # Prepared before, as a connection that is kept open has them.
    before = [await store.fetch(query) for query in queries]

    await archive(store, tmp_path, READING, FACTOR)

    assert [await store.fetch(query) for query in queries] == [[], []]
    async with across(store, None, None, None):
        assert [await store.fetch(query) for query in queries] == before
    assert [await store.fetch(query) for query in queries] == [[], []]


async def test_rows_that_came_since_are_seen_beside_the_file(
    store: Connection, tmp_path: Path
) -> None:
    (one,) = await meters(store, 1)
    await make_days(store, 0)
    await put_reading(store, one, "", "i", START, voltage_a=230.0)
    await taken(store)
    await archive(store, tmp_path, READING)
    await make_days(store, 0)

    await put_reading(store, one, "", "i", START, late=DAY, voltage_a=1.0)
    await put_reading(store, one, "", "i", START + HOUR, late=DAY, voltage_a=231.0)

    (found,) = await read_all(store)
    assert [value.value for reading in found for value in reading.values] == [230.0, 231.0]


async def test_only_rows_of_the_meters_and_the_time_are_fetched(
    store: Connection, tmp_path: Path
) -> None:
    ids = await fill(store, seed=3)
    await archive(store, tmp_path, READING)

    async with across(store, ids[:1], START + HOUR, START + 9 * HOUR):
        found = await store.fetch("SELECT meter, at FROM pg_temp.archived_reading")

    assert found
    assert {row["meter"] for row in found} == {ids[0]}
    assert all(START + HOUR <= row["at"] < START + 9 * HOUR for row in found)


async def test_nothing_is_made_where_no_day_is_archived(store: Connection) -> None:
    await fill(store, seed=3, days=1)

    async with across(store, None, None, None):
        assert await store.fetchval("SELECT to_regclass('pg_temp.archived_reading')") is None
        assert await store.fetchval("SELECT count(*) FROM reading") > 0


async def test_a_day_of_which_the_file_is_gone_is_an_error_and_no_empty_day(
    store: Connection, tmp_path: Path
) -> None:
    await fill(store, seed=3, days=1)
    (file,) = await archive(store, tmp_path, READING)
    (tmp_path / file.path).unlink()

    with pytest.raises(DayUnreadableError, match="reading_20260801-g1") as refused:
        await read_all(store)
    assert refused.value.retryable
    assert not store.is_in_transaction()


async def test_a_long_stretch_is_cut_where_archived_days_begin_and_every_month(
    store: Connection, tmp_path: Path
) -> None:
    (one,) = await meters(store, 1)
    days = (0, 31, 40)
    await make_days(store, *days)
    for day in days:
        await put_reading(store, one, "", "i", START + day * DAY, voltage_a=1.0)
    await taken(store)
    for day in days:
        await archive(store, tmp_path, Closed("reading", FIRST + day * DAY))

    async with holding(store):
        assert await stretches(store, None, None) == [
            (None, START),
            (START, START + 31 * DAY),
            (START + 31 * DAY, START + 41 * DAY),
            (START + 41 * DAY, None),
        ]
        since, until = START + 5 * DAY, START + 6 * DAY
        assert await stretches(store, since, until) == [(since, until)]
    (found,) = await read_all(store)
    assert [reading.at for reading in found] == [START + day * DAY for day in days]


async def test_rollups_and_gaps_of_an_archived_day_count_its_rows_with_the_late_ones(
    store: Connection, tmp_path: Path
) -> None:
    (one,) = await meters(store, 1)
    await store.execute(
        "INSERT INTO meter_profile (meter, version, body, entered_at, actor)"
        " VALUES ($1, 1, '{\"cycle_s\": 60}', $2, 'test')",
        one,
        START,
    )
    await make_days(store, 0)
    for minute in (*range(10), *range(30, 60)):
        at = START + timedelta(minutes=minute)
        await put_reading(store, one, "", "i", at, voltage_a=230.0, energy_forward=minute)
    await taken(store)
    hour = np.array([(int(START.timestamp()) // 3600 << 32) | one])

    async def derived() -> list[list[tuple[object, ...]]]:
        await note_touched(store, hour)
        await recompute_due(store)
        return [
            [tuple(row) for row in await store.fetch(f"TABLE {table} ORDER BY 1, 2, 3")]
            for table in ("rollup_15min", "rollup_hour", "rollup_day", "collected_hour", "gap")
        ]

    before = await derived()
    await archive(store, tmp_path, READING)
    assert await derived() == before
    assert len(before[-1]) == 1

    await make_days(store, 0)
    for minute in range(10, 30):
        at = START + timedelta(minutes=minute)
        await put_reading(store, one, "", "i", at, late=DAY, voltage_a=230.0, energy_forward=minute)
    after = await derived()
    assert after[-1] == []
    assert [row[3] for row in after[1]] == [60]


async def test_hours_about_a_day_that_cannot_be_read_wait_and_keep_no_others(
    store: Connection, tmp_path: Path
) -> None:
    (one, other) = await meters(store, 2)
    # Only of the first it is known how often it reports: its gap since then is looked for.
    await store.execute(
        "INSERT INTO meter_profile (meter, version, body, entered_at, actor)"
        " VALUES ($1, 1, '{\"cycle_s\": 60}', $2, 'test')",
        one,
        START,
    )
    await make_days(store, 0, 5)
    hours = [(int(START.timestamp()) // 3600 + 24 * day) for day in (0, 5)]
    touched = [(hour << 32) | meter for hour in hours for meter in (one, other)]
    for day in (0, 5):
        for meter in (one, other):
            await put_reading(store, meter, "", "i", START + day * DAY, voltage_a=230.0)
    await taken(store)
    await note_touched(store, np.array(touched))
    assert await recompute_due(store) == len(touched)
    (file,) = await archive(store, tmp_path, READING)
    (tmp_path / file.path).rename(tmp_path / "away")

    await note_touched(store, np.array(touched))
    with pytest.raises(DayUnreadableError, match="reading_20260801-g1"):
        await recompute_due(store)

    waiting = await store.fetch("SELECT unnest(touched) AS pair FROM rollup_due ORDER BY 1")
    assert [row["pair"] for row in waiting] == touched[:3]
    (tmp_path / "away").rename(tmp_path / file.path)
    assert await recompute_due(store) == 3
    assert await recompute_due(store) == 0


async def test_curves_folds_and_first_readings_read_files(
    store: Connection, tmp_path: Path
) -> None:
    ids = await fill(store, seed=5)
    points = [
        Point(
            id=f"P{number}", meter=f"fake:m{number}", channel="", unit=f"U{number}", cycle_s=60,
            valid_from=START,
        )
        for number in (1, 2, 3)
    ]  # fmt: skip
    wanted = Wanted(np.array(ids, np.int32))
    first_us = int(START.timestamp()) * 1_000_000

    async def seen() -> list[object]:
        async with across(store, ids, START, START + DAY):
            rows = await read_span(store, first_us, first_us + 86_400_000_000, 2**31 - 1, wanted)
        columns = await first_readings(store, "fake:m1", "", START, 24, ["voltage_a"])
        return [
            await load_curves(store, points, START + HOUR, START + DAY),
            {name: values.tolist() for name, values in rows.readings.items() if name != "step"},
            np.nan_to_num(columns["voltage_a"], nan=-1).tolist(),
            sorted((await heard_until(store, points, START + 3 * DAY)).items()),
        ]

    before = await seen()
    await archive(store, tmp_path, READING, FACTOR)
    after = await seen()

    assert repr(after) == repr(before)


async def test_when_a_meter_was_heard_last_is_known_without_its_file(
    store: Connection, tmp_path: Path
) -> None:
    (one,) = await meters(store, 1)
    await make_days(store, 0)
    await put_reading(store, one, "", "i", START + HOUR, voltage_a=1.0)
    await taken(store)
    point = Point(id="P", meter="fake:m1", channel="", unit="U", cycle_s=60, valid_from=START)
    later = START + 50 * DAY
    before = await heard_until(store, [point], later)

    await archive(store, tmp_path, READING)

    assert await heard_until(store, [point], later) == before
    assert date(2026, 8, 1) == before["U"].date()
