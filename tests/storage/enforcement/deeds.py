"""What people do in the city, and what a task went through."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import pytest
from tests.storage.enforcement.firm import HOUR, NOW

from wattwarden.alarms.decisions.body import NEW, Body
from wattwarden.alarms.enforcement.bodies import Inspection, Task, TaskStep
from wattwarden.alarms.enforcement.lives import TaskLife
from wattwarden.alarms.enforcement.words import Mode, Outcome, TaskVerb
from wattwarden.alarms.registry.problems import RefusedError
from wattwarden.storage.acting.admissions import decide
from wattwarden.storage.database import Connection
from wattwarden.storage.enforcement.lives import TASK, load_life


async def did(store: Connection, body: Body, person: str = "P1", at: datetime = NOW) -> str:
    """Decide, and return the id of the thing."""
    entered = await decide(store, body, person, at)
    return str(getattr(entered.body, "id", ""))


async def refused(
    store: Connection, body: Body, person: str = "P1", at: datetime = NOW
) -> list[tuple[str, str]]:
    """Fields and Chinese reasons of a refusal."""
    with pytest.raises(RefusedError) as error:
        await decide(store, body, person, at)
    assert all(problem.en for problem in error.value.problems)
    return [(problem.field, problem.zh) for problem in error.value.problems]


def call(enterprise: str = "E1", alarms: Sequence[int] = (), identity: str = NEW) -> Task:
    numbers = tuple(map(str, alarms))
    return Task(id=identity, enterprise=enterprise, text="请前往", alarms=numbers)


def step(task: str, verb: TaskVerb, **more: Any) -> TaskStep:
    return TaskStep(task=task, verb=verb, **more)


async def steps(store: Connection, task: str, *verbs: TaskVerb, person: str = "P1") -> None:
    """Take a task on by some verbs, as everybody does them usually."""
    needed: dict[TaskVerb, dict[str, Any]] = {
        TaskVerb.ASSIGN: {"person": person},
        TaskVerb.RESULT: {"outcome": Outcome.ORDERED},
        TaskVerb.FOLLOW_UP: {"days": 7},
    }
    for verb in verbs:
        await did(store, step(task, verb, **needed.get(verb, {})), person)


async def task_of(store: Connection, identity: str) -> TaskLife:
    life = await load_life(store, TASK, identity)
    assert life is not None
    return life


BEFORE_VISIT = (TaskVerb.APPROVE, TaskVerb.ASSIGN, TaskVerb.ACCEPT)


def inspection(mode: Mode, enterprise: str = "E1", **more: Any) -> Inspection:
    return Inspection(id=NEW, enterprise=enterprise, mode=mode, at=NOW - HOUR, **more)
