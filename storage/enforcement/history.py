"""What enforcement looks at of an enterprise: cases, production of its lines, worn-out parts."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from threading import Lock
from typing import Final

from wattwarden.alarms.cases.case import Case
from wattwarden.alarms.cases.grading import Grading
from wattwarden.alarms.decisions.bodies import Consumable, Replacement
from wattwarden.alarms.enforcement.from_cases import (
    PRODUCING,
    incident,
    production_of,
    worn_since,
)
from wattwarden.alarms.enforcement.incidents import History, Incident, Worn
from wattwarden.alarms.enforcement.limits import Limits
from wattwarden.alarms.registry.nouns import Link, Unit
from wattwarden.alarms.registry.registry import Registry
from wattwarden.alarms.states.running import Spell, spells_of
from wattwarden.storage.cases.load import Basis, Chosen, load_basis, load_cases
from wattwarden.storage.database import Connection, errors
from wattwarden.storage.registry.decisions import told
from wattwarden.storage.registry.records import load_kind

# The alarm of a part that is used beyond its limit; its kind is this and the part's id.
_WEAR_RULE: Final = "R18"
OVERDUE_KIND: Final = "overdue:"
# Cases as they were seen last, some 2 KB each: of the weeks that are looked back those of a city
# that has three hundred a day.  Of more the first are worked out anew.
MOST_SEEN: Final = 30_000
# Bounds leave their end out; an alarm of this very moment is in.
_JUST_AFTER: Final = timedelta(microseconds=1)


async def load_incidents(
    connection: Connection, enterprise: str, since: datetime, now: datetime, basis: Basis
) -> list[Incident]:
    """Return an enterprise's alarms since a moment, and those before that go on, as of ``now``."""
    chosen = Chosen(enterprises=[enterprise], since=since, until=now + _JUST_AFTER)
    cases = await load_cases(connection, chosen, now=now, basis=basis)
    with errors("looking for what goes on"):
        rows = await connection.fetch(
            "SELECT id FROM alarm WHERE enterprise = $1 AND raised < $2 AND NOT withdrawn"
            " AND suppressed_by IS NULL AND (ended IS NULL OR ended >= $2)",
            enterprise,
            since,
        )
    if rows:
        older = Chosen(numbers=[row["id"] for row in rows])
        cases += await load_cases(connection, older, now=now, basis=basis)
    return [_SEEN.of(case, basis.gradings.of(case.episode)) for case in cases]


class _Seen:
    """What cases come to: every ten minutes each firm's of weeks are asked for, and few changed.

    Pages and wardens share it, and have threads of their own.
    """

    def __init__(self) -> None:
        self._seen: dict[int, tuple[Case, Grading, Incident]] = {}
        self._changing = Lock()

    def of(self, case: Case, grading: Grading) -> Incident:
        """Return a case as enforcement looks at it."""
        seen = self._seen.get(case.id)
        if seen is not None and (seen[1] is grading or seen[1] == grading) and seen[0] == case:
            return seen[2]
        found = incident(case, grading)
        with self._changing:
            self._seen[case.id] = (case, grading, found)
            if len(self._seen) > MOST_SEEN:
                del self._seen[next(iter(self._seen))]
        return found


_SEEN: Final = _Seen()


async def load_history(
    connection: Connection,
    enterprise: str,
    now: datetime,
    limits: Limits,
    *,
    registry: Registry | None = None,
    basis: Basis | None = None,
) -> History:
    """Return what flags are recognised by.

    Args:
        connection: To the store.
        enterprise: Whose.
        now: Up to when; each question about it names an earlier moment or this one.
        limits: How far is looked back, and what is worn out.
        registry: Lines and units; those in force when left out.
        basis: Rules and gradings; those in force when left out.

    Raises:
        StorageError: The database is away.
    """
    since = now - timedelta(days=limits.review.lookback_d)
    known = registry or await load_plant(connection)
    judged = basis or await load_basis(connection)
    incidents = await load_incidents(connection, enterprise, since, now, judged)
    units = [one for one in known.unit.values() if one.enterprise == enterprise]
    names = [one.id for one in units if one.kind in PRODUCING]
    spells = await load_spells(connection, enterprise, names, since, now)
    share = limits.running_sick.overuse_share
    worn = await _load_worn(connection, enterprise, now, known, share)
    called = {f"unit:{one.id}": one.name for one in units}
    return History(incidents, production_of(spells, known), worn, called)


async def load_spells(
    connection: Connection, enterprise: str, units: Collection[str], since: datetime, now: datetime
) -> dict[str, list[Spell]]:
    """Return what units did from one moment to another."""
    with errors("reading the states of units"):
        rows = await connection.fetch(
            "SELECT w.unit, t.at, t.state FROM unnest($2::text[]) AS w (unit) CROSS JOIN LATERAL"
            # One row of what was before, by the key: years of transitions are not looked at.
            " ((SELECT at, state FROM unit_transition AS u WHERE u.enterprise = $1"
            " AND u.unit = w.unit AND u.at < $3 ORDER BY u.at DESC LIMIT 1) UNION ALL"
            " (SELECT at, state FROM unit_transition AS u WHERE u.enterprise = $1"
            " AND u.unit = w.unit AND u.at >= $3 AND u.at <= $4)) AS t ORDER BY w.unit, t.at",
            enterprise,
            list(units),
            since,
            now,
        )
    found: dict[str, list[tuple[datetime, str]]] = {unit: [] for unit in units}
    for row in rows:
        found[row["unit"]].append((row["at"], row["state"]))
    # A unit that is not heard of any more is offline, which is a state of its own.
    return {unit: spells_of(many, now, since, now) for unit, many in found.items()}


async def _load_worn(
    connection: Connection, enterprise: str, now: datetime, registry: Registry, share: float
) -> Sequence[Worn]:
    """The parts of which an overdue alarm stands that were used far longer still."""
    with errors("looking for parts that are overdue"):
        rows = await connection.fetch(
            "SELECT DISTINCT substr(kind, $3) AS part FROM alarm WHERE enterprise = $1"
            " AND rule = $2 AND starts_with(kind, $4) AND ended IS NULL AND NOT withdrawn",
            enterprise,
            _WEAR_RULE,
            len(OVERDUE_KIND) + 1,
            OVERDUE_KIND,
        )
    if not rows:
        return ()
    overdue = {row["part"] for row in rows}
    kinds = [Consumable.kind_name, Replacement.kind_name]
    bodies = [one.body for one in await told(connection, kinds, enterprise=enterprise)]
    parts = {one.id: one for one in bodies if isinstance(one, Consumable) and one.enabled}
    found = []
    for part in (parts[name] for name in sorted(overdue & parts.keys())):
        begun = _last_replaced(part, bodies)
        spells = await load_spells(connection, enterprise, [part.unit], begun, now)
        since = worn_since(part, (begun, now), spells[part.unit], share)
        if since is not None:
            found += [Worn(part.id, line, since) for line in _lines(part.unit, registry)]
    return found


def _last_replaced(part: Consumable, bodies: Iterable[object]) -> datetime:
    newest = {one.id: one for one in bodies if isinstance(one, Replacement)}
    times = [
        one.replaced_at for one in newest.values() if one.consumable == part.id and not one.rejected
    ]
    return max([part.replaced_at, *times])


def _lines(unit: str, registry: Registry) -> list[str]:
    """The lines that a unit belongs to; [""] for one that belongs to none."""
    return sorted(one.line for one in registry.link.values() if one.unit == unit) or [""]


async def load_plant(connection: Connection) -> Registry:
    """Return the units in force and the lines that they belong to; raises StorageError."""
    registry = Registry()
    for kind, noun in (("unit", Unit), ("link", Link)):
        for record in await load_kind(connection, noun):
            registry.put(kind, record)
    return registry
