"""Who is told of a case, and when: the ladder of escalation, as a function of what is known.

    raised ── rung ── rung ── (deadline missed) ── …           each with its level and its roles
        └ repeats between them: every half hour unseen, every four hours seen ┘
    cleared for good ─► everybody who was told, hears of that as well

A notice has the time at which it fell due.  A rung falls due only while the condition stands for
all that was sure then, so that nothing hangs on when somebody looks.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from itertools import pairwise

from wattwarden.alarms.acting.roles import Roles
from wattwarden.alarms.cases.bodies import Verb
from wattwarden.alarms.cases.case import Case, Level, State
from wattwarden.alarms.cases.grading import Grading, Task


class Why(StrEnum):
    """Why somebody is told."""

    RAISED = "raised"
    GRADED = "graded"  # another alarm, or an officer, makes it graver
    LASTS = "lasts"
    REPEATS = "repeats"
    OVERDUE = "overdue"
    CLEARED = "cleared"


@dataclass(frozen=True, slots=True)
class Notice:
    """What falls due for a case.

    ``mutable`` is whether quiet hours may hold it back; ``digest``: whether it goes into the day's
    digest instead of a message of its own.
    """

    at: datetime
    why: Why
    level: Level
    told: Roles
    task: Task = Task.NONE
    mutable: bool = True
    digest: bool = False


def notices(case: Case, grading: Grading) -> tuple[Notice, ...]:
    """Return all that falls due by what is known of a case, by time; also what is to come.

    A case of which another alarm says more is told to nobody, and neither is one that late
    readings took back.
    """
    if case.episode.suppressed or case.episode.withdrawn:
        return ()
    fixed = sorted(_fixed(case, grading), key=lambda one: one.at)
    repeats = [_notice(case, grading, at, Why.REPEATS) for at in _repeats(case, grading, fixed)]
    told = sorted([*fixed, *repeats], key=lambda one: one.at)
    return (*told, *_cleared(case, grading, told))


def escalations(case: Case) -> list[datetime]:
    """Return when officers made it graver."""
    return [done.at for done in case.history if done.counts and done.deed == Verb.ESCALATE]


def _fixed(case: Case, grading: Grading) -> Iterator[Notice]:
    """Yield what falls due at times of its own."""
    episode = case.episode
    for rung in grading.rungs(episode):
        at = case.raised + timedelta(seconds=rung.at_s)
        if at == case.raised:
            yield _notice(case, grading, at, Why.RAISED, rung.task)
        elif _stands(case, at):
            yield _notice(case, grading, at, Why.LASTS, rung.task)
    graded = episode.graded
    if episode.grade_up and graded is not None and graded > case.raised and _open(case, graded):
        yield _notice(case, grading, graded, Why.GRADED)
    for at in escalations(case):
        yield _notice(case, grading, at, Why.GRADED)
    for at in _missed(case, grading):
        yield _notice(case, grading, at, Why.OVERDUE)


def _missed(case: Case, grading: Grading) -> Iterator[datetime]:
    """Yield deadlines that passed before another took their place, or the work was done."""
    given = _deadlines(case, grading)
    for (_, deadline), (until, _) in pairwise((*given, (datetime.max.replace(tzinfo=UTC), None))):
        if deadline is not None and deadline < until and not _rectified(case, deadline):
            yield deadline


def _deadlines(case: Case, grading: Grading) -> list[tuple[datetime, datetime | None]]:
    """Return the deadlines, each with the moment at which it was set."""
    later = [
        (done.at, done.action.deadline)
        for done in case.history
        if done.counts and done.action is not None and done.action.deadline is not None
    ]
    return [(case.raised, grading.deadline(case.episode)), *later]


def _repeats(case: Case, grading: Grading, fixed: Sequence[Notice]) -> Iterator[datetime]:
    """Yield when those who were told are told again; a declaration waits for its reviewer."""
    unseen = timedelta(seconds=grading.unacked_repeat_s)
    seen = timedelta(seconds=grading.acked_repeat_s)
    end = case.raised + timedelta(seconds=grading.repeats_for_s)
    if grading.classes[case.grade].digest:
        return
    if case.declared is not None:
        end = min(end, case.declared)
    times = [one.at for one in fixed]
    last = case.raised
    while True:
        at = last + unseen
        if case.acked is not None and case.acked < at:
            at = max(last, case.acked) + seen
        sooner = [one for one in times if last < one <= at]
        if not sooner and (at > end or not _stands(case, at)):
            return
        if not sooner:
            yield at
        last = min(sooner, default=at)


def _cleared(case: Case, grading: Grading, told: Sequence[Notice]) -> Iterator[Notice]:
    """Yield the notice that the condition went, when it cannot come back as the same."""
    sure = case.episode.sure
    if case.cleared is None or sure is None:
        return
    at = max(sure, case.cleared + timedelta(seconds=grading.settle_s))
    before = [one for one in told if one.at <= at]
    roles: Roles = frozenset().union(*(one.told for one in before))
    grade = grading.classes[case.grade]
    yield Notice(at, Why.CLEARED, before[-1].level, roles, digest=grade.digest)


def _notice(case: Case, grading: Grading, at: datetime, why: Why, task: Task = Task.NONE) -> Notice:
    given = [deadline for since, deadline in _deadlines(case, grading) if since <= at]
    late = given[-1] is not None and given[-1] <= at and not _rectified(case, at)
    up = int(late) + sum(one <= at for one in escalations(case))
    level = grading.level(case.episode, case.supervision, at, up=up)
    told = grading.told(case.episode, level)
    mutable = case.grade not in grading.never_muted
    return Notice(at, why, level, told, task, mutable, grading.classes[case.grade].digest)


def _stands(case: Case, at: datetime) -> bool:
    """Tell whether the condition stood at a moment, for all that was sure then."""
    return _open(case, at) and (case.episode.sure is None or at < case.episode.sure)


def _open(case: Case, at: datetime) -> bool:
    return case.closed is None or at < case.closed


def _rectified(case: Case, at: datetime) -> bool:
    """Tell whether the firm had done its part at a moment."""
    reached = [done.state for done in case.history if done.counts and done.at <= at]
    return bool(reached) and reached[-1] in (State.RECTIFIED, State.VERIFIED, State.CLOSED)
