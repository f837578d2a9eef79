"""Entries by people and by the system, without meters: who wins, what is corrected."""

import asyncio
from datetime import timedelta
from importlib.resources import files
from typing import Any

import msgspec
import pytest
from tests.alarms.registry.firm import registry
from tests.storage.ledgers.kept import (
    HOUR,
    MINUTE,
    NOW,
    alarmed,
    at_time,
    correction,
    does,
    followed,
    full_ledger,
    fuller_ledger,
    patrol,
    seen,
    stop,
    with_firm,
)

from wattwarden.alarms.decisions.bodies import Patrol, RuleSet
from wattwarden.alarms.ledgers.contents import (
    Abnormality,
    AlarmEvent,
    Patrolled,
    Special,
    Withdrawn,
)
from wattwarden.alarms.ledgers.entries import LedgerKind
from wattwarden.alarms.registry.changes import difference
from wattwarden.alarms.registry.nouns import Link
from wattwarden.alarms.registry.problems import RefusedError
from wattwarden.alarms.rulebook import default_rules, load_rules
from wattwarden.storage.database import Connection, connect
from wattwarden.storage.errors import StorageError
from wattwarden.storage.ledgers.follow import follow
from wattwarden.storage.ledgers.ledger import Chosen, count_backfilled, load_entries
from wattwarden.storage.ledgers.verify import keepers, unentered, verify
from wattwarden.storage.registry.decisions import Decision
from wattwarden.storage.registry.entering import enter
from wattwarden.storage.registry.registry import save_registry


async def test_of_two_who_correct_an_entry_one_wins_and_the_other_is_told(
    store: Connection, store_dsn: str
) -> None:
    await full_ledger(store)
    await does(store, patrol(findings="漏油"))
    others = [await connect(store_dsn, name=f"other {number}") for number in range(2)]
    body = correction(13)
    done = await asyncio.gather(*(does(other, body) for other in others), return_exceptions=True)
    (refused,) = [one for one in done if isinstance(one, BaseException)]
    assert isinstance(refused, RefusedError)
    assert refused.problems[0].zh == "第13条已由第14条更正"
    for other in others:
        await other.close()
    assert len(await load_entries(store, "E1")) == 14


async def test_one_query_tells_that_nothing_is_due(store: Connection) -> None:
    await with_firm(store)
    await follow(store, followed(NOW))
    asked: list[str] = []
    with store.query_logger(lambda record: asked.append(record.query)):
        await follow(store, followed(NOW))
    # Loggers are told a turn of the loop later.
    await store.execute("SELECT 1")
    assert len(asked) == 1


async def ledger_of(store: Connection) -> list[tuple[Any, ...]]:
    entries = await load_entries(store, "E1")
    return [(e.number, e.source, e.occurred_at, e.entered_at, e.corrects) for e in entries]


async def take_back(store: Connection, number: int, before: str) -> None:
    """Let late rows say that an alarm was none."""
    await store.execute(
        "UPDATE alarm SET withdrawn = TRUE, found_late = TRUE WHERE id = $1", number
    )
    await store.execute(
        "INSERT INTO correction (alarm, step, before) VALUES ($1, 9, $2)", number, before
    )


@pytest.mark.parametrize("cut", ["in one pass", "in two passes"])
async def test_an_alarm_that_late_rows_take_back_is_withdrawn(store: Connection, cut: str) -> None:
    await with_firm(store)
    raised, ended = NOW - 5 * HOUR, NOW - 4 * HOUR
    number = await alarmed(store, raised, ended)
    await at_time(store, NOW + MINUTE)
    if cut == "in two passes":
        await follow(store, followed(NOW))
    stood = f'{{"raised": {raised.timestamp() * 1e3:.0f}, "ended": {ended.timestamp() * 1e3:.0f}}}'
    await take_back(store, number, stood)
    await follow(store, followed(NOW + MINUTE))
    half = timedelta(minutes=30)
    source, now = f"alarm:{number}", NOW + MINUTE
    assert await ledger_of(store) == [
        (1, source, raised, raised + half, None),
        (2, source, raised, raised + half, None),
        (3, source, ended, ended + half, 1),
        (4, source, ended, ended + half, None),
        (5, source, raised, now, 2),
        (6, source, ended, now, 3),
        (7, source, ended, now, 4),
    ]
    entries = await load_entries(store, "E1")
    assert all(isinstance(one.content, Withdrawn) for one in entries[4:])
    assert await verify(store, "E1") == []


async def test_an_alarm_that_late_rows_raise_is_entered_late(store: Connection) -> None:
    await with_firm(store)
    number = await alarmed(store, NOW - 5 * HOUR, None)
    await store.execute("INSERT INTO correction (alarm, step) VALUES ($1, 9)", number)
    await follow(store, followed(NOW))
    for entry in await load_entries(store, "E1"):
        assert (entry.occurred_at, entry.entered_at) == (NOW - 5 * HOUR, NOW)
    assert await verify(store, "E1") == []


async def test_an_alarm_that_nobody_hears_of_is_no_entry(store: Connection) -> None:
    await with_firm(store)
    number = await alarmed(store, NOW - 5 * HOUR, None)
    await store.execute("UPDATE alarm SET suppressed_by = '{}' WHERE id = $1", number)
    await follow(store, followed(NOW))
    assert await load_entries(store, "E1") == []


async def test_what_is_not_settled_waits(store: Connection) -> None:
    await with_firm(store)
    await seen(store, "U1", (NOW - 20 * MINUTE, "running"))
    await follow(store, followed(NOW))
    assert await load_entries(store, "E1") == []
    assert await verify(store, "E1") == []
    await follow(store, followed(NOW + 10 * MINUTE))
    (entry,) = await load_entries(store, "E1")
    assert entry.entered_at == NOW + 10 * MINUTE
    assert await store.fetchval("SELECT count(*) FROM ledger_due") == 0


async def test_a_transition_that_changed_is_corrected(store: Connection) -> None:
    await with_firm(store)
    await seen(store, "U1", (NOW - 3 * HOUR, "running"), (NOW - 2 * HOUR, "off"))
    await follow(store, followed(NOW))
    await store.execute("UPDATE unit_transition SET state = 'idle' WHERE state = 'off'")
    await follow(store, followed(NOW + MINUTE))
    last = (await load_entries(store, "E1"))[-1]
    assert (last.corrects, type(last.content)) == (2, Withdrawn)
    await at_time(store, NOW + MINUTE)
    assert await verify(store, "E1") == []


async def test_what_no_firm_of_the_registry_did_is_forgotten(store: Connection) -> None:
    await with_firm(store)
    await store.execute(
        "INSERT INTO unit_transition (enterprise, unit, at, state) VALUES ('E7', 'U', $1, 'off')",
        NOW - HOUR,
    )
    await seen(store, "U3", (NOW - HOUR, "running"))
    await follow(store, followed(NOW))
    assert await store.fetchval("SELECT count(*) FROM ledger_due") == 0
    assert await store.fetchval("SELECT count(*) FROM ledger") == 0
    assert await keepers(store) == ["E1", "E2"]


async def test_entries_are_chosen_by_kind_and_time(store: Connection) -> None:
    await full_ledger(store)
    chosen = Chosen((LedgerKind.PRODUCTION, LedgerKind.TREATMENT), NOW - 8 * HOUR, NOW - 4 * HOUR)
    (entry,) = await load_entries(store, "E1", chosen)
    assert entry.source == "unit:U2"


async def test_an_entry_of_a_newer_program_is_told(store: Connection) -> None:
    await with_firm(store)
    await store.execute(
        "INSERT INTO ledger (enterprise, number, kind, source, occurred_at, entered_at, actor,"
        " body, predecessor, digest) VALUES ('E1', 1, 'poem', 'x', $1, $1, 'me', '{}', $2, $3)",
        NOW,
        bytes(32),
        b"x" * 32,
    )
    with pytest.raises(StorageError, match="entry 1 of E1"):
        await load_entries(store, "E1")
    found = [fault.zh for fault in await verify(store, "E1")]
    assert found == ["内容与录入时不一致", "无法读取"]


async def conditions(store: Connection) -> list[Any]:
    """What the ledger of abnormal conditions says."""
    entries = await load_entries(store, "E1", Chosen((LedgerKind.ABNORMAL,)))
    return [one.content for one in entries]


async def test_an_abnormal_condition_is_reported_once_an_officer_is_told(store: Connection) -> None:
    await with_firm(store)
    raised = NOW - 5 * HOUR
    number = await alarmed(store, raised, NOW - 4 * HOUR)
    for minutes, roles in ((0, ["duty"]), (30, ["duty", "district_officer"]), (60, ["leader"])):
        await store.execute(
            "INSERT INTO case_event (alarm, enterprise, at, why, level, told, task, mutable,"
            " digest) VALUES ($1, 'E1', $2, 'lasts', 1, $3, 'none', FALSE, FALSE)",
            number,
            raised + minutes * MINUTE,
            roles,
        )
    await follow(store, followed(NOW))
    first, told, over = await conditions(store)
    assert [one.reported for one in (first, told, over)] == [False, True, True]
    assert {one.cause for one in (first, told, over)} == {""}
    assert [one.end for one in (first, told, over)] == [None, None, NOW - 4 * HOUR]
    assert first.condition == "治污设施异常关闭:风机停运"
    assert await verify(store, "E1") == []


async def test_what_was_done_about_it_takes_the_place_of_what_was_known(store: Connection) -> None:
    await fuller_ledger(store)
    entries = await load_entries(store, "E1", Chosen((LedgerKind.ABNORMAL,)))
    chain = [one for one in entries if one.source.startswith("alarm:")]
    assert [one.corrects for one in chain] == [None, chain[0].number, chain[1].number]
    last = chain[-1].content
    assert isinstance(last, Abnormality)
    assert (last.cause, last.measure) == ("ageing", "换皮带")
    assert chain[-1].entered_at == NOW + 30 * MINUTE
    assert await verify(store, "E1") == []


@pytest.mark.parametrize(("old", "new"), [('class = "A"', 'class = "D"'), ("异常关闭", "停了")])
async def test_rules_of_another_class_or_name_are_no_fault_of_old_entries(
    store: Connection, old: str, new: str
) -> None:
    await fuller_ledger(store)
    text = files("wattwarden.alarms.rules").joinpath("default.toml").read_text("utf-8")
    changed = text.replace(old, new).replace('version = "1"', 'version = "2"', 1)
    assert default_rules().rules["R2"].grade != load_rules(changed).rules["R2"].grade or (
        default_rules().rules["R2"].zh != load_rules(changed).rules["R2"].zh
    )
    await enter(store, Decision(RuleSet(version="2", text=changed), "me", NOW + HOUR))
    assert await verify(store, "E1") == []
    await at_time(store, NOW + 2 * HOUR)
    # What is entered from now on has the class that was in force when it was raised.
    for at, rules in ((NOW - HOUR, default_rules()), (NOW + HOUR, load_rules(changed))):
        await alarmed(store, at, None)
        await follow(store, followed(NOW + HOUR + 30 * MINUTE))
        last = (await load_entries(store, "E1"))[-1].content
        assert isinstance(last, AlarmEvent)
        assert (last.grade, last.meaning) == (rules.rules["R2"].grade, rules.rules["R2"].zh)
    assert await verify(store, "E1") == []


async def test_a_class_that_no_rules_ever_had_is_found(store: Connection, store_dsn: str) -> None:
    await fuller_ledger(store)
    superuser = await connect(store_dsn.replace("//wattwarden@", "//postgres@"), name="superuser")
    await superuser.execute("SET session_replication_role = replica")
    await superuser.execute(
        "UPDATE ledger SET body = jsonb_set(body, '{grade}', '\"F\"') WHERE kind = 'alarm'"
        " AND body ->> 'type' = 'alarm'"
    )
    await superuser.close()
    found = [fault.zh for fault in await verify(store, "E1")]
    assert "与监测数据不一致" in found


async def days(store: Connection) -> list[tuple[str, Any, Any]]:
    entries = await load_entries(store, "E1", Chosen((LedgerKind.SPECIAL,)))
    return [
        (one.content.measure, one.occurred_at, one.entered_at)
        for one in entries
        if one.source.startswith("plan:") and isinstance(one.content, Special)
    ]


# Of China, a second before midnight.
DAY_1 = NOW - 11 * HOUR - timedelta(seconds=1)
HALF = 30 * MINUTE


@pytest.mark.parametrize("cut", [(40,), (1, 2, 13.5, 13.6, 20, 40)], ids=["one pass", "many"])
async def test_each_day_of_a_plan_is_entered_after_its_midnight(
    store: Connection, cut: tuple[float, ...]
) -> None:
    await with_firm(store)
    await at_time(store, NOW - 20 * HOUR)
    await does(store, stop(), NOW - 20 * HOUR, "P1")
    await seen(store, "U1", (NOW - 23 * HOUR, "running"), (NOW - 13 * HOUR, "off"))
    for hours in cut:
        await follow(store, followed(NOW + hours * HOUR))
    assert await days(store) == [
        ("要求停产,期间生产6小时0分", DAY_1, DAY_1 + HALF),
        ("要求停产,期间未生产", DAY_1 + 24 * HOUR, DAY_1 + 24 * HOUR + HALF),
    ]
    await at_time(store, NOW + 40 * HOUR)
    assert await verify(store, "E1") == []
    assert await store.fetchval("SELECT count(*) FROM ledger_due WHERE plan IS NOT NULL") == 0


async def test_late_readings_correct_a_plans_day(store: Connection) -> None:
    await with_firm(store)
    await does(store, stop(), NOW - 20 * HOUR, "P1")
    await seen(store, "U1", (NOW - 23 * HOUR, "running"), (NOW - 13 * HOUR, "off"))
    await follow(store, followed(NOW))
    await store.execute("DELETE FROM unit_transition WHERE state = 'off'")
    await seen(store, "U1", (NOW - 14 * HOUR, "off"))
    await at_time(store, NOW + MINUTE)
    await follow(store, followed(NOW + MINUTE))
    assert await days(store) == [
        ("要求停产,期间生产6小时0分", DAY_1, DAY_1 + HALF),
        ("要求停产,期间生产5小时0分", DAY_1, NOW + MINUTE),
    ]
    assert await verify(store, "E1") == []


async def test_units_that_came_later_change_no_day_of_before(store: Connection) -> None:
    await fuller_ledger(store)
    assert len(await days(store)) == 1
    more = registry()
    more.put("unit", msgspec.structs.replace(more.unit["U1"], id="U9", name="二号磨机"))
    more.put("link", Link(id="K9", line="L1", unit="U9"))
    await save_registry(store, difference(registry(), more), "me", now=NOW + HOUR)
    assert await verify(store, "E1") == []


async def test_what_an_import_decided_is_awaited_and_no_fault(store: Connection) -> None:
    await with_firm(store)
    await enter(store, Decision(patrol(), "P2", NOW))
    assert await verify(store, "E1") == []
    assert await unentered(store, "E1") == 1
    await follow(store, followed(NOW))
    assert await unentered(store, "E1") == 0
    assert len(await load_entries(store, "E1")) == 1


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (msgspec.structs.replace(patrol(), person="P1"), "王建国不是本企业人员"),
        (patrol(NOW - 25 * HOUR), "补录须说明原因"),
        (msgspec.structs.replace(patrol(NOW - 8 * 24 * HOUR), why="值班表遗失"), "不得补录"),
    ],
    ids=["an officer's", "yesterday's", "last week's"],
)
async def test_patrols_are_the_firms_own_and_not_of_long_ago(
    store: Connection, body: Patrol, words: str
) -> None:
    await with_firm(store)
    with pytest.raises(RefusedError) as refused:
        await does(store, body)
    assert words in refused.value.problems[0].zh


async def test_a_late_patrol_with_a_reason_is_counted(store: Connection) -> None:
    await with_firm(store)
    body = msgspec.structs.replace(patrol(NOW - 30 * HOUR), why="值班表遗失")
    await does(store, body)
    await does(store, patrol())
    (late, _) = await load_entries(store, "E1")
    assert isinstance(late.content, Patrolled)
    assert (late.late, late.content.why) == (True, "值班表遗失")
    assert await count_backfilled(store, NOW, NOW + HOUR) == {"E1": 1}
    assert await count_backfilled(store, NOW + MINUTE, NOW + HOUR) == {}
