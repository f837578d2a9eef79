"""What lists and single things hold: the shapes that programs may rely on.

Moments are UTC, RFC 3339; powers W, energies Wh; what is decided stands under ``body`` as it was
entered, whose schema is that of the deed.
"""

from datetime import datetime
from typing import Any, Generic, TypeVar

import msgspec

from wattwarden.alarms.cases.bodies import Cause, Fault
from wattwarden.alarms.cases.case import Case, Done, Ending, State
from wattwarden.alarms.decisions.body import Body
from wattwarden.alarms.enforcement.life import Said
from wattwarden.storage.registry.decisions import Entered
from wattwarden.storage.warden.listing import Correction, ListedAlarm

B = TypeVar("B", bound=Body)


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """A row of a list."""


class Planned(Row, frozen=True):
    """A step of a plan to rectify."""

    what: str
    by: datetime
    who: str


class AlarmRow(Row, frozen=True):
    """An alarm and its case (`level` 1 to 4; `class` A to F)."""

    id: int
    rule: str
    grade: str = msgspec.field(name="class")
    subject: str
    enterprise: str
    line: str
    state: State
    level: int
    overdue: bool
    began: datetime
    raised: datetime
    cleared: datetime | None
    deadline: datetime
    acked: datetime | None
    acked_by: str | None
    handled: datetime | None
    declared: datetime | None
    rectified: datetime | None
    verified: datetime | None
    closed: datetime | None
    ending: Ending | None
    cause: Cause | None
    part: str
    fault: Fault | None
    declaration: str | None
    repeats: int | None
    planned_by: str | None
    plan: list[Planned]
    evidence: list[str]
    zh: str
    en: str


class DoneRow(Row, frozen=True):
    """What was done about an alarm, or came with time; `counts` false: it moved nothing."""

    at: datetime
    actor: str
    deed: str
    state: State
    reason: str
    counts: bool


class AlarmWhole(Row, frozen=True):
    """An alarm with what was seen, what late readings changed, and what was done."""

    alarm: AlarmRow
    explanation: dict[str, Any]
    version: str
    found_late: bool
    withdrawn: bool
    suppressed_by: dict[str, Any] | None
    corrections: list[Correction]
    history: list[DoneRow]


class StepRow(Row, frozen=True):
    """A decision about a thing; `body` is as it was entered."""

    decision: int
    actor: str
    at: datetime
    body: dict[str, Any]


class Thing(Row, Generic[B], frozen=True):
    """Something that was decided, as it stands; `decision` is the number of the last one."""

    id: str
    enterprise: str | None
    decision: int
    entered_by: str
    entered_at: datetime
    body: B


class Living(Row, Generic[B], frozen=True):
    """Something with a state and the steps that led there, oldest first."""

    id: str
    enterprise: str
    state: str
    decision: int
    entered_by: str
    entered_at: datetime
    body: B
    steps: list[StepRow]


class EnteredRow(Row, frozen=True):
    """What was decided, as it was kept."""

    decision: int
    kind: str
    id: str
    actor: str
    entered_at: datetime
    effective_at: datetime
    enterprise: str | None
    body: dict[str, Any]


def alarm_row(case: Case) -> AlarmRow:
    """Return a case as a row."""
    names = ("id", "rule", "grade", "subject", "enterprise", "line", "state", "overdue", "raised",
             "cleared", "deadline", "acked", "acked_by", "handled", "declared", "rectified",
             "verified", "closed", "ending", "cause", "part", "fault", "declaration",
             "planned_by")  # fmt: skip
    return AlarmRow(
        **{name: getattr(case, name) for name in names},
        level=int(case.level),
        began=case.episode.began,
        repeats=case.parent,
        plan=[Planned(what=one.what, by=one.by, who=one.who) for one in case.plan],
        evidence=list(case.evidence),
        zh=case.episode.zh,
        en=case.episode.en,
    )


def alarm_whole(case: Case, alarm: ListedAlarm, corrections: list[Correction]) -> AlarmWhole:
    """Return an alarm with all that is known of it."""
    return AlarmWhole(
        alarm=alarm_row(case),
        explanation=alarm.explanation,
        version=alarm.version,
        found_late=alarm.found_late,
        withdrawn=alarm.withdrawn,
        suppressed_by=alarm.suppressed_by,
        corrections=corrections,
        history=[done_row(one) for one in case.history],
    )


def done_row(done: Done) -> DoneRow:
    """Return something that happened as a row."""
    reason = done.reason or (done.action.reason if done.action is not None else "")
    return DoneRow(
        at=done.at,
        actor=done.actor,
        deed=done.deed,
        state=done.state,
        reason=reason,
        counts=done.counts,
    )


def thing(entered: Entered, body: B, identity: str = "") -> Thing[B]:
    """Return a decision's thing as a row; ``identity`` where its body has no id."""
    return Thing(
        id=identity or str(getattr(body, "id", entered.id)),
        enterprise=entered.enterprise,
        decision=entered.id,
        entered_by=entered.actor,
        entered_at=entered.entered_at,
        body=body,
    )


def step_row(said: Said[Any]) -> StepRow:
    """Return a step as a row."""
    body = msgspec.to_builtins(said.body)
    return StepRow(decision=said.number, actor=said.actor, at=said.at, body=body)


def entered_row(entered: Entered) -> EnteredRow:
    """Return what was decided as a row."""
    references = entered.body.references()
    identity = getattr(entered.body, "id", references[0].id if references else "")
    return EnteredRow(
        decision=entered.id,
        kind=entered.kind,
        id=str(identity),
        actor=entered.actor,
        entered_at=entered.entered_at,
        effective_at=entered.effective_at,
        enterprise=entered.enterprise,
        body=msgspec.to_builtins(entered.body),
    )
