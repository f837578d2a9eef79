"""开停率, 在线率 and 同步率 on hand-made timelines."""

import numpy as np
import pytest
from tests.alarms.registry.firm import registry

from wattwarden.alarms.registry.nouns import Enterprise, Line, Link, Standby, Unit, UnitKind
from wattwarden.alarms.registry.registry import Registry
from wattwarden.alarms.states.codes import UnitState as S
from wattwarden.alarms.statistics.rates import Rate, added
from wattwarden.alarms.statistics.running import (
    LinePlan,
    Need,
    line_plans,
    synchronous,
    unit_time,
)
from wattwarden.alarms.statistics.timelines import (
    NOTHING_HEARD,
    Span,
    Timeline,
    cut,
    silent_from,
    spans_in,
)

DAY = Span(0, 100)


def line(*changes: tuple[int, S]) -> Timeline:
    return Timeline(
        np.array([at for at, _ in changes], np.int64),
        np.array([state for _, state in changes], np.int8),
    )


@pytest.mark.parametrize(
    ("changes", "running", "online"),
    [
        ([], Rate(0, 0), Rate(0, 0)),
        ([(0, S.RUNNING)], Rate(100, 100), Rate(100, 100)),
        ([(-50, S.RUNNING), (25, S.OFF)], Rate(25, 100), Rate(100, 100)),
        ([(40, S.IDLE)], Rate(60, 60), Rate(60, 60)),
        ([(0, S.REDUCED_VFD), (10, S.OFFLINE), (30, S.OVER)], Rate(80, 80), Rate(80, 100)),
        ([(0, S.OFF), (50, S.DECLARED)], Rate(0, 50), Rate(50, 50)),
        ([(0, S.REDUCED_SLOW), (60, S.NO_POWER)], Rate(60, 100), Rate(100, 100)),
        ([(0, S.OFF), (100, S.RUNNING)], Rate(0, 100), Rate(100, 100)),
    ],
    ids=[
        "never heard", "always", "stopped", "heard later", "silent for a while", "declared",
        "no power", "at the end",
    ],
)  # fmt: skip
def test_a_unit_runs_within_the_time_in_which_it_is_heard(
    changes: list[tuple[int, S]], running: Rate, online: Rate
) -> None:
    time = unit_time(line(*changes), DAY)
    assert (time.running, time.online) == (running, online)


@pytest.mark.parametrize(
    ("production", "treatment", "rate"),
    [
        ([(0, S.RUNNING)], [(0, S.RUNNING)], Rate(100, 100)),
        ([(0, S.RUNNING)], [(0, S.OFF), (30, S.RUNNING)], Rate(70, 100)),
        ([(0, S.OFF), (50, S.OVER)], [(0, S.OFF), (75, S.IDLE)], Rate(25, 50)),
        ([(0, S.OFF)], [(0, S.OFF)], Rate(0, 0)),
        ([(0, S.IDLE)], [(0, S.OFF)], Rate(0, 0)),
        ([(0, S.RUNNING)], [(0, S.RUNNING), (20, S.OFFLINE), (60, S.OFF)], Rate(20, 60)),
        ([(0, S.RUNNING), (30, S.OFFLINE)], [(0, S.OFF)], Rate(0, 30)),
        ([(0, S.RUNNING)], [(0, S.OFF), (40, S.DECLARED)], Rate(60, 100)),
        ([(0, S.RUNNING)], [(0, S.NO_POWER)], Rate(0, 100)),
        ([(0, S.RUNNING)], [], Rate(0, 0)),
    ],
    ids=[
        "together", "late", "half of it", "neither", "idle production", "treatment silent",
        "production silent", "declared away", "no power", "never connected",
    ],
)  # fmt: skip
def test_a_line_is_synchronous_while_all_that_it_needs_runs(
    production: list[tuple[int, S]], treatment: list[tuple[int, S]], rate: Rate
) -> None:
    plan = LinePlan("L", ("P",), (Need(("T",), 1),))
    timelines = {"P": line(*production), "T": line(*treatment)}
    assert synchronous(plan, timelines, DAY) == rate


@pytest.mark.parametrize(
    ("states", "required", "rate"),
    [
        ((S.RUNNING, S.OFF), 1, Rate(100, 100)),
        ((S.RUNNING, S.OFF), 2, Rate(0, 100)),
        ((S.RUNNING, S.OFFLINE), 2, Rate(0, 0)),
        ((S.OFF, S.OFFLINE), 2, Rate(0, 100)),
        ((S.RUNNING, S.DECLARED), 2, Rate(100, 100)),
        ((S.DECLARED, S.DECLARED), 1, Rate(100, 100)),
    ],
    ids=[
        "one of two", "two of two", "one unknown", "too few whatever", "one away", "both away",
    ],
)  # fmt: skip
def test_of_a_standby_group_as_many_must_run_as_are_required(
    states: tuple[S, S], required: int, rate: Rate
) -> None:
    plan = LinePlan("L", ("P",), (Need(("T1", "T2"), required),))
    timelines = {"P": line((0, S.RUNNING))}
    timelines |= {f"T{n}": line((0, state)) for n, state in enumerate(states, start=1)}
    assert synchronous(plan, timelines, DAY) == rate


def test_a_line_needs_every_group_and_unit_and_any_production() -> None:
    plan = LinePlan("L", ("P", "Q"), (Need(("T",), 1), Need(("U",), 1)))
    timelines = {
        "P": line((0, S.RUNNING), (50, S.OFF)),
        "Q": line((0, S.OFF), (50, S.RUNNING)),
        "T": line((0, S.RUNNING), (80, S.OFF)),
        "U": line((0, S.RUNNING), (10, S.OFFLINE), (90, S.RUNNING)),
    }
    # From 10 to 80 nobody knows of U; from 80 on T is off, whatever U does.
    assert synchronous(plan, timelines, DAY) == Rate(10, 30)


def test_lines_are_planned_from_links_sync_flags_and_standby_groups() -> None:
    (plan,) = line_plans(registry())["E1"]
    assert plan == LinePlan("L1", ("U1",), (Need(("U2",), 1),))


def test_units_that_take_no_part_are_not_needed() -> None:
    made = Registry()
    made.put("enterprise", Enterprise(id="E", name="E", agency="A", region="R", industry="i"))
    made.put("line", Line(id="L", enterprise="E", name="L"))
    made.put("standby", Standby(id="S", enterprise="E", required=2))
    for name, kind, more in (
        ("P", UnitKind.BOTH, {}),
        ("T", UnitKind.TREATMENT, {"sync": False}),
        ("X", UnitKind.INDIRECT, {}),
        ("V", UnitKind.TREATMENT, {"standby": "S"}),
        ("W", UnitKind.TREATMENT, {"standby": "S"}),
    ):
        unit = Unit(id=name, enterprise="E", name=name, kind=kind, rated_power=1.0, **more)
        made.put("unit", unit)
        # W stands by for V on another line: it belongs to the group all the same.
        if name != "W":
            made.put("link", Link(id=name, line="L", unit=name))
    assert line_plans(made) == {"E": (LinePlan("L", ("P",), (Need(("V", "W"), 2),)),)}


def test_stretches_of_some_states_are_joined() -> None:
    timeline = line((-5, S.RUNNING), (10, S.IDLE), (30, S.OFF), (60, S.RUNNING))
    assert spans_in(timeline, (S.RUNNING, S.IDLE), DAY).tolist() == [[0, 30], [60, 100]]
    assert spans_in(timeline, (S.RUNNING,), Span(5, 5)).tolist() == []
    assert spans_in(NOTHING_HEARD, (S.NEVER,), DAY).tolist() == [[0, 100]]


@pytest.mark.parametrize(
    ("changes", "heard", "offline"),
    [
        ([(0, S.RUNNING)], 40, 60),
        ([(0, S.DECLARED)], 40, 0),
        ([(0, S.RUNNING), (50, S.OFF)], 40, 0),
        ([(0, S.RUNNING), (20, S.OFFLINE)], 40, 80),
        ([], 40, 0),
    ],
    ids=["silent since", "declared away", "published later", "silent already", "never"],
)
def test_a_state_holds_until_its_meter_was_last_believed(
    changes: list[tuple[int, S]], heard: int, offline: int
) -> None:
    mosaic = cut([silent_from(line(*changes), heard)], DAY)
    assert mosaic.length[mosaic.state[:, 0] == S.OFFLINE].sum() == offline


def test_shares_of_many_add_up_and_nothing_has_no_share() -> None:
    assert added([Rate(1, 2), Rate(2, 10)]) == Rate(3, 12)
    assert added([]).value is None
    assert Rate(3, 12).value == 0.25
