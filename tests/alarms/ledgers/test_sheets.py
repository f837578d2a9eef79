"""How entries that follow from readings read."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import msgspec
import pytest

from wattwarden.alarms.ledgers.contents import (
    Abnormality,
    AlarmEvent,
    Content,
    Motion,
    Patrolled,
    Withdrawn,
)
from wattwarden.alarms.ledgers.entries import (
    Corrector,
    Draft,
    Entry,
    Head,
    LedgerKind,
    append,
)
from wattwarden.alarms.ledgers.reconcile import BY_ITSELF
from wattwarden.alarms.ledgers.sheets import SHEETS, backfilled, cells, count_text, said
from wattwarden.alarms.registry.nouns import UnitKind

NOW = datetime(2026, 11, 22, 3, tzinfo=UTC)
CHINA = ZoneInfo("Asia/Shanghai")


def entry(kind: LedgerKind, content: Content, corrects: int | None = None) -> Entry:
    draft = Draft(
        kind=kind, source="x", occurred_at=NOW, entered_at=NOW + timedelta(minutes=30),
        actor=BY_ITSELF, content=content, corrects=corrects,
    )  # fmt: skip
    return append("E1", Head(5, b"\0" * 32, NOW), [draft])[0]


def motion(*, hidden: str = "", since: datetime | None = None) -> Motion:
    return Motion(
        name="磨机", unit="U1", kind=UnitKind.PRODUCTION, running=False, hidden=hidden,
        hidden_since=since,
    )  # fmt: skip


ALARM = AlarmEvent(
    name="风机", alarm=7, rule="R2", raised=False, text="风机停运", grade="A",
    meaning="治污设施异常关闭",
)  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "content", "own"),
    [
        (LedgerKind.PRODUCTION, motion(), ("磨机", "停止", "")),
        (LedgerKind.TREATMENT, motion(hidden="never"), ("磨机", "停止", "此前未联网")),
        (
            LedgerKind.TREATMENT,
            motion(hidden="offline", since=NOW),
            ("磨机", "停止", "2026-11-22 11:00:00起掉线,启停发生在其间"),
        ),
        (LedgerKind.ALARM, ALARM, ("风机", 7, "治污设施异常关闭(R2)", "解除报警", "风机停运")),
    ],
    ids=["motion", "seen first", "in a gap", "alarm"],
)
def test_what_follows_from_readings_is_the_systems(
    kind: LedgerKind, content: Content, own: tuple[object, ...]
) -> None:
    number, at, *middle, actor, entered_at, remark = cells(entry(kind, content), None, CHINA, str)
    assert (number, at, entered_at) == (6, NOW, NOW + timedelta(minutes=30))
    assert (tuple(middle), actor, remark) == (own, "系统", "")


def test_what_is_taken_back_says_why() -> None:
    taken = entry(LedgerKind.PRODUCTION, Withdrawn(name="磨机", what="stop"), 4)
    shown = cells(taken, None, CHINA, str)
    assert shown[2:5] == ("磨机", "", "补传数据表明未发生")
    assert shown[-1] == "撤销第4条"
    fell = entry(LedgerKind.PRODUCTION, motion())
    assert cells(fell, Corrector(9, withdraws=True), CHINA, str)[-1] == "作废,由第9条撤销"


def test_every_ledger_has_a_sheet_of_its_own() -> None:
    assert set(SHEETS) == set(LedgerKind)
    assert len({sheet.title for sheet in SHEETS.values()}) == len(LedgerKind)


@pytest.mark.parametrize(("raised", "what"), [(True, "报警7"), (False, "解除报警7")])
def test_an_alarm_is_told_by_what_it_means(raised: bool, what: str) -> None:  # noqa: FBT001  parametrised
    told = entry(LedgerKind.ALARM, msgspec.structs.replace(ALARM, raised=raised))
    assert said(told, CHINA, str) == f"风机 {what}：治污设施异常关闭(R2) 风机停运"


def test_the_cause_of_an_alarms_condition_is_named() -> None:
    known = Abnormality(
        name="风机", subject="unit:U2", start=NOW, condition="停运", cause="ageing", alarm=7
    )
    assert "部件老化" in cells(entry(LedgerKind.ABNORMAL, known), None, CHINA, str)


def test_what_people_enter_late_is_counted_and_told_with_the_reason() -> None:
    content = Patrolled(name="一线", subject="L1", person="P2", why="值班表遗失")
    draft = Draft(
        kind=LedgerKind.PATROL, source="decision:1", occurred_at=NOW, actor="P2",
        entered_at=NOW + timedelta(hours=25), content=content,
    )  # fmt: skip
    (late,) = append("E1", Head(), [draft])
    assert cells(late, None, CHINA, str)[-1] == "补录(原因:值班表遗失)"
    by_itself = replace(late, actor=BY_ITSELF)
    assert cells(by_itself, None, CHINA, str)[-1] == "补传数据后记入", "not counted as 补录"
    mine = entry(LedgerKind.ALARM, ALARM)
    assert count_text([late, mine], {}) == "共2条,其中补录1条"
    fell = {late.number: Corrector(8, withdraws=False), mine.number: Corrector(9, withdraws=True)}
    assert count_text([late, mine], fell) == "共2条,其中补录1条,已更正1条,作废1条"
    assert backfilled([replace(late, corrects=1), replace(late, actor=BY_ITSELF)]) == 0
