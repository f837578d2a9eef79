"""Where meters stand, and a plant of some of its enterprises."""

import msgspec
import numpy as np
import pytest
from tests.alarms.factory import RULES, SINCE, Factory

from wattwarden.alarms.plant.compile import compile_plant
from wattwarden.alarms.plant.meter_places import least_volts_of
from wattwarden.alarms.plant.meters import compile_meters
from wattwarden.alarms.registry.nouns import Enterprise, Point, Unit, UnitKind


def test_the_least_voltage_is_what_a_meter_shows_by_its_points_of_electricity() -> None:
    registry = Factory().unit("p", UnitKind.PRODUCTION).unit("t").outlet(9.0).registry
    registry.put("point", msgspec.structs.replace(registry.point["p"], pt=100.0))
    # A signal of the machine at the same meter, and a machine of somebody else.
    registry.put("point", Point(
        id="s", meter="c:p", unit="p", factor="s", measures="status", valid_from=SINCE, cycle_s=60,
    ))  # fmt: skip
    registry.put("enterprise", Enterprise(id="f", name="f", agency="a", region="r", industry="x"))
    registry.put(
        "unit", Unit(id="x", enterprise="f", name="x", kind=UnitKind.PRODUCTION, rated_power=1e4)
    )
    registry.put("point", Point(id="x", meter="c:x", unit="x", valid_from=SINCE, cycle_s=60))
    plant = compile_plant(registry, RULES, ["e"])
    meters = compile_meters(registry, RULES, plant)
    assert meters.meters == ("c:p", "c:t")
    volts = plant.unit.voltage * plant.limit["state.v_off"]
    assert least_volts_of(registry, plant, meters) == pytest.approx([volts[0] / 100, volts[1]])


def test_in_a_plant_of_some_enterprises_what_belongs_to_nothing_still_does() -> None:
    registry = Factory().unit("p", UnitKind.PRODUCTION).unit("m", UnitKind.MAIN).registry
    registry.put("enterprise", Enterprise(id="f", name="f", agency="a", region="r", industry="x"))
    registry.put(
        "unit", Unit(id="x", enterprise="f", name="x", kind=UnitKind.PRODUCTION, rated_power=1e4)
    )
    plant = compile_plant(registry, RULES, ["e", "f"])
    assert plant.firm.main.tolist() == [0, -1]
    main, maker, other = (plant.unit.line[plant.units.index(name)] for name in "mpx")
    assert (maker, other) == (0, -1)
    part = plant.take([1])
    assert (part.firms, part.units) == (("f",), ("x",))
    assert (part.firm.main.tolist(), part.unit.line.tolist()) == ([-1], [-1])
    part = plant.take([0])
    assert part.firm.main.tolist() == [0]
    assert part.unit.line.tolist() == np.array([main, maker]).tolist()


def test_a_meter_of_which_nobody_says_otherwise_speaks_every_minute() -> None:
    registry = Factory().unit("p", UnitKind.PRODUCTION).registry
    said = {"id": "p", "meter": "c:p", "unit": "p", "valid_from": SINCE}
    registry.put("point", msgspec.convert(said, Point))
    plant = compile_plant(registry, RULES, ["e"])
    assert (plant.slot_s, plant.unit.cycle.tolist()) == (60, [60_000])
    assert compile_meters(registry, RULES, plant).cycle.tolist() == [60]
