"""Texts that cannot stand, in bodies of every kind and at any depth."""

from typing import Any

import pytest
from tests.alarms.cases.made import RAISED, action

from wattwarden.alarms.cases.bodies import PlanStep, Verb
from wattwarden.alarms.decisions.bodies import Patrol
from wattwarden.alarms.decisions.body import Body, Scope
from wattwarden.alarms.decisions.kinds import check_body
from wattwarden.alarms.registry.problems import RefusedError


def patrol(findings: str) -> Patrol:
    return Patrol(id="x", scope=Scope.LINE, subject="L1", person="P1", at=RAISED, findings=findings)


def plan(what: str) -> Body:
    step = PlanStep(what=what, by=RAISED)
    return action(Verb.PLAN, steps=(step,), deadline=RAISED)


TEXTS = {
    "bell": ("皮带\x07松", "含有不可打印的字符"),
    "nul": ("\x00", "含有不可打印的字符"),
    "delete": ("\x7f", "含有不可打印的字符"),
    "half-a-pair": ("\udcff", "含有不可打印的字符"),
    "no-character": ("\uffff", "含有不可打印的字符"),
    "blanks": (" \u3000", "只有空白"),
}


@pytest.mark.parametrize(("text", "zh"), TEXTS.values(), ids=TEXTS)
@pytest.mark.parametrize(("body", "field"), [(patrol, "findings"), (plan, "steps")])
def test_what_nobody_can_read_is_refused_by_its_field(
    body: Any, field: str, text: str, zh: str
) -> None:
    with pytest.raises(RefusedError) as refused:
        check_body(body(text))
    assert (field, zh) in [(one.field, one.zh) for one in refused.value.problems]


@pytest.mark.parametrize("text", ["", "一行\n\t又一行\r\n", "𠮷 é 🙂", "=1+1"])
def test_what_people_write_is_taken(text: str) -> None:
    check_body(patrol(text))
