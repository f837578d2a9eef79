"""What must be entered so that a ledger says what is known now.

in the ledger, known    nothing
not in it,     known    an entry
in the ledger, not known: the next like fact of its source takes its place, as a correction; where
there is none the entry is withdrawn

Of an abnormal condition more becomes known step by step: each step takes the place of the last.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from wattwarden.alarms.ledgers.contents import (
    AlarmEvent,
    Content,
    Motion,
    Special,
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
    facts: Iterable[Fact], entries: Iterable[Entry], upto: datetime, redone: datetime | None
) -> list[Draft]:
    """Return what is to be entered, in the order in which it is.

    Args:
        facts: All that is known of some sources since some moment; those of one source by time.
        entries: The entries of these since then that no other corrects; of abnormal conditions all.
        upto: Facts due later are left for their time.
        redone: When days were folded again, if they were: whatever should have been entered before
            is entered at that moment.
    """
    chained, plain = _parted(facts, entries)
    drafts = _replaced(*plain, upto, redone)
    for known, told in chained:
        drafts += _amended(known, told, upto, redone)
    return sorted(drafts, key=lambda one: (one.entered_at, one.occurred_at, one.source, one.kind))


def misfits(facts: Iterable[Fact], entries: Iterable[Entry]) -> Iterator[int]:
    """Yield the numbers of entries about abnormal conditions that are no step of what is known.

    Only of conditions that no late readings changed: what these changed, nothing shows any more.
    """
    for known, told in _parted(facts, entries)[0]:
        for place, entry in enumerate(told):
            fact = known[place] if place < len(known) else None
            before = told[place - 1].number if place else None
            if (
                fact is None
                or not _tells(entry, fact)
                or entry.entered_at < fact.due
                or entry.corrects != before
            ):
                yield entry.number


_Plain = tuple[list[Fact], list[Entry]]


def _parted(
    facts: Iterable[Fact], entries: Iterable[Entry]
) -> tuple[list[tuple[list[Fact], list[Entry]]], _Plain]:
    """Return what is told step by step, by its source, and the rest."""
    known: defaultdict[str, list[Fact]] = defaultdict(list)
    told: defaultdict[str, list[Entry]] = defaultdict(list)
    plain: _Plain = ([], [])
    for fact in facts:
        (known[fact.source] if fact.kind is LedgerKind.ABNORMAL else plain[0]).append(fact)
    for entry in entries:
        if entry.kind is LedgerKind.ABNORMAL:
            told[entry.source].append(entry)
        elif not is_withdrawn(entry):
            plain[1].append(entry)
    return [(known[one], told[one]) for one in sorted({*known, *told})], plain


def _replaced(
    facts: Iterable[Fact], standing: Iterable[Entry], upto: datetime, redone: datetime | None
) -> list[Draft]:
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
        _draft(fact, _entered_at(fact, redone)) for fact in missing.values() if fact.due <= upto
    ]
    return drafts


def _amended(
    known: Sequence[Fact], told: Sequence[Entry], upto: datetime, redone: datetime | None
) -> list[Draft]:
    """Return the next steps of one abnormal condition, each taking the last one's place."""
    last = told[-1] if told and not is_withdrawn(told[-1]) else None
    steps = [fact for fact in known if fact.due <= upto]
    drafts: list[Draft] = []
    if last is not None:
        place = next((at for at, fact in enumerate(known) if _tells(last, fact)), None)
        at = max(redone or upto, last.entered_at)
        if not known:
            return [_withdrawal(last, at)]
        if place is None:
            # What late readings changed: all that is known by now at once.
            return [_draft((steps or [known[0]])[-1], at, last.number)]
        steps = steps[place + 1 :]
    for fact in steps:
        number = last.number if last is not None and not drafts else None
        before = drafts[-1] if drafts else None
        drafts.append(_draft(fact, _entered_at(fact, redone), number, before))
    return drafts


def _entered_at(fact: Fact, redone: datetime | None) -> datetime:
    return redone if redone is not None and fact.due < redone else fact.due


def _tells(entry: Entry, fact: Fact) -> bool:
    """Whether an entry says what a fact is."""
    return _key(entry.kind, entry.source, entry.occurred_at, entry.content) == _key(
        fact.kind, fact.source, fact.at, fact.content
    )


def _by_time(item: tuple[object, Fact]) -> tuple[datetime, str, str]:
    return item[1].at, item[1].source, item[1].kind


def _key(kind: LedgerKind, source: str, at: datetime, content: Content) -> tuple[object, ...]:
    return kind, source, at, unnamed(content)


def _alike(fact: Fact, entry: Entry) -> bool:
    """Whether a fact is what an entry meant, at another time."""
    same = (fact.kind, fact.source) == (entry.kind, entry.source)
    if isinstance(fact.content, Special) and fact.at != entry.occurred_at:
        # Every day has an entry of its own.
        return False
    return same and _what(fact.content) == _what(entry.content)


def _what(content: Content) -> str:
    match content:
        case Motion():
            return "start" if content.running else "stop"
        case AlarmEvent():
            return "raised" if content.raised else "ended"
        case _:
            return type(content).__name__


def _draft(
    fact: Fact, entered_at: datetime, corrects: int | None = None, amends: Draft | None = None
) -> Draft:
    return Draft(
        kind=fact.kind,
        source=fact.source,
        occurred_at=fact.at,
        entered_at=entered_at,
        actor=BY_ITSELF,
        content=fact.content,
        corrects=corrects,
        amends=amends,
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
