"""The rows of a report, and spans in which nothing is."""

import numpy as np
import pytest
from tests.alarms.registry.firm import registry

from wattwarden.alarms.registry.nouns import Enterprise, Equipment, EquipmentKind
from wattwarden.alarms.states.codes import UnitState
from wattwarden.alarms.statistics.durations import ToldAlarm
from wattwarden.alarms.statistics.figures import (
    By,
    Sources,
    figures,
    groups,
    last_states,
    prepare,
    prepared_of,
)
from wattwarden.alarms.statistics.rates import Rate
from wattwarden.alarms.statistics.running import LinePlan, Need, synchronous
from wattwarden.alarms.statistics.timelines import NOTHING_HEARD, Span, Timeline, cut

KNOWN = registry(
    (
        "enterprise",
        Enterprise(id="E0", name="某印染", agency="A1", region="R1", industry="dyeing"),
    ),
    (
        "enterprise",
        Enterprise(id="E9", name="某铸造", agency="A1", region="R", industry="dyeing"),
    ),
)


@pytest.mark.parametrize(
    ("by", "rows"),
    [
        (By.ALL, {"": ["E0", "E1", "E9"]}),
        (By.DISTRICT, {"R": ["E9"], "R1": ["E0", "E1"]}),
        (By.INDUSTRY, {"cement": ["E1"], "dyeing": ["E0", "E9"]}),
        (By.ENTERPRISE, {"E0": ["E0"], "E1": ["E1"], "E9": ["E9"]}),
    ],
)
def test_a_report_has_a_row_for_each_in_order(by: By, rows: dict[str, list[str]]) -> None:
    found = groups(KNOWN, by, {"E9", "E1", "E0"})
    assert list(found.items()) == list(rows.items())


def test_what_rows_share_is_sorted_by_whose_it_is() -> None:
    camera = Equipment(id="EQ1", enterprise="E1", equipment=EquipmentKind.VIDEO)
    alarm = ToldAlarm("R1", "A", "unit:U2", "E1", "L1", 5)
    prepared = prepared_of(registry(("equipment", camera)), [alarm], {}, {})
    assert prepared.equipment == {"E1": [camera], "E2": []}
    assert prepared.alarms == {"E1": [alarm], "E2": []}
    units = {firm: [unit.id for unit in units] for firm, units in prepared.units.items()}
    assert units == {"E1": ["U1", "U2", "U3"], "E2": []}


def test_a_span_without_a_moment_has_no_pieces() -> None:
    line = Timeline(np.array([5], np.int64), np.array([1], np.int8))
    for span in (Span(10, 10), Span(10, 9)):
        mosaic = cut([line, NOTHING_HEARD], span)
        assert mosaic.length.shape == (0,)
        assert mosaic.state.shape == (0, 2)
    plan = LinePlan("L1", ("U1",), (Need(("U2",), 1),))
    assert synchronous(plan, {"U1": line}, Span(10, 10)) == Rate(0, 0)


def test_the_last_state_is_that_just_before_a_moment() -> None:
    running, off = int(UnitState.RUNNING), int(UnitState.OFF)
    line = Timeline(np.array([5, 9, 10], np.int64), np.array([off, running, off], np.int8))
    assert last_states({"U1": line}, 10) == {"U1": UnitState.RUNNING}
    assert last_states({"U1": line}, 9) == {"U1": UnitState.OFF}
    assert last_states({"U1": NOTHING_HEARD}, 9) == {"U1": UnitState.NEVER}


@pytest.mark.parametrize(
    ("raised", "counted"),
    [
        pytest.param(999, 0, id="before"),
        pytest.param(1_000, 1, id="as it begins"),
        pytest.param(1_999, 1, id="at its last"),
        pytest.param(2_000, 0, id="as the next begins"),
    ],
)
def test_an_alarm_counts_in_the_one_span_in_which_it_was_raised(raised: int, counted: int) -> None:
    alarm = ToldAlarm("R1", "A", "unit:U2", "E1", "L1", raised)
    sources = Sources(registry(), Span(1_000, 2_000), {}, {}, {}, {}, (alarm,))
    found = figures(sources, prepare(sources), ["E1"])
    assert found.alarms == counted
    assert found.by_grade == ({"A": 1} if counted else {})
