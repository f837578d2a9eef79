"""Entries by people and by the system, without meters: who wins, what is corrected."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
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
    patrol,
    seen,
    with_firm,
)

from wattwarden.alarms.ledgers.contents import Withdrawn
from wattwarden.alarms.ledgers.entries import LedgerKind
from wattwarden.alarms.registry.problems import RefusedError
from wattwarden.storage.database import Connection, connect
from wattwarden.storage.errors import StorageError
from wattwarden.storage.ledgers.follow import follow
from wattwarden.storage.ledgers.ledger import Chosen, load_entries
from wattwarden.storage.ledgers.verify import keepers, verify


async def test_of_two_who_correct_an_entry_one_wins_and_the_other_is_told(
    store: Connection, store_dsn: str
) -> None:
    await full_ledger(store)
    await does(store, patrol(findings="漏油"))
    others = [await connect(store_dsn, name=f"other {number}") for number in range(2)]
    body = correction(12)
    done = await asyncio.gather(*(does(other, body) for other in others), return_exceptions=True)
    (refused,) = [one for one in done if isinstance(one, BaseException)]
    assert isinstance(refused, RefusedError)
    assert refused.problems[0].zh == "第12条已由第13条更正"
    for other in others:
        await other.close()
    assert len(await load_entries(store, "E1")) == 13


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
        (2, source, ended, ended + half, None),
        (3, source, ended, ended + half, None),
        (4, source, raised, now, 1),
        (5, source, ended, now, 2),
        (6, source, ended, now, 3),
    ]
    entries = await load_entries(store, "E1")
    assert all(isinstance(one.content, Withdrawn) for one in entries[3:])
    assert await verify(store, "E1") == []


async def test_an_alarm_that_late_rows_raise_is_entered_late(store: Connection) -> None:
    await with_firm(store)
    number = await alarmed(store, NOW - 5 * HOUR, None)
    await store.execute("INSERT INTO correction (alarm, step) VALUES ($1, 9)", number)
    await follow(store, followed(NOW))
    (entry,) = await load_entries(store, "E1")
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
