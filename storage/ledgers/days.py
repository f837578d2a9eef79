"""Days of plans, as facts for an enterprise's ledger: each once its midnight is over.

A plan waits in ``ledger_due`` for the end of the next of its days; then for the one after that.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from wattwarden.alarms.decisions.bodies import Plan
from wattwarden.alarms.episodes.corrections import Standing
from wattwarden.alarms.ledgers.entries import SETTLE
from wattwarden.alarms.ledgers.motions import Moved, Seen
from wattwarden.alarms.ledgers.reconcile import Fact
from wattwarden.alarms.ledgers.special import (
    EXCEEDS,
    Exceeded,
    Ordered,
    Version,
    day_fact,
    next_day,
    ordered_days,
)
from wattwarden.alarms.registry.nouns import Link, Unit
from wattwarden.alarms.registry.registry import Registry
from wattwarden.alarms.responses.makers import makers_of
from wattwarden.storage.database import Connection
from wattwarden.storage.ledgers.derive import Due, states_of
from wattwarden.storage.moments import moment_of
from wattwarden.storage.registry.decisions import told

_US_PER_MS: Final = 1_000
Versions = Mapping[str, Sequence[Version]]


@dataclass(frozen=True, slots=True)
class Past:
    """What was known before days were folded again; nothing where none were."""

    moved: Sequence[Moved] = ()
    alarms: Mapping[int, Standing | None] | None = None


NOW: Final = Past()


async def plan_versions(connection: Connection, enterprise: str) -> dict[str, list[Version]]:
    """Return all that was decided of an enterprise's plans, by plan, oldest first."""
    found: dict[str, list[Version]] = {}
    for one in await told(connection, [Plan.kind_name], enterprise=enterprise):
        if isinstance(one.body, Plan):
            found.setdefault(one.body.id, []).append(Version(one.entered_at, one.body))
    return found


def plans_since(versions: Versions, due: Due) -> dict[str, datetime]:
    """Return since when days of each plan are to be looked at."""
    since = dict(due.plans)
    if due.again is not None:
        since |= {plan: min(since.get(plan, due.again), due.again) for plan in versions}
    return since


async def days_of(
    connection: Connection,
    registry: Registry,
    versions: Versions,
    since: Mapping[str, datetime],
    until: datetime,
    past: Past = NOW,
) -> list[Fact]:
    """Return what is entered of an enterprise's plans.

    Args:
        connection: To the store.
        registry: As it is now.
        versions: The plans.
        since: Of which plans, and of each the first moment of which an entry may be.
        until: Days that end later are left for their time.
        past: Given, what was known before days were folded again.
    """
    facts: list[Fact] = []
    for plan, first in since.items():
        known = versions.get(plan, ())
        zone = _zone(registry, known)
        ordered = [] if zone is None else list(ordered_days(known, zone, first, until))
        if ordered:
            facts += await _facts(connection, registry, ordered, past)
    return facts


async def await_days(
    connection: Connection, registry: Registry, versions: Versions, due: Due, now: datetime
) -> None:
    """Let plans wait for the end of their next day, those that still hold."""
    settled = now - SETTLE
    for plan in due.plans:
        known = versions.get(plan, ())
        zone = _zone(registry, known)
        following = None if zone is None else next_day(known, zone, settled)
        if following is None:
            continue
        enterprise = _owner(registry, known[-1].plan)
        await connection.execute(
            "DELETE FROM ledger_due WHERE enterprise = $1 AND plan = $2", enterprise, plan
        )
        await connection.execute(
            "INSERT INTO ledger_due (enterprise, plan, at) VALUES ($1, $2, $3)",
            enterprise,
            plan,
            following,
        )


async def _facts(
    connection: Connection, registry: Registry, ordered: Sequence[Ordered], past: Past
) -> list[Fact]:
    """Return the entries of days of one plan."""
    plan = ordered[-1].plan
    enterprise = _owner(registry, plan)
    machines = await _machines(connection, enterprise)
    begin = ordered[0].windows[0].start
    series: dict[str, list[Seen]] = {}
    exceeded = await _exceeded(connection, enterprise, plan, past)
    record = getattr(registry, plan.scope).get(plan.subject)
    called = str(getattr(record, "name", plan.subject))
    facts = []
    for day in ordered:
        there = _as_of(machines, day.day_end)
        makers = makers_of(there)[plan.scope, plan.subject]
        for name in makers:
            if name not in series:
                unit = there.unit[name]
                series[name] = await states_of(connection, unit, begin, past.moved)
        states = {name: series[name] for name in makers}
        facts.append(day_fact(day, called, states, exceeded))
    return facts


@dataclass(frozen=True, slots=True)
class _Machine:
    """A unit or link from a moment on; None: it was removed."""

    at: datetime
    kind: str
    id: str
    record: Unit | Link | None


async def _machines(connection: Connection, enterprise: str) -> list[_Machine]:
    """Return what the registry ever said of an enterprise's units and their links, in order."""
    rows = await connection.fetch(
        "WITH own AS MATERIALIZED (SELECT DISTINCT id FROM registry_entry WHERE kind = 'unit'"
        " AND body ->> 'enterprise' = $1), tied AS (SELECT DISTINCT id FROM registry_entry"
        " WHERE kind = 'link' AND body ->> 'unit' IN (SELECT id FROM own))"
        " SELECT e.kind, e.id, e.body, d.entered_at FROM registry_entry AS e"
        " JOIN decision AS d ON d.id = e.decision"
        " WHERE (e.kind = 'unit' AND e.id IN (SELECT id FROM own))"
        " OR (e.kind = 'link' AND e.id IN (SELECT id FROM tied)) ORDER BY e.version",
        enterprise,
    )
    found = []
    for row in rows:
        record: Unit | Link | None = None
        if row["body"] is not None:
            unit = row["kind"] == "unit"
            body = row["body"]
            record = (
                msgspec.json.decode(body, type=Unit)
                if unit
                else msgspec.json.decode(body, type=Link)
            )
        found.append(_Machine(row["entered_at"], row["kind"], row["id"], record))
    return found


def _as_of(machines: Sequence[_Machine], at: datetime) -> Registry:
    """Return the units and links that there were at a moment."""
    units: dict[str, Unit] = {}
    links: dict[str, Link] = {}
    for one in machines:
        if one.at > at:
            continue
        match one.record:
            case Unit() as unit:
                units[one.id] = unit
            case Link() as link:
                links[one.id] = link
            case None if one.kind == "unit":
                del units[one.id]
            case None:
                del links[one.id]
    return Registry(unit=units, link=links)


async def _exceeded(
    connection: Connection, enterprise: str, plan: Plan, past: Past
) -> list[Exceeded]:
    rows = await connection.fetch(
        "SELECT id, began, raised, ended, withdrawn FROM alarm WHERE enterprise = $1"
        " AND rule = $2 AND subject = $3 ORDER BY id",
        enterprise,
        EXCEEDS,
        f"{plan.scope}:{plan.subject}",
    )
    found = []
    for row in rows:
        raised, ended, gone = row["raised"], row["ended"], row["withdrawn"]
        if past.alarms is not None and row["id"] in past.alarms:
            before = past.alarms[row["id"]]
            gone = before is None
            if before is not None:
                raised = moment_of(before.raised * _US_PER_MS)
                ended = None if before.ended is None else moment_of(before.ended * _US_PER_MS)
        if not gone:
            found.append(Exceeded(row["began"], raised, ended))
    return found


def _owner(registry: Registry, plan: Plan) -> str:
    record = getattr(registry, plan.scope).get(plan.subject)
    return str(getattr(record, "enterprise", plan.subject))


def _zone(registry: Registry, versions: Sequence[Version]) -> ZoneInfo | None:
    """Return the zone of a plan's enterprise; None where the registry has none any more."""
    if not versions:
        return None
    firm = registry.enterprise.get(_owner(registry, versions[-1].plan))
    return None if firm is None else ZoneInfo(firm.zone)
