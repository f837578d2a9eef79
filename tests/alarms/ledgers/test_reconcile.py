"""What must be entered so that a ledger says what is known."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from msgspec.structs import replace as replace_content

from wattwarden.alarms.ledgers.alarmed import Alarmed, Deed, facts_of
from wattwarden.alarms.ledgers.contents import (
    Abnormality,
    AlarmEvent,
    Motion,
    Special,
    Withdrawn,
    decode_content,
)
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
from wattwarden.alarms.ledgers.reconcile import Fact, entries_due, is_withdrawn, misfits
from wattwarden.alarms.registry.nouns import UnitKind

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


def alarmed(
    ended: float | None = None, *deeds: Deed, grade: str = "A", told: float | None = None
) -> Alarmed:
    """An alarm that was raised at 5."""
    return Alarmed(
        7, "R2", "unit:U2", "风机", at(0), at(5), None if ended is None else at(ended), "风机停运",
        grade, "治污设施异常关闭", None if told is None else at(told), deeds,
    )  # fmt: skip


HANDLED = Deed(at(12), "handle", cause="ageing", part="皮带", text="换皮带")


def steps(alarm: Alarmed) -> list[tuple[int, str, str, bool, int | None]]:
    """What the ledger of abnormal conditions says of an alarm, step by step."""
    found = []
    for fact in facts_of(alarm):
        if isinstance(fact.content, Abnormality):
            said = fact.content
            end = None if said.end is None else minute(said.end)
            found.append((minute(fact.at), said.cause, said.measure, said.reported, end))
    return found


def test_an_alarm_is_entered_when_it_is_raised_and_when_it_ended() -> None:
    raised, ended, abnormal, over = facts_of(alarmed(20))
    assert [one.at for one in (raised, ended, abnormal, over)] == [at(5), at(20), at(5), at(20)]
    assert {one.source for one in (raised, ended, abnormal, over)} == {"alarm:7"}
    assert {abnormal.kind, over.kind} == {LedgerKind.ABNORMAL}
    assert [one.at for one in facts_of(alarmed())] == [at(5), at(5)]
    data = alarmed(6, grade="D")
    assert [one.kind for one in facts_of(data)] == [LedgerKind.ALARM] * 2


@pytest.mark.parametrize(
    ("alarm", "told"),
    [
        (alarmed(), [(5, "", "", False, None)]),
        (alarmed(told=5), [(5, "", "", True, None)]),
        (alarmed(told=35), [(5, "", "", False, None), (35, "", "", True, None)]),
        (
            alarmed(None, Deed(at(9), "declare")),
            [(5, "", "", False, None), (9, "", "", True, None)],
        ),
        (
            alarmed(20, HANDLED, Deed(at(30), "rectify", text="已更换"), told=5),
            [
                (5, "", "", True, None),
                (12, "ageing", "换皮带;更换部件:皮带", True, None),
                (20, "ageing", "换皮带;更换部件:皮带", True, 20),
                (30, "ageing", "已更换", True, 20),
            ],
        ),
        (alarmed(20, HANDLED, grade="D"), []),
    ],
    ids=["raised", "an officer is told", "told later", "declared", "handled", "of data"],
)
def test_an_abnormal_condition_says_what_was_known_when(
    alarm: Alarmed, told: list[tuple[object, ...]]
) -> None:
    assert steps(alarm) == told


def test_each_step_takes_the_place_of_the_one_before_it() -> None:
    facts = [one for one in facts_of(alarmed(20, HANDLED)) if one.kind is LedgerKind.ABNORMAL]
    whole = entered(*facts)
    assert [(one.number, one.corrects) for one in whole] == [(1, None), (2, 1), (3, 2)]
    assert [minute(one.entered_at) for one in whole] == [35, 42, 50]
    first = entered(*facts, upto=36)
    head = Head(1, first[0].digest, first[0].entered_at)
    assert first + append("E1", head, entries_due(facts, first, at(99), None)) == whole
    assert list(misfits(facts, whole)) == []


def test_a_step_that_was_never_known_is_found() -> None:
    facts = [one for one in facts_of(alarmed(20, HANDLED)) if one.kind is LedgerKind.ABNORMAL]
    whole = entered(*facts)
    forged = replace(whole[1], content=replace_content(whole[1].content, cause="meter"))
    assert list(misfits(facts, [whole[0], forged, whole[2]])) == [2]
    early = replace(whole[1], entered_at=at(41))
    assert list(misfits(facts, [whole[0], early, whole[2]])) == [2]
    assert list(misfits(facts, [whole[0], whole[2]])) == [3]


def test_a_condition_that_late_readings_take_back_is_withdrawn_and_may_come_again() -> None:
    facts = [one for one in facts_of(alarmed(20)) if one.kind is LedgerKind.ABNORMAL]
    whole = entered(*facts)
    (gone,) = entries_due([], whole, at(99), at(99))
    assert (gone.corrects, isinstance(gone.content, Withdrawn)) == (2, True)
    last = whole[-1]
    whole += append("E1", Head(last.number, last.digest, last.entered_at), [gone])
    assert entries_due([], whole, at(200), None) == []
    again = entries_due(facts, whole, at(200), at(200))
    assert [one.corrects for one in again] == [None, None]
    assert again[1].amends == again[0]


def test_an_alarm_that_ended_otherwise_is_corrected_in_kind() -> None:
    was = entered(*facts_of(alarmed(20)))
    drafts = entries_due(facts_of(alarmed(24)), was, at(99), at(99))
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


def test_what_says_nothing_new_is_no_step() -> None:
    again = alarmed(None, Deed(at(9), "declare"), told=5)
    assert steps(again) == [(5, "", "", True, None)]


def test_what_was_taken_back_stays_taken_back() -> None:
    first, second = entered(START_0, STOP_9)
    (back,) = entries_due([START_0], [first, second], at(60), at(60))
    (taken,) = append("E1", Head(2, second.digest, second.entered_at), [back])
    assert is_withdrawn(taken)
    assert entries_due([START_0], [first, taken], at(70), at(65)) == []


def test_a_day_of_a_special_period_does_not_take_another_day_s_place() -> None:
    def day(number: int) -> Fact:
        content = Special(name="一线", occasion="heavy_pollution", start=at(0), measure="要求停产")
        return Fact(LedgerKind.SPECIAL, "plan:PL1", at(number * 1_440), content)

    drafts = entries_due([day(2)], entered(day(1), upto=2_000), at(9_000), at(8_000))
    found = {(minute(one.occurred_at), one.corrects, type(one.content)) for one in drafts}
    assert found == {(1_440, 1, Withdrawn), (2_880, None, Special)}


def test_a_content_is_read_as_it_was_written() -> None:
    content = entered(START_0)[0].content
    assert decode_content(msgspec.json.encode(content)) == content
