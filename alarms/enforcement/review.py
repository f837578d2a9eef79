"""What the system itself does at a moment: it proposes, attaches, closes.

    flags ─► no open task, something new ─► propose
             open task, alarms since     ─► attach ─► quiet for long enough ─► close

At fixed moments of a grid, so that how time was cut into passes changes nothing.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, TypeAlias

from wattwarden.alarms.decisions.body import NEW
from wattwarden.alarms.enforcement.bodies import MAX_ALARMS, Task, TaskStep
from wattwarden.alarms.enforcement.flags import Flagged, flags
from wattwarden.alarms.enforcement.incidents import History
from wattwarden.alarms.enforcement.limits import Limits
from wattwarden.alarms.enforcement.lives import TaskLife, TaskState
from wattwarden.alarms.enforcement.tasks import (
    TASK_GRADES,
    alarms_of,
    close_problem,
    open_task,
)
from wattwarden.alarms.enforcement.text import task_text
from wattwarden.alarms.enforcement.words import TaskVerb
from wattwarden.alarms.registry.nouns import Enterprise, Region

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

Proposed: TypeAlias = Task | TaskStep


@dataclass(frozen=True, slots=True)
class Firm:
    """An enterprise with its region, for the task's text."""

    enterprise: Enterprise
    region: Region | None


def review(
    firm: Firm, history: History, tasks: Sequence[TaskLife], at: datetime, limits: Limits
) -> Proposed | None:
    """Return what the system decides about an enterprise at a moment, None for nothing."""
    task = open_task(tasks)
    if task is None:
        return _proposal(firm, history, tasks, at, limits)
    new = _unattached(task, history, at)
    if new:
        return TaskStep(task=task.id, verb=TaskVerb.ATTACH, alarms=_named(new))
    told = task.latest(TaskVerb.RESULT)
    unwatched = timedelta(days=limits.task.unwatched_d)
    if task.state is TaskState.CONCLUDED and told is not None and at - told.at >= unwatched:
        days = limits.task.follow_up_d
        return TaskStep(task=task.id, verb=TaskVerb.FOLLOW_UP, days=days)
    if task.state is TaskState.FOLLOW_UP:
        closing = TaskStep(task=task.id, verb=TaskVerb.CLOSE)
        if close_problem(closing, task, history.incidents, at) is None:
            return closing
    return None


def moments(after: datetime, upto: datetime, every_min: int) -> Iterator[datetime]:
    """Yield the moments of the grid after one time, up to and with another."""
    every = timedelta(minutes=every_min)
    at = _EPOCH + ((after - _EPOCH) // every + 1) * every
    while at <= upto:
        yield at
        at += every


def _proposal(
    firm: Firm, history: History, tasks: Sequence[TaskLife], at: datetime, limits: Limits
) -> Task | None:
    """A task for what an enterprise is flagged for, if no earlier task was about all of that."""
    found = flags(history, at, limits)
    if not any(_is_news(one, history, tasks) for one in found):
        return None
    kinds = tuple(one.flag for one in found)
    return Task(
        id=NEW,
        enterprise=firm.enterprise.id,
        text=task_text(firm.enterprise, firm.region, kinds),
        flags=kinds,
        alarms=_named({number for one in found for number in one.alarms}),
        consumables=tuple(sorted({name for one in found for name in one.consumables})),
    )


def _is_news(flagged: Flagged, history: History, tasks: Sequence[TaskLife]) -> bool:
    """Tell whether a flag rests on anything that no earlier task was about."""
    covered = {number for task in tasks for number in alarms_of(task)}
    if set(flagged.alarms) - covered:
        return True
    since = {one.consumable: one.since for one in history.worn}
    return any(
        not any(
            name in task.told.body.consumables and task.told.at >= since[name] for task in tasks
        )
        for name in flagged.consumables
    )


def _unattached(task: TaskLife, history: History, at: datetime) -> set[int]:
    """The alarms since a task was proposed that it does not name yet."""
    since = [one.alarm for one in history.counting(at, TASK_GRADES) if one.raised >= task.told.at]
    return set(since) - alarms_of(task)


def _named(alarms: Collection[int]) -> tuple[str, ...]:
    """Name alarms by their numbers; of more than a body holds, the newest."""
    return tuple(map(str, sorted(alarms)[-MAX_ALARMS:]))
