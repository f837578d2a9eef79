"""A response's plans beside what firms did: its units, energies and firms, up to its end or now."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import chain
from typing import Final
from zoneinfo import ZoneInfo

from wattwarden.alarms.decisions.bodies import Measure, Plan
from wattwarden.alarms.decisions.body import Scope
from wattwarden.alarms.plant.orders import plan_hours
from wattwarden.alarms.registry.registry import Registry
from wattwarden.alarms.responses.assessment import (
    Assessment,
    Energy,
    Obedience,
    Window,
    answer_of,
    assess,
    by_unit,
    limit_obeyed,
    stop_obeyed,
    windows_of,
)
from wattwarden.alarms.responses.course import Course
from wattwarden.alarms.responses.makers import Makers, makers_of
from wattwarden.alarms.responses.numbers import default_numbers
from wattwarden.alarms.rulebook import Rules
from wattwarden.alarms.states.running import Spell
from wattwarden.alarms.statistics.compliance import SAID_BY, Standing
from wattwarden.storage.database import Connection, errors
from wattwarden.storage.registry.registry import load_registry
from wattwarden.storage.registry.rules import rules_now
from wattwarden.storage.responses.compare import energies_of
from wattwarden.storage.responses.load import plans_of
from wattwarden.storage.warden.running import spells_by_unit

_RULES: Final = tuple(sorted(chain.from_iterable(rules for _, rules in SAID_BY)))


@dataclass(frozen=True, slots=True)
class Ordered:
    """A plan, whose it is, its production units; its hours, and when it is judged."""

    plan: Plan
    enterprise: str
    units: tuple[str, ...]
    hours: tuple[Window, ...]
    windows: tuple[Window, ...]


@dataclass(frozen=True, slots=True)
class FirmAnswer:
    """What a firm did, and how each of its units that were ordered complied."""

    enterprise: str
    answer: Standing
    exempt: bool
    obeyed: tuple[Obedience, ...]
    energies: tuple[Energy, ...]


@dataclass(frozen=True, slots=True)
class Assessed:
    """A response's sums, and its firms by id."""

    whole: Assessment
    firms: tuple[FirmAnswer, ...]


@dataclass(frozen=True, slots=True)
class _World:
    """What there is, and the rules in force."""

    registry: Registry
    rules: Rules
    makers: Makers


@dataclass(frozen=True, slots=True)
class _Facts:
    """What production units did, and the alarms: by unit, by firm, and R12 by its subject."""

    makers: Mapping[str, Sequence[str]]
    spells: Mapping[str, Sequence[Spell]]
    rules: Mapping[str, Collection[str]]
    exceeded: Mapping[str, Sequence[Window]]


async def assess_response(
    connection: Connection,
    course: Course,
    now: datetime,
    enterprises: Collection[str] | None = None,
) -> Assessed:
    """Return how a response was answered, by all firms or by these alone, sums included.

    Raises:
        StorageError: The database is away.
    """
    registry = await load_registry(connection)
    world = _World(registry, await rules_now(connection), makers_of(registry))
    until = min(now, course.ended)
    ordered = [
        _ordered(plan, firm, world, until)
        for plan, firm in await plans_of(connection, course.id, enterprises)
        if plan.enabled and plan.start < until and firm in registry.enterprise
    ]
    facts = await _facts(connection, world, ordered, until)
    asked = [one for one in ordered if not one.plan.exempt]
    energies = await energies_of(
        connection, registry, world.makers, [(one.plan, one.units, one.hours) for one in asked]
    )
    firms = [
        _answer(firm, [one for one in ordered if one.enterprise == firm], energies, facts)
        for firm in sorted({one.enterprise for one in ordered})
    ]
    whole = assess(
        chain.from_iterable(firm.obeyed for firm in firms),
        energies.values(),
        (firm.answer for firm in firms),
        default_numbers(),
    )
    return Assessed(whole, tuple(firms))


def _ordered(plan: Plan, firm: str, world: _World, until: datetime) -> Ordered:
    registry = world.registry
    enterprise = registry.enterprise[firm]
    units = tuple(world.makers[plan.scope, plan.subject])
    hours = list(plan_hours(plan, ZoneInfo(enterprise.zone)))
    graces = [
        world.rules.numbers_for(registry.unit[unit], enterprise)["R11.grace_s"] for unit in units
    ]
    grace = timedelta(seconds=max(graces, default=0.0))
    return Ordered(
        plan,
        firm,
        units,
        tuple(windows_of(hours, timedelta(0), until)),
        tuple(windows_of(hours, grace, until)),
    )


async def _facts(
    connection: Connection, world: _World, ordered: Sequence[Ordered], until: datetime
) -> _Facts:
    """Look at what firms did from the beginning of their plans on."""
    begins: dict[str, datetime] = {}
    for one in ordered:
        begins[one.enterprise] = min(one.plan.start, begins.get(one.enterprise, until))
    makers = {firm: world.makers[Scope.ENTERPRISE, firm] for firm in begins}
    since = {unit: begins[firm] for firm, units in makers.items() for unit in units}
    spells = await spells_by_unit(connection, since, until)
    with errors("reading alarms"):
        rows = await connection.fetch(
            "SELECT enterprise, rule, subject, began, coalesce(ended, $4) AS ended"
            " FROM unnest($1::text[], $2::timestamptz[]) AS w (enterprise, since)"
            " JOIN alarm USING (enterprise) WHERE NOT withdrawn AND rule = ANY($3)"
            " AND raised < $4 AND (ended IS NULL OR ended > since)",
            list(begins),
            list(begins.values()),
            _RULES,
            until,
        )
    rules: dict[str, set[str]] = defaultdict(set)
    exceeded: dict[str, list[Window]] = defaultdict(list)
    for row in rows:
        rules[row["enterprise"]].add(row["rule"])
        if row["rule"] == "R12":
            exceeded[row["subject"]].append(Window(row["began"], row["ended"]))
    return _Facts(makers, spells, rules, exceeded)


def _answer(
    firm: str, ordered: Sequence[Ordered], energies: Mapping[str, Energy], facts: _Facts
) -> FirmAnswer:
    asked = [one for one in ordered if not one.plan.exempt]
    doing = {spell.doing for unit in facts.makers[firm] for spell in facts.spells[unit]}
    return FirmAnswer(
        firm,
        answer_of(facts.rules.get(firm, ()), doing),
        exempt=not asked,
        obeyed=tuple(by_unit(chain.from_iterable(_obeyed(one, facts) for one in asked))),
        energies=tuple(energies[one.plan.id] for one in asked),
    )


def _obeyed(ordered: Ordered, facts: _Facts) -> Iterable[Obedience]:
    plan = ordered.plan
    exceeded = facts.exceeded.get(f"{plan.scope}:{plan.subject}", ())
    for unit in ordered.units:
        spells = facts.spells[unit]
        if plan.measure is Measure.STOP:
            yield stop_obeyed(unit, ordered.windows, spells)
        else:
            yield limit_obeyed(unit, ordered.windows, spells, exceeded)
