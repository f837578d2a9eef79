"""What each unit does in each slot, by what its meter said."""

import math

import numpy as np
import pytest
from tests.alarms.factory import Day, simple
from tests.alarms.states.made import looked_at

from wattwarden.alarms.states.codes import UnitState


def test_a_unit_is_offline_two_cycles_after_its_last_sample() -> None:
    day = Day(simple(), 16).silent("t", slice(10, 16))
    block, _ = looked_at(day)
    told = block.state[:, day.plant.units.index("t")].tolist()
    assert told == [UnitState.RUNNING] * 11 + [UnitState.OFFLINE] * 5


@pytest.mark.parametrize(
    ("volts", "dark"),
    [
        pytest.param([0.0, 0.0], [True, True], id="gone"),
        pytest.param([math.nan, 0.0], [True, True], id="not said meanwhile"),
        pytest.param([114.0, 0.0], [True, True], id="hardly more"),
        pytest.param([220.0, 114.0], [False, False], id="back"),
    ],
)
def test_a_supply_that_was_gone_is_back_once_it_is_said_to_be_well_above_the_limit(
    volts: list[float], dark: list[bool]
) -> None:
    day = Day(simple(), 4).put("t", slice(1, 2), voltage_high=0.0)
    day.put("t", slice(2, 4), voltage_high=np.array(volts))
    block, _ = looked_at(day)
    assert block.dark[:, day.plant.units.index("t")].tolist() == [False, True, *dark]


@pytest.mark.parametrize("unit", ["p", "t"], ids=["production", "treatment"])
def test_beside_production_all_begins_anew_when_either_has_its_supply_back(unit: str) -> None:
    day = Day(simple(), 20)
    day.off(unit, slice(10, 15)).put(unit, slice(10, 15), voltage_low=0.0, voltage_high=0.0)
    _, beside = looked_at(day)
    assert np.flatnonzero(beside.restarted[:, 0]).tolist() == [0, 15]
