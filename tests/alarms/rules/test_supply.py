"""When a firm was last seen with supply."""

from tests.alarms.factory import Day, simple

from wattwarden.alarms.rules.supply import fed_at
from wattwarden.alarms.states import state as states
from wattwarden.alarms.states.block import read


def test_a_firm_was_fed_when_any_of_its_meters_last_showed_a_voltage() -> None:
    day = Day(simple(), 4).silent("p", slice(1, 4)).silent("t", slice(2, 3))
    day.put("t", slice(3, 4), voltage_low=0.0, voltage_high=0.0)
    state = states.initial(day.plant, day.first)
    block = read(day.plant, state, day.grid, day.grid.at < -1)
    first, second = day.grid.at[:2, 1].tolist()
    assert fed_at(day.plant, state, block).tolist() == [[first], [second], [second], [second]]
