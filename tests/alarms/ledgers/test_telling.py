"""What people's decisions put into ledgers, and how it reads."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from wattwarden.alarms.cases.bodies import Action, Cause, Fault, Verb
from wattwarden.alarms.consumables.bodies import CheckResult, OffsiteCheck, WasteEntry
from wattwarden.alarms.decisions.bodies import (
    Cycle,
    Measure,
    Patrol,
    Plan,
    Replacement,
    WarningLevel,
)
from wattwarden.alarms.decisions.body import Body, Scope
from wattwarden.alarms.decisions.kinds import BODIES, check_body
from wattwarden.alarms.ledgers.bodies import (
    Abnormal,
    LedgerCorrection,
    Occasion,
    Repair,
    SpecialPeriod,
)
from wattwarden.alarms.ledgers.contents import decode_content
from wattwarden.alarms.ledgers.entries import Corrector, Entry, Head, LedgerKind, append
from wattwarden.alarms.ledgers.sheets import SHEETS, cells, said
from wattwarden.alarms.ledgers.telling import TOLD_KINDS, Decided, draft_of, occurred, told_by
from wattwarden.alarms.registry.problems import RefusedError

NOW = datetime(2026, 11, 22, 3, tzinfo=UTC)
HOUR = timedelta(hours=1)
CHINA = ZoneInfo("Asia/Shanghai")

PATROL = Patrol(id="1", scope=Scope.LINE, subject="L1", person="P2", at=NOW - HOUR)
REPAIR = Repair(id="1", unit="U2", person="P2", began=NOW - 2 * HOUR, work="换皮带")
WASTE = WasteEntry(
    id="1", replacement="RP1", code="900-039-49", mass_kg=120, container="吨袋",
    stored_at=NOW - HOUR, place="危废间",
)  # fmt: skip
HANDLED = Action(
    id="1", alarm="7", verb=Verb.HANDLE, reason="皮带断", cause=Cause.AGEING, part="皮带",
    deadline=NOW + HOUR, evidence=("0" * 64,),
)  # fmt: skip
TOLD: list[tuple[Body, LedgerKind, datetime, str]] = [
    (PATROL, LedgerKind.PATROL, NOW - HOUR, "物 P2 无异常"),
    (
        REPAIR,
        LedgerKind.REPAIR,
        NOW - 2 * HOUR,
        "物 P2 2026-11-22 09:00:00 未结束 换皮带",
    ),
    (
        Replacement(id="1", consumable="C", replaced_at=NOW - HOUR, amount="2吨", waste="WS1"),
        LedgerKind.CONSUMABLE,
        NOW - HOUR,
        "物 更换 2吨 WS1",
    ),
    (WASTE, LedgerKind.CONSUMABLE, NOW - HOUR, "物 危废入库 120 kg 900-039-49 吨袋 危废间"),
    (
        OffsiteCheck(id="1", replacement="RP1", result=CheckResult.REJECT, opinion="无照片"),
        LedgerKind.CONSUMABLE,
        NOW,
        "物 核查不通过 无照片",
    ),
    (
        OffsiteCheck(id="1", replacement="RP1", result=CheckResult.PASS),
        LedgerKind.CONSUMABLE,
        NOW,
        "物 核查通过",
    ),
    (
        HANDLED,
        LedgerKind.ALARM,
        NOW,
        "物 报警7处置：皮带断;原因:部件老化;更换部件:皮带;期限:2026-11-22 12:00:00;附件1份",
    ),
    (
        Action(id="1", alarm="7", verb=Verb.VERIFY, fault=Fault.METERING),
        LedgerKind.ALARM,
        NOW,
        "物 报警7核实：监测设备异常",
    ),
    (
        Abnormal(id="1", scope=Scope.UNIT, subject="U2", start=NOW - HOUR, condition="振动"),
        LedgerKind.ABNORMAL,
        NOW - HOUR,
        "物 2026-11-22 10:00:00 未结束 否 振动",
    ),
    (
        SpecialPeriod(
            id="1", enterprise="E1", occasion=Occasion.OFF_PEAK, start=NOW - 2 * HOUR,
            end=NOW - HOUR, measure="停产",
        ),
        LedgerKind.SPECIAL,
        NOW - HOUR,
        "物 错峰生产 2026-11-22 09:00:00 2026-11-22 10:00:00 停产",
    ),
    (
        Plan(
            id="1", scope=Scope.LINE, subject="L1", measure=Measure.LIMIT, reduction=0.3,
            start=NOW, end=NOW + 2 * HOUR, level=WarningLevel.ORANGE,
        ),
        LedgerKind.SPECIAL,
        NOW,
        "物 重污染天气 2026-11-22 11:00:00 2026-11-22 13:00:00 限产30%",
    ),
    (
        Plan(
            id="1", scope=Scope.LINE, subject="L1", measure=Measure.STOP, start=NOW,
            end=NOW + HOUR, cycle=Cycle.DAILY, from_hour="22:00", to_hour="06:00", enabled=False,
        ),
        LedgerKind.SPECIAL,
        NOW,
        "物 错峰生产 2026-11-22 11:00:00 2026-11-22 12:00:00 取消:停产,每日22:00至06:00",
    ),
    (
        Plan(
            id="1", scope=Scope.LINE, subject="L1", measure=Measure.STOP, start=NOW,
            end=NOW + HOUR, exempt=True,
        ),
        LedgerKind.SPECIAL,
        NOW,
        "物 错峰生产 2026-11-22 11:00:00 2026-11-22 12:00:00 豁免",
    ),
]  # fmt: skip


def entry_of(body: Body, corrected: Entry | None = None) -> Entry:
    draft = draft_of(Decided(17, "P2", NOW, body), "物", corrected)
    assert draft is not None
    head = Head() if corrected is None else Head(1, corrected.digest, corrected.entered_at)
    return append("E1", head, [draft])[0]


@pytest.mark.parametrize(("body", "kind", "at", "text"), TOLD)
def test_a_decision_is_an_entry_of_its_ledger(
    body: Body, kind: LedgerKind, at: datetime, text: str
) -> None:
    entry = entry_of(body)
    assert (entry.kind, entry.occurred_at, entry.entered_at) == (kind, at, NOW)
    assert (entry.source, entry.actor) == ("decision:17", "P2")
    assert said(entry, CHINA, str) == text
    shown = cells(entry, None, CHINA, str)
    assert len(shown) == len(SHEETS[kind].columns)
    assert shown[-3:-1] == ("P2", NOW)


def test_what_is_told_of_the_future_occurred_when_it_was_entered() -> None:
    body = Replacement(id="1", consumable="C", replaced_at=NOW + HOUR)
    assert entry_of(body).occurred_at == NOW


def test_every_kind_that_is_told_is_a_kind() -> None:
    assert set(BODIES) >= TOLD_KINDS
    assert {body.kind_name for body, *_ in TOLD} | {"ledger_correction"} == TOLD_KINDS


def test_a_replacement_that_was_rejected_is_no_entry() -> None:
    body = Replacement(id="1", consumable="C", replaced_at=NOW, rejected=True)
    assert draft_of(Decided(17, "P2", NOW, body), "", None) is None
    assert occurred(body) is None


def test_a_correction_stands_in_the_ledger_of_what_it_corrects() -> None:
    first = entry_of(PATROL)
    body = LedgerCorrection(
        id="1", enterprise="E1", entry=1, text="皮带松", reason="漏记", occurred_at=NOW - 2 * HOUR
    )
    entry = entry_of(body, first)
    assert (entry.kind, entry.corrects, entry.number) == (LedgerKind.PATROL, 1, 2)
    assert entry.occurred_at == NOW - 2 * HOUR
    assert occurred(body) == NOW - 2 * HOUR
    shown = cells(entry, None, CHINA, str)
    assert shown[2:] == ("物", "", "更正为:皮带松(原因:漏记)", "P2", NOW, "更正第1条")
    assert cells(first, Corrector(2, withdraws=False), CHINA, str)[-1] == "已由第2条更正"
    assert said(entry, CHINA, str) == "物 更正为:皮带松(原因:漏记)"
    assert draft_of(Decided(18, "P2", NOW, body), "", None) is None


@pytest.mark.parametrize(
    "body",
    [
        Repair(id="1", unit="U", person="P", began=NOW, ended=NOW - HOUR, work="x"),
        Abnormal(id="1", scope=Scope.LINE, subject="L", start=NOW, end=NOW - HOUR, condition="x"),
        SpecialPeriod(
            id="1", enterprise="E", occasion=Occasion.OTHER, start=NOW, end=NOW - HOUR, measure="x"
        ),
    ],
    ids=["repair", "abnormal", "special"],
)
def test_what_ends_before_it_begins_is_refused(body: Body) -> None:
    with pytest.raises(RefusedError, match="before it begins"):
        check_body(body)


def test_what_ends_as_it_begins_may_stand() -> None:
    body = Abnormal(id="1", scope=Scope.LINE, subject="L", start=NOW, end=NOW, condition="x")
    check_body(body)


def test_bodies_name_what_they_are_about() -> None:
    bodies = (REPAIR, TOLD[8][0], TOLD[9][0])
    first = [body.references()[0][1:] for body in bodies]
    assert first == [("unit", "U2"), ("unit", "U2"), ("enterprise", "E1")]
    correction = LedgerCorrection(id="1", enterprise="E1", entry=1, text="x", reason="y")
    assert correction.references()[0].id == "E1"
    assert told_by(correction, "") is None


def test_a_content_that_is_none_is_told() -> None:
    with pytest.raises(ValueError, match="type"):
        decode_content('{"type": "poem"}')
