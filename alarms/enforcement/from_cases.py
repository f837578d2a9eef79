"""Cases and states as enforcement looks at them."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from wattwarden.alarms.cases.bodies import Fault, Verb
from wattwarden.alarms.cases.case import Case, Level
from wattwarden.alarms.cases.grading import Grading
from wattwarden.alarms.cases.grading import Task as Asked
from wattwarden.alarms.cases.ladder import Notice, Why, notices
from wattwarden.alarms.decisions.bodies import Consumable
from wattwarden.alarms.enforcement.incidents import Incident
from wattwarden.alarms.enforcement.spans import Spans, merged
from wattwarden.alarms.registry.nouns import UnitKind
from wattwarden.alarms.registry.registry import Registry
from wattwarden.alarms.states.running import Doing, Spell, reached

# What says that the cause is gone, and what takes that back.
_GONE: Final[Mapping[str, bool]] = {Verb.RECTIFY: True, Verb.VERIFY: True, Verb.REJECT: False}
PRODUCING: Final = frozenset({UnitKind.PRODUCTION, UnitKind.BOTH})


def incident(case: Case, grading: Grading) -> Incident:
    """Return a case as enforcement looks at it."""
    told = [one for one in notices(case, grading) if one.why is not Why.CLEARED]
    return Incident(
        alarm=case.id,
        rule=case.rule,
        subject=case.subject,
        line=case.line,
        grade=case.grade,
        raised=case.raised,
        ended=case.cleared,
        level3=_first(told, Level.ALARM),
        level4=_first(told, Level.SEVERE),
        claims=tuple(
            (done.at, _GONE[done.deed])
            for done in case.history
            if done.counts and done.deed in _GONE
        ),
        closed=case.closed,
        due=case.deadline,
        called=next((one.at for one in told if one.task is Asked.CREATE), None),
        excused=_excused(case),
    )


def production_of(spells: Mapping[str, Sequence[Spell]], registry: Registry) -> dict[str, Spans]:
    """Return when each line produced: any of its production units did.

    Args:
        spells: What production units did, by unit.
        registry: Which of them belong to which line.
    """
    found: dict[str, list[tuple[datetime, datetime]]] = {}
    for link in registry.link.values():
        if link.unit in spells:
            ran = [(one.start, one.end) for one in spells[link.unit] if one.doing is Doing.RUN]
            found.setdefault(link.line, []).extend(ran)
    return {line: merged(spans) for line, spans in found.items()}


def worn_since(
    part: Consumable, span: tuple[datetime, datetime], spells: Iterable[Spell], share: float
) -> datetime | None:
    """Return when a part had been used so many times its limit; None where it has not yet.

    Args:
        part: Whose limits count.
        span: From its last replacement until now.
        spells: What its unit did in that time.
        share: How many times.
    """
    (since, now), found = span, []
    if part.limit_days is not None:
        found.append(since + timedelta(days=share * part.limit_days))
    if part.limit_hours is not None:
        ran = reached(spells, share * part.limit_hours * 3600.0)
        if ran is not None:
            found.append(ran)
    return min((when for when in found if when <= now), default=None)


def _first(told: Sequence[Notice], level: Level) -> datetime | None:
    return next((one.at for one in told if one.level >= level), None)


def _excused(case: Case) -> datetime | None:
    """Since when it is known that the firm did nothing wrong."""
    if case.exempt:
        return case.closed
    if case.fault is not Fault.METERING:
        return None
    judged = (
        done.at
        for done in case.history
        if done.counts and done.action is not None and done.action.fault is Fault.METERING
    )
    return min(judged, default=None)
