"""What went wrong in the sample city, what people did about it, what the program makes of it."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from random import Random
from typing import Final

import msgspec
from bench.sample_course import Trouble
from bench.sample_drawn import NOW, City

from wattwarden.alarms.cases.bodies import Action, Cause, Fault, Verb
from wattwarden.alarms.decisions.bodies import Absence, Declaration, Measure, Plan
from wattwarden.alarms.decisions.body import NEW, Body, Scope
from wattwarden.alarms.enforcement.bodies import Task, TaskStep
from wattwarden.alarms.enforcement.words import TaskVerb
from wattwarden.alarms.ledgers.contents import Motion
from wattwarden.alarms.ledgers.entries import SETTLE, Draft, LedgerKind
from wattwarden.alarms.ledgers.reconcile import BY_ITSELF
from wattwarden.alarms.registry.nouns import UnitKind
from wattwarden.alarms.rulebook import default_rules
from wattwarden.alarms.service.bodies import Assistance, Topic
from wattwarden.storage.acting.acting import named
from wattwarden.storage.cases.follow import follow
from wattwarden.storage.database import Connection
from wattwarden.storage.ledgers.ledger import enter_drafts
from wattwarden.storage.registry.decisions import Decision
from wattwarden.storage.registry.entering import enter_all
from wattwarden.storage.warden.followed import Followed

SLICES: Final = tuple(range(32))
_WENT_WRONG: Final = {
    "R2": ("在生产期间已关闭", "was shut down while its line produces"),
    "R3": ("在生产期间空转", "is idling while its line produces"),
    "R4": ("在生产期间降频", "is at reduced frequency while its line produces"),
    "R5": ("在生产期间减速", "is slowed while its line produces"),
    "R8": ("的表计掉线", "has a silent meter"),
}


async def alarms(store: Connection, city: City) -> list[tuple[int, Trouble]]:
    """Raise an alarm for each trouble that lasts; return them with their numbers."""
    machines, registry = city.course.machines, city.registry
    lines = {one.unit: one.line for one in registry.link.values()}
    lasting = [
        one for one in city.course.troubles if (one.until or city.course.minutes) - one.since > 5
    ]
    lasting.sort(key=lambda one: one.since)
    await store.executemany(
        "INSERT INTO alarm (rule, subject, kind, began, enterprise, line, raised, ended, found_in,"
        " version, explanation) VALUES ($1, $2, '', $3, $4, $5, $6, $7, 'readings', '1', $8)",
        [
            (
                one.rule,
                f"unit:{machines[one.unit].name}",
                city.at(one.since),
                machines[one.unit].firm,
                lines.get(machines[one.unit].name, ""),
                city.at(one.since + 5),
                None if one.until is None else city.at(one.until),
                _explained(city, one),
            )
            for one in lasting
        ],
    )
    rows = await store.fetch("SELECT id FROM alarm ORDER BY id")
    return [(row["id"], one) for row, one in zip(rows, lasting, strict=True)]


def _explained(city: City, one: Trouble) -> str:
    machine = city.course.machines[one.unit]
    zh, en = _WENT_WRONG[one.rule]
    name, usual = city.registry.unit[machine.name].name, machine.watts
    said = {
        "zh": f"{name}{zh}：功率 {usual / 40_000:.1f} kW（平常 {usual / 1000:.0f} kW），"
        "已持续 5 分钟。请立即处理，或停止生产。",
        "en": f"{name} {en}: power {usual / 40_000:.1f} kW, for 5 min. See to it now.",
        "signals": {"power": {"value": usual / 40, "unit": "W"}},
        "thresholds": {"state.theta_off": {"value": 0.1, "unit": "1"}},
        "windows": {"lasted_s": 300},
    }
    return msgspec.json.encode(said).decode()


async def decisions(store: Connection, city: City, alarms: Sequence[tuple[int, Trouble]]) -> None:
    """What people did: about alarms, and what they ordered, declared, asked for."""
    chance = Random(11)
    said: list[tuple[datetime, str, Body]] = []
    for number, one in alarms:
        said += _about(city, number, one, chance)
    for place, firm in enumerate(city.registry.enterprise.values()):
        said += _of_firm(city, firm.id, place, chance)
    kept = sorted((one for one in said if one[0] < NOW), key=lambda one: one[0])
    last = await store.fetchval("SELECT max(id) FROM decision")
    made = [
        Decision(named(body, last + 1 + place), actor, at)
        for place, (at, actor, body) in enumerate(kept)
    ]
    await enter_all(store, made)


def _about(
    city: City, number: int, one: Trouble, chance: Random
) -> Iterator[tuple[datetime, str, Body]]:
    """Yield what was done about an alarm: nearly always something, in the end by an officer."""
    firm = city.course.machines[one.unit].firm
    duty, officer = f"{firm}-duty", city.registry.enterprise[firm].officer or ""
    at = city.at(one.since + 5) + timedelta(minutes=chance.randint(1, 40))
    alarm = str(number)
    if chance.random() < 0.04:
        return
    yield at, duty, Action(id=NEW, alarm=alarm, verb=Verb.ACK)
    at += timedelta(minutes=chance.randint(5, 90))
    cause = chance.choice((Cause.BREAKAGE, Cause.OPERATION, Cause.BLOCKAGE, Cause.AGEING))
    said = "接触器烧毁，电工正在更换"
    yield at, duty, Action(id=NEW, alarm=alarm, verb=Verb.HANDLE, cause=cause, reason=said)
    if one.until is None or chance.random() < 0.05:
        return
    at = max(at, city.at(one.until)) + timedelta(minutes=chance.randint(5, 300))
    yield at, duty, Action(id=NEW, alarm=alarm, verb=Verb.RECTIFY, reason="已更换，恢复运行")
    at += timedelta(hours=chance.randint(1, 40))
    yield at, officer, Action(id=NEW, alarm=alarm, verb=Verb.VERIFY, fault=Fault.ENTERPRISE)


def _of_firm(
    city: City, firm: str, place: int, chance: Random
) -> Iterator[tuple[datetime, str, Body]]:
    """Yield what stands beside alarms of a firm: tasks, declarations, plans, requests."""
    officer = city.registry.enterprise[firm].officer or ""
    day, hour = timedelta(days=1), timedelta(hours=1)
    span = int((NOW - city.began) / day) - 1
    for number in range(3):
        at = city.began + chance.randint(0, span) * day + chance.randint(1, 9) * hour
        task = f"TK-{firm}-{number}"
        yield at, officer, Task(id=task, enterprise=firm, text="多次报警，现场检查")
        if chance.random() < 0.9:
            yield at + hour, officer, TaskStep(task=task, verb=TaskVerb.APPROVE)
            assigned = TaskStep(task=task, verb=TaskVerb.ASSIGN, person=officer)
            yield at + 2 * hour, officer, assigned
    start = city.began + chance.randint(1, span) * day
    declared = Declaration(
        id=f"DC-{firm}",
        kind=chance.choice((Absence.MAINTENANCE, Absence.OUTAGE)),
        scope=Scope.ENTERPRISE,
        subject=firm,
        start=start,
        end=start + 8 * hour,
        reason="停产检修",
    )
    yield start - day, f"{firm}-duty", declared
    if place % 3 == 0:
        ordered = Plan(
            id=f"PL-{firm}",
            scope=Scope.ENTERPRISE,
            subject=firm,
            measure=Measure.LIMIT,
            reduction=0.3,
            start=start,
            end=start + 30 * day,
        )
        yield start - day, "CITY-leader", ordered
    if place % 5 == 0:
        asked = Assistance(
            id=f"AS-{firm}",
            enterprise=firm,
            topic=Topic.RUNNING,
            problem_text="活性炭多久换？",
        )
        yield start, f"{firm}-duty", asked


async def cases(store: Connection, city: City) -> None:
    """Let the program fold cases, and what fell due for them become notices that were sent."""
    followed = Followed(city.registry, default_rules(), SLICES, NOW, NOW)
    async with store.transaction():
        await follow(store, followed)
    await store.execute("DELETE FROM notice_due")
    await store.execute(
        "INSERT INTO outbox (alarm, enterprise, at, why, level, recipient, reason, endpoint, state,"
        " title, body, due, expires, created, started, ended, outcome) SELECT alarm, enterprise,"
        " at, why, level, enterprise || '-duty', 'first', 'wecom', 'delivered', '报警', '请处理',"
        " at, at + interval '1 day', at, at, at + interval '2 s', 'ok'"
        " FROM case_event ON CONFLICT DO NOTHING"
    )


async def ledgers(store: Connection, city: City) -> None:
    """Enter starts and stops, as the warden does half an hour later."""
    machines, registry = city.course.machines, city.registry
    drafts: dict[str, list[Draft]] = {firm: [] for firm in registry.enterprise}
    for unit, minute, state in city.course.changes():
        machine = machines[unit]
        at = city.at(minute)
        if at + SETTLE > NOW or state not in ("running", "off"):
            continue
        kind = registry.unit[machine.name].kind
        treats = kind is UnitKind.TREATMENT
        content = Motion(
            name=registry.unit[machine.name].name,
            unit=machine.name,
            kind=kind,
            running=state == "running",
        )
        draft = Draft(
            kind=LedgerKind.TREATMENT if treats else LedgerKind.PRODUCTION,
            source=f"unit:{machine.name}",
            occurred_at=at,
            entered_at=at + SETTLE,
            actor=BY_ITSELF,
            content=content,
        )
        drafts[machine.firm].append(draft)
    for firm, many in drafts.items():
        async with store.transaction():
            await store.execute("SET LOCAL session_replication_role = replica")
            await enter_drafts(store, firm, sorted(many, key=lambda one: one.entered_at))
    await store.execute("DELETE FROM ledger_due")
    await store.execute("DELETE FROM ledger_unentered")
    await store.execute("DELETE FROM firm_day_stale")


async def beside(store: Connection, city: City) -> None:
    """Connections of meters, frames that were not understood, gaps, clocks, who signed in."""
    del city
    await store.execute(
        "INSERT INTO session_event SELECT 0, m.id * 100 + n, 0,"
        " $1::timestamptz - n * interval '17 hours'"
        " - m.id * interval '13 s', 'gateway-1', m.id, CASE n % 2 WHEN 1 THEN 'close' ELSE 'login'"
        " END, '10.0.0.1:' || 2000 + m.id, m.codec, m.address, CASE n % 2 WHEN 1 THEN 'silent' ELSE"
        " '' END FROM meter AS m, generate_series(0, 40) AS n",
        NOW,
    )
    await store.execute(
        "INSERT INTO quarantine (shard, sequence, frame, codec, kind, reason, message, byte_offset,"
        " raw, raw_size, peer, identity, meter, received_at, program) SELECT 0, n, 0, m.codec,"
        " 'checksum', 'crc', 'checksum is 1234, computed 4321', 40,"
        " decode(repeat('7b7b9101', 20), 'hex'), 80, '10.0.0.1:2000', m.address, m.address,"
        " $1::timestamptz - n * interval '11 minutes', '1' FROM generate_series(1, 3000) AS n"
        " JOIN meter AS m ON m.id = (SELECT min(id) FROM meter) + n % 500",
        NOW,
    )
    await store.execute(
        "INSERT INTO gap SELECT m.id, $1::timestamptz - n * interval '5 hours',"
        " $1::timestamptz - n * interval '5 hours'"
        " + interval '20 minutes', 19 FROM meter AS m, generate_series(1, 12) AS n WHERE m.id % 9"
        " = 0",
        NOW,
    )
    await store.execute(
        "INSERT INTO meter_clock SELECT id, (id % 21 - 10) * 1.5, 60, $1, NULL, NULL, 0 FROM meter",
        NOW,
    )
    await store.execute(
        "INSERT INTO sign_in_attempt (account, address, at, outcome) SELECT 'CITY-city_officer',"
        " '10.0.0.2', $1::timestamptz - n * interval '9 minutes', 'in'"
        " FROM generate_series(1, 10000) AS n",
        NOW,
    )
