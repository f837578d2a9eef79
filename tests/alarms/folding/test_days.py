"""Totals of a day, what is kept of it at its close, and what a plan's energy is told as."""

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import pytest
from tests.alarms.factory import MIDNIGHT_S, Day, simple

from wattwarden.alarms.decisions.bodies import Measure, Plan
from wattwarden.alarms.decisions.body import Scope
from wattwarden.alarms.episodes.findings import Raised
from wattwarden.alarms.folding.days import close_days
from wattwarden.alarms.folding.hours import close_hours
from wattwarden.alarms.plant.day_tables import RING_DAYS
from wattwarden.alarms.plant.orders import NO_ORDERS, compile_orders
from wattwarden.alarms.states import state as states

if TYPE_CHECKING:
    from numpy.typing import NDArray

UNIT = 1
HOUR_MS, MINUTE_MS = 3_600_000, 60_000
MIDNIGHT = datetime.fromtimestamp(MIDNIGHT_S, UTC)


def test_watts_are_summed_while_the_load_is_high() -> None:
    day = Day(simple(), 60).share("p", slice(30, 60), 0.5, 0.7, 0.8)
    totals = day.fold()[0].totals
    assert totals.high[UNIT] == 30
    assert totals.high_sum[UNIT] / 30 == pytest.approx(10_000, rel=0.002)


@pytest.mark.parametrize(
    ("samples", "mean"),
    [pytest.param(40, 8_000.0, id="enough"), pytest.param(10, np.nan, id="too few")],
)
def test_a_day_that_is_over_pushes_out_the_oldest(samples: int, mean: float) -> None:
    day = Day(simple(), 1)
    state = states.initial(day.plant, day.first)
    totals, begun = state.totals, 739_000
    rings: list[NDArray[Any]] = [
        totals.past_run, totals.past_energy, totals.past_night, totals.past_high,
    ]  # fmt: skip
    for ring in rings:
        ring[UNIT] = np.arange(RING_DAYS) + 1
    totals.run[UNIT], totals.energy[UNIT], totals.night[UNIT] = 101, 102, 103
    totals.high[UNIT], totals.high_sum[UNIT] = samples, 8_000 * samples
    state.firm.day[:] = begun
    list(close_days(day.plant, state, NO_ORDERS, np.array([begun + 1]), 1000 * MIDNIGHT_S))
    for ring, last in zip(rings, (101, 102, 103, mean), strict=True):
        expected = [*range(2, RING_DAYS + 1), last]
        np.testing.assert_array_equal(ring[UNIT], np.array(expected, ring.dtype))
    assert (totals.run[UNIT], totals.energy[UNIT], totals.night[UNIT]) == (0, 0, 0)
    assert (totals.high[UNIT], totals.high_sum[UNIT], state.firm.day[0]) == (0, 0, begun + 1)


def test_what_a_plan_was_exceeded_by_is_told_in_kilowatt_hours() -> None:
    day = Day(simple(), 1)
    plan = Plan(
        id="n", scope=Scope.UNIT, subject="p", measure=Measure.LIMIT, reduction=0.5,
        base_energy=48_000.0, start=MIDNIGHT, end=MIDNIGHT + timedelta(days=1),
    )  # fmt: skip
    orders = compile_orders(day.plant, [plan])
    state = states.initial(day.plant, day.first)
    begin = 1_000 * MIDNIGHT_S
    assert list(close_hours(day.plant, state, orders, begin)) == []
    state.totals.energy_total[0] += 12_345_000
    (found,) = close_hours(day.plant, state, orders, begin + 6 * HOUR_MS)
    assert isinstance(found, Raised)
    used = found.alarm.explanation.signals["used"]
    assert (used.value, used.unit) == (12.345, "kWh")


@pytest.mark.parametrize(
    ("zone", "slot"),
    [
        pytest.param("Asia/Dhaka", 120, id="whole hours"),
        pytest.param("Asia/Kathmandu", 135, id="quarters"),
    ],
)
def test_a_day_ends_at_the_firm_s_own_midnight(zone: str, slot: int) -> None:
    factory = simple()
    firm = msgspec.structs.replace(factory.registry.enterprise["e"], zone=zone)
    factory.registry.put("enterprise", firm)
    day = Day(factory, 240)
    totals = day.fold()[0].totals
    minutes = (totals.past_run[UNIT, -1] / MINUTE_MS, totals.run[UNIT] / MINUTE_MS)
    assert minutes == (slot - 1, 240 - slot)
