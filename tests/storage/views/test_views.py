"""Read models of pages, against a real store."""

from datetime import timedelta

import asyncpg
import msgspec
import numpy as np
import pytest
import pytest_asyncio
from tests.console.pages.city import NOW
from tests.console.pages.happened import with_city

from wattwarden.alarms.registry.changes import Change
from wattwarden.alarms.states.codes import UnitState
from wattwarden.alarms.statistics.durations import milliseconds
from wattwarden.alarms.statistics.rates import added
from wattwarden.alarms.statistics.running import line_plans, synchronous
from wattwarden.alarms.statistics.timelines import Span
from wattwarden.storage.database import Connection
from wattwarden.storage.registry.registry import load_registry, save_registry
from wattwarden.storage.statistics.load import load_timelines
from wattwarden.storage.views import changes as changes_module
from wattwarden.storage.views.changes import listening
from wattwarden.storage.views.city import STEPS, load_city, midnight_of
from wattwarden.storage.views.curves import load_curves, width_of
from wattwarden.storage.views.day import load_day, load_told
from wattwarden.storage.views.known import Known
from wattwarden.storage.views.results import load_results
from wattwarden.storage.views.saved import SavedView, drop_view, load_saved, save_view


@pytest_asyncio.fixture(loop_scope="session")
async def city(store: Connection) -> Connection:
    """The store with the small city in it."""
    await with_city(store)
    return store


async def test_the_city_adds_up_what_its_lines_did(city: Connection) -> None:
    registry = await load_registry(city)
    counted = await load_city(city, registry, NOW)
    whole = counted.part(registry.enterprise)
    span = Span(milliseconds(midnight_of(NOW)), milliseconds(NOW))
    timelines = await load_timelines(city, registry, span)
    plans = [plan for some in line_plans(registry).values() for plan in some]
    rate = added(synchronous(plan, timelines, span) for plan in plans)
    assert whole.today.value == pytest.approx(rate.value)
    assert whole.lines == len(registry.line)
    assert len(whole.course.making) == STEPS
    assert whole.course.making[-1] == len(whole.making) == 13
    assert whole.unmet == {"HC-L1", "QH-L1", "JM-L1"}
    assert whole.course.unmet[-1] == 3
    assert (whole.online.whole - whole.online.part) == 1


async def test_a_unit_that_is_declared_shut_is_not_counted_as_one_that_could_report(
    city: Connection,
) -> None:
    registry = await load_registry(city)
    before = (await load_city(city, registry, NOW)).part(registry.enterprise).online
    await city.execute(
        "INSERT INTO unit_transition (enterprise, unit, at, state) VALUES ('QH', 'QH-T1', $1, $2)",
        NOW - timedelta(minutes=1),
        UnitState.DECLARED.name.lower(),
    )
    online = (await load_city(city, registry, NOW)).part(registry.enterprise).online
    assert (online.whole, online.part) == (before.whole - 1, before.part - 1)


async def test_a_part_of_nothing_is_nothing(city: Connection) -> None:
    nobody = (await load_city(city, await load_registry(city), NOW)).part([])
    assert nobody.today.value is None
    assert nobody.lines == 0
    assert np.array_equal(nobody.course.making, np.zeros(STEPS))


async def test_the_registry_is_read_again_when_it_changed_and_only_then(city: Connection) -> None:
    known = Known()
    first = await known.registry(city)
    assert await known.registry(city) is first
    firm = first.enterprise["QH"]
    changed = msgspec.structs.replace(firm, name="改名后的企业")
    await save_registry(city, [Change("enterprise", "QH", changed)], "me", now=NOW)
    second = await known.registry(city)
    assert second is not first
    assert second.enterprise["QH"].name == "改名后的企业"


async def test_a_curve_is_what_the_meter_said_times_its_ratios(city: Connection) -> None:
    registry = await load_registry(city)
    points = [one for one in registry.point.values() if one.unit == "QH-T1"]
    since = NOW - timedelta(hours=1)
    (curve,) = await load_curves(city, points, since, NOW)
    assert (curve.unit, curve.width) == ("QH-T1", timedelta(0))
    assert curve.at == tuple(int(since.timestamp()) + 60 * minute for minute in range(60))
    rows = await city.fetch(
        "SELECT power_total FROM reading JOIN meter ON meter.id = meter WHERE address = '02T01'"
        " AND at >= $1 AND at < $2 ORDER BY at",
        since,
        NOW,
    )
    assert curve.watts == pytest.approx([row["power_total"] for row in rows], abs=0.06)
    # What a meter said before a point was the unit's, and after, is another's.
    half = NOW - timedelta(minutes=30)
    for bounds in ({"valid_from": half}, {"valid_to": half}):
        some = [msgspec.structs.replace(one, **bounds) for one in points]
        (part,) = await load_curves(city, some, since, NOW)
        told = [at for at in curve.at if (at >= half.timestamp()) == ("valid_from" in bounds)]
        assert part.at == tuple(told)


async def test_results_are_what_an_outlets_station_measured_of_a_factor(city: Connection) -> None:
    registry = await load_registry(city)
    points = [one for one in registry.point.values() if one.outlet or one.unit == "QH-T1"]
    since = NOW - timedelta(hours=1)
    (result,) = await load_results(city, points, since, NOW)
    assert (result.outlet, result.factor) == ("QH-O1", "a24088")
    assert result.at == tuple(int(since.timestamp()) + 60 * minute for minute in range(60))
    amounts = await city.fetchval(
        "SELECT array_agg(amounts[2] ORDER BY at) FROM factor WHERE at >= $1 AND at < $2",
        since,
        NOW,
    )
    assert result.amounts == pytest.approx(amounts)
    station = registry.point["QH-O1-a24088"]
    ended = msgspec.structs.replace(station, valid_to=since + timedelta(minutes=5))
    assert len((await load_results(city, [ended], since, NOW))[0].at) == 5
    other = msgspec.structs.replace(station, factor="a34013")
    assert await load_results(city, [other], since, NOW) == []


async def test_a_list_that_is_kept_again_is_another_by_the_same_name(city: Connection) -> None:
    await save_view(city, "zhou", SavedView("东", "view=mine"), NOW)
    await save_view(city, "zhou", SavedView("西", "view=open"), NOW + timedelta(seconds=1))
    await save_view(city, "zhou", SavedView("东", "view=done"), NOW + timedelta(seconds=2))
    found = await load_saved(city, "zhou")
    assert found == [SavedView("东", "view=done"), SavedView("西", "view=open")]
    await drop_view(city, "zhou", "东")
    await drop_view(city, "chen", "西")
    assert [one.name for one in await load_saved(city, "zhou")] == ["西"]
    assert await load_saved(city, "chen") == []


async def test_who_falls_too_far_behind_counts_as_having_lost_the_connection(
    city: Connection, store_server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(changes_module, "MAX_WAITING", 2)
    hearing = await asyncpg.connect(store_server)
    async with listening(hearing) as changes:
        for firm in ("A", "B", "C", "D"):
            await city.execute("SELECT pg_notify('live', $1)", firm)
        # What came is there once the connection that hears has answered.
        await hearing.fetchval("SELECT 1")
        assert [await changes.get() for _ in range(3)] == ["A", "B", None]
        assert changes.empty()
    await hearing.close()


@pytest.mark.parametrize(
    ("length", "width"),
    [
        (timedelta(hours=3), timedelta(0)),
        (timedelta(days=7), timedelta(minutes=15)),
        (timedelta(days=31), timedelta(hours=1)),
    ],
    ids=["hours", "a week", "a month"],
)
def test_longer_curves_are_made_of_wider_points(length: timedelta, width: timedelta) -> None:
    assert width_of(length) == width


async def test_a_day_counts_its_alarms_and_how_long_they_lasted(city: Connection) -> None:
    day = await load_day(city, ["NP", "XG"], midnight_of(NOW), NOW)
    assert (day.raised, day.over, day.brief) == (2, 2, 2)
    assert day.mean == timedelta(minutes=(12 + 21) / 2)
    assert (await load_day(city, None, midnight_of(NOW), NOW)).raised == 13
    assert (await load_day(city, [], midnight_of(NOW), NOW)).mean is None
    # Of these nobody was told.
    untold = "withdrawn = TRUE", """suppressed_by = '["R2", "unit:U1", "", 0]'"""
    for left, why in zip((12, 11), untold, strict=True):
        await city.execute(
            f"UPDATE alarm SET {why} WHERE id = (SELECT min(id) FROM alarm WHERE raised >= $1"  # noqa: S608  ours
            " AND suppressed_by IS NULL AND NOT withdrawn)",
            midnight_of(NOW),
        )
        assert (await load_day(city, None, midnight_of(NOW), NOW)).raised == left


async def test_notices_are_counted_by_alarm(city: Connection) -> None:
    number = await city.fetchval("SELECT id FROM alarm WHERE subject = 'unit:HC-T1'")
    told = await load_told(city, [number, 999_999])
    assert {alarm: one.times for alarm, one in told.items()} == {number: 3}


async def test_whoever_listens_hears_whose_things_change_when_it_is_kept(
    city: Connection, store_server: str
) -> None:
    hearing = await asyncpg.connect(store_server)
    async with listening(hearing) as changes:
        async with city.transaction():
            await city.execute("UPDATE alarm SET grade_up = 1 WHERE enterprise = 'HC'")
            assert changes.empty()
        assert await changes.get() == "HC"
        await city.execute("SELECT pg_terminate_backend($1)", hearing.get_server_pid())
        assert await changes.get() is None
