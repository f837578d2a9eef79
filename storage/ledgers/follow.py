"""Ledgers brought up to date after each pass of a warden, in its transaction.

    transitions, alarms, days of plans ─► ledger_due ── settled ─► facts ─► what lacks ─► entries
    decisions of an import ─► ledger_unentered ────────────────────────────────────────► entries

When days were folded again, what was known before goes first, as if the pass had ended there: the
ledger then says in both cases what was entered, and what corrected it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from wattwarden.alarms.decisions.slices import slice_of
from wattwarden.alarms.ledgers.alarmed import Alarmed, facts_of
from wattwarden.alarms.ledgers.entries import SETTLE, Entry
from wattwarden.alarms.ledgers.reconcile import Fact, entries_due
from wattwarden.storage.cases.gradings import load_rulebooks
from wattwarden.storage.database import Connection
from wattwarden.storage.ledgers.days import (
    NOW,
    Past,
    Versions,
    await_days,
    days_of,
    plan_versions,
    plans_since,
)
from wattwarden.storage.ledgers.derive import Due, Known, alarms_of, load_due, motions_of, stood
from wattwarden.storage.ledgers.ledger import enter_drafts, standing_of
from wattwarden.storage.ledgers.record import record_missed
from wattwarden.storage.moments import moment_of, us_of
from wattwarden.storage.warden.followed import Followed

_US_PER_S: Final = 1_000_000
# Before any meter spoke.
_EVER: Final = moment_of(0)
_FORGET: Final = "DELETE FROM ledger_due WHERE enterprise = $1 AND (at <= $2 OR gone)"


async def follow(connection: Connection, followed: Followed) -> None:
    """Enter what is settled by the pass's last tick; one query when there is nothing."""
    settled = followed.now - SETTLE
    row = await connection.fetchrow(
        "SELECT EXISTS (SELECT FROM ledger_unentered WHERE slice = ANY($1)) AS decided,"
        " ARRAY(SELECT DISTINCT enterprise FROM ledger_due WHERE at <= $2 OR gone) AS due",
        list(followed.slices),
        settled,
    )
    assert row is not None  # noqa: S101  # a query without FROM gives a row
    if row["decided"]:
        await record_missed(connection, followed.slices)
    ours = set(followed.slices)
    due = sorted(name for name in row["due"] if slice_of(name) in ours)
    if not due:
        return
    known = Known(followed.registry, await load_rulebooks(connection))
    for enterprise in due:
        await _settle(connection, followed, enterprise, known)


async def _settle(
    connection: Connection, followed: Followed, enterprise: str, known: Known
) -> None:
    """Bring one enterprise's ledger up to date, and forget what is settled."""
    if enterprise in followed.registry.enterprise:
        work = await _work(connection, followed, enterprise)
        await _bring(connection, followed, work, known)
        await connection.execute(_FORGET, enterprise, followed.now - SETTLE)
        await await_days(connection, followed.registry, work.versions, work.due, followed.now)
        return
    await connection.execute(_FORGET, enterprise, followed.now - SETTLE)


@dataclass(frozen=True, slots=True)
class _Work:
    """An enterprise whose ledger is brought up to date; ``plans``: since when days of each."""

    enterprise: str
    due: Due
    versions: Versions
    plans: Mapping[str, datetime]


async def _work(connection: Connection, followed: Followed, enterprise: str) -> _Work:
    due = await load_due(connection, enterprise)
    over = {plan: at for plan, at in due.plans.items() if at <= followed.now - SETTLE}
    due = replace(due, plans=over)
    versions: Versions = {}
    if due.plans or due.redone:
        versions = await plan_versions(connection, enterprise)
    return _Work(enterprise, due, versions, plans_since(versions, due))


async def _bring(connection: Connection, followed: Followed, work: _Work, known: Known) -> None:
    due = work.due
    alarms = await alarms_of(connection, work.enterprise, due.alarms, known)
    if due.redone:
        before = await _tick_before(connection, followed.now)
        old = await stood(connection, alarms, due, known)
        facts = await _facts(connection, followed, work, old, Past(due.moved, due.before))
        await _enter(connection, work, facts, before, None)
        # What was entered just now tells of classes and units from here on.
        alarms = await alarms_of(connection, work.enterprise, due.alarms, known)
    facts = await _facts(connection, followed, work, alarms, NOW)
    await _enter(connection, work, facts, followed.now, followed.now if due.redone else None)


async def _facts(
    connection: Connection,
    followed: Followed,
    work: _Work,
    alarms: Sequence[Alarmed],
    past: Past,
) -> list[Fact]:
    facts = [fact for alarm in alarms for fact in facts_of(alarm)]
    for name, since in work.due.units.items():
        unit = followed.registry.unit.get(name)
        if unit is not None:
            facts += await motions_of(connection, unit, since, past.moved)
    registry, versions = followed.registry, work.versions
    return facts + await days_of(connection, registry, versions, work.plans, followed.now, past)


async def _enter(
    connection: Connection,
    work: _Work,
    facts: list[Fact],
    upto: datetime,
    redone: datetime | None,
) -> None:
    entries = await _entries(connection, work)
    await enter_drafts(connection, work.enterprise, entries_due(facts, entries, upto, redone))


async def _entries(connection: Connection, work: _Work) -> list[Entry]:
    """Return what the ledger says of the units, alarms and plans in question."""
    sources = {f"unit:{unit}": since for unit, since in work.due.units.items()}
    sources |= {f"alarm:{number}": _EVER for number in work.due.alarms}
    sources |= {f"plan:{plan}": since for plan, since in work.plans.items()}
    found: list[Entry] = []
    for source, since in sources.items():
        found += await standing_of(connection, work.enterprise, source, since)
    return found


async def _tick_before(connection: Connection, now: datetime) -> datetime:
    """Return the tick before the pass's last one: when a pass that took each alone had ended."""
    second = await connection.fetchval(
        "SELECT second FROM tick WHERE shard = (SELECT min(shard) FROM tick) AND second < $1"
        " ORDER BY number DESC LIMIT 1",
        us_of(now) // _US_PER_S,
    )
    return _EVER if second is None else moment_of(second * _US_PER_S)
