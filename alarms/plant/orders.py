"""Decisions in force, compiled for a plant: plans, declarations, patrols, things that wear out."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np

from wattwarden.alarms.decisions.bodies import (
    Consumable,
    Cycle,
    Declaration,
    Measure,
    Patrol,
    Plan,
    Repeat,
    Replacement,
    Review,
)
from wattwarden.alarms.decisions.body import Scope
from wattwarden.alarms.decisions.kinds import AnyBody
from wattwarden.alarms.plant.plant import BOTH, PRODUCTION, Plant
from wattwarden.alarms.plant.table import Bools

_STEP: Final = {Repeat.DAILY: timedelta(days=1), Repeat.WEEKLY: timedelta(days=7)}


@dataclass(frozen=True, slots=True)
class Stretch:
    """Some units from one moment to another (excluded), ms; which decision says so."""

    units: tuple[int, ...]
    start: int
    end: int
    decision: str


@dataclass(frozen=True, slots=True)
class Limit:
    """A limit plan: the stretch, how much less, a normal day's energy in Wh where agreed."""

    stretch: Stretch
    subject: str
    firm: int
    reduction: float
    base_energy: float | None


@dataclass(frozen=True, slots=True)
class Wear:
    """A part of a unit that is used up; hours count from ``since`` (ms)."""

    id: str
    unit: int
    name: str
    since: int
    limit_hours: float | None
    limit_days: float | None


@dataclass(frozen=True, slots=True)
class Orders:
    """What people decided, for one plant."""

    declared: tuple[Stretch, ...] = ()
    stopped: tuple[Stretch, ...] = ()
    limited: tuple[Limit, ...] = ()
    wear: tuple[Wear, ...] = ()
    # When somebody looked at an enterprise (position) or one of its lines, ms.
    patrols: tuple[tuple[int, int], ...] = ()


NO_ORDERS: Final = Orders()


def compile_orders(plant: Plant, decisions: Iterable[AnyBody]) -> Orders:
    """Compile decisions, in the order in which they were made; a later body of an id wins."""
    bodies: dict[tuple[type, str], AnyBody] = {}
    for body in decisions:
        bodies[type(body), str(getattr(body, "id", ""))] = body
    replaced: dict[str, datetime] = {}
    for body in bodies.values():
        if isinstance(body, Replacement) and not body.rejected:
            latest = replaced.get(body.consumable, body.replaced_at)
            replaced[body.consumable] = max(latest, body.replaced_at)
    orders = Orders()
    for _, body in sorted(bodies.items(), key=lambda item: (item[0][0].__name__, item[0][1])):
        match body:
            case Declaration() if body.state is Review.APPROVED:
                stretches = tuple(_declared(plant, body))
                orders = replace(orders, declared=orders.declared + stretches)
            case Plan() if body.enabled and not body.exempt:
                orders = _planned(plant, orders, body)
            case Consumable() if body.enabled and body.unit in plant.units:
                wear = _wear(plant, body, replaced)
                orders = replace(orders, wear=(*orders.wear, wear))
            case Patrol() if (firm := _firm(plant, body)) >= 0:
                patrol = (firm, milliseconds(body.at))
                orders = replace(orders, patrols=(*orders.patrols, patrol))
            case _:
                pass
    return orders


def mask(stretches: Iterable[Stretch], end: np.ndarray, units: int, grace_ms: int = 0) -> Bools:
    """Return (slots, units): in which slots, by their ends in ms, a stretch holds."""
    inside = np.zeros((len(end), units), dtype=np.bool_)
    for stretch in stretches:
        rows = (end > stretch.start + grace_ms) & (end <= stretch.end)
        if stretch.units and rows.any():
            inside[np.ix_(rows, np.array(stretch.units))] = True
    return inside


def milliseconds(moment: datetime) -> int:
    """Return a moment as ms Unix."""
    return round(moment.timestamp() * 1000)


def plan_hours(body: Plan, zone: ZoneInfo) -> Iterator[tuple[datetime, datetime]]:
    """Yield when a plan holds, from and to: once, or its hours of every local day."""
    if body.cycle is not Cycle.DAILY or body.from_hour is None or body.to_hour is None:
        yield body.start, body.end
        return
    day = body.start.astimezone(zone).date() - timedelta(days=1)
    while (start := _clock(day, body.from_hour, zone)) < body.end:
        end = _clock(day, body.to_hour, zone)
        if end <= start:
            end = _clock(day + timedelta(days=1), body.to_hour, zone)
        if end > body.start:
            yield max(start, body.start), min(end, body.end)
        day += timedelta(days=1)


def declared_hours(body: Declaration) -> Iterator[tuple[datetime, datetime]]:
    """Yield when a declaration holds, from and to: once, or each time that it comes again."""
    start, end = body.start, body.end
    while True:
        yield start, min(end, body.last)
        if body.repeats is None or body.until is None:
            return
        start, end = start + _STEP[body.repeats], end + _STEP[body.repeats]
        if start >= body.until:
            return


def taken(orders: Orders, plant: Plant, part: Plant, units: Iterable[int]) -> Orders:
    """Return the orders of a part of a plant, whose units are at these positions of the whole."""
    unit_at = {old: new for new, old in enumerate(units)}
    firm_at = {plant.firms.index(firm): new for new, firm in enumerate(part.firms)}

    def moved(stretch: Stretch) -> Stretch:
        inside = tuple(unit_at[unit] for unit in stretch.units if unit in unit_at)
        return replace(stretch, units=inside)

    return Orders(
        declared=tuple(map(moved, orders.declared)),
        stopped=tuple(map(moved, orders.stopped)),
        limited=tuple(
            replace(limit, stretch=moved(limit.stretch), firm=firm_at[limit.firm])
            for limit in orders.limited
            if limit.firm in firm_at
        ),
        wear=tuple(
            replace(wear, unit=unit_at[wear.unit]) for wear in orders.wear if wear.unit in unit_at
        ),
        patrols=tuple((firm_at[firm], at) for firm, at in orders.patrols if firm in firm_at),
    )


def _declared(plant: Plant, body: Declaration) -> Iterator[Stretch]:
    units = _units(plant, body.scope, body.subject)
    for start, end in declared_hours(body) if units else ():
        yield Stretch(units, milliseconds(start), milliseconds(end), body.id)


def _planned(plant: Plant, orders: Orders, body: Plan) -> Orders:
    units = tuple(
        unit
        for unit in _units(plant, body.scope, body.subject)
        if plant.unit.kind[unit] in (PRODUCTION, BOTH)
    )
    if not units:
        return orders
    firm = int(plant.unit.firm[units[0]])
    stretches = tuple(
        Stretch(units, milliseconds(start), milliseconds(end), body.id)
        for start, end in plan_hours(body, ZoneInfo(plant.zones[firm]))
    )
    if body.measure is Measure.STOP or body.reduction is None:
        return replace(orders, stopped=orders.stopped + stretches)
    subject = f"{body.scope}:{body.subject}"
    limits = tuple(
        Limit(stretch, subject, firm, body.reduction, body.base_energy) for stretch in stretches
    )
    return replace(orders, limited=orders.limited + limits)


def _clock(day: date, hour: str, zone: ZoneInfo) -> datetime:
    hours, minutes = (int(part) for part in hour.split(":"))
    midnight = datetime.combine(day, datetime.min.time(), zone)
    return midnight + timedelta(hours=hours, minutes=minutes)


def _units(plant: Plant, scope: Scope, subject: str) -> tuple[int, ...]:
    """Return the positions of a scope's units."""
    if scope is Scope.UNIT:
        return (plant.units.index(subject),) if subject in plant.units else ()
    names, owner = (
        (plant.firms, plant.unit.firm)
        if scope is Scope.ENTERPRISE
        else (plant.lines, plant.unit.line)
    )
    if subject not in names:
        return ()
    return tuple(np.flatnonzero(owner == names.index(subject)).tolist())


def _wear(plant: Plant, body: Consumable, replaced: dict[str, datetime]) -> Wear:
    since = max(body.replaced_at, replaced.get(body.id, body.replaced_at))
    unit = plant.units.index(body.unit)
    name = body.name or body.kind
    return Wear(body.id, unit, name, milliseconds(since), body.limit_hours, body.limit_days)


def _firm(plant: Plant, body: Patrol) -> int:
    if body.scope is Scope.ENTERPRISE:
        return plant.firms.index(body.subject) if body.subject in plant.firms else -1
    if body.subject not in plant.lines:
        return -1
    return int(plant.line_firm[plant.lines.index(body.subject)])
