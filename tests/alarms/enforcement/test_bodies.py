"""What bodies of enforcement contradict, refer to, and who has the right to decide them."""

from itertools import product
from typing import Any

import msgspec
import pytest
from tests.alarms.enforcement.made import NOW

from wattwarden.alarms.acting.rights import RIGHTS, refusal
from wattwarden.alarms.decisions.body import Body, Scope
from wattwarden.alarms.decisions.kinds import check_body, decode_body
from wattwarden.alarms.enforcement import bodies
from wattwarden.alarms.enforcement.bodies import (
    BODIES,
    Clue,
    ClueStep,
    Finding,
    FindingLink,
    Focus,
    FocusStep,
    Inspection,
    InspectionStep,
    Station,
    StationStep,
    Task,
    TaskStep,
)
from wattwarden.alarms.enforcement.limits import LimitError, default_limits, load_limits
from wattwarden.alarms.enforcement.words import (
    FLAGS_ZH,
    MEANS_ZH,
    MODES_ZH,
    OUTCOMES_ZH,
    SOURCES_ZH,
    ClueVerb,
    Flag,
    FocusVerb,
    InspectionVerb,
    Means,
    Mode,
    Outcome,
    Source,
    StationVerb,
    TaskVerb,
)
from wattwarden.alarms.registry.nouns import Agency, Enterprise, Person, Role
from wattwarden.alarms.registry.problems import RefusedError


def task_step(verb: TaskVerb, **more: Any) -> TaskStep:
    return TaskStep(task="TK1", verb=verb, **more)


WELL: list[Body] = [
    Task(id="TK1", enterprise="E1", text="去", flags=(Flag.STANDING,), alarms=("1",),
         consumables=("CS1",)),
    task_step(TaskVerb.APPROVE),
    task_step(TaskVerb.REJECT, note="重复"),
    task_step(TaskVerb.ASSIGN, person="P1", instead_of="P4"),
    task_step(TaskVerb.RESULT, outcome=Outcome.EXEMPTED, minor=True, harmless=True),
    task_step(TaskVerb.FOLLOW_UP, days=7),
    task_step(TaskVerb.ATTACH, alarms=("1", "2")),
    Inspection(id="IN1", enterprise="E1", mode=Mode.SURPRISE, at=NOW, means=(Means.SAMPLING,),
               people=("P1",), alarms=("1",), task="TK1", problems=2, report="r"),
    InspectionStep(inspection="IN1", verb=InspectionVerb.SWITCH, at=NOW, report="r"),
    InspectionStep(inspection="IN1", verb=InspectionVerb.CONCLUDE, at=NOW, problems=0),
    Station(id="ST1", enterprise="E1", person="P1", start=NOW, reason="r", task="TK1"),
    StationStep(station="ST1", verb=StationVerb.RELIEVE, at=NOW, person="P4"),
    StationStep(station="ST1", verb=StationVerb.END, at=NOW),
    Finding(id="FD1", enterprise="E1", source=Source.DRONE, at=NOW, what="烟羽", alarms=("1",),
            task="TK1", inspection="IN1", files=("0" * 64,)),
    FindingLink(finding="FD1", alarms=("1",), task="TK1", inspection="IN1"),
    Clue(id="CL1", enterprise="E1", text="t", alarms=("1",), findings=("FD1",), person="P1"),
    ClueStep(clue="CL1", verb=ClueVerb.ASSIGN, person="P1"),
    ClueStep(clue="CL1", verb=ClueVerb.CONFIRM, note="n", task="TK1"),
    Focus(id="FC1", scope=Scope.UNIT, subject="U2", weakness="w", alarms=("1",), officer="P1"),
    FocusStep(focus="FC1", verb=FocusVerb.RECTIFY, note="n", files=("0" * 64,)),
    FocusStep(focus="FC1", verb=FocusVerb.CONFIRM),
]  # fmt: skip


@pytest.mark.parametrize("body", WELL, ids=lambda body: f"{body.kind_name} {body.right()}")
def test_what_holds_together_is_taken_and_read_back(body: Body) -> None:
    check_body(body)
    assert decode_body(body.kind_name, msgspec.json.encode(body)) == body
    assert body.right() in RIGHTS


REFERRED = {
    "task": "enterprise:E1 alarm:1 consumable:CS1",
    "inspection": "enterprise:E1 person:P1 alarm:1 task:TK1",
    "station": "enterprise:E1 person:P1 task:TK1",
    "finding": "enterprise:E1 alarm:1 task:TK1 inspection:IN1",
    "finding_link": "finding:FD1 alarm:1 task:TK1 inspection:IN1",
    "clue": "enterprise:E1 alarm:1 finding:FD1 person:P1",
    "focus": "unit:U2 alarm:1 person:P1",
    "focus_step": "focus:FC1",
}


@pytest.mark.parametrize("kind", REFERRED)
def test_a_body_refers_to_all_that_it_names_its_enterprise_first(kind: str) -> None:
    body = next(one for one in WELL if one.kind_name == kind)
    assert " ".join(f"{one.kind}:{one.id}" for one in body.references()) == REFERRED[kind]


@pytest.mark.parametrize(
    ("body", "referred"),
    [
        (task_step(TaskVerb.ASSIGN, person="P1", instead_of="P4"), "task:TK1 person:P1 person:P4"),
        (task_step(TaskVerb.ATTACH, alarms=("1", "2")), "task:TK1 alarm:1 alarm:2"),
        (StationStep(station="ST1", verb=StationVerb.END, at=NOW), "station:ST1"),
        (
            ClueStep(clue="CL1", verb=ClueVerb.CONFIRM, note="n", task="TK1"),
            "clue:CL1 task:TK1",
        ),
    ],
    ids=["assignment", "attachment", "end of a stay", "clue borne out"],
)
def test_a_step_refers_to_its_thing_first(body: Body, referred: str) -> None:
    assert " ".join(f"{one.kind}:{one.id}" for one in body.references()) == referred


def test_every_kind_is_among_those_that_hold() -> None:
    assert {type(body) for body in WELL} == set(BODIES)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (task_step(TaskVerb.ASSIGN), "person"),
        (task_step(TaskVerb.APPROVE, person="P1"), "person"),
        (task_step(TaskVerb.RESULT), "outcome"),
        (task_step(TaskVerb.CLOSE, outcome=Outcome.GUIDED), "outcome"),
        (task_step(TaskVerb.ATTACH), "alarms"),
        (task_step(TaskVerb.ACCEPT, alarms=("1",)), "alarms"),
        (task_step(TaskVerb.FOLLOW_UP), "days"),
        (task_step(TaskVerb.ARRIVE, days=7), "days"),
        (task_step(TaskVerb.ACCEPT, instead_of="P1"), "instead_of"),
        (task_step(TaskVerb.RESULT, outcome=Outcome.GUIDED, minor=True), "minor"),
        (task_step(TaskVerb.RESULT, outcome=Outcome.GUIDED, harmless=True), "minor"),
        (task_step(TaskVerb.ACCEPT, files=("0" * 64,)), "files"),
        (task_step(TaskVerb.ACCEPT, inspection="IN1"), "files"),
        (task_step(TaskVerb.REJECT, note=" "), "note"),
        (task_step(TaskVerb.FOLLOW_UP, days=0), ""),
        (task_step(TaskVerb.ATTACH, alarms=("x",)), ""),
        (InspectionStep(inspection="I", verb=InspectionVerb.CONCLUDE, at=NOW), "problems"),
        (InspectionStep(inspection="I", verb=InspectionVerb.SWITCH, at=NOW), "report"),
        (StationStep(station="S", verb=StationVerb.RELIEVE, at=NOW), "person"),
        (StationStep(station="S", verb=StationVerb.END, at=NOW, person="P1"), "person"),
        (FindingLink(finding="FD1"), ""),
        (Clue(id="CL1", enterprise="E1", text="t", alarms=()), "alarms"),
        (ClueStep(clue="CL1", verb=ClueVerb.ASSIGN), "person"),
        (ClueStep(clue="CL1", verb=ClueVerb.DISMISS), "note"),
        (FocusStep(focus="FC1", verb=FocusVerb.RECTIFY), "note"),
        (FocusStep(focus="FC1", verb=FocusVerb.RETURN), "note"),
    ],
    ids=lambda value: value.right() if isinstance(value, Body) else value or "bounds",
)
def test_what_contradicts_itself_is_refused_by_its_field(body: Body, field: str) -> None:
    with pytest.raises(RefusedError) as refused:
        check_body(body)
    assert [problem.field for problem in refused.value.problems] == [field]
    assert all(problem.zh and problem.en for problem in refused.value.problems)


@pytest.mark.parametrize(
    "body",
    [
        Inspection(id="IN1", enterprise="E1", mode=Mode.SURPRISE, at=NOW),
        InspectionStep(inspection="IN1", verb=InspectionVerb.CONCLUDE, at=NOW),
    ],
    ids=lambda body: body.kind_name,
)
def test_an_inspection_finds_no_problem_or_some(body: Body) -> None:
    for problems in (0, 10_000):
        check_body(msgspec.structs.replace(body, problems=problems))
    for problems in (-1, 10_001):
        with pytest.raises(RefusedError, match=r"\$\.problems"):
            check_body(msgspec.structs.replace(body, problems=problems))


@pytest.mark.parametrize(
    ("words", "known"),
    [(FLAGS_ZH, Flag), (OUTCOMES_ZH, Outcome), (MODES_ZH, Mode), (MEANS_ZH, Means),
     (SOURCES_ZH, Source)],
    ids=["flags", "outcomes", "modes", "means", "sources"],
)  # fmt: skip
def test_every_word_has_a_chinese_one(words: dict[Any, str], known: Any) -> None:
    assert set(words) == set(known)


# --- roles, actions, own and foreign enterprises

AGENCIES = {
    "A": Agency(id="A", name="市局"),
    "A1": Agency(id="A1", name="一分局", parent="A"),
    "A2": Agency(id="A2", name="二分局", parent="A"),
}
OWN = Enterprise(id="E1", name="甲", agency="A1", region="R", industry="c")
FOREIGN = Enterprise(id="E2", name="乙", agency="A2", region="R", industry="c")
# Where each role belongs to, and which of the two enterprises it reaches.
PEOPLE = {
    Role.DUTY: ({"enterprise": "E1"}, {"E1"}),
    Role.HEAD: ({"enterprise": "E1"}, {"E1"}),
    Role.MAINTENANCE: ({"enterprise": "E1"}, {"E1"}),
    Role.DISTRICT_OFFICER: ({"agency": "A1"}, {"E1"}),
    Role.CITY_OFFICER: ({"agency": "A"}, {"E1", "E2"}),
    Role.LEADER: ({"agency": "A"}, {"E1", "E2"}),
    Role.ADMINISTRATOR: ({}, {"E1", "E2"}),
    Role.AUDITOR: ({}, {"E1", "E2"}),
}
OFFICERS = {Role.DISTRICT_OFFICER, Role.CITY_OFFICER, Role.LEADER}
# Everything else is for officers.
OTHERS = {"task.endorse": {Role.LEADER}, "focus.rectify": {Role.DUTY, Role.HEAD}}


def test_every_kind_and_verb_has_a_right() -> None:
    verbs = [("task", TaskVerb), ("inspection", InspectionVerb), ("station", StationVerb),
             ("clue", ClueVerb), ("focus", FocusVerb)]  # fmt: skip
    wanted = {f"{name}.{verb}" for name, kind in verbs for verb in kind}
    things = {"task", "inspection", "station", "finding", "finding.link", "clue", "focus"}
    assert set(bodies.RIGHTS) == wanted | things


@pytest.mark.parametrize("right", sorted(bodies.RIGHTS))
def test_a_role_does_what_is_its_own_to_whom_it_reaches(right: str) -> None:
    for role, firm in product(Role, (OWN, FOREIGN)):
        place, reached = PEOPLE[role]
        person = Person(id="P", name="某人", role=role, **place)
        refused = refusal(person, right, firm, AGENCIES)
        allowed = role in OTHERS.get(right, OFFICERS) and firm.id in reached
        assert (refused is None) == allowed, (role, firm.id)
        if refused is not None:
            assert "某人" in refused.zh
            assert refused.en


# --- limits


def test_the_shipped_limits_are_those_of_the_specification() -> None:
    limits = default_limits()
    assert limits.false_rectification.recurs_h == 72
    assert (limits.false_rectification.times, limits.false_rectification.window_d) == (2, 30)
    sick = limits.running_sick
    assert (sick.open_share, sick.alarms, sick.window_d, sick.overuse_share) == (0.2, 10, 7, 1.3)
    assert (limits.high_frequency.alarms, limits.high_frequency.window_d) == (3, 7)
    assert limits.standing.open_h == 24


TEXT = """
review = {every_min = 10, settle_min = 10, lookback_d = 90}
false_rectification = {recurs_h = 72, times = 2, window_d = 30}
high_frequency = {alarms = 3, window_d = 7}
standing = {open_h = 24}
task = {follow_up_d = 7, unwatched_d = 3}
exemption = {first_within_d = 365, judged_within_d = 30}
[running_sick]
window_d = 7
open_share = 0.2
least_production_h = 8
alarms = 10
overuse_share = 1.3
"""


def test_other_limits_can_be_read() -> None:
    assert load_limits(TEXT) == default_limits()
    other = load_limits(TEXT.replace("times = 2", "times = 3"))
    assert other.false_rectification.times == 3


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ("times = 2", "times = 0", "times"),
        ("open_share = 0.2", "open_share = 1.1", "open_share"),
        ("overuse_share = 1.3", "overuse_share = 1.0", "overuse_share"),
        ("window_d = 30", "window_d = 61", "window_d"),
        ("lookback_d = 90", "lookback_d = 59", "lookback_d"),
        ("every_min = 10", "every_min = 0", "every_min"),
        ("open_h = 24", "open_hours = 24", "open_hours"),
        ("standing = {open_h = 24}", "", "standing"),
        ("times = 2", "times = ", "Invalid value"),
    ],
    ids=["none", "over all", "not over", "too long", "too short", "never", "unknown", "missing",
         "no TOML"],
)  # fmt: skip
def test_a_limit_out_of_bounds_is_told_by_its_key(old: str, new: str, key: str) -> None:
    with pytest.raises(LimitError, match=key):
        load_limits(TEXT.replace(old, new))
