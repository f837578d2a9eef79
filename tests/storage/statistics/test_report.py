"""Reports over a real store: what meters said is folded, rolled up, counted and shared."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import numpy as np
import pytest
import pytest_asyncio
from tests.storage.feed import (
    MINUTE,
    START,
    Row,
    readings,
    small_city,
    store_rows,
    store_ticks,
)
from tests.storage.folding import fold

from wattwarden.alarms.enforcement.bodies import Inspection
from wattwarden.alarms.enforcement.words import Mode
from wattwarden.alarms.registry.changes import difference
from wattwarden.alarms.registry.nouns import Agency, Person, Role
from wattwarden.alarms.registry.registry import Registry
from wattwarden.alarms.rulebook import default_rules
from wattwarden.alarms.service.bodies import Assistance, AssistanceStep, Deed, Topic
from wattwarden.alarms.statistics.compliance import Standing
from wattwarden.alarms.statistics.figures import By
from wattwarden.alarms.statistics.rates import Rate
from wattwarden.alarms.statistics.response import Period
from wattwarden.storage.acting.admissions import decide
from wattwarden.storage.database import Connection
from wattwarden.storage.moments import moment_of
from wattwarden.storage.registry.registry import load_registry, save_registry
from wattwarden.storage.rolling import HOUR_US
from wattwarden.storage.rollups import note_touched, recompute
from wattwarden.storage.statistics.loads import QUARTER_MS, Stretch, cut_at_quarters
from wattwarden.storage.statistics.report import Report, load_report
from wattwarden.storage.statistics.report import Row as ReportRow
from wattwarden.storage.statistics.share import Wanted, shared

FIRMS = ("E0", "E1", "E2")
HOURS = 4
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)
SINCE = moment_of(START)
UNTIL = SINCE + timedelta(hours=HOURS)
OFF = range(60, 100)
SILENT = range(130, 170)
STOPPED = range(200, 240)


def power(firm: str, part: str, minute: int) -> float | None:
    """E0 stops producing; E1's treatment is off for a while; E2's production meter is away."""
    if firm == "E1" and part == "t" and minute in OFF:
        return 0.0
    if firm == "E2" and part == "p" and minute in SILENT:
        return None
    if firm == "E0" and minute in STOPPED:
        return 0.0
    return 0.8 + 0.1 * (minute % 3)


def city() -> Registry:
    made = small_city(FIRMS)
    made.put("agency", Agency(id="A2", name="即墨分局", parent="A", region="R"))
    made.put("enterprise", msgspec.structs.replace(made.enterprise["E2"], agency="A2"))
    made.put("person", Person(id="P1", name="王", role=Role.DISTRICT_OFFICER, agency="A2"))
    made.put("person", Person(id="P2", name="李", role=Role.DUTY, enterprise="E2"))
    return made


def said() -> list[Row]:
    return readings(FIRMS, range(HOURS * 60), power)


@pytest_asyncio.fixture(loop_scope="session")
async def store_of_hours(store: Connection, store_dsn: str) -> Connection:
    await save_registry(store, difference(Registry(), city()), "test", now=LONG_AGO)
    await store_rows(store, said())
    await store_ticks(store, HOURS * 60 + 2)
    await fold(store_dsn)
    meters = [row["id"] for row in await store.fetch("SELECT id FROM meter")]
    hours = [START // HOUR_US + hour for hour in range(HOURS)]
    touched = [hour << 32 | meter for hour in hours for meter in meters]
    await recompute(store, np.array(sorted(touched)))
    return store


async def report(store: Connection, by: By = By.ALL, firms: Sequence[str] = FIRMS) -> Report:
    registry = await load_registry(store)
    return await load_report(store, registry, firms, Period(SINCE, UNTIL), by)


def row_of(found: Report, name: str = "") -> ReportRow:
    return next(row for row in found.rows if row.name == name)


def rows_of(unit: str) -> list[Row]:
    return [row for row in said() if row.meter == unit]


def near(rate: Rate, part_min: float, whole_min: float) -> bool:
    """To the minute, but for the ends: a state begins at a sample, and ends two cycles on."""
    return abs(rate.part / 60_000 - part_min) <= 3 and abs(rate.whole / 60_000 - whole_min) <= 3


async def test_the_figures_of_firms_are_those_of_their_raw_rows(
    store_of_hours: Connection,
) -> None:
    found = await report(store_of_hours, By.ENTERPRISE)
    assert [row.name for row in found.rows] == list(FIRMS)
    e0, e1, e2 = (row_of(found, name).figures for name in FIRMS)
    # Of the silent meter two cycles are believed; it had not spoken yet in its first seconds.
    silent = len(SILENT) - 1
    assert near(e0.time.production, 200, 240)
    assert near(e1.time.treatment, 200, 240)
    assert near(e1.time.synchronous, 200, 240)
    assert near(e2.time.production, 240 - silent, 240 - silent)
    assert near(e2.time.online, 480 - silent, 480)
    assert near(e2.time.synchronous, 240 - silent, 240 - silent)
    slots = {row.at // (5 * MINUTE) for row in rows_of("E2-p")}
    assert e2.time.collected.collection == Rate(len(slots) + 48, 96)
    assert e2.time.collected.transmission == Rate(480 - len(SILENT), 480)
    assert e2.time.collected.transmission_valid == pytest.approx((480 - len(SILENT)) / 480)


async def test_hours_that_are_not_counted_yet_are_not_told_as_missing(
    store_of_hours: Connection,
) -> None:
    store, last = store_of_hours, START // HOUR_US + HOURS - 1
    meter = await store.fetchval("SELECT id FROM meter WHERE address = 'E0-p'")
    await store.execute(
        "DELETE FROM collected_hour WHERE meter = $1 AND start >= $2",
        meter,
        moment_of(last * HOUR_US),
    )
    await note_touched(store, np.array([last << 32 | meter]))
    rows = (await report(store, By.ENTERPRISE)).rows
    told = {row.name: row.figures for row in rows}
    assert told["E0"].counted_until == moment_of(last * HOUR_US)
    assert told["E0"].time.collected.transmission == Rate(420, 420)
    assert told["E1"].counted_until is None
    assert (await report(store)).rows[0].figures.counted_until == moment_of(last * HOUR_US)


async def test_the_load_rate_is_the_mean_power_of_run_time_beside_the_reference(
    store_of_hours: Connection,
) -> None:
    found = await report(store_of_hours, By.ENTERPRISE)
    ran = [row.power for row in rows_of("E0-p") if row.power > 0]
    load = row_of(found, "E0").figures.time.load
    assert load.value == pytest.approx(sum(ran) / len(ran) / 30_000, rel=1e-4)
    assert load.whole == pytest.approx(len(ran) * 30_000, rel=1e-6)


async def test_alarms_are_counted_with_how_long_they_lasted(store_of_hours: Connection) -> None:
    (row,) = (await report(store_of_hours)).rows
    told = await store_of_hours.fetch(
        "SELECT rule, raised, ended FROM alarm WHERE suppressed_by IS NULL"
        " AND enterprise = ANY($1)",
        list(FIRMS),
    )
    rules = default_rules().rules
    lasted = sorted(
        (one["ended"] - one["raised"]).total_seconds() * 1000
        for one in told
        if rules[one["rule"]].grade in "ABC"
    )
    assert len(lasted) < len(told)
    assert row.figures.alarms == len(told) >= 1
    assert row.figures.durations.mean == pytest.approx(sum(lasted) / len(lasted))
    assert row.figures.standings[Standing.COMPLIANT] == 2
    assert row.figures.standings[Standing.IDLE] == 1
    assert row.figures.coverage.production == Rate(3, 3)
    # Its treatment rests with it.
    assert row.figures.present.units_stopped == 2


async def test_what_people_did_is_counted_where_it_began(store_of_hours: Connection) -> None:
    store, now = store_of_hours, SINCE + timedelta(hours=1)
    asked = Assistance(id="AS1", enterprise="E2", topic=Topic.RUNNING, problem_text="风机")
    solved = AssistanceStep(assistance="AS1", deed=Deed.SOLVE, text="换轴承")
    looked = Inspection(id="IN1", enterprise="E2", mode=Mode.OFF_SITE, at=now, problems=2)
    early = Inspection(id="IN2", enterprise="E2", mode=Mode.ON_SITE, at=SINCE - timedelta(hours=1))
    for body, person in ((asked, "P2"), (solved, "P1"), (looked, "P1"), (early, "P1")):
        await decide(store, body, person, now)
    found = await report(store, By.ENTERPRISE)
    own, other = row_of(found, "E2"), row_of(found, "E0")
    assert (own.enforced.off_site, own.enforced.problems_urged) == (Rate(1, 1), 2)
    assert (own.served.asked.firms_solved, own.served.problems_solved) == (1, 1)
    assert (other.enforced.off_site, other.served.problems_solved) == (Rate(0, 0), 0)


async def test_rows_are_of_districts_and_industries_too(store_of_hours: Connection) -> None:
    for by, name in ((By.DISTRICT, "R"), (By.INDUSTRY, "coating"), (By.ALL, "")):
        (row,) = (await report(store_of_hours, by)).rows
        assert (row.name, row.figures.enterprises) == (name, 3)


async def records(store: Connection, agency: str) -> list[dict[str, Any]]:
    registry = await load_registry(store)
    wanted = Wanted(agency, Period(SINCE, UNTIL))
    return [record async for record in shared(store, registry, wanted)]


async def test_a_shared_file_holds_an_agencys_own_firms_and_no_people(
    store_of_hours: Connection,
) -> None:
    found = await records(store_of_hours, "A2")
    assert {one["id"] for one in found if one["kind"] == "enterprise"} == {"E2"}
    assert {one["id"] for one in found if one["kind"] == "unit"} == {"E2-p", "E2-t"}
    assert {one["unit"] for one in found if one["kind"] == "state"} == {"E2-p", "E2-t"}
    assert {one["enterprise"] for one in found if one["kind"] in ("alarm", "figures")} == {"E2"}
    assert {one["id"] for one in found if one["kind"] == "agency"} == {"A2"}
    text = str(found)
    assert not any(word in text for word in ("E0", "E1", "person", "phone", "officer"))
    above = await records(store_of_hours, "A")
    assert {one["id"] for one in above if one["kind"] == "enterprise"} == set(FIRMS)
    alarms = await store_of_hours.fetchval(
        "SELECT count(*) FROM alarm WHERE suppressed_by IS NULL AND enterprise = ANY($1)",
        list(FIRMS),
    )
    assert sum(one["kind"] == "alarm" for one in above) == alarms


@pytest.mark.parametrize(
    ("since", "until", "whole", "ends"),
    [
        (0, 2, [(0, 2)], []),
        (0.5, 3.5, [(1, 3)], [(0.5, 1), (3, 3.5)]),
        (0.2, 0.8, [], [(0.2, 0.8)]),
        (0.2, 1.5, [], [(0.2, 1.5)]),
        (0.2, 2, [(1, 2)], [(0.2, 1)]),
    ],
    ids=["quarters", "both ends", "within one", "over one edge", "an end before"],
)
def test_a_stretch_is_cut_into_whole_quarters_and_its_ends(
    since: float, until: float, whole: list[tuple[float, float]], ends: list[tuple[float, float]]
) -> None:
    def of(first: float, last: float) -> Stretch:
        return Stretch("U", "m", "", 1.0, round(first * QUARTER_MS), round(last * QUARTER_MS))

    found = cut_at_quarters(of(since, until))
    assert found == ([of(*one) for one in whole], [of(*one) for one in ends])
