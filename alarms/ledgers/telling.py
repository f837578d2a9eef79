"""What people's decisions put into ledgers."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from wattwarden.alarms.cases.bodies import Action
from wattwarden.alarms.consumables.bodies import CheckResult, OffsiteCheck, WasteEntry
from wattwarden.alarms.decisions.bodies import Patrol, Plan, Replacement
from wattwarden.alarms.decisions.body import Body
from wattwarden.alarms.ledgers.bodies import (
    Abnormal,
    LedgerCorrection,
    Occasion,
    Repair,
    SpecialPeriod,
)
from wattwarden.alarms.ledgers.contents import (
    Abnormality,
    Acted,
    Checked,
    Content,
    Corrected,
    Patrolled,
    Repaired,
    Replaced,
    Special,
    Stored,
)
from wattwarden.alarms.ledgers.entries import Draft, Entry, LedgerKind


@dataclass(frozen=True, slots=True)
class Told:
    """What a decision puts into a ledger; ``at`` is None where it says no time but its own."""

    kind: LedgerKind
    at: datetime | None
    content: Content


@dataclass(frozen=True, slots=True)
class Decided:
    """A decision, as far as a ledger needs it."""

    id: int
    actor: str
    entered_at: datetime
    body: Body

    @property
    def source(self) -> str:
        """What its entry rests on."""
        return f"decision:{self.id}"


def told_by(body: Body, name: str) -> Told | None:
    """Return what a body puts into the ledger of its enterprise; None if nothing.

    A correction needs the entry that it corrects: see ``draft_of``.
    """
    tell = _TELL.get(type(body))
    return None if tell is None else tell(body, name)


def draft_of(decided: Decided, name: str, corrected: Entry | None) -> Draft | None:
    """Return the entry of a decision.

    Args:
        decided: The decision.
        name: What people call the thing that it is about.
        corrected: The entry that a ``LedgerCorrection`` names, None for any other body.
    """
    body = decided.body
    if isinstance(body, LedgerCorrection):
        if corrected is None:
            return None
        content = Corrected(name=corrected.content.name, text=body.text, reason=body.reason)
        told = Told(corrected.kind, body.occurred_at or corrected.occurred_at, content)
    else:
        found = told_by(body, name)
        if found is None:
            return None
        told = found
    return Draft(
        kind=told.kind,
        source=decided.source,
        occurred_at=min(told.at or decided.entered_at, decided.entered_at),
        entered_at=decided.entered_at,
        actor=decided.actor,
        content=told.content,
        corrects=None if corrected is None else corrected.number,
    )


def occurred(body: Body) -> datetime | None:
    """Return when what a body tells of was over, or begun; None where it says no time."""
    if isinstance(body, LedgerCorrection):
        return body.occurred_at
    told = told_by(body, "")
    return None if told is None else told.at


def _patrol(body: Patrol, name: str) -> Told:
    content = Patrolled(
        name=name,
        subject=body.subject,
        person=body.person,
        findings=body.findings,
        why=body.why,
    )
    return Told(LedgerKind.PATROL, body.at, content)


def _repair(body: Repair, name: str) -> Told:
    content = Repaired(
        name=name,
        unit=body.unit,
        person=body.person,
        began=body.began,
        ended=body.ended,
        work=body.work,
        cause=body.cause,
        parts=body.parts,
    )
    return Told(LedgerKind.REPAIR, body.ended or body.began, content)


def _replacement(body: Replacement, name: str) -> Told | None:
    if body.rejected:
        # The officer's check, which says so, has an entry of its own.
        return None
    content = Replaced(
        name=name,
        consumable=body.consumable,
        amount=body.amount,
        waste=body.waste,
        note=body.note,
        files=len(body.evidence),
    )
    return Told(LedgerKind.CONSUMABLE, body.replaced_at, content)


def _abnormal(body: Abnormal, name: str) -> Told:
    content = Abnormality(
        name=name,
        subject=body.subject,
        start=body.start,
        end=body.end,
        condition=body.condition,
        cause=body.cause,
        measure=body.measure,
        reported=body.reported,
    )
    return Told(LedgerKind.ABNORMAL, body.end or body.start, content)


def _special(body: SpecialPeriod, name: str) -> Told:
    content = Special(
        name=name, occasion=body.occasion, start=body.start, end=body.end, measure=body.measure
    )
    return Told(LedgerKind.SPECIAL, body.end or body.start, content)


def _plan(body: Plan, name: str) -> Told:
    """A stop or limit that was ordered: from when to when, once (the firm tells what it did)."""
    measure = "停产" if body.reduction is None else f"限产{body.reduction:.0%}"
    hours = "" if body.from_hour is None else f",每日{body.from_hour}至{body.to_hour}"
    content = Special(
        name=name,
        occasion=Occasion.OFF_PEAK if body.level is None else Occasion.HEAVY_POLLUTION,
        start=body.start,
        end=body.end,
        measure=f"{'' if body.enabled else '取消:'}{'豁免' if body.exempt else measure}{hours}",
    )
    return Told(LedgerKind.SPECIAL, None, content)


def _action(body: Action, name: str) -> Told:
    content = Acted(
        name=name,
        alarm=int(body.alarm),
        verb=body.verb,
        text=body.reason,
        cause=body.cause or "",
        part=body.part,
        deadline=body.deadline,
        fault=body.fault or "",
        files=len(body.evidence),
    )
    return Told(LedgerKind.ALARM, None, content)


def _waste(body: WasteEntry, name: str) -> Told:
    content = Stored(
        name=name,
        replacement=body.replacement,
        code=body.code,
        mass_kg=body.mass_kg,
        container=body.container,
        note=" ".join(filter(None, (body.place, body.note))),
    )
    return Told(LedgerKind.CONSUMABLE, body.stored_at, content)


def _check(body: OffsiteCheck, name: str) -> Told:
    passed = body.result is CheckResult.PASS
    content = Checked(name=name, replacement=body.replacement, passed=passed, opinion=body.opinion)
    return Told(LedgerKind.CONSUMABLE, None, content)


_TELL: Final[Mapping[type[Body], Callable[[Any, str], Told | None]]] = {
    Patrol: _patrol,
    Plan: _plan,
    Repair: _repair,
    Replacement: _replacement,
    Abnormal: _abnormal,
    SpecialPeriod: _special,
    Action: _action,
    WasteEntry: _waste,
    OffsiteCheck: _check,
}
# The kinds of decisions that put something into a ledger.
TOLD_KINDS: Final = frozenset({body.kind_name for body in _TELL} | {LedgerCorrection.kind_name})
