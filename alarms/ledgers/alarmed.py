"""What ledgers say of an alarm: raised, ended, and the abnormal condition that it found.

    raised ─► from when, what                      nobody knows yet why
    an officer is told, or the firm declares ─► reported
    handled, rectified ─► why, and what was done
    ended ─► until when

Each takes the place of the one before it, so that what was known when stays to be seen.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

import msgspec

from wattwarden.alarms.cases.bodies import Verb
from wattwarden.alarms.ledgers.contents import Abnormality, AlarmEvent
from wattwarden.alarms.ledgers.entries import LedgerKind
from wattwarden.alarms.ledgers.reconcile import Fact

# Treatment stopped, or worked less than it should: what the ledger of abnormal conditions asks for.
ABNORMAL_CLASSES: Final = frozenset({"A", "B"})
# What people do about an alarm that its abnormal condition tells as well.
TOLD_VERBS: Final = frozenset({Verb.HANDLE, Verb.RECTIFY, Verb.DECLARE})


@dataclass(frozen=True, slots=True)
class Deed:
    """What a firm did about an alarm: one of ``TOLD_VERBS``, and what it said."""

    at: datetime
    verb: str
    cause: str = ""
    part: str = ""
    text: str = ""

    @property
    def measure(self) -> str:
        """What was done, in words."""
        part = f"更换部件:{self.part}" if self.part else ""
        return ";".join(filter(None, (self.text, part)))


@dataclass(frozen=True, slots=True)
class Alarmed:
    """An alarm as it stands, or stood: its moments, and what its rule wrote (``text``).

    ``grade`` and ``meaning`` are the rule's class and name when it was entered; ``told`` is when
    the first officer was told of it.
    """

    id: int
    rule: str
    subject: str
    name: str
    began: datetime
    raised: datetime
    ended: datetime | None
    text: str
    grade: str
    meaning: str
    told: datetime | None = None
    deeds: tuple[Deed, ...] = ()

    @property
    def source(self) -> str:
        """What its entries rest on."""
        return f"alarm:{self.id}"


def facts_of(alarm: Alarmed) -> Iterator[Fact]:
    """Yield what is written down of an alarm; whether it is time for that is the caller's."""
    yield _event(alarm, alarm.raised, raised=True)
    if alarm.ended is not None:
        yield _event(alarm, alarm.ended, raised=False)
    if alarm.grade in ABNORMAL_CLASSES:
        yield from _condition(alarm)


def _condition(alarm: Alarmed) -> Iterator[Fact]:
    """Yield an abnormal condition as it was known from the raise on."""
    known = Abnormality(
        name=alarm.name,
        subject=alarm.subject,
        start=alarm.began,
        condition=f"{alarm.meaning}:{alarm.text}",
        reported=alarm.told is not None and alarm.told <= alarm.raised,
        alarm=alarm.id,
        grade=alarm.grade,
    )
    first = Fact(LedgerKind.ABNORMAL, alarm.source, alarm.raised, known)
    yield first
    for at, changed in _changes(alarm):
        told = msgspec.structs.replace(known, **changed)
        if told != known:
            known = told
            yield replace(first, at=at, content=known)


def _changes(alarm: Alarmed) -> Sequence[tuple[datetime, dict[str, object]]]:
    """Return what became known of a condition after the raise, by time."""
    found: list[tuple[datetime, dict[str, object]]] = []
    if alarm.told is not None and alarm.told > alarm.raised:
        found.append((alarm.told, {"reported": True}))
    for deed in alarm.deeds:
        if deed.verb == Verb.DECLARE:
            found.append((deed.at, {"reported": True}))
            continue
        said = {"cause": deed.cause, "measure": deed.measure}
        found.append((deed.at, {name: text for name, text in said.items() if text}))
    if alarm.ended is not None:
        found.append((alarm.ended, {"end": alarm.ended}))
    return sorted(found, key=lambda one: one[0])


def _event(alarm: Alarmed, at: datetime, *, raised: bool) -> Fact:
    content = AlarmEvent(
        name=alarm.name,
        alarm=alarm.id,
        rule=alarm.rule,
        raised=raised,
        text=alarm.text,
        grade=alarm.grade,
        meaning=alarm.meaning,
    )
    return Fact(LedgerKind.ALARM, alarm.source, at, content)
