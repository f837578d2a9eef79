"""What lines did at moments."""

import numpy as np

from wattwarden.alarms.states.codes import UnitState
from wattwarden.alarms.statistics.course import course_of, together
from wattwarden.alarms.statistics.running import NO, UNKNOWN, YES, LinePlan, Need
from wattwarden.alarms.statistics.timelines import Timeline

PLAN = LinePlan("L1", ("P1",), (Need(("T1",), 1), Need(("T2", "T3"), 1)))
MOMENTS = np.array([5, 15, 25, 35], np.int64)


def timeline(*states: tuple[int, UnitState]) -> Timeline:
    return Timeline(
        np.array([at for at, _ in states], np.int64),
        np.array([state for _, state in states], np.int8),
    )


RUNS = timeline((0, UnitState.RUNNING))


def test_a_line_is_out_of_step_where_it_produces_and_any_need_is_not_met() -> None:
    timelines = {
        "P1": timeline((0, UnitState.RUNNING), (30, UnitState.OFF)),
        "T1": timeline((0, UnitState.RUNNING), (10, UnitState.OFF), (20, UnitState.RUNNING)),
        "T2": RUNS,
    }
    course = course_of(PLAN, timelines, MOMENTS)
    assert course.making.tolist() == [True, True, True, False]
    assert course.met.tolist() == [YES, NO, YES, YES]
    assert course.unmet.tolist() == [False, True, False, False]


def test_what_nobody_heard_of_cannot_be_told() -> None:
    course = course_of(PLAN, {"P1": RUNS, "T2": RUNS}, MOMENTS)
    assert course.met.tolist() == [UNKNOWN] * 4
    assert not course.unmet.any()


def test_lines_are_counted_moment_by_moment() -> None:
    off = {"P1": RUNS, "T1": timeline((0, UnitState.OFF)), "T2": RUNS}
    still = {"P1": timeline((0, UnitState.OFF))}
    courses = together([course_of(PLAN, one, MOMENTS) for one in (off, off, still)], len(MOMENTS))
    assert courses.making.tolist() == [2] * 4
    assert courses.unmet.tolist() == [2] * 4
    assert together([], 4).making.tolist() == [0] * 4
