"""What must be entered so that a ledger says what is known."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from wattwarden.alarms.ledgers.alarmed import Alarmed, facts_of
from wattwarden.alarms.ledgers.contents import AlarmEvent, Motion, Withdrawn
from wattwarden.alarms.ledgers.entries import (
    LATE,
    SETTLE,
    Draft,
    Entry,
    Head,
    LedgerKind,
    append,
    standing,
)
from wattwarden.alarms.ledgers.reconcile import Fact, entries_due, is_withdrawn
from wattwarden.alarms.registry.nouns import UnitKind
from wattwarden.alarms.rulebook import default_rules

START = datetime(2026, 11, 22, tzinfo=UTC)


def at(minute: float) -> datetime:
    return START + timedelta(minutes=minute)


def moved(minute: float, *, running: bool, name: str = "磨机") -> Fact:
    motion = Motion(name=name, unit="U1", kind=UnitKind.PRODUCTION, running=running)
    return Fact(LedgerKind.PRODUCTION, "unit:U1", at(minute), motion)


START_0 = moved(0, running=True)
STOP_9 = moved(9, running=False)
STOP_5 = moved(5, running=False)


def entered(*facts: Fact, upto: float = 1_000) -> list[Entry]:
    return append("E1", Head(), entries_due(facts, [], at(upto), None))


def told(drafts: list[Draft]) -> list[tuple[int, int, int | None]]:
    return [(minute(one.occurred_at), minute(one.entered_at), one.corrects) for one in drafts]


def minute(moment: datetime) -> int:
    return round((moment - START).total_seconds() / 60)


def test_a_fact_is_entered_when_it_is_settled() -> None:
    assert told(entries_due([STOP_9, START_0], [], at(38), None)) == [(0, 30, None)]
    assert told(entries_due([STOP_9, START_0], [], at(39), None)) == [(0, 30, None), (9, 39, None)]


def test_a_fact_is_due_at_a_whole_second() -> None:
    late = moved(0.001, running=True)
    assert late.due == at(0) + SETTLE + timedelta(seconds=1)
    assert START_0.due == at(30)


def test_what_is_in_the_ledger_is_not_entered_again() -> None:
    renamed = moved(0, running=True, name="新磨机")
    assert entries_due([renamed, STOP_9], entered(START_0, STOP_9), at(99), at(90)) == []


@pytest.mark.parametrize(
    ("known", "drafts"),
    [
        ([START_0, STOP_5], [(5, 60, 2)]),
        ([START_0], [(9, 60, 2)]),
        ([START_0, STOP_9, moved(12, running=True)], [(12, 60, None)]),
        ([START_0, STOP_9, moved(40, running=True)], []),
        ([moved(4, running=True), moved(6, running=False)], [(4, 60, 1), (6, 60, 2)]),
    ],
    ids=["moved", "taken back", "found late", "found in time", "both moved"],
)
def test_what_late_readings_change_is_corrected(
    known: list[Fact], drafts: list[tuple[int, int, int | None]]
) -> None:
    found = entries_due(known, entered(START_0, STOP_9), at(60), at(60))
    assert told(found) == drafts
    taken_back = [one for one in found if isinstance(one.content, Withdrawn)]
    assert len(taken_back) == (len(known) == 1)


def test_a_correction_is_not_entered_before_what_it_corrects() -> None:
    (draft,) = entries_due([STOP_5], entered(STOP_9), at(38), None)
    assert draft.entered_at == at(39)


def test_an_alarm_is_entered_when_it_is_raised_and_when_it_ended() -> None:
    alarm = Alarmed(7, "R2", "unit:U2", "风机", at(0), at(5), at(20), "风机停运")
    raised, ended, abnormal = facts_of(alarm, default_rules())
    assert [one.at for one in (raised, ended, abnormal)] == [at(5), at(20), at(20)]
    assert {one.source for one in (raised, ended, abnormal)} == {"alarm:7"}
    assert abnormal.kind is LedgerKind.ABNORMAL
    open_one = Alarmed(7, "R2", "unit:U2", "风机", at(0), at(5), None, "风机停运")
    assert [one.at for one in facts_of(open_one, default_rules())] == [at(5)]
    data = Alarmed(8, "R9", "meter:M", "M", at(0), at(5), at(6), "失联")
    assert [one.kind for one in facts_of(data, default_rules())] == [LedgerKind.ALARM] * 2


def test_an_alarm_that_ended_otherwise_is_corrected_in_kind() -> None:
    rules = default_rules()
    first = Alarmed(7, "R2", "unit:U2", "风机", at(0), at(5), at(20), "风机停运")
    later = Alarmed(7, "R2", "unit:U2", "风机", at(0), at(5), at(24), "风机停运")
    was = entered(*facts_of(first, rules))
    drafts = entries_due(facts_of(later, rules), was, at(99), at(99))
    by_number = {one.number: one for one in was}
    assert len(drafts) == 2
    for one in drafts:
        assert one.corrects is not None
        old = by_number[one.corrects]
        assert type(old.content) is type(one.content)
        if isinstance(old.content, AlarmEvent):
            assert not old.content.raised


def test_entries_are_sealed_one_behind_another() -> None:
    entries = entered(START_0, STOP_9)
    assert [one.number for one in entries] == [1, 2]
    assert entries[1].predecessor == entries[0].digest
    again = append("E2", Head(), entries_due([START_0, STOP_9], [], at(99), None))
    assert again[0].digest != entries[0].digest


def test_nothing_is_entered_before_what_stands_already() -> None:
    (first,) = entered(START_0)
    head = Head(first.number, first.digest, at(500))
    (second,) = append("E1", head, entries_due([STOP_9], [], at(99), None))
    assert second.entered_at == at(500)


@pytest.mark.parametrize(("after", "late"), [(LATE, False), (LATE * 1.01, True)])
def test_what_is_entered_long_after_the_fact_is_late(after: timedelta, late: bool) -> None:  # noqa: FBT001  parametrised
    draft = Draft(
        kind=LedgerKind.PATROL,
        source="decision:1",
        occurred_at=at(0),
        entered_at=at(0) + after,
        actor="P",
        content=Withdrawn(what="x"),
    )
    (entry,) = append("E1", Head(), [draft])
    assert entry.late == late
    assert is_withdrawn(entry)


def test_what_was_corrected_does_not_stand() -> None:
    entries = entered(START_0, STOP_9)
    corrections = entries_due([START_0, STOP_5], entries, at(60), at(60))
    last = entries[-1]
    head = Head(last.number, last.digest, last.entered_at)
    whole = entries + append("E1", head, corrections)
    assert [one.number for one in standing(whole)] == [1, 3]
    assert msgspec.structs.asdict(whole[2].content)["running"] is False
