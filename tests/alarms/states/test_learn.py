"""What is learned of a unit: cells of its power, what is usual, current and power factor."""

import numpy as np
import pytest
from tests.alarms.factory import RATED_W, Day, simple

from wattwarden.alarms.plant.unit_tables import POWER_CELLS
from wattwarden.alarms.states import state as states
from wattwarden.alarms.states.learn import close_day
from wattwarden.alarms.states.state import State

UNIT = 1


def closed(cells: dict[int, int], near: int = 0, milliamperes: int = 0, factor: int = 0) -> State:
    """Close a day of a unit that is known well, with counts by cell of its power."""
    day = Day(simple(), 1)
    state = states.initial(day.plant, day.first)
    state.learned.run_days[:] = 30
    for cell, count in cells.items():
        state.memory.power_today[UNIT, cell] = count
    state.memory.near[UNIT] = near
    state.memory.current_sum[UNIT] = near * milliamperes
    state.memory.factor_sum[UNIT] = near * factor
    close_day(day.plant, state, np.array([UNIT]), 1)
    return state


@pytest.mark.parametrize(
    ("cells", "share"),
    [
        pytest.param({40: 100}, 0.81, id="the middle of the only cell"),
        pytest.param({39: 30, 40: 100, 41: 10}, 0.81 - 0.02 * 20 / 140, id="nearer to the fuller"),
        pytest.param({40: 100, 45: 1, 46: 1, 47: 1}, 0.81, id="where it mostly was"),
        pytest.param({10: 300, 40: 100}, 0.81, id="at work, however long it rested"),
    ],
)
def test_what_a_unit_usually_draws_is_learned(cells: dict[int, int], share: float) -> None:
    assert closed(cells).learned.power[UNIT] == pytest.approx(share * RATED_W, rel=1e-5)


def test_current_and_power_factor_are_the_means_near_the_usual_power() -> None:
    learned = closed({40: 100}, near=10, milliamperes=14_000, factor=8_300).learned
    assert learned.current[UNIT] == pytest.approx(14.0, rel=1e-5)
    assert learned.power_factor[UNIT] == pytest.approx(0.83, rel=1e-5)


@pytest.mark.parametrize(
    ("share", "cell"),
    [
        pytest.param(0.75, 37, id="a cell is 2 % of the nameplate"),
        pytest.param(2.0, POWER_CELLS - 1, id="the last one has all above"),
    ],
)
def test_a_power_is_counted_in_its_cell(share: float, cell: int) -> None:
    day = Day(simple(), 30).share("t", slice(0, 30), share, share, 0.8)
    state, _ = day.fold()
    counts = state.memory.power_today[UNIT]
    assert (np.flatnonzero(counts).tolist(), int(counts[cell])) == ([cell], 30)


@pytest.mark.parametrize(
    ("share", "counted"),
    [
        pytest.param(0.04, 0, id="less than a machine at work"),
        pytest.param(0.06, 30, id="little"),
    ],
)
def test_what_draws_next_to_nothing_teaches_nothing_whatever_its_current(
    share: float, counted: int
) -> None:
    day = Day(simple(), 30).share("t", slice(0, 30), share, 0.7, 0.8)
    state, _ = day.fold()
    assert int(state.memory.power_today[UNIT].sum()) == counted
