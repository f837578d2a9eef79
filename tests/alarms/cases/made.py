"""Cases to judge: an alarm raised at a fixed time, and what people did after so many minutes."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from wattwarden.alarms.cases.bodies import Action, Cause, Fault, PlanStep, Verb
from wattwarden.alarms.cases.case import Case, Episode
from wattwarden.alarms.cases.fold import Origin, Said, fold_case
from wattwarden.alarms.cases.grading import Grading, default_grading
from wattwarden.alarms.decisions.bodies import Absence, Declaration, Review
from wattwarden.alarms.decisions.body import Scope
from wattwarden.alarms.registry.nouns import Supervision

RAISED = datetime(2026, 11, 22, 1, tzinfo=UTC)
GRADING: Grading = default_grading()
FILE = "ab" * 32
# A rule of each class.
RULES = {"A": "R2", "B": "R4", "C": "R11", "D": "R8", "E": "R13", "F": "R19"}
# What a verb needs beside the alarm.
NEEDED: dict[Verb, dict[str, Any]] = {
    Verb.ACK: {},
    Verb.HANDLE: {"reason": "皮带断裂", "cause": Cause.AGEING},
    Verb.PLAN: {
        "steps": (PlanStep(what="换皮带", by=RAISED + timedelta(hours=20)),),
        "deadline": RAISED + timedelta(hours=20),
    },
    Verb.RECTIFY: {"reason": "已更换", "part": "皮带", "evidence": (FILE,)},
    Verb.VERIFY: {"fault": Fault.ENTERPRISE},
    Verb.REJECT: {"reason": "照片看不清"},
    Verb.CLOSE: {"reason": "现场无异常"},
    Verb.DECLARE: {"declaration": "DC1"},
    Verb.ESCALATE: {"reason": "当日第三次"},
    Verb.COMMENT: {"reason": "已电话联系"},
}


def after(minutes: float) -> datetime:
    return RAISED + timedelta(minutes=minutes)


def episode(grade: str = "A", ended: float | None = None, **more: Any) -> Episode:
    """An alarm of a class that ended so many minutes after its raise; sure three minutes later."""
    end = None if ended is None else after(ended)
    values: dict[str, Any] = {
        "id": 12,
        "rule": RULES[grade],
        "subject": "unit:U2",
        "kind": "",
        "grade": grade,
        "enterprise": "E1",
        "line": "L1",
        "began": RAISED - timedelta(minutes=5),
        "raised": RAISED,
        "ended": end,
        "sure": None if end is None else end + timedelta(minutes=3),
    }
    return Episode(**(values | more))


def action(verb: Verb, **more: Any) -> Action:
    return Action(id="AC1", alarm="12", verb=verb, **(NEEDED[verb] | more))


def did(minutes: float, verb: Verb, actor: str = "P2", **more: Any) -> Said:
    return Said(after(minutes), actor, action(verb, **more))


def declared(
    minutes: float, state: Review = Review.PENDING, actor: str = "P2", **more: Any
) -> Said:
    values: dict[str, Any] = {
        "id": "DC1",
        "scope": Scope.UNIT,
        "subject": "U2",
        "kind": Absence.MAINTENANCE,
        "start": after(-60),
        "end": after(600),
    }
    return Said(after(minutes), actor, Declaration(state=state, **(values | more)))


def case(
    said: Iterable[Said] = (),
    *,
    of: Episode | None = None,
    watched: Supervision = Supervision.ORDINARY,
    parent: int | None = None,
    now: float = 30,
) -> Case:
    origin = Origin(of or episode(), watched, parent)
    return fold_case(origin, list(said), GRADING, after(now))
