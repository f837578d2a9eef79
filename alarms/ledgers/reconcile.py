"""What must be entered so that a ledger says what is known now.

in the ledger, known    nothing
not in it,     known    an entry
in the ledger, not known: the next like fact of its source takes its place, as a correction; where
there is none the entry is withdrawn
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from wattwarden.alarms.ledgers.contents import (
    AlarmEvent,
    Content,
    Motion,
    Withdrawn,
    unnamed,
)
from wattwarden.alarms.ledgers.entries import SETTLE, Draft, Entry, LedgerKind

# Who enters what follows from readings; no person has this id.
BY_ITSELF: Final = "system"


@dataclass(frozen=True, slots=True)
class Fact:
    """What follows from readings, and belongs into a ledger."""

    kind: LedgerKind
    source: str
    at: datetime
    content: Content

    @property
    def due(self) -> datetime:
        """When it is entered: a whole second, as ticks are."""
        due = self.at + SETTLE
        whole = due.replace(microsecond=0)
        return whole if whole == due else whole + timedelta(seconds=1)


def entries_due(
    facts: Iterable[Fact], standing: Iterable[Entry], upto: datetime, redone: datetime | None
) -> list[Draft]:
    """Return what is to be entered, in the order in which it is.

    Args:
        facts: All that is known of some sources since some moment.
        standing: The entries of these since then that no other corrects, withdrawals left out.
        upto: Facts due later are left for their time.
        redone: When days were folded again, if they were: whatever should have been entered before
            is entered at that moment.
    """
    known = {_key(fact.kind, fact.source, fact.at, fact.content): fact for fact in facts}
    entered = {_key(one.kind, one.source, one.occurred_at, one.content): one for one in standing}
    missing = {key: fact for key, fact in sorted(known.items(), key=_by_time) if key not in entered}
    drafts: list[Draft] = []
    for key, entry in entered.items():
        if key in known:
            continue
        like = next((one for one in missing if _alike(missing[one], entry)), None)
        at = redone or upto
        if like is None:
            drafts.append(_withdrawal(entry, at))
        else:
            drafts.append(_draft(missing.pop(like), max(at, entry.entered_at), entry.number))
    drafts += [
        _draft(fact, redone if redone is not None and fact.due < redone else fact.due)
        for fact in missing.values()
        if fact.due <= upto
    ]
    return sorted(drafts, key=lambda one: (one.entered_at, one.occurred_at, one.source, one.kind))


def _by_time(item: tuple[object, Fact]) -> tuple[datetime, str, str]:
    return item[1].at, item[1].source, item[1].kind


def _key(kind: LedgerKind, source: str, at: datetime, content: Content) -> tuple[object, ...]:
    return kind, source, at, unnamed(content)


def _alike(fact: Fact, entry: Entry) -> bool:
    """Whether a fact is what an entry meant, at another time."""
    same = (fact.kind, fact.source) == (entry.kind, entry.source)
    return same and _what(fact.content) == _what(entry.content)


def _what(content: Content) -> str:
    match content:
        case Motion():
            return "start" if content.running else "stop"
        case AlarmEvent():
            return "raised" if content.raised else "ended"
        case _:
            return type(content).__name__


def _draft(fact: Fact, entered_at: datetime, corrects: int | None = None) -> Draft:
    return Draft(
        kind=fact.kind,
        source=fact.source,
        occurred_at=fact.at,
        entered_at=entered_at,
        actor=BY_ITSELF,
        content=fact.content,
        corrects=corrects,
    )


def _withdrawal(entry: Entry, at: datetime) -> Draft:
    return Draft(
        kind=entry.kind,
        source=entry.source,
        occurred_at=entry.occurred_at,
        entered_at=at,
        actor=BY_ITSELF,
        content=Withdrawn(name=entry.content.name, what=_what(entry.content)),
        corrects=entry.number,
    )


def is_withdrawn(entry: Entry) -> bool:
    """Whether an entry only takes another one back."""
    return isinstance(entry.content, Withdrawn)
