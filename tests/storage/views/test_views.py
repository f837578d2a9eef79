"""Read models of pages, against a real store."""

from datetime import timedelta

import asyncpg
import msgspec
import numpy as np
import pytest
import pytest_asyncio
from tests.console.pages.city import NOW, with_city

from wattwarden.alarms.registry.changes import Change
from wattwarden.alarms.statistics.durations import milliseconds
from wattwarden.alarms.statistics.rates import added
from wattwarden.alarms.statistics.running import line_plans, synchronous
from wattwarden.alarms.statistics.timelines import Span
from wattwarden.storage.database import Connection
from wattwarden.storage.registry.registry import load_registry, save_registry
from wattwarden.storage.statistics.load import load_timelines
from wattwarden.storage.views.changes import listening
from wattwarden.storage.views.city import STEPS, load_city, midnight_of
from wattwarden.storage.views.curves import load_curves, width_of
from wattwarden.storage.views.day import load_day, load_told
from wattwarden.storage.views.known import Known


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
