"""Verification without an officer: a day of production in which the condition did not come back.

    rectified and cleared ─► production counts ─► 24 h of it ─► proved at that very second

Production is any of the line's production units at work; what was not heard is not counted.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from wattwarden.alarms.cases.bodies import Cause, Fault
from wattwarden.alarms.cases.case import Case, State
from wattwarden.alarms.cases.grading import Grading
from wattwarden.alarms.registry.nouns import UnitKind
from wattwarden.alarms.registry.registry import Registry

# The class of what is wrong with data: meters, silence, outages.
DATA_CLASS: Final = "D"
# Who cuts a meter off, or leaves it off, is no meter's fault.
BY_THE_FIRM: Final = frozenset({Cause.DELIBERATE, Cause.OPERATION})
# What a production unit does while its line produces.
PRODUCING: Final = frozenset({"running", "over", "reduced_vfd", "reduced_slow"})


@dataclass(frozen=True, slots=True)
class Change:
    """A production unit's state from a moment on."""

    at: datetime
    unit: str
    state: str


@dataclass(frozen=True, slots=True)
class Proof:
    """How far a case is proved: ``at`` is when it was, None while ``missing`` is above 0."""

    at: datetime | None
    missing: timedelta


def provable_since(case: Case) -> datetime | None:
    """Return since when production proves a case; None where it proves nothing yet."""
    if case.state is not State.RECTIFIED or case.rectified is None or case.cleared is None:
        return None
    return max(case.rectified, case.cleared)


def fault_of(case: Case) -> Fault:
    """Return where the fault was, for all that is known: in what measures, or with the firm.

    An officer's word counts, then the cause; data that went wrong by itself is the meter's fault.
    """
    if case.fault is not None:
        return case.fault
    by_class = case.grade == DATA_CLASS and case.cause not in BY_THE_FIRM
    metering = by_class or case.cause in (Cause.METER, Cause.COMMUNICATION)
    return Fault.METERING if metering else Fault.ENTERPRISE


def producers(case: Case, registry: Registry) -> frozenset[str]:
    """Return the production units of a case's line, of its firm where it is about no line."""
    kinds = (UnitKind.PRODUCTION, UnitKind.BOTH)
    works = {
        unit.id
        for unit in registry.unit.values()
        if unit.enterprise == case.enterprise and unit.kind in kinds
    }
    if not case.line:
        return frozenset(works)
    return frozenset(works & {one.unit for one in registry.link.values() if one.line == case.line})


def proof(changes: Iterable[Change], since: datetime, until: datetime, grading: Grading) -> Proof:
    """Return how far production has proved a case.

    Args:
        changes: Of its production units, in order of time; of each one before ``since`` as well,
            where there is one.
        since: From when on it counts.
        until: Up to when states are known.
        grading: How much is needed.
    """
    missing = timedelta(seconds=grading.proof_s)
    working: set[str] = set()
    at = since
    for change in (*changes, Change(until, "", "")):
        upto = min(max(change.at, since), until)
        if working and upto - at >= missing:
            return Proof(at + missing, timedelta())
        if working:
            missing -= upto - at
        at = upto
        _note(working, change)
    return Proof(None, missing)


def _note(working: set[str], change: Change) -> None:
    if change.state in PRODUCING:
        working.add(change.unit)
    else:
        working.discard(change.unit)
