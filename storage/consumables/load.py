"""Consumables as they stand: how far they are used up, when they are due, what was done last."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from wattwarden.alarms.consumables.bodies import Carbon, OffsiteCheck, WasteEntry
from wattwarden.alarms.consumables.chain import (
    Change,
    Colour,
    Deed,
    change_of,
    colour_of,
)
from wattwarden.alarms.consumables.numbers import Numbers, default_numbers
from wattwarden.alarms.consumables.wear import Bounds, Level, Wear, pace_of, wear_of
from wattwarden.alarms.decisions.bodies import Consumable, Replacement
from wattwarden.alarms.registry.nouns import Enterprise, Unit
from wattwarden.alarms.rulebook import Rules
from wattwarden.alarms.states.running import Spell, by_day, within
from wattwarden.storage.database import Connection, errors
from wattwarden.storage.registry.decisions import Entered, told
from wattwarden.storage.registry.records import load_kind
from wattwarden.storage.registry.rules import rules_now
from wattwarden.storage.warden.running import spells_by_unit


@dataclass(frozen=True, slots=True)
class Part:
    """A consumable, its replacements (oldest first) and the calculation of its carbon, if any."""

    body: Consumable
    enterprise: str
    changes: tuple[Change, ...] = ()
    carbon: Carbon | None = None

    @property
    def since(self) -> datetime:
        """From when on its hours count: the last replacement that nobody rejected."""
        replaced = [
            change.replacement.replaced_at
            for change in self.changes
            if not change.replacement.rejected
        ]
        return max([self.body.replaced_at, *replaced])

    @property
    def last(self) -> Change | None:
        """The last replacement that was entered."""
        return self.changes[-1] if self.changes else None


@dataclass(frozen=True, slots=True)
class PartNow:
    """A part as it stands now; ``reminded_at`` is when it was said last that it is used up."""

    part: Part
    wear: Wear
    level: Level
    colour: Colour
    reminded_at: datetime | None


async def load_parts(
    connection: Connection,
    *,
    enterprises: Collection[str] | None = None,
    identity: str | None = None,
) -> list[Part]:
    """Return the consumables in force, of some enterprises or that one alone, by id.

    Raises:
        StorageError: The database is away.
    """
    where = None if identity is None else {"id": identity}
    about = None if identity is None else {"consumable": identity}
    parts = await told(connection, ["consumable"], enterprises=enterprises, where=where)
    kinds = ["replacement", "carbon"]
    entered = await told(connection, kinds, enterprises=enterprises, where=about)
    steps = await told(connection, ["waste", "consumable_check"], enterprises=enterprises)
    newest = {one.body.id: one for one in parts if isinstance(one.body, Consumable)}
    about_part, deeds = _by_part(entered), _deeds(steps)
    found = [
        _part(one.body, one.enterprise or "", about_part.get(one.body.id, ()), deeds)
        for one in newest.values()
        if isinstance(one.body, Consumable) and one.body.enabled
    ]
    return sorted(found, key=lambda part: part.body.id)


async def find_change(connection: Connection, replacement: str) -> tuple[Part, Change] | None:
    """Return a replacement with its part; None where there is none, or the part is no more.

    Raises:
        StorageError: The database is away.
    """
    bodies = await told(connection, ["replacement"], where={"id": replacement})
    for one in bodies[-1:]:
        if isinstance(one.body, Replacement):
            for part in await load_parts(connection, identity=one.body.consumable):
                for change in part.changes:
                    if change.replacement.id == replacement:
                        return part, change
    return None


async def parts_now(connection: Connection, parts: Sequence[Part], now: datetime) -> list[PartNow]:
    """Return how far parts are used up now; those whose units are no more are left out.

    Raises:
        StorageError: The database is away.
    """
    numbers = default_numbers()
    units = {unit.id: unit for unit in await load_kind(connection, Unit)}
    firms = {firm.id: firm for firm in await load_kind(connection, Enterprise)}
    known = [part for part in parts if part.body.unit in units and part.enterprise in firms]
    # A day more: the oldest is whole in every zone.
    month = now - timedelta(days=numbers.forecast.days + 1)
    since: dict[str, datetime] = {}
    for part in known:
        since[part.body.unit] = min(part.since, month, since.get(part.body.unit, month))
    spells = await spells_by_unit(connection, since, now)
    reminded = await _reminded(connection, [part.body.unit for part in known])
    rules = await rules_now(connection)
    found = []
    for part in known:
        unit, firm = units[part.body.unit], firms[part.enterprise]
        wear = _wear(part, spells[unit.id], ZoneInfo(firm.zone), numbers, now)
        level = _bounds(rules, unit, firm).level(wear.share)
        colour = colour_of(part.last, level, numbers, now)
        at = reminded.get(part.body.id)
        found.append(PartNow(part, wear, level, colour, at if at and at >= part.since else None))
    return found


def _deeds(steps: Sequence[Entered]) -> dict[str, list[Deed]]:
    """Return what was done about each replacement."""
    found: dict[str, list[Deed]] = {}
    for one in steps:
        if isinstance(one.body, WasteEntry | OffsiteCheck):
            deed = Deed(one.entered_at, one.actor, one.body)
            found.setdefault(one.body.replacement, []).append(deed)
    return found


def _by_part(entered: Iterable[Entered]) -> dict[str, list[Entered]]:
    """Return replacements and calculations by the consumable that they are about, as entered."""
    found: dict[str, list[Entered]] = {}
    for one in entered:
        if isinstance(one.body, Replacement | Carbon):
            found.setdefault(one.body.consumable, []).append(one)
    return found


def _part(
    body: Consumable, enterprise: str, entered: Sequence[Entered], deeds: Mapping[str, list[Deed]]
) -> Part:
    carbon: Carbon | None = None
    replaced: dict[str, tuple[Replacement, tuple[datetime, str]]] = {}
    for one in entered:
        told_of = one.body
        if isinstance(told_of, Carbon):
            carbon = told_of
        if isinstance(told_of, Replacement):
            # Entered again when it was rejected: who replaced it, and when, stays.
            _, first = replaced.get(told_of.id, (None, (one.entered_at, one.actor)))
            replaced[told_of.id] = told_of, first
    changes = (
        change_of(body, replacement, first, deeds.get(replacement.id, ()), default_numbers())
        for replacement, first in replaced.values()
    )
    return Part(body, enterprise, tuple(changes), carbon)


def _wear(
    part: Part, spells: Sequence[Spell], zone: ZoneInfo, numbers: Numbers, now: datetime
) -> Wear:
    pace = pace_of(by_day(spells, zone), now.astimezone(zone).date(), numbers.forecast)
    return wear_of(part.body, part.since, list(within(spells, part.since, now)), pace, now)


def _bounds(rules: Rules, unit: Unit, firm: Enterprise) -> Bounds:
    values = rules.numbers_for(unit, firm)
    return Bounds(values["R18.remind"], values["R18.due"], values["R18.overdue"])


async def _reminded(connection: Connection, units: Sequence[str]) -> dict[str, datetime]:
    """When the last alarm said so of each consumable."""
    with errors("reading alarms"):
        rows = await connection.fetch(
            "SELECT split_part(kind, ':', 2) AS part, max(raised) AS at FROM alarm"
            " WHERE rule = 'R18' AND NOT withdrawn AND subject = ANY($1) GROUP BY part",
            [f"unit:{unit}" for unit in units],
        )
    return {row["part"]: row["at"] for row in rows}
