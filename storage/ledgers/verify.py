"""Ledgers held against themselves and against what they rest on.

    seals      numbers without gaps, each sealing all before it, none entered before its predecessor
    sources    every decision that belongs into the ledger is there, as it was entered, but for
               those that an import made and a warden has yet to take up
               every start, stop, alarm and day of a plan that is known is there, and none that is
               not; what late readings changed is held against what is known now
    printed    a page that was printed: the entry of that number still has that digest

Whoever rewrites a whole chain, seals included, must rewrite the decisions (a chain of their own)
and the readings as well; a printed page is out of reach altogether.
"""

from collections.abc import AsyncIterator, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

import msgspec

from wattwarden.alarms.decisions.bodies import RuleSet
from wattwarden.alarms.decisions.chain import FIRST_PREDECESSOR
from wattwarden.alarms.decisions.slices import SLICES
from wattwarden.alarms.ledgers.alarmed import facts_of
from wattwarden.alarms.ledgers.bodies import LedgerCorrection
from wattwarden.alarms.ledgers.contents import unnamed
from wattwarden.alarms.ledgers.entries import AHEAD, Draft, Entry, LedgerKind, seal, standing
from wattwarden.alarms.ledgers.reconcile import BY_ITSELF, Fact, entries_due, misfits
from wattwarden.alarms.ledgers.telling import TOLD_KINDS, draft_of
from wattwarden.alarms.rulebook import default_rules, load_rules
from wattwarden.storage.cases.gradings import load_rulebooks
from wattwarden.storage.database import Connection, errors
from wattwarden.storage.errors import StorageError
from wattwarden.storage.ledgers.days import days_of, plan_versions
from wattwarden.storage.ledgers.derive import Due, Known, alarms_of, load_due, motions_of
from wattwarden.storage.ledgers.ledger import entry_of, raw_entries
from wattwarden.storage.ledgers.record import decided_of
from wattwarden.storage.moments import moment_of
from wattwarden.storage.registry.decisions import Entered, told
from wattwarden.storage.system_time import system_now
from wattwarden.storage.warden.regime import Regime, regime_at

# More than any step: what is in force now.
_NOW_STEP: Final = 2**31 - 1
_EVER: Final = moment_of(0)
_OTHERWISE: Final = ("与监测数据不一致", "it is not what the readings say")


@dataclass(frozen=True, slots=True)
class Printed:
    """What a printed page says of the end of its ledger: a number, and how its digest begins."""

    number: int
    digest: str


@dataclass(frozen=True, slots=True)
class LedgerFault:
    """Something that is not as it was entered; ``number`` is 0 where an entry is missing."""

    enterprise: str
    number: int
    zh: str
    en: str


async def keepers(connection: Connection) -> list[str]:
    """Return the enterprises that have, or should have, a ledger."""
    with errors("listing ledgers"):
        rows = await connection.fetch(
            "SELECT enterprise FROM ledger UNION SELECT id FROM registry_entry"
            " WHERE kind = 'enterprise' ORDER BY 1"
        )
    return [row["enterprise"] for row in rows]


async def verify(
    connection: Connection, enterprise: str, printed: Printed | None = None
) -> list[LedgerFault]:
    """Return what is wrong with an enterprise's ledger.

    Raises:
        StorageError: The database is away.
    """
    with errors(f"verifying the ledger of {enterprise}"):
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            entries: list[Entry] = []
            faults = [fault async for fault in _seals(connection, enterprise, entries, printed)]
            faults += await _decisions(connection, enterprise, entries)
            faults += await _readings(connection, enterprise, entries)
    return faults


async def unentered(connection: Connection, enterprise: str) -> int:
    """Count the decisions about an enterprise that its ledger has yet to take up.

    Raises:
        StorageError: The database is away.
    """
    with errors(f"looking for what the ledger of {enterprise} lacks"):
        count: int = await connection.fetchval(
            "SELECT count(*) FROM ledger_unentered AS u JOIN decision AS d ON d.id = u.decision"
            " WHERE d.enterprise = $1 AND d.kind = ANY($2)",
            enterprise,
            sorted(TOLD_KINDS),
        )
    return count


async def _seals(
    connection: Connection, enterprise: str, entries: list[Entry], printed: Printed | None
) -> AsyncIterator[LedgerFault]:
    """Yield what breaks the chain; fill ``entries``."""
    digest, number, entered_at = FIRST_PREDECESSOR, 0, _EVER
    now = await system_now(connection)
    async for row in raw_entries(connection, enterprise):
        number += 1
        if row["number"] != number:
            zh, en = f"缺第{number}条", f"entry {number} is missing"
            yield LedgerFault(enterprise, number, zh, en)
            number = row["number"]
        if row["predecessor"] != digest:
            zh, en = "与上一条不衔接", "it does not follow the entry before it"
            yield LedgerFault(enterprise, number, zh, en)
        digest = seal(row["predecessor"], dict(row), msgspec.json.decode(row["body"]))
        if digest != row["digest"]:
            zh, en = "内容与录入时不一致", "it is not what was sealed"
            yield LedgerFault(enterprise, number, zh, en)
            digest = row["digest"]
        if not entered_at <= row["entered_at"] <= now + AHEAD:
            zh, en = "录入时间倒置", "it was not entered in the order of time"
            yield LedgerFault(enterprise, number, zh, en)
        entered_at = max(entered_at, row["entered_at"])
        if printed is not None and printed.number == number:
            if not digest.hex().startswith(printed.digest.lower()):
                zh, en = "与打印件不一致", "it is not what was printed"
                yield LedgerFault(enterprise, number, zh, en)
            printed = None
        try:
            entries.append(entry_of(row))
        except StorageError as error:
            yield LedgerFault(enterprise, number, "无法读取", str(error))
    if printed is not None:
        zh = f"打印件上的第{printed.number}条已不存在"
        yield LedgerFault(enterprise, printed.number, zh, "what was printed is gone")


async def _decisions(
    connection: Connection, enterprise: str, entries: Iterable[Entry]
) -> list[LedgerFault]:
    """Hold entries against the decisions that they rest on."""
    by_number = {one.number: one for one in entries}
    by_source: dict[str, list[Entry]] = {}
    for one in by_number.values():
        if one.actor != BY_ITSELF or one.source.startswith("decision:"):
            by_source.setdefault(one.source, []).append(one)
    rows = await connection.fetch("SELECT decision FROM ledger_unentered")
    awaited = {row["decision"] for row in rows}
    faults: list[LedgerFault] = []
    for entered in await told(connection, TOLD_KINDS, enterprise=enterprise):
        found = by_source.pop(f"decision:{entered.id}", [])
        wanted = _wanted(entered, by_number)
        if wanted is None:
            continue
        if not found and entered.id not in awaited:
            zh, en = f"缺决定{entered.id}的记录", f"decision {entered.id} is not in it"
            faults.append(LedgerFault(enterprise, 0, zh, en))
        faults += [
            LedgerFault(enterprise, one.number, "与原始决定不一致", "it is not what was decided")
            for place, one in enumerate(found)
            if place or not _same(one, wanted, by_number.get(one.number - 1))
        ]
    faults += [
        LedgerFault(enterprise, one.number, "没有对应的决定", "nobody decided it")
        for found in by_source.values()
        for one in found
    ]
    return faults


def _wanted(entered: Entered, entries: dict[int, Entry]) -> Draft | None:
    body = entered.body
    corrected = entries.get(body.entry) if isinstance(body, LedgerCorrection) else None
    return draft_of(decided_of(entered), "", corrected)


def _same(entry: Entry, wanted: Draft, before: Entry | None) -> bool:
    entered_at = wanted.entered_at
    if before is not None:
        entered_at = max(entered_at, before.entered_at)
    return (entry.kind, entry.actor, entry.corrects, entry.occurred_at, entry.entered_at) == (
        wanted.kind,
        wanted.actor,
        wanted.corrects,
        wanted.occurred_at,
        entered_at,
    ) and unnamed(entry.content) == unnamed(wanted.content)


async def _readings(
    connection: Connection, enterprise: str, entries: Iterable[Entry]
) -> list[LedgerFault]:
    """Hold entries against what is known of units, alarms and plans, but for what waits."""
    regime = await regime_at(connection, _NOW_STEP, range(SLICES))
    waiting = await load_due(connection, enterprise)
    now = await system_now(connection)
    facts = [
        one
        for one in await _facts(connection, enterprise, regime, now)
        if not _waits(one.source, one.at, waiting)
    ]
    known = {f"unit:{one.id}" for one in regime.registry.unit.values()}
    ours = [
        one
        for one in entries
        if one.actor == BY_ITSELF and not one.source.startswith("decision:")
        and not _waits(one.source, one.occurred_at, waiting)
        and (one.source in known or one.source.startswith(("alarm:", "plan:")))
    ]  # fmt: skip
    stands = {one.number for one in standing(entries)}
    kept = [one for one in ours if one.number in stands or one.kind is LedgerKind.ABNORMAL]
    drafts = entries_due(facts, kept, now, None)
    changed = {f"alarm:{number}" for number in await _corrected(connection, enterprise)}
    told_otherwise = {one.corrects for one in drafts}
    steps = misfits(
        (one for one in facts if one.source not in changed),
        (one for one in ours if one.source not in changed),
    )
    return [
        *_misfits(enterprise, drafts),
        *(
            LedgerFault(enterprise, number, *_OTHERWISE)
            for number in steps
            if number not in told_otherwise
        ),
        *_early(enterprise, [one for one in kept if one.number in stands]),
    ]


def _waits(source: str, at: datetime, waiting: Due) -> bool:
    """Tell whether something is about to be looked at again."""
    kind, _, name = source.partition(":")
    match kind:
        case "unit":
            return name in waiting.units
        case "alarm":
            return name in {str(number) for number in waiting.alarms}
        case _:
            first = [waiting.plans.get(name), waiting.again]
            return any(since is not None and since <= at for since in first)


async def _corrected(connection: Connection, enterprise: str) -> list[int]:
    """Return the alarms of an enterprise that late readings changed."""
    rows = await connection.fetch(
        "SELECT DISTINCT c.alarm FROM correction AS c JOIN alarm AS a ON a.id = c.alarm"
        " WHERE a.enterprise = $1",
        enterprise,
    )
    return [row["alarm"] for row in rows]


async def _facts(
    connection: Connection, enterprise: str, regime: Regime, now: datetime
) -> list[Fact]:
    facts: list[Fact] = []
    known = Known(regime.registry, await load_rulebooks(connection))
    believed = await _believed(connection)
    for alarm in await alarms_of(connection, enterprise, None, known):
        if (alarm.rule, alarm.grade, alarm.meaning) in believed:
            facts += facts_of(alarm)
            continue
        # No rules ever said so: what those in force at the raise say is what should stand there.
        rule = known.rules.at(alarm.raised).rules[alarm.rule]
        facts += facts_of(replace(alarm, grade=rule.grade, meaning=rule.zh))
    for unit in regime.registry.unit.values():
        if unit.enterprise == enterprise:
            facts += await motions_of(connection, unit, _EVER)
    versions = await plan_versions(connection, enterprise)
    since = {plan: decided[0].at for plan, decided in versions.items()}
    return facts + await days_of(connection, regime.registry, versions, since, now)


async def _believed(connection: Connection) -> set[tuple[str, str, str]]:
    """Return the classes and names of rules that were ever in force."""
    texts = [one.body.text for one in await told(connection, [RuleSet.kind_name])
             if isinstance(one.body, RuleSet)]  # fmt: skip
    return {
        (name, rule.grade, rule.zh)
        for rules in (default_rules(), *map(load_rules, texts))
        for name, rule in rules.rules.items()
    }


def _misfits(enterprise: str, drafts: Iterable[Draft]) -> Iterator[LedgerFault]:
    """Say of what would have to be entered that it is not there, or is otherwise."""
    for draft in drafts:
        at = _told_at(draft.occurred_at)
        if draft.corrects is None:
            zh, en = f"缺{at} {draft.source}的记录", f"{draft.source} at {at} is not in it"
            yield LedgerFault(enterprise, 0, zh, en)
        else:
            yield LedgerFault(enterprise, draft.corrects, *_OTHERWISE)


def _early(enterprise: str, entries: Iterable[Entry]) -> Iterator[LedgerFault]:
    """Say of what was entered before it was due that it was not entered then."""
    for one in entries:
        fact = Fact(one.kind, one.source, one.occurred_at, one.content)
        if one.corrects is None and one.entered_at < fact.due:
            zh, en = "录入时间早于应录入时间", "it cannot have been entered then"
            yield LedgerFault(enterprise, one.number, zh, en)


def _told_at(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds")
