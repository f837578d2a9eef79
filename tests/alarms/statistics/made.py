"""Cases, inspections, tasks and requests as if people had made them."""

from datetime import UTC, datetime
from typing import Any

from wattwarden.alarms.cases.case import Case, Episode, Level, State
from wattwarden.alarms.enforcement.bodies import Inspection, InspectionStep, Task, TaskStep
from wattwarden.alarms.enforcement.life import Said
from wattwarden.alarms.enforcement.lives import (
    InspectionLife,
    TaskLife,
    inspection_life,
    task_life,
)
from wattwarden.alarms.enforcement.words import InspectionVerb, Mode, Outcome, TaskVerb
from wattwarden.alarms.registry.nouns import Supervision
from wattwarden.alarms.service.bodies import Assistance, AssistanceStep, Deed, Topic
from wattwarden.alarms.service.requests import Request, Step, fold

NOON = datetime(2026, 3, 2, 4, tzinfo=UTC)


def case(number: int = 1, subject: str = "unit:U1", rule: str = "R1", **fields: Any) -> Case:
    """A case of an alarm that was raised at noon and goes on."""
    episode = Episode(
        id=number, rule=rule, subject=subject, kind="", grade="A", enterprise="E1", line="L1",
        began=NOON, raised=NOON, ended=fields.pop("ended", None),
        sure=None, zh="风机停运", en="off",
    )  # fmt: skip
    usual: dict[str, Any] = {
        "supervision": Supervision.ORDINARY, "state": State.RAISED, "level": Level.WARNING,
        "deadline": NOON, "overdue": False, "parent": None, "history": (),
    }  # fmt: skip
    return Case(episode=episode, **(usual | fields))


def inspection(
    mode: Mode, enterprise: str, *, switched: bool = False, problems: int = 0,
    concluded: int | None = None, alarms: tuple[str, ...] = (),
) -> InspectionLife:  # fmt: skip
    """An inspection, perhaps switched to the site or concluded with problems."""
    body = Inspection(
        id="IN1", enterprise=enterprise, mode=mode, at=NOON, problems=problems, alarms=alarms
    )
    steps = []
    if switched:
        step = InspectionStep(inspection="IN1", verb=InspectionVerb.SWITCH, at=NOON, report="现场")
        steps.append(Said(2, "P1", NOON, step))
    if concluded is not None:
        step = InspectionStep(
            inspection="IN1", verb=InspectionVerb.CONCLUDE, at=NOON, problems=concluded
        )
        steps.append(Said(3, "P1", NOON, step))
    return inspection_life(Said(1, "P1", NOON, body), steps)


def task(outcome: Outcome | None) -> TaskLife:
    """A task, up to the visit's result."""
    said: list[tuple[TaskVerb, dict[str, Any]]]
    said = [(TaskVerb.APPROVE, {}), (TaskVerb.ASSIGN, {"person": "P1"})]
    said += [(TaskVerb.ACCEPT, {}), (TaskVerb.ARRIVE, {})]
    if outcome is not None:
        said.append((TaskVerb.RESULT, {"outcome": outcome}))
    steps = [
        Said(number, "P1", NOON, TaskStep(task="TK1", verb=verb, **more))
        for number, (verb, more) in enumerate(said, start=2)
    ]
    return task_life(Said(1, "system", NOON, Task(id="TK1", enterprise="E1", text="去")), steps)


def request(enterprise: str, *deeds: Deed) -> Request:
    """A request and what was done about it."""
    body = Assistance(id="AS1", enterprise=enterprise, topic=Topic.RUNNING, problem_text="风机")
    steps = [
        Step(AssistanceStep(assistance="AS1", deed=deed, text="如此", at=NOON), "P1", NOON)
        for deed in deeds
    ]
    return fold(Request(body, "P2", NOON), steps)
