"""Ledgers that follow the warden: the same entries however passes are cut, late rows correct."""

from datetime import datetime, timedelta
from typing import Any

import msgspec
import pytest_asyncio
from tests.storage.feed import (
    MINUTE,
    START,
    Row,
    late,
    readings,
    register,
    small_city,
    store_rows,
    store_ticks,
)
from tests.storage.folding import fold

from wattwarden.alarms.decisions.bodies import Patrol
from wattwarden.alarms.decisions.body import Scope
from wattwarden.alarms.ledgers.entries import LedgerKind
from wattwarden.alarms.registry.changes import difference
from wattwarden.alarms.registry.nouns import Person, Role
from wattwarden.alarms.registry.registry import Registry
from wattwarden.server.passes import PassLimits
from wattwarden.storage.database import Connection
from wattwarden.storage.ledgers.ledger import load_entries
from wattwarden.storage.ledgers.verify import verify
from wattwarden.storage.moments import moment_of
from wattwarden.storage.registry.decisions import Decision
from wattwarden.storage.registry.entering import enter
from wattwarden.storage.registry.registry import save_registry
from wattwarden.storage.system_time import mark_simulated

FIRMS = ("E1", "E2")
END = 135
STOPPED = range(60, 100)


def power(firm: str, part: str, minute: int) -> float | None:
    """E1's treatment stops for 40 minutes while it produces."""
    if firm == "E1" and part == "t" and minute in STOPPED:
        return 0.0
    return 0.8


@pytest_asyncio.fixture(loop_scope="session")
async def city(store: Connection) -> Connection:
    await register(store, small_city(FIRMS))
    await mark_simulated(store)
    return store


def minute(moment: datetime) -> int:
    return int((moment - moment_of(START)).total_seconds() // 60)


async def told(store: Connection, firm: str, *kinds: LedgerKind) -> list[tuple[Any, ...]]:
    """What a ledger says: number, what, minute, entered in minute, corrects."""
    found = []
    for one in await load_entries(store, firm):
        if one.kind in (kinds or tuple(LedgerKind)):
            content = msgspec.to_builtins(one.content)
            what = content.get("running", content.get("raised", content["type"]))
            found.append(
                (one.source, what, minute(one.occurred_at), minute(one.entered_at), one.corrects)
            )
    return found


async def test_starts_stops_and_alarms_are_entered_half_an_hour_later(
    city: Connection, store_dsn: str
) -> None:
    await store_rows(city, readings(FIRMS, range(END), power))
    await store_ticks(city, END)
    await fold(store_dsn)
    assert await told(city, "E1", LedgerKind.TREATMENT) == [
        ("unit:E1-t", True, 0, 30, None),
        ("unit:E1-t", False, 60, 90, None),
        ("unit:E1-t", True, 100, 130, None),
    ]
    assert await told(city, "E1", LedgerKind.PRODUCTION) == [("unit:E1-p", True, 0, 30, None)]
    number = await city.fetchval("SELECT id FROM alarm WHERE rule = 'R2'")
    first, *more = await load_abnormal(city)
    assert (first.content.subject, first.content.alarm) == ("unit:E1-t", number)
    assert [one.corrects for one in more] == [first.number, *(one.number for one in more[:-1])]
    assert [one.content.end is None for one in (first, *more)][-2:] == [True, False]
    raised, ended = [
        one for one in await told(city, "E1", LedgerKind.ALARM) if one[0] == f"alarm:{number}"
    ]
    assert (raised[1:3], ended[1:3]) == ((True, 65), (False, 100))


async def load_abnormal(store: Connection) -> list[Any]:
    return [e for e in await load_entries(store, "E1") if e.kind is LedgerKind.ABNORMAL]


async def rows_of(store: Connection) -> list[tuple[Any, ...]]:
    rows = await store.fetch("SELECT * FROM ledger ORDER BY enterprise, number")
    return [tuple(row) for row in rows]


async def begin_anew(store: Connection, step: int) -> None:
    """Forget all that was folded and entered, and keep the rows."""
    await store.execute("ALTER TABLE ledger DISABLE TRIGGER USER")
    for table in (
        "kept_state", "day_state", "correction", "alarm", "unit_transition", "refold", "too_old",
        "ledger", "ledger_due", "ledger_unentered",
    ):  # fmt: skip
        await store.execute(f"DELETE FROM {table}")  # noqa: S608  ours
    await store.execute("ALTER TABLE ledger ENABLE TRIGGER USER")
    await store.execute("ALTER SEQUENCE alarm_id_seq RESTART")
    await store.execute("UPDATE slice_position SET step = $1, epoch = 0, holder = NULL", step)


async def test_late_rows_correct_and_how_passes_are_cut_changes_no_entry(
    city: Connection, store_dsn: str
) -> None:
    def rests(firm: str, part: str, minute: int) -> float | None:
        return 0.0 if (firm, part) == ("E2", "p") and 6 <= minute < 30 else 0.8

    rows = readings(FIRMS, range(80), rests)
    # It was silent when it stopped, and was first seen standing at 15: entered at 45, corrected
    # by what comes at 50.
    gap = [row for row in rows if row.meter == "E2-p" and minute_of(row) in range(3, 15)]
    said = [row for row in rows if row not in gap]
    await store_rows(city, said + late(gap, START + 50 * MINUTE))
    await store_ticks(city, 80)
    await fold(store_dsn)
    whole = await rows_of(city)
    stop, corrected = [
        one for one in await told(city, "E2", LedgerKind.PRODUCTION) if one[1] is False
    ]
    assert stop == ("unit:E2-p", False, 15, 45, None)
    assert (corrected[:3], corrected[4] is None) == (("unit:E2-p", False, 6), False)
    for limits in (PassLimits(steps=2), PassLimits(seconds=1_260, least_ticks=1)):
        await begin_anew(city, 0)
        await fold(store_dsn, limits)
        assert await rows_of(city) == whole
    for firm in FIRMS:
        assert await verify(city, firm) == []


async def test_what_an_import_decided_is_entered_by_the_next_pass(
    city: Connection, store_dsn: str
) -> None:
    person = Person(id="P", name="李敏", role=Role.DUTY, enterprise="E1")
    more = Registry()
    more.put("person", person)
    now = moment_of(START)
    await save_registry(city, difference(Registry(), more), "me", now=now)
    body = Patrol(id="p", scope=Scope.LINE, subject="E1-l", person="P", at=now, findings="皮带松")
    entered = await enter(city, Decision(body, "me", now + timedelta(minutes=2)))
    assert await load_entries(city, "E1") == []
    await store_rows(city, readings(FIRMS, range(5), power))
    await store_ticks(city, 5)
    await fold(store_dsn)
    (entry,) = await load_entries(city, "E1")
    assert (entry.source, entry.content.name) == (f"decision:{entered.id}", "line")
    assert await verify(city, "E1") == []


def minute_of(row: Row) -> int:
    return (row.at - START) // MINUTE
