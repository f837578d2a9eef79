"""A firm with a ledger of every sort of entry, made without meters."""

from datetime import UTC, datetime, timedelta
from typing import Final

import msgspec
from tests.alarms.registry.firm import registry

from wattwarden.alarms.cases.bodies import Action, Verb
from wattwarden.alarms.decisions.bodies import Measure, Patrol, Plan, WarningLevel
from wattwarden.alarms.decisions.body import NEW, Body, Scope
from wattwarden.alarms.ledgers.bodies import (
    Abnormal,
    LedgerCorrection,
    Occasion,
    Repair,
    SpecialPeriod,
)
from wattwarden.alarms.registry.changes import difference
from wattwarden.alarms.registry.registry import Registry
from wattwarden.alarms.rulebook import default_rules
from wattwarden.storage.acting.admissions import decide
from wattwarden.storage.database import Connection
from wattwarden.storage.ledgers.follow import follow
from wattwarden.storage.registry.decisions import Entered
from wattwarden.storage.registry.registry import save_registry
from wattwarden.storage.system_time import mark_simulated
from wattwarden.storage.warden.followed import Followed

NOW: Final = datetime(2026, 11, 22, 3, tzinfo=UTC)
HOUR: Final = timedelta(hours=1)
MINUTE: Final = timedelta(minutes=1)


def followed(now: datetime, since: datetime | None = None) -> Followed:
    """A pass of all slices up to a moment."""
    return Followed(registry(), default_rules(), tuple(range(32)), since or now - HOUR, now)


async def at_time(store: Connection, now: datetime) -> None:
    """Let it be a moment for the system."""
    number = await store.fetchval("SELECT coalesce(max(number), 0) + 1 FROM tick")
    await store.execute(
        "INSERT INTO tick (shard, number, second, covers_s) VALUES (0, $1, $2, 1)",
        number,
        int(now.timestamp()),
    )
    await store.execute(
        "INSERT INTO journal_position (shard, sequence, tick) VALUES (0, $1::integer, $1::integer)"
        " ON CONFLICT (shard) DO UPDATE SET tick = excluded.tick",
        number,
    )


async def with_firm(store: Connection) -> None:
    """The firm, in a simulated system."""
    long_ago = NOW - 24 * HOUR
    await save_registry(store, difference(Registry(), registry()), "me", now=long_ago)
    await mark_simulated(store)
    await at_time(store, NOW)


async def seen(store: Connection, unit: str, *states: tuple[datetime, str]) -> None:
    """Let the warden publish states of a unit of E1."""
    await store.executemany(
        "INSERT INTO unit_transition (enterprise, unit, at, state) VALUES ('E1', $1, $2, $3)",
        [(unit, at, state) for at, state in states],
    )


async def alarmed(
    store: Connection, raised: datetime, ended: datetime | None, rule: str = "R2"
) -> int:
    """Let the warden raise an alarm of U2; return its number."""
    number: int = await store.fetchval(
        "INSERT INTO alarm (rule, subject, kind, began, enterprise, line, raised, ended, found_in,"
        " version, explanation) VALUES ($1, 'unit:U2', '', $2::timestamptz - interval '5 min',"
        " 'E1', 'L1', $2, $3, 'readings', '1', '{\"zh\": \"风机停运\", \"en\": \"off\"}')"
        " RETURNING id",
        rule,
        raised,
        ended,
    )
    return number


async def does(store: Connection, body: Body, now: datetime = NOW, person: str = "P2") -> Entered:
    """Let somebody decide."""
    return await decide(store, body, person, now)


def patrol(at: datetime = NOW, findings: str = "", why: str = "") -> Patrol:
    return Patrol(
        id=NEW, scope=Scope.LINE, subject="L1", person="P2", at=at, findings=findings, why=why
    )


def repair(began: datetime = NOW - 2 * HOUR) -> Repair:
    return Repair(
        id=NEW, unit="U2", person="P2", began=began, ended=began + HOUR, work="更换皮带",
        cause="老化", parts="皮带",
    )  # fmt: skip


def abnormal(start: datetime = NOW - 3 * HOUR) -> Abnormal:
    return Abnormal(
        id=NEW, scope=Scope.UNIT, subject="U2", start=start, end=start + HOUR, condition="风机振动",
        cause="轴承", measure="停机检修", reported=True,
    )  # fmt: skip


def special(start: datetime = NOW - 30 * HOUR) -> SpecialPeriod:
    return SpecialPeriod(
        id=NEW, enterprise="E1", occasion=Occasion.HEAVY_POLLUTION, start=start,
        end=start + 2 * HOUR, measure="磨机停产",
    )  # fmt: skip


def stop(start: datetime = NOW - 19 * HOUR) -> Plan:
    """A line is to stop for thirty hours; it is 8 in the morning in China when it is ordered."""
    return Plan(
        id=NEW, scope=Scope.LINE, subject="L1", measure=Measure.STOP, start=start,
        end=start + 30 * HOUR, level=WarningLevel.ORANGE,
    )  # fmt: skip


def correction(entry: int, at: datetime | None = None) -> LedgerCorrection:
    return LedgerCorrection(
        id=NEW, enterprise="E1", entry=entry, text="皮带松动", reason="笔误", occurred_at=at
    )


async def full_ledger(store: Connection) -> None:
    """A ledger with something of every sort; entries 1 to 7 follow from readings."""
    await with_firm(store)
    await filled(store)


async def fuller_ledger(store: Connection) -> None:
    """The same behind a plan, whose first day is over, with an alarm that was handled."""
    await with_firm(store)
    await does(store, stop(), NOW - 20 * HOUR, "P1")
    await filled(store)
    alarm = str(await store.fetchval("SELECT id FROM alarm"))
    for verb, more in ((Verb.ACK, {}), (Verb.HANDLE, {"reason": "换皮带", "cause": "ageing"})):
        body = msgspec.convert({"id": NEW, "alarm": alarm, "verb": verb, **more}, Action)
        await does(store, body)
    await at_time(store, NOW + HOUR)
    await follow(store, followed(NOW + HOUR))


async def filled(store: Connection) -> None:
    await seen(store, "U1", (NOW - 9 * HOUR, "running"), (NOW - 4 * HOUR, "off"))
    await seen(store, "U2", (NOW - 8 * HOUR, "running"))
    await alarmed(store, NOW - 7 * HOUR, NOW - 6 * HOUR)
    await follow(store, followed(NOW))
    for body in (patrol(findings="皮带松"), repair(), abnormal(), special()):
        await does(store, body)
    number = await store.fetchval("SELECT number FROM ledger WHERE kind = 'patrol'")
    await does(store, correction(number))
