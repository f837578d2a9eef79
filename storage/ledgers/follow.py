"""Ledgers brought up to date after each pass of a warden, in its transaction.

    transitions, alarms ─► ledger_due ── settled ─► facts ─► what the ledger lacks ─► entries
    decisions of an import ────────────────────────────────────────────────────────► entries

When days were folded again, what was known before goes first, as if the pass had ended there: the
ledger then says in both cases what was entered, and what corrected it.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from wattwarden.alarms.decisions.slices import slice_of
from wattwarden.alarms.ledgers.alarmed import Alarmed, facts_of
from wattwarden.alarms.ledgers.entries import SETTLE, Entry
from wattwarden.alarms.ledgers.motions import Moved
from wattwarden.alarms.ledgers.reconcile import Fact, entries_due, is_withdrawn
from wattwarden.storage.database import Connection
from wattwarden.storage.ledgers.derive import Due, alarms_of, load_due, motions_of, stood
from wattwarden.storage.ledgers.ledger import enter_drafts, standing_of
from wattwarden.storage.ledgers.record import RECORDED_UPTO, record_missed
from wattwarden.storage.moments import moment_of, us_of
from wattwarden.storage.warden.followed import Followed

_US_PER_S: Final = 1_000_000
# Before any meter spoke.
_EVER: Final = moment_of(0)


async def follow(connection: Connection, followed: Followed) -> None:
    """Enter what is settled by the pass's last tick; one query when there is nothing."""
    settled = followed.now - SETTLE
    row = await connection.fetchrow(
        f"SELECT (SELECT max(id) FROM decision) > {RECORDED_UPTO} AS decided,"  # noqa: S608  ours
        " ARRAY(SELECT DISTINCT enterprise FROM ledger_due WHERE at <= $2 OR gone) AS due",
        list(followed.slices),
        settled,
    )
    assert row is not None  # noqa: S101  # a query without FROM gives a row
    if row["decided"]:
        await record_missed(connection, followed.slices)
    ours = set(followed.slices)
    for enterprise in sorted(row["due"]):
        if slice_of(enterprise) in ours:
            await _settle(connection, followed, enterprise)


async def _settle(connection: Connection, followed: Followed, enterprise: str) -> None:
    """Bring one enterprise's ledger up to date, and forget what is settled."""
    if enterprise in followed.registry.enterprise:
        due = await load_due(connection, enterprise)
        alarms = await alarms_of(connection, enterprise, due.alarms, followed.registry)
        if due.redone:
            before = await _tick_before(connection, followed.now)
            old = await stood(connection, alarms, due, followed.registry)
            facts = await _facts(connection, followed, due, old, due.moved)
            await _enter(connection, enterprise, due, facts, before, None)
        facts = await _facts(connection, followed, due, alarms, ())
        redone = followed.now if due.redone else None
        await _enter(connection, enterprise, due, facts, followed.now, redone)
    await connection.execute(
        "DELETE FROM ledger_due WHERE enterprise = $1 AND (at <= $2 OR gone)",
        enterprise,
        followed.now - SETTLE,
    )


async def _facts(
    connection: Connection,
    followed: Followed,
    due: Due,
    alarms: Sequence[Alarmed],
    moved: Sequence[Moved],
) -> list[Fact]:
    facts = [fact for alarm in alarms for fact in facts_of(alarm, followed.rules)]
    for name, since in due.units.items():
        unit = followed.registry.unit.get(name)
        if unit is not None:
            facts += await motions_of(connection, unit, since, moved)
    return facts


async def _enter(
    connection: Connection,
    enterprise: str,
    due: Due,
    facts: list[Fact],
    upto: datetime,
    redone: datetime | None,
) -> None:
    standing = await _standing(connection, enterprise, due)
    await enter_drafts(connection, enterprise, entries_due(facts, standing, upto, redone))


async def _standing(connection: Connection, enterprise: str, due: Due) -> list[Entry]:
    """Return what the ledger says of the units and alarms in question."""
    sources = {f"unit:{unit}": since for unit, since in due.units.items()}
    sources |= {f"alarm:{number}": _EVER for number in due.alarms}
    found: list[Entry] = []
    for source, since in sources.items():
        found += await standing_of(connection, enterprise, source, since)
    return [one for one in found if not is_withdrawn(one)]


async def _tick_before(connection: Connection, now: datetime) -> datetime:
    """Return the tick before the pass's last one: when a pass that took each alone had ended."""
    second = await connection.fetchval(
        "SELECT second FROM tick WHERE shard = (SELECT min(shard) FROM tick) AND second < $1"
        " ORDER BY number DESC LIMIT 1",
        us_of(now) // _US_PER_S,
    )
    return _EVER if second is None else moment_of(second * _US_PER_S)
