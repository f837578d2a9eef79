"""What becomes of a declaration: reviewed once, ended sooner, withdrawn or revoked; never longer.

PENDING ── approve ─► APPROVED ── end ─► APPROVED, shorter
   │ reject ─► REJECTED   ├ withdraw, before it began ─► WITHDRAWN
   └ withdraw             └ revoke: it excuses nothing from its start ─► REVOKED
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import msgspec

from wattwarden.alarms.acting.roles import LEADERS, OFFICERS, roles_zh
from wattwarden.alarms.cases.case import Case
from wattwarden.alarms.cases.grading import Grading
from wattwarden.alarms.decisions.bodies import Declaration, Review
from wattwarden.alarms.decisions.body import Scope
from wattwarden.alarms.registry.nouns import Role
from wattwarden.alarms.registry.problems import Problem
from wattwarden.protocol.codec import DEFAULT_ZONE

_FORM: Final = "%Y-%m-%d %H:%M"


@dataclass(frozen=True, slots=True)
class Before:
    """A declaration as it stands; who said so last, by name, and when."""

    body: Declaration
    who: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Declaring:
    """What a declaration is held against; ``role`` is who says it, None for the system."""

    before: Before | None
    role: Role | None
    now: datetime
    grading: Grading


def ended(declaration: Declaration, at: datetime, reason: str) -> Declaration:
    """Return a declaration that is over at a moment; withdrawn where that is before it begins."""
    if at <= declaration.start:
        return msgspec.structs.replace(declaration, state=Review.WITHDRAWN, ended=reason)
    until = None if declaration.until is None else min(at, declaration.until)
    return msgspec.structs.replace(
        declaration, end=min(at, declaration.end), until=until, ended=reason
    )


def explained(case: Case) -> tuple[Scope, str]:
    """Return what a declaration that explains an alarm is about: the narrowest that it names."""
    if case.unit:
        return Scope.UNIT, case.unit
    return (Scope.LINE, case.line) if case.line else (Scope.ENTERPRISE, case.enterprise)


def is_long(declaration: Declaration, grading: Grading) -> bool:
    """Tell whether it lasts so long that a leader has to approve it."""
    most = timedelta(seconds=grading.declare_most_s)
    return declaration.last - declaration.start > most


def is_late(declaration: Declaration, said_at: datetime, grading: Grading) -> bool:
    """Tell whether it was declared, at a moment, after it had begun (补报)."""
    return said_at - declaration.start > timedelta(seconds=grading.declared_late_s)


def against_declaring(declaration: Declaration, terms: Declaring) -> Iterator[Problem]:
    """Yield why a declaration cannot be made, changed, reviewed or ended."""
    before = terms.before
    match (before and before.body.state, declaration.state):
        case (None, Review.PENDING):
            pass
        case (None, _):
            zh, en = f"没有待审核的申报{declaration.id}", f"there is no {declaration.id} to review"
            yield declaration.problem("id", zh, en)
        case (Review.PENDING, Review.PENDING):
            yield from _moved(declaration, terms)
        case (Review.PENDING, Review.APPROVED):
            yield from _changed(declaration, terms, "opinion")
            yield from _too_low(declaration, terms)
        case (Review.PENDING, Review.REJECTED):
            yield from _changed(declaration, terms, "opinion")
        case (Review.PENDING, Review.WITHDRAWN):
            yield from _changed(declaration, terms, "ended")
        case (Review.APPROVED, Review.APPROVED) if declaration.ended:
            yield from _changed(declaration, terms, "ended", "end", "until")
            yield from _longer(declaration, terms)
        case (Review.APPROVED, Review.WITHDRAWN):
            yield from _changed(declaration, terms, "ended")
            yield from _begun(declaration, terms)
        case (Review.APPROVED, Review.REVOKED):
            yield from _changed(declaration, terms, "opinion")
        case _:
            yield from _done(declaration, terms)


def _done(declaration: Declaration, terms: Declaring) -> Iterator[Problem]:
    """Yield who decided it before."""
    if (before := terms.before) is None:
        return
    at = _local(before.at)
    what = "审核" if before.body.state in (Review.APPROVED, Review.REJECTED) else "撤销"
    what = "提交,尚未审核" if before.body.state is Review.PENDING else what
    zh = f"申报{declaration.id}已由{before.who}于{at}{what}"
    en = f"declaration {declaration.id} was {before.body.state} by {before.who} at {at}"
    yield declaration.problem("state", zh, en)


def _moved(declaration: Declaration, terms: Declaring) -> Iterator[Problem]:
    """Yield that a correction is about something else."""
    if (before := terms.before) is None:
        return
    if (declaration.scope, declaration.subject) != (before.body.scope, before.body.subject):
        zh, en = "申报对象不得更改", "what is declared stays the same"
        yield declaration.problem("subject", zh, en)


def _changed(declaration: Declaration, terms: Declaring, *free: str) -> Iterator[Problem]:
    """Yield that more than the state and some fields differs from what was declared."""
    if (before := terms.before) is None:
        return
    values = {name: getattr(before.body, name) for name in (*free, "state")}
    if msgspec.structs.replace(declaration, **values) != before.body:
        zh, en = "审核、结束或撤销不得更改申报内容", "this changes nothing of what was declared"
        yield declaration.problem("state", zh, en)


def _too_low(declaration: Declaration, terms: Declaring) -> Iterator[Problem]:
    """Yield that somebody else has to approve it."""
    long = is_long(declaration, terms.grading)
    needed = LEADERS if long else OFFICERS
    if terms.role not in needed:
        days = terms.grading.declare_most_s // 86_400
        zh = f"申报须由{roles_zh(needed)}批准"
        en = f"this is for {', '.join(sorted(needed))} to approve"
        zh = f"超过{days}天的{zh}" if long else zh
        en = f"it lasts more than {days} days: {en}" if long else en
        yield declaration.problem("state", zh, en)


def _longer(declaration: Declaration, terms: Declaring) -> Iterator[Problem]:
    """Yield that it would not be over sooner than it is anyway."""
    if (before := terms.before) is None:
        return
    shorter = declaration.last < before.body.last and declaration.end <= before.body.end
    if not shorter:
        at = _local(before.body.last)
        zh, en = f"申报本就于{at}结束,只能提前", f"it ends at {at} anyway, and can only end sooner"
        yield declaration.problem("end", zh, en)


def _begun(declaration: Declaration, terms: Declaring) -> Iterator[Problem]:
    """Yield that it has begun to excuse."""
    if terms.now > declaration.start:
        zh = "申报已开始,不能撤回;可提前结束,或由执法人员撤销"
        en = "it has begun: it may end sooner, or an officer revokes it"
        yield declaration.problem("state", zh, en)


def _local(moment: datetime) -> str:
    return moment.astimezone(DEFAULT_ZONE).strftime(_FORM)
