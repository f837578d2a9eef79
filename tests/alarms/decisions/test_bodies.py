"""Bodies of decisions: what they may say, and how they are read."""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from wattwarden.alarms.decisions.bodies import (
    Absence,
    Consumable,
    Cycle,
    Declaration,
    Measure,
    Patrol,
    Plan,
    RegistryChange,
    Repeat,
    Replacement,
    RuleSet,
)
from wattwarden.alarms.decisions.body import Scope
from wattwarden.alarms.decisions.kinds import (
    FOLDED_KINDS,
    AnyBody,
    check_body,
    dangling,
    decode_body,
)
from wattwarden.alarms.registry.problems import SHOWN_PROBLEMS, Problem, RefusedError

NOW = datetime(2026, 11, 22, tzinfo=UTC)
LATER = NOW + timedelta(hours=8)


def plan(**changes: Any) -> Plan:
    fields: dict[str, Any] = {"id": "p", "scope": Scope.LINE, "subject": "L1", "start": NOW}
    return Plan(**(fields | {"end": LATER, "measure": Measure.STOP} | changes))


def declaration(**changes: Any) -> Declaration:
    fields: dict[str, Any] = {"id": "d", "scope": Scope.UNIT, "subject": "U1", "start": NOW}
    return Declaration(**(fields | {"end": LATER, "kind": Absence.OUTAGE} | changes))


def consumable(**changes: Any) -> Consumable:
    fields: dict[str, Any] = {"id": "c", "unit": "U1", "kind": "carbon", "replaced_at": NOW}
    return Consumable(**(fields | changes))


REGISTRY = RegistryChange(changed={"unit": 1}, digest="0" * 64)
PATROL = Patrol(id="x", scope=Scope.LINE, subject="L1", person="P1", at=NOW)
SOUND: list[AnyBody] = [
    plan(),
    plan(measure=Measure.LIMIT, reduction=0.3),
    plan(cycle=Cycle.DAILY, from_hour="22:00", to_hour="06:00"),
    declaration(),
    declaration(repeats=Repeat.WEEKLY, until=LATER + timedelta(days=30)),
    consumable(limit_hours=500.0),
    consumable(limit_days=90.0),
    Replacement(id="r", consumable="c", replaced_at=NOW),
    PATROL,
    RuleSet(version="1", text="x = 1"),
    REGISTRY,
]


@pytest.mark.parametrize("body", SOUND, ids=lambda body: type(body).__name__)
def test_a_sound_body_is_taken_and_read_back(body: AnyBody) -> None:
    check_body(body)
    assert decode_body(body.kind_name, msgspec.json.encode(body)) == body


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (plan(end=NOW), "end"),
        (plan(reduction=0.3), "reduction"),
        (plan(measure=Measure.LIMIT), "reduction"),
        (plan(cycle=Cycle.DAILY, from_hour="22:00"), "from_hour"),
        (plan(to_hour="22:00"), "from_hour"),
        (plan(measure=Measure.LIMIT, reduction=30.0), ""),
        (plan(from_hour="25:00", to_hour="06:00", cycle=Cycle.DAILY), ""),
        (plan(start=NOW.replace(tzinfo=None)), ""),
        (declaration(end=NOW - timedelta(1)), "end"),
        (declaration(repeats=Repeat.DAILY), "until"),
        (declaration(until=LATER), "until"),
        (declaration(repeats=Repeat.DAILY, until=NOW), "until"),
        (consumable(), "limit_hours"),
        (consumable(limit_hours=0.0), ""),
        (msgspec.structs.replace(PATROL, scope=Scope.UNIT), "scope"),
        (msgspec.structs.replace(REGISTRY, digest="?"), "digest"),
    ],
)
def test_a_body_that_contradicts_itself_is_refused(body: AnyBody, field: str) -> None:
    with pytest.raises(RefusedError) as refused:
        check_body(body)
    (problem,) = refused.value.problems
    assert (problem.kind, problem.field) == (body.kind_name, field)
    assert problem.zh


def test_an_unknown_kind_or_field_is_refused() -> None:
    with pytest.raises(ValueError, match="one of registry, rules, plan"):
        decode_body("verdict", "{}")
    with pytest.raises(ValueError, match="colour"):
        decode_body("rules", '{"version": "1", "text": "x", "colour": 1}')


def test_every_kind_that_is_folded_has_a_sound_example_here() -> None:
    assert {body.kind_name for body in SOUND} == FOLDED_KINDS


def test_what_a_body_refers_to_is_told() -> None:
    assert [(one.kind, one.id) for one in PATROL.references()] == [
        ("line", "L1"),
        ("person", "P1"),
    ]
    assert REGISTRY.references() == ()
    problem = dangling(PATROL, PATROL.references()[1])
    assert str(problem) == "patrol x, person: there is no person P1"


@pytest.mark.parametrize(
    ("more", "ending"),
    [(0, f"unit U{SHOWN_PROBLEMS - 1}: wrong"), (1, "; and 1 more"), (4, "; and 4 more")],
    ids=["none left", "one left", "some left"],
)
def test_a_refusal_shows_the_first_problems_and_counts_the_rest(more: int, ending: str) -> None:
    count = SHOWN_PROBLEMS + more
    problems = [Problem("unit", f"U{number}", "", "错", "wrong") for number in range(count)]
    assert str(RefusedError(problems)).endswith(ending)
