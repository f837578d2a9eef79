"""From stored rows to samples: points, ratios, phases."""

from datetime import datetime, timedelta

import msgspec
import numpy as np
import pytest
from tests.alarms.factory import MIDNIGHT_S, RULES, SINCE, Day, Factory

from wattwarden.alarms.plant.compile import compile_plant, slot_of
from wattwarden.alarms.plant.points import Factors, Readings, compile_routes, factors_of, samples_of
from wattwarden.alarms.registry.nouns import Enterprise, Point, UnitKind

NAN = np.array([np.nan])


def readings(meter: str, at: datetime, **columns: float) -> Readings:
    said = {name: np.array([value]) for name, value in columns.items()}
    moment = np.array([round(at.timestamp() * 1000)])
    return Readings(np.array([meter]), np.array([""]), moment, said)


def test_ratios_and_phases_make_a_sample() -> None:
    day = Day(Factory().unit("p", UnitKind.PRODUCTION), 1)
    point = day.registry.point["p"]
    day.registry.put("point", msgspec.structs.replace(point, ct=10.0, pt=2.0))
    routes = compile_routes(day.registry, day.plant)
    said = readings(
        "c:p", SINCE, current_a=1.0, current_b=2.0, current_c=3.0, voltage_a=110.0,
        voltage_b=111.0, voltage_c=109.0, power_a=100.0, power_b=200.0, power_c=300.0,
        energy_forward=7,
    )  # fmt: skip
    sample = samples_of(day.plant, routes, said)
    assert sample.power.tolist() == [12_000.0]
    assert (sample.current[0], sample.current_low[0], sample.current_high[0]) == (20, 10, 30)
    assert (sample.voltage_low[0], sample.voltage_high[0]) == (218, 222)
    assert sample.power_factor[0] == pytest.approx(0.911, abs=0.001)
    assert sample.energy.tolist() == [140]


def test_what_was_reported_counts_and_what_was_not_is_missing() -> None:
    day = Day(Factory().unit("p", UnitKind.PRODUCTION), 1)
    routes = compile_routes(day.registry, day.plant)
    sample = samples_of(
        day.plant, routes, readings("c:p", SINCE, power_total=5.0, power_factor_total=-0.5)
    )
    assert (sample.power[0], sample.power_factor[0], sample.energy[0]) == (5.0, 0.5, -1)
    assert np.isnan(sample.current[0])


def test_a_point_holds_from_its_start_to_its_end() -> None:
    day = Day(Factory().unit("p", UnitKind.PRODUCTION), 1)
    first = day.registry.point["p"]
    later = SINCE + timedelta(days=1)
    day.registry.put("point", msgspec.structs.replace(first, valid_to=later))
    day.registry.put("point", Point(id="q", meter="c:q", unit="p", valid_from=later, cycle_s=60))
    plant = compile_plant(day.registry, RULES, ["e"])
    routes = compile_routes(day.registry, plant)
    assert plant.unit_meters == ("c:q",)
    for meter, at, count in (
        ("c:p", SINCE, 1), ("c:p", later, 0), ("c:q", SINCE, 0), ("c:q", later, 1),
        ("c:x", later, 0),
    ):  # fmt: skip
        assert len(samples_of(plant, routes, readings(meter, at, power_total=1.0)).at) == count


def test_each_channel_of_a_meter_is_its_own_unit_s() -> None:
    factory = Factory().unit("p", UnitKind.PRODUCTION).unit("t")
    for unit, channel in (("p", "1"), ("t", "2")):
        point = factory.registry.point[unit]
        factory.registry.put("point", msgspec.structs.replace(point, meter="c:x", channel=channel))
    day = Day(factory, 1)
    routes = compile_routes(day.registry, day.plant)
    at = np.full(4, MIDNIGHT_S * 1000)
    said = Readings(
        np.array(["c:x"] * 4), np.array(["2", "1", "2", "1"]), at,
        {"power_total": np.array([2.0, 1.0, 2.0, 1.0])},
    )  # fmt: skip
    sample = samples_of(day.plant, routes, said)
    power = {
        day.plant.units[unit]: watts for unit, watts in zip(sample.unit, sample.power, strict=True)
    }
    assert power == {"p": 1.0, "t": 2.0}
    assert len(sample.at) == 4


def test_factors_are_currents_powers_statuses_and_pollutants() -> None:
    factory = Factory().unit("p", UnitKind.PRODUCTION).outlet(30.0)
    for name, measures in (("i", "current"), ("w", "power"), ("s", "status")):
        factory.registry.put("point", Point(
            id=name, meter="c:o", unit="p", factor=name, measures=measures, ct=2.0,
            valid_from=SINCE, cycle_s=60,
        ))  # fmt: skip
    day = Day(factory, 1)
    routes = compile_routes(day.registry, day.plant)
    count = 4
    said = Factors(
        np.array(["c:o"] * count), np.array([""] * count), np.array(["i", "w", "s", "a24088"]),
        np.full(count, MIDNIGHT_S * 1000), np.array([1, 2, 1, 9], np.float32),
        np.array([0, 0, 0, 78], np.int8),
    )  # fmt: skip
    samples, watched = factors_of(day.plant, routes, said)
    assert np.nansum(samples.current) == 2
    assert np.nansum(samples.power) == 4
    assert sorted(samples.status.tolist()) == [-1, -1, 1]
    assert (watched.watch.tolist(), watched.value.tolist()) == ([0], [9])


def test_a_plant_without_points_has_no_routes() -> None:
    day = Day(Factory(), 1)
    routes = compile_routes(day.registry, day.plant)
    assert len(samples_of(day.plant, routes, readings("c:p", SINCE, power_total=1.0)).at) == 0
    nothing = Readings(np.array([], str), np.array([], str), np.zeros(0, np.int64), {})
    assert len(samples_of(day.plant, routes, nothing).at) == 0


def test_a_plant_has_one_slot_length() -> None:
    factory = Factory(cycle_s=300).unit("p", UnitKind.PRODUCTION)
    registry = factory.registry
    registry.put("enterprise", Enterprise(id="f", name="f", agency="a", region="r", industry="x"))
    assert (slot_of(registry, "e"), slot_of(registry, "f")) == (300, 60)
    with pytest.raises(ValueError, match=r"one slot length, got \[60, 300\]"):
        compile_plant(registry, RULES, ["e", "f"])


def test_a_point_of_another_enterprise_is_no_route_of_a_plant() -> None:
    factory = Factory().unit("p", UnitKind.PRODUCTION)
    factory.registry.put(
        "point", msgspec.structs.replace(factory.registry.point["p"], id="x", unit="elsewhere")
    )
    plant = compile_plant(factory.registry, RULES, ["e"])
    assert compile_routes(factory.registry, plant).meter.tolist() == ["c:p"]
