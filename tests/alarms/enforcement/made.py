"""Tasks, incidents and histories, made by hand."""

from datetime import UTC, datetime, timedelta
from typing import Any

from wattwarden.alarms.enforcement.bodies import Task, TaskStep
from wattwarden.alarms.enforcement.incidents import History, Incident
from wattwarden.alarms.enforcement.life import Said
from wattwarden.alarms.enforcement.limits import default_limits
from wattwarden.alarms.enforcement.lives import TaskLife, task_life
from wattwarden.alarms.enforcement.words import Outcome, TaskVerb
from wattwarden.alarms.registry.nouns import Role

NOW = datetime(2026, 11, 22, 3, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
LIMITS = default_limits()
# A line that never stands still.
ALWAYS = {"L1": ((NOW - 100 * DAY, NOW + 100 * DAY),)}


def incident(alarm: int, raised: datetime, **more: Any) -> Incident:
    values: dict[str, Any] = {"rule": "R1", "subject": "unit:U2", "line": "L1", "grade": "A"}
    return Incident(alarm=alarm, raised=raised, **(values | more))


def history(*incidents: Incident, **more: Any) -> History:
    return History(incidents, **({"production": ALWAYS} | more))


def step(verb: TaskVerb, actor: str = "P1", at: datetime = NOW, **more: Any) -> Said[TaskStep]:
    defaults: dict[TaskVerb, dict[str, Any]] = {
        TaskVerb.ASSIGN: {"person": "P1"},
        TaskVerb.RESULT: {"outcome": Outcome.ORDERED},
        TaskVerb.FOLLOW_UP: {"days": 7},
        TaskVerb.ATTACH: {"alarms": ("9",)},
        TaskVerb.REJECT: {"note": "重复"},
    }
    values: dict[str, Any] = {"role": Role.DISTRICT_OFFICER} | defaults.get(verb, {}) | more
    return Said(0, actor, at, TaskStep(task="TK1", verb=verb, **values))


def task(*steps: Said[TaskStep], at: datetime = NOW, **more: Any) -> TaskLife:
    values: dict[str, Any] = {"id": "TK1", "enterprise": "E1", "text": "去看看"} | more
    numbered = [Said(number, one.actor, one.at, one.body) for number, one in enumerate(steps, 2)]
    return task_life(Said(1, "system", at, Task(**values)), numbered)


def visited(*after: Said[TaskStep]) -> TaskLife:
    """A task whose officer is on site."""
    verbs = (TaskVerb.APPROVE, TaskVerb.ASSIGN, TaskVerb.ACCEPT, TaskVerb.ARRIVE)
    return task(*map(step, verbs), *after, alarms=("1", "2"))


def observed(begun: datetime, days: int = 7) -> TaskLife:
    """A task in whose observation nothing was said yet."""
    following = step(TaskVerb.FOLLOW_UP, at=begun, days=days)
    return visited(step(TaskVerb.RESULT), following)
