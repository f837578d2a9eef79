"""What one firm is shown: its weak points, and what it should see to."""

from datetime import timedelta

import pytest
from tests.alarms.statistics.made import NOON, case

from wattwarden.alarms.cases.bodies import Cause, Fault
from wattwarden.alarms.cases.case import State
from wattwarden.alarms.decisions.bodies import Absence, Declaration, Measure, Plan, Review
from wattwarden.alarms.decisions.body import Scope
from wattwarden.alarms.registry.nouns import EquipmentKind
from wattwarden.alarms.service.matters import SOON, matters
from wattwarden.alarms.service.weak_points import WeakPoint, weak_points
from wattwarden.alarms.statistics.coverage import Lack, Lacking
from wattwarden.alarms.statistics.durations import ToldAlarm, milliseconds, told

HOUR = timedelta(hours=1)
AT = milliseconds(NOON)
HOUR_MS = 3_600_000


def test_a_firms_machines_are_ranked_by_the_time_with_an_open_alarm() -> None:
    alarms = [
        ToldAlarm("R3", "B", "unit:U1", "E1", "L1", AT, AT + HOUR_MS),
        # Two at once are the same hour.
        ToldAlarm("R1", "A", "unit:U1", "E1", "L1", AT, AT + HOUR_MS),
        ToldAlarm("R1", "A", "unit:U2", "E1", "L1", AT),
    ]
    points = weak_points(alarms, [], AT + 3 * HOUR_MS)
    assert [(one.subject, one.alarms, one.open_ms) for one in points] == [
        ("unit:U2", 1, 3 * HOUR_MS),
        ("unit:U1", 2, HOUR_MS),
    ]
    assert points[1].rules == {"R1": 1, "R3": 1}


def test_of_machines_with_as_much_open_time_the_one_with_more_alarms_comes_first() -> None:
    alarms = [
        ToldAlarm("R1", "A", "unit:U1", "E1", "L1", AT, AT + 2 * HOUR_MS),
        ToldAlarm("R1", "A", "unit:U2", "E1", "L1", AT, AT + HOUR_MS),
        ToldAlarm("R3", "B", "unit:U2", "E1", "L1", AT + HOUR_MS, AT + 2 * HOUR_MS),
    ]
    points = weak_points(alarms, [], AT + 3 * HOUR_MS)
    assert [one.subject for one in points] == ["unit:U2", "unit:U1"]


def test_what_people_named_as_the_cause_is_told_and_meters_faults_are_left_out() -> None:
    cases = [
        case(1, ended=NOON + HOUR, cause=Cause.AGEING, part="轴承", fault=Fault.ENTERPRISE),
        case(2, "unit:U9", fault=Fault.METERING, cause=Cause.METER),
    ]
    points = weak_points(map(told, cases), cases, AT + 9 * HOUR_MS)
    assert points == [WeakPoint("unit:U1", 1, HOUR_MS, AT, {"R1": 1}, {Cause.AGEING: 1}, ("轴承",))]


def plan(start: timedelta, **more: object) -> Plan:
    fields = {"measure": Measure.LIMIT, "reduction": 0.3, "end": NOON + 9 * SOON} | more
    return Plan(id="PL1", scope=Scope.ENTERPRISE, subject="E1", start=NOON + start, **fields)  # type: ignore[arg-type]  # any field of it


def declaration(end: timedelta, state: Review = Review.APPROVED) -> Declaration:
    return Declaration(
        id="DC1", scope=Scope.UNIT, subject="U1", kind=Absence.MAINTENANCE, start=NOON - SOON,
        end=NOON + end, state=state,
    )  # fmt: skip


def test_a_firm_is_told_what_is_due_the_soonest_first() -> None:
    found = matters(
        [case(7, deadline=NOON + 2 * HOUR), case(8, state=State.CLOSED)],
        [plan(HOUR), plan(-HOUR), plan(2 * SOON), plan(HOUR, exempt=True)],
        [declaration(3 * HOUR), declaration(2 * SOON), declaration(HOUR, Review.REJECTED)],
        [Lacking("E1", EquipmentKind.VIDEO, Lack.NOT_NETWORKED)],
        NOON,
    )
    assert [(one.kind, one.due) for one in found] == [
        ("plan", NOON + HOUR),
        ("case", NOON + 2 * HOUR),
        ("declaration", NOON + 3 * HOUR),
        ("equipment", None),
    ]
    assert found[0].zh == "E1即将限产30%"
    assert found[3].zh == "视频监控已安装未联网"


@pytest.mark.parametrize("state", [State.RECTIFIED, State.DECLARED])
def test_a_firm_is_not_told_to_do_what_it_has_done(state: State) -> None:
    assert matters([case(state=state, deadline=NOON)], [], [], [], NOON) == []


def test_what_should_have_been_done_is_marked() -> None:
    late = case(1, state=State.ACKED, deadline=NOON - timedelta(hours=1))
    due = case(2, state=State.RECTIFYING, deadline=NOON)
    first, second = matters([due, late], [], [], [], NOON)
    assert (first.overdue, first.zh[:4], second.overdue) == (True, "已超期:", False)
    assert "已超期" not in second.zh
