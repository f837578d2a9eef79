"""Approval, who has the task, quiet days, and the conditions of an exemption."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from tests.alarms.enforcement.made import (
    DAY,
    HOUR,
    LIMITS,
    NOW,
    history,
    incident,
    observed,
    step,
    task,
    visited,
)

from wattwarden.alarms.enforcement import inspections, tasks
from wattwarden.alarms.enforcement.bodies import Inspection, InspectionStep, TaskStep
from wattwarden.alarms.enforcement.incidents import Incident
from wattwarden.alarms.enforcement.life import Said
from wattwarden.alarms.enforcement.lives import TaskLife, inspection_life
from wattwarden.alarms.enforcement.words import (
    InspectionVerb,
    Mode,
    Outcome,
    TaskVerb,
)
from wattwarden.alarms.registry.nouns import Enterprise, Role, Supervision

SECOND = timedelta(seconds=1)
VISITS = (TaskVerb.APPROVE, TaskVerb.ASSIGN, TaskVerb.ACCEPT)


def firm(supervision: Supervision) -> Enterprise:
    return Enterprise(
        id="E1", name="某水泥", agency="A1", region="R1", industry="c", supervision=supervision
    )


# --- the positive list


@pytest.mark.parametrize("role", [*Role, None], ids=str)
@pytest.mark.parametrize("supervision", list(Supervision))
def test_a_visit_to_a_firm_of_the_positive_list_is_approved_by_a_leader(
    supervision: Supervision, role: Role | None
) -> None:
    body = step(TaskVerb.APPROVE).body
    problem = tasks.visit_problem(body, task(), firm(supervision), role)
    listed = supervision is Supervision.POSITIVE
    assert (problem is not None) == (listed and role is not Role.LEADER)
    if problem is not None:
        assert problem.field == "verb"
        assert "领导" in problem.zh
        assert "positive list" in problem.en


@pytest.mark.parametrize(
    ("approver", "endorsed", "allowed"),
    [
        (Role.LEADER, False, True),
        (Role.CITY_OFFICER, True, True),
        (Role.CITY_OFFICER, False, False),
    ],
    ids=["leader approved", "leader endorsed later", "no leader"],
)
def test_who_came_onto_the_list_after_approval_is_visited_with_a_leaders_word(
    approver: Role, *, endorsed: bool, allowed: bool
) -> None:
    more = [step(TaskVerb.ENDORSE, role=Role.LEADER)] if endorsed else []
    accepted = task(step(TaskVerb.APPROVE, role=approver), *map(step, VISITS[1:]), *more)
    arrival = step(TaskVerb.ARRIVE).body
    listed = firm(Supervision.POSITIVE)
    problem = tasks.visit_problem(arrival, accepted, listed, Role.DISTRICT_OFFICER)
    assert allowed if problem is None else problem.field == "verb"
    ordinary = firm(Supervision.ORDINARY)
    assert tasks.visit_problem(arrival, accepted, ordinary, Role.DISTRICT_OFFICER) is None


@pytest.mark.parametrize(
    ("role", "under", "allowed"),
    [
        (Role.DISTRICT_OFFICER, None, False),
        (Role.DISTRICT_OFFICER, task(step(TaskVerb.APPROVE)), False),
        (Role.DISTRICT_OFFICER, task(step(TaskVerb.APPROVE, role=Role.LEADER)), True),
        (Role.LEADER, None, True),
    ],
    ids=["no task", "an officer's task", "a leader's task", "a leader goes"],
)
def test_an_inspection_on_site_at_a_listed_firm_takes_a_leader(
    role: Role, under: TaskLife | None, *, allowed: bool
) -> None:
    body = Inspection(id="IN1", enterprise="E1", mode=Mode.SURPRISE, at=NOW)
    problem = inspections.visit_problem(body, firm(Supervision.POSITIVE), role, under)
    assert (problem is None) == allowed
    assert inspections.visit_problem(body, firm(Supervision.FOCUS), role, under) is None


# --- who has it


@pytest.mark.parametrize("verb", [TaskVerb.ACCEPT, TaskVerb.ARRIVE, TaskVerb.RESULT])
@pytest.mark.parametrize(("actor", "allowed"), [("P1", True), ("P4", False)])
def test_who_has_the_task_accepts_arrives_and_tells(
    verb: TaskVerb, actor: str, *, allowed: bool
) -> None:
    held = task(step(TaskVerb.APPROVE), step(TaskVerb.ASSIGN, person="P1"))
    problem = tasks.holder_problem(step(verb).body, held, actor, "王建国")
    assert (problem is None) == allowed
    if problem is not None:
        assert "王建国" in problem.zh


@pytest.mark.parametrize(
    ("standing", "instead_of", "allowed"),
    [
        (task(step(TaskVerb.APPROVE)), None, True),
        (task(step(TaskVerb.APPROVE)), "P1", False),
        (task(step(TaskVerb.APPROVE), step(TaskVerb.ASSIGN)), None, False),
        (task(step(TaskVerb.APPROVE), step(TaskVerb.ASSIGN)), "P1", True),
        (task(step(TaskVerb.APPROVE), step(TaskVerb.ASSIGN)), "P5", False),
        (task(*map(step, VISITS)), "P1", True),
        (visited(), "P1", True),
        (visited(), None, False),
        (observed(NOW), None, True),
        (observed(NOW), "P1", False),
    ],
    ids=[
        "nobody's", "nobody's, said to be somebody's", "somebody's, unsaid", "somebody's",
        "another's", "accepted", "on site", "on site, unsaid", "again after a relapse",
        "over, said to be somebody's",
    ],
)  # fmt: skip
def test_a_task_is_taken_from_nobody_unnoticed(
    standing: TaskLife, instead_of: str | None, *, allowed: bool
) -> None:
    body = step(TaskVerb.ASSIGN, person="P4", instead_of=instead_of).body
    assert (tasks.holder_problem(body, standing, "P9", "王建国") is None) == allowed


def test_the_last_assignment_and_result_count() -> None:
    again = visited(
        step(TaskVerb.RESULT, outcome=Outcome.GUIDED),
        step(TaskVerb.FOLLOW_UP),
        step(TaskVerb.ASSIGN, person="P4"),
    )
    assert tasks.assignee(again) == "P4"
    assert tasks.outcome(again) is Outcome.GUIDED
    assert tasks.describe(again) == "已指派(现场指导)"
    assert tasks.assignee(task()) is None
    assert tasks.describe(task()) == "待批准"


def test_of_an_enterprises_tasks_the_one_that_is_not_over_is_open() -> None:
    rejected = task(step(TaskVerb.REJECT))
    assert tasks.open_task([rejected]) is None
    standing = task(step(TaskVerb.APPROVE), id="TK2")
    assert tasks.open_task([rejected, standing]) == standing


def test_a_task_is_about_its_own_alarms_and_those_attached() -> None:
    both = task(step(TaskVerb.ATTACH, alarms=("9", "12")), alarms=("3",))
    assert tasks.alarms_of(both) == {3, 9, 12}


# --- quiet days


def closing(standing: TaskLife, *seen: Incident, at: Any = NOW) -> Any:
    return tasks.close_problem(step(TaskVerb.CLOSE).body, standing, seen, at)


@pytest.mark.parametrize(
    ("after", "allowed"),
    [(7 * DAY - SECOND, False), (7 * DAY, True), (7 * DAY + SECOND, True)],
    ids=["just before", "at", "just after"],
)
def test_a_task_is_closed_after_so_many_days_without_an_alarm(
    after: timedelta, *, allowed: bool
) -> None:
    problem = closing(observed(NOW - after))
    assert (problem is None) == allowed
    if problem is not None:
        assert "7天" in problem.zh
        assert "2026-11-22 11:00" in problem.zh


@pytest.mark.parametrize(
    ("changes", "allowed"),
    [
        ({}, False),
        ({"ended": NOW - 6 * DAY}, False),
        ({"ended": NOW - 7 * DAY}, True),
        ({"grade": "D"}, True),
        ({"excused": NOW - DAY}, True),
        ({"raised": NOW + DAY}, True),
    ],
    ids=["goes on", "ended since", "ended long ago", "only data", "excused", "to come"],
)
def test_an_alarm_in_the_observation_begins_it_again(
    changes: dict[str, Any], *, allowed: bool
) -> None:
    values = {"raised": NOW - 8 * DAY} | changes
    assert (closing(observed(NOW - 10 * DAY), incident(1, **values)) is None) == allowed


def test_what_nobody_observes_is_never_quiet() -> None:
    assert tasks.quiet_from(task(), (), NOW) is None
    assert tasks.observed_days(task()) == 0


def inspected(mode: Mode, *steps: InspectionStep, problems: int = 0) -> Any:
    body = Inspection(id="IN1", enterprise="E1", mode=mode, at=NOW, problems=problems)
    told = Said(1, "P1", NOW, body)
    return inspection_life(told, [Said(2, "P1", NOW, one) for one in steps])


# --- exemption

EXEMPTION: dict[str, Any] = {"outcome": Outcome.EXEMPTED, "minor": True, "harmless": True}


def ended_with(outcome: Outcome, at: Any) -> TaskLife:
    return visited_as("TK0", step(TaskVerb.RESULT, outcome=outcome, at=at))


def visited_as(name: str, *after: Said[TaskStep]) -> TaskLife:
    verbs = (TaskVerb.APPROVE, TaskVerb.ASSIGN, TaskVerb.ACCEPT, TaskVerb.ARRIVE)
    return task(*map(step, verbs), *after, id=name)


def conditions(*earlier: TaskLife, said: dict[str, Any] | None = None, **changes: Any) -> list[str]:
    """What is not met, where one alarm of the task is as told and another is well."""
    values: dict[str, Any] = {"raised": NOW - DAY, "claims": ((NOW - HOUR, True),), "due": NOW}
    well = incident(2, NOW - DAY, claims=((NOW - HOUR, True),))
    other = incident(7, NOW - DAY, level4=NOW - HOUR, grade="D")
    seen = history(incident(1, **(values | changes)), well, other)
    standing = visited()
    body = step(TaskVerb.RESULT, **(EXEMPTION | (said or {}))).body
    considered = tasks.Considered(standing, [*earlier, standing], seen)
    return [one.zh for one in tasks.exemption_problems(body, considered, LIMITS, NOW)]


def test_a_minor_first_violation_corrected_in_time_may_be_left_unpunished() -> None:
    assert conditions() == []


YEAR = 365 * DAY


@pytest.mark.parametrize(
    ("earlier", "changes", "why"),
    [
        ((), {"said": {"minor": False}}, "轻微"),
        ((), {"said": {"harmless": False}}, "危害后果"),
        ((), {"level4": NOW}, "达到严重等级"),
        ((ended_with(Outcome.ORDERED, NOW - YEAR),), {}, "非初次"),
        ((ended_with(Outcome.FILED, NOW - DAY),), {}, "非初次"),
        ((ended_with(Outcome.EXEMPTED, NOW - DAY),), {}, "非初次"),
        ((), {"claims": ()}, "未在期限内"),
        ((), {"claims": ((NOW + SECOND, True),)}, "未在期限内"),
        ((), {"claims": ((NOW - HOUR, True), (NOW, False))}, "未在期限内"),
        ((), {"due": NOW - HOUR - SECOND}, "未在期限内"),
    ],
    ids=[
        "not minor", "not harmless", "severe", "ordered a year ago", "filed", "exempted before",
        "not corrected", "corrected later", "correction rejected", "corrected too late",
    ],
)  # fmt: skip
def test_each_condition_that_is_not_met_is_told(
    earlier: tuple[TaskLife, ...], changes: dict[str, Any], why: str
) -> None:
    (told,) = conditions(*earlier, **changes)
    assert why in told


@pytest.mark.parametrize(
    ("earlier", "changes"),
    [
        ((ended_with(Outcome.ORDERED, NOW - YEAR - SECOND),), {}),
        ((ended_with(Outcome.GUIDED, NOW - DAY),), {}),
        ((ended_with(Outcome.NO_PROBLEM, NOW - DAY),), {}),
        ((), {"level4": NOW + SECOND}),
        ((), {"due": NOW - HOUR}),
        ((), {"excused": NOW, "claims": (), "level4": NOW}),
    ],
    ids=["long ago", "guided", "no problem", "severe later", "corrected at the last moment",
         "excused"],
)  # fmt: skip
def test_what_just_meets_the_conditions_is_exempted(
    earlier: tuple[TaskLife, ...], changes: dict[str, Any]
) -> None:
    assert conditions(*earlier, **changes) == []


def judged(*seen: Incident, at: datetime = NOW, **proof: Any) -> list[str]:
    """Which fields stand against the exemption of a task without alarms of its own."""
    standing = task(*map(step, (*VISITS, TaskVerb.ARRIVE)), at=NOW - DAY)
    body = step(TaskVerb.RESULT, **EXEMPTION).body
    considered = tasks.Considered(standing, [standing], history(*seen), **proof)
    return [one.field for one in tasks.exemption_problems(body, considered, LIMITS, at)]


MONTH = timedelta(days=LIMITS.exemption.judged_within_d)
CORRECTED: dict[str, Any] = {"ended": NOW - HOUR, "claims": ((NOW - HOUR, True),), "due": NOW}


@pytest.mark.parametrize(
    ("seen", "fields"),
    [
        ((), ["files"]),
        ((incident(5, NOW - DAY, **CORRECTED),), []),
        ((incident(5, NOW - DAY, ended=NOW),), ["outcome"]),
        ((incident(5, NOW - DAY, ended=NOW, grade="D"),), ["files"]),
        ((incident(5, NOW - MONTH, ended=NOW - MONTH + HOUR, grade="C"),), ["outcome"]),
        ((incident(5, NOW - MONTH - SECOND, ended=NOW - MONTH),), ["files"]),
        ((incident(5, NOW - MONTH - DAY),), ["outcome"]),
        ((incident(5, NOW - DAY, ended=NOW - HOUR, closed=NOW - HOUR, due=NOW),), []),
        ((incident(5, NOW - DAY, ended=NOW - HOUR, closed=NOW + SECOND, due=NOW),), ["outcome"]),
        ((incident(5, NOW - DAY, level4=NOW - HOUR, **CORRECTED),), ["outcome"]),
        ((incident(5, NOW - DAY, excused=NOW),), ["files"]),
    ],
    ids=["none", "corrected", "not corrected", "only data", "a month ago", "longer ago",
         "goes on since long ago", "settled as brief", "settled later", "severe", "excused"],
)  # fmt: skip
def test_every_recent_alarm_is_judged_whether_attached_or_not(
    seen: tuple[Incident, ...], fields: list[str]
) -> None:
    assert judged(*seen) == fields


def concluded(problems: int, at: datetime) -> Any:
    end = InspectionStep(inspection="IN1", verb=InspectionVerb.CONCLUDE, at=at, problems=problems)
    return inspected(Mode.OFF_SITE, end)


@pytest.mark.parametrize(
    ("proof", "shown"),
    [
        ({"files": [NOW]}, True),
        ({"files": [NOW - DAY]}, True),
        ({"files": [NOW - DAY - SECOND]}, False),
        ({"inspection": concluded(0, NOW)}, True),
        ({"inspection": concluded(1, NOW)}, False),
        ({"inspection": concluded(0, NOW - DAY - SECOND)}, False),
        ({"inspection": None}, False),
    ],
    ids=["a file", "a file with the task", "an older file", "nothing found", "something found",
         "an older inspection", "nothing"],
)  # fmt: skip
def test_without_an_alarm_a_file_or_an_inspection_since_the_task_shows_the_correction(
    proof: dict[str, Any], *, shown: bool
) -> None:
    assert judged(**proof) == ([] if shown else ["files"])


def test_an_inspection_that_goes_on_shows_nothing() -> None:
    assert judged(inspection=inspected(Mode.OFF_SITE)) == ["files"]


# --- inspections in numbers


def test_inspections_are_counted_with_the_share_of_those_from_afar() -> None:
    switch = InspectionStep(inspection="IN1", verb=InspectionVerb.SWITCH, at=NOW, report="r")
    end = InspectionStep(inspection="IN1", verb=InspectionVerb.CONCLUDE, at=NOW, problems=2)
    many = [
        *(inspected(Mode.OFF_SITE, problems=1) for _ in range(6)),
        inspected(Mode.OFF_SITE, switch),
        inspected(Mode.ON_SITE, end, problems=5),
        inspected(Mode.SURPRISE),
    ]
    counted = inspections.count(many)
    assert (counted.off_site, counted.on_site, counted.total) == (6, 3, 9)
    assert (counted.surprise, counted.switched, counted.problems) == (1, 1, 8)
    assert counted.share == pytest.approx(2 / 3)
    assert inspections.count([]).share is None


def test_the_share_of_the_city_is_reckoned_as_the_newspaper_did() -> None:
    many = [inspected(Mode.OFF_SITE)] * 312 + [inspected(Mode.ON_SITE)] * 90
    share = inspections.count(many).share
    assert share is not None
    assert f"{share:.1%}" == "77.6%"


def test_a_leaders_word_is_for_one_visit() -> None:
    way = [step(verb) for verb in (TaskVerb.ASSIGN, TaskVerb.ACCEPT, TaskVerb.ARRIVE)]
    begun = [step(TaskVerb.APPROVE, role=Role.LEADER), *way]
    ended = task(*begun, step(TaskVerb.RESULT, at=NOW + HOUR))
    assert tasks.led_by_leader(task(*begun))
    assert not tasks.led_by_leader(ended)
    # At the moment of the result the word still stood.
    assert tasks.led_by_leader(ended, NOW + HOUR)
    assert not tasks.led_by_leader(ended, NOW + HOUR + SECOND)


def test_a_rejection_says_why() -> None:
    silent = TaskStep(task="TK1", verb=TaskVerb.REJECT, note=" ")
    assert [one.field for one in silent.contradictions()] == ["note"]
    told = TaskStep(task="TK1", verb=TaskVerb.REJECT, note="重复")
    assert [one.field for one in told.contradictions()] == []


def test_a_firm_as_a_whole_produces_while_any_of_its_lines_does() -> None:
    first, second = (NOW, NOW + 2 * HOUR), (NOW + HOUR, NOW + 3 * HOUR)
    found = history(production={"L1": (first,), "L2": (second,)})
    assert found.producing("L2") == (second,)
    assert found.producing("L3") == ()
    assert tuple(found.producing("")) == ((NOW, NOW + 3 * HOUR),)
