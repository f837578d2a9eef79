"""What ledgers say of an alarm: raised, ended, and the abnormal condition that it found."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from wattwarden.alarms.ledgers.contents import Abnormality, AlarmEvent
from wattwarden.alarms.ledgers.entries import LedgerKind
from wattwarden.alarms.ledgers.reconcile import Fact
from wattwarden.alarms.rulebook import Rules

# Treatment stopped, or worked less than it should: what the ledger of abnormal conditions asks for.
ABNORMAL_CLASSES: Final = frozenset({"A", "B"})


@dataclass(frozen=True, slots=True)
class Alarmed:
    """An alarm as it stands, or stood: its moments, and what its rule wrote (``text``)."""

    id: int
    rule: str
    subject: str
    name: str
    began: datetime
    raised: datetime
    ended: datetime | None
    text: str

    @property
    def source(self) -> str:
        """What its entries rest on."""
        return f"alarm:{self.id}"


def facts_of(alarm: Alarmed, rules: Rules) -> Iterator[Fact]:
    """Yield what is written down of an alarm; whether it is time for that is the caller's."""
    yield _event(alarm, alarm.raised, raised=True)
    if alarm.ended is None:
        return
    yield _event(alarm, alarm.ended, raised=False)
    rule = rules.rules[alarm.rule]
    if rule.grade in ABNORMAL_CLASSES:
        found = Abnormality(
            name=alarm.name,
            subject=alarm.subject,
            start=alarm.began,
            end=alarm.ended,
            condition=alarm.text,
            cause=rule.zh,
            reported=True,
            alarm=alarm.id,
        )
        yield Fact(LedgerKind.ABNORMAL, alarm.source, alarm.ended, found)


def _event(alarm: Alarmed, at: datetime, *, raised: bool) -> Fact:
    content = AlarmEvent(
        name=alarm.name, alarm=alarm.id, rule=alarm.rule, raised=raised, text=alarm.text
    )
    return Fact(LedgerKind.ALARM, alarm.source, at, content)
