"""When treatment counts as running badly."""

import numpy as np
from tests.alarms.factory import Day, alarms, simple
from tests.alarms.states.made import looked_at

from wattwarden.alarms.rules.degraded import idling


def test_what_stands_still_or_has_no_supply_or_is_declared_does_not_idle() -> None:
    day = Day(simple(), 30).off("t", slice(5, 10)).idle("t", slice(10, 30))
    day.put("t", slice(15, 20), voltage_low=0.0, voltage_high=0.0)
    # At a load of which nothing is known, less than normal tells nothing.
    day.share("p", slice(0, 30), 0.5, 0.7, 0.8)
    block, beside = looked_at(day, declared=slice(20, 25))
    assert block.idle[5:30, 1].all()
    true = idling(day.plant, block, beside).true[:, 0]
    assert np.flatnonzero(true).tolist() == [*range(10, 15), *range(25, 30)]


def test_six_starts_and_stops_in_more_than_an_hour_are_none_too_many() -> None:
    day = Day(simple(), 200).off("p", slice(0, 200))
    for start in (100, 130, 160):
        day.off("t", slice(start, start + 10))
    assert alarms(day, day.fold()[1]) == []
