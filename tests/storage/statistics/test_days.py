"""Kept shares of days say what counting says, and are left aside as soon as they might not."""

from datetime import UTC, date, datetime, timedelta
from itertools import groupby
from operator import attrgetter

import msgspec
import numpy as np
import pytest
import pytest_asyncio
from tests.storage.feed import MINUTE, START, Row, readings, small_city, store_rows

from wattwarden.alarms.registry.changes import difference
from wattwarden.alarms.registry.registry import Registry
from wattwarden.alarms.statistics.figures import By, Figures
from wattwarden.alarms.statistics.response import Period
from wattwarden.alarms.statistics.timelines import Span
from wattwarden.storage.archive.across import DayUnreadableError
from wattwarden.storage.database import Connection
from wattwarden.storage.moments import moment_of
from wattwarden.storage.registry.registry import load_registry, save_registry
from wattwarden.storage.rolling import HOUR_US
from wattwarden.storage.rollups import note_touched, recompute_due
from wattwarden.storage.statistics import days, load
from wattwarden.storage.statistics.days import keep_days
from wattwarden.storage.statistics.load import Counted
from wattwarden.storage.statistics.report import load_report

FIRMS = ("E0", "E1")
CYCLE_MIN = 15
HOURS = 60
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)
SINCE = moment_of(START)
UNTIL = SINCE + timedelta(hours=HOURS)
# Two days of Shanghai lie in it whole; one of FIRMS' each.
WHOLE_DAYS = 2
PERIODS = {
    "all of it": Period(SINCE, UNTIL),
    "two days": Period(SINCE + timedelta(hours=2), SINCE + timedelta(hours=50)),
    "a day and parts": Period(SINCE + timedelta(hours=5), UNTIL - timedelta(hours=1)),
    "parts of days": Period(SINCE + timedelta(hours=3), SINCE + timedelta(hours=40)),
}


def power(firm: str, part: str, minute: int) -> float | None:
    """Machines stop at times of their own; E1's treatment, and its meter's voice, are unsteady."""
    if firm == "E1" and part == "t" and minute % 1000 > 800:
        return None
    resting = minute % (700 if part == "p" else 1100) > 500
    return 0.0 if resting else 0.7 + minute % 60 / 200


def said() -> list[Row]:
    return readings(FIRMS, range(0, HOURS * 60, CYCLE_MIN), power)


def city() -> Registry:
    made = small_city(FIRMS)
    for point in list(made.point.values()):
        made.put("point", msgspec.structs.replace(point, cycle_s=60 * CYCLE_MIN))
    return made


@pytest_asyncio.fixture(loop_scope="session")
async def store_of_days(store: Connection) -> Connection:
    await save_registry(store, difference(Registry(), city()), "test", now=LONG_AGO)
    await store_rows(store, said())
    await store.copy_records_to_table("unit_transition", records=transitions())
    await touch(store, range(HOURS))
    return store


def transitions() -> list[tuple[str, str, datetime, str]]:
    """A state begins with the row that shows it, and ends two cycles after the last one."""
    found = []
    rows = sorted(said(), key=lambda row: (row.meter, row.at))
    for unit, many in groupby(rows, key=attrgetter("meter")):
        firm, before, heard = unit.partition("-")[0], "", 0
        for row in many:
            if before and row.at > heard:
                found.append((firm, unit, moment_of(heard), "offline"))
                before = "offline"
            state = "running" if row.power > 0 else "off"
            if state != before:
                found.append((firm, unit, moment_of(row.at), state))
            before, heard = state, row.at + 2 * CYCLE_MIN * MINUTE
    return found


async def touch(store: Connection, hours: range) -> None:
    """Have hours of all meters recomputed, as when rows of theirs came."""
    meters = [row["id"] for row in await store.fetch("SELECT id FROM meter")]
    first = START // HOUR_US
    pairs = [(first + hour) << 32 | meter for hour in hours for meter in meters]
    await note_touched(store, np.array(sorted(pairs)))
    await recompute_due(store)


async def keep(store: Connection) -> int:
    return await keep_days(store, await load_registry(store), UNTIL)


async def figures(store: Connection, period: Period) -> Figures:
    registry = await load_registry(store)
    (row,) = (await load_report(store, registry, FIRMS, period, By.ALL)).rows
    return row.figures


def same(one: Figures, other: Figures) -> bool:
    for name in ("production", "treatment", "online", "synchronous", "collected"):
        assert getattr(one.time, name) == getattr(other.time, name), name
    assert one.time.load.part == pytest.approx(other.time.load.part, rel=1e-9)
    assert one.time.load.whole == pytest.approx(other.time.load.whole, rel=1e-9)
    return one.present == other.present and one.counted_until == other.counted_until


async def spoil(store: Connection) -> None:
    """Make kept days say what cannot be, so that it shows where one is used."""
    await store.execute(
        "UPDATE firm_day SET body = jsonb_set(body, '{production}', '[-1000000000000, 1]')"
    )


async def is_used(store: Connection, period: Period) -> bool:
    return (await figures(store, period)).time.production.part < 0


async def test_reports_say_the_same_with_kept_days_and_without(store_of_days: Connection) -> None:
    store = store_of_days
    counted = {name: await figures(store, period) for name, period in PERIODS.items()}
    assert all(one.time.load.whole > 0 for one in counted.values())
    assert await keep(store) > WHOLE_DAYS * len(FIRMS)
    for name, period in PERIODS.items():
        assert same(await figures(store, period), counted[name]), name
    assert await keep(store) == 0
    await spoil(store)
    used = {name: await is_used(store, period) for name, period in PERIODS.items()}
    assert used == dict.fromkeys(PERIODS, True) | {"parts of days": False}


async def test_a_late_row_makes_the_archivist_count_its_day_again(
    store_of_days: Connection,
) -> None:
    store, period = store_of_days, PERIODS["two days"]
    await keep(store)
    late = Row("E0-p", START + 8 * 60 * MINUTE + 77, START + HOURS * 60 * MINUTE, 99_000.0)
    await store_rows(store, [late])
    await spoil(store)
    assert await is_used(store, period)
    await touch(store, range(8, 9))
    assert not await is_used(store, period)
    counted = await figures(store, period)
    assert await keep(store) > 0
    await store.execute("DELETE FROM firm_day")
    assert same(await figures(store, period), counted)


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE unit_transition SET state = 'off' WHERE enterprise = 'E0' AND at < $1::timestamptz"
        " + interval '9 hours' AND at > $1::timestamptz + interval '3 hours'",
        "DELETE FROM unit_transition WHERE enterprise = 'E0' AND at > $1",
        "INSERT INTO unit_transition VALUES ('E0', 'E0-p', $1::timestamptz + interval '7 hours 1"
        " second', 'off')",
    ],
    ids=["changed", "withdrawn", "found"],
)
async def test_a_state_that_changed_leaves_kept_days_aside_at_once(
    store_of_days: Connection, change: str
) -> None:
    store, period = store_of_days, PERIODS["two days"]
    await keep(store)
    await store.execute("DELETE FROM firm_day WHERE enterprise <> 'E0'")
    await spoil(store)
    assert await is_used(store, period)
    await store.execute(change, SINCE)
    assert not await is_used(store, period)
    counted = await figures(store, period)
    assert await keep(store) > 0
    assert await store.fetchval("SELECT count(*) FROM firm_day_stale") == 0
    assert same(await figures(store, period), counted)


async def test_days_of_a_firm_that_was_registered_otherwise_are_not_used(
    store_of_days: Connection,
) -> None:
    store, period = store_of_days, PERIODS["two days"]
    await keep(store)
    await spoil(store)
    before = await load_registry(store)
    after = await load_registry(store)
    for firm in FIRMS:
        point = after.point[f"{firm}-p-pt"]
        after.put("point", msgspec.structs.replace(point, ct=2.0))
    await save_registry(store, difference(before, after), "test", now=LONG_AGO)
    assert not await is_used(store, period)
    counted = await figures(store, period)
    assert await keep(store) > 0
    assert same(await figures(store, period), counted)


async def test_a_day_with_rows_that_are_not_rolled_up_yet_is_not_kept(
    store_of_days: Connection,
) -> None:
    store = store_of_days
    meter = await store.fetchval("SELECT id FROM meter WHERE address = 'E0-p'")
    last = START // HOUR_US + HOURS - 1
    await note_touched(store, np.array([last << 32 | meter]))
    await keep(store)
    kept = await store.fetch("SELECT enterprise FROM firm_day WHERE stop > $1", SINCE)
    assert {row["enterprise"] for row in kept} == {"E0", "E1"}


async def test_a_day_whose_file_cannot_be_read_waits_and_the_others_do_not(
    store_of_days: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = store_of_days
    spans: list[Span] = []

    async def count_span(connection: Connection, part: Registry, span: Span) -> Counted:
        spans.append(span)
        # The latest but one, with others before and behind it.
        if spans[1:2] == [span]:
            raise DayUnreadableError(date(2026, 11, 22), "the store is away")
        return await load.count_span(connection, part, span)

    monkeypatch.setattr(days, "count_span", count_span)
    for _ in range(2):
        with pytest.raises(DayUnreadableError, match="1 of the last days wait: the store is away"):
            await keep(store)
    first_round = days.KEPT_DAYS
    # Kept are all others; what waits is tried again, alone.
    assert spans[first_round:] == [spans[1]]
    assert len(set(spans)) == first_round
    monkeypatch.undo()
    assert await keep(store) == len(FIRMS)
    assert await keep(store) == 0
