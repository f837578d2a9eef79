"""Compile the registry and the rules into a plant."""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, TypeVar

import numpy as np

from wattwarden.alarms.plant.plant import (
    DRIVES,
    KINDS,
    FirmTable,
    Plant,
    UnitTable,
    WatchTable,
)
from wattwarden.alarms.plant.table import F32
from wattwarden.alarms.registry.nouns import Enterprise, Line, Outlet, Point, Unit, UnitKind
from wattwarden.alarms.registry.registry import Registry
from wattwarden.alarms.rulebook import Rules

# Where no point says otherwise.
DEFAULT_CYCLE_S: Final = 60
# A fan's motor on the mains: current of the rated power at power factor 0.85, efficiency 0.90.
_FULL_LOAD: Final = 0.85 * 0.90
Owned = TypeVar("Owned", Unit, Line, Outlet)
PRODUCING: Final = (UnitKind.PRODUCTION, UnitKind.BOTH)


def slot_of(registry: Registry, enterprise: str) -> int:
    """Return the slot length of an enterprise in s: the shortest cycle of its points."""
    units = {unit.id for unit in registry.unit.values() if unit.enterprise == enterprise}
    outlets = {outlet.id for outlet in registry.outlet.values() if outlet.enterprise == enterprise}
    cycles = [
        point.cycle_s
        for point in registry.point.values()
        if point.unit in units or point.outlet in outlets
    ]
    return min(cycles, default=DEFAULT_CYCLE_S)


def compile_plant(registry: Registry, rules: Rules, enterprises: Iterable[str]) -> Plant:
    """Compile enterprises that share a slot length.

    Raises:
        ValueError: Their slot lengths differ.
        RuleError: A unit's thresholds name a number that the rules do not have.
    """
    firms = sorted(set(enterprises))
    points = _points(registry)
    units = _owned(registry.unit.values(), firms)
    lines = _owned(registry.line.values(), firms)
    outlets = _owned(registry.outlet.values(), firms)
    watched = [
        (outlet, point.factor, point.cycle_s)
        for outlet in outlets
        for point in _last_by_factor(points.get(outlet.id, []))
    ]
    numbers = [rules.numbers_for(unit, registry.enterprise[unit.enterprise]) for unit in units]
    of_firms = [_firm_numbers(rules, registry.enterprise[firm]) for firm in firms]
    firm_at = {firm: position for position, firm in enumerate(firms)}
    line_at = {line.id: position for position, line in enumerate(lines)}
    links = _Links(registry, units, line_at)
    return Plant(
        slot_s=_slot(firms, units, points, watched),
        version=rules.version,
        firms=tuple(firms),
        firm_names=tuple(registry.enterprise[firm].name for firm in firms),
        zones=tuple(registry.enterprise[firm].zone for firm in firms),
        firm=_firm_table(registry, firms, units),
        firm_limit=_columns(rules, of_firms),
        units=tuple(unit.id for unit in units),
        unit_names=tuple(unit.name for unit in units),
        unit_meters=tuple(_meter(points.get(unit.id, [])) for unit in units),
        unit=_unit_table(units, points, firm_at, links),
        limit=_columns(rules, numbers),
        lines=tuple(line.id for line in lines),
        line_names=tuple(line.name for line in lines),
        line_firm=np.array([firm_at[line.enterprise] for line in lines], dtype=np.int32),
        treats=np.array(links.treats, dtype=np.int64),
        pair_owner=np.array([owner for owner, _ in links.pairs], dtype=np.int64),
        pair_unit=np.array([unit for _, unit in links.pairs], dtype=np.int64),
        members=np.array([treat for _, treat in links.members], dtype=np.int64),
        member_group=np.array([group for group, _ in links.members], dtype=np.int64),
        group_required=np.array(links.required, dtype=np.int32),
        watches=tuple((outlet.id, factor) for outlet, factor, _ in watched),
        watch=_watch_table(watched, firm_at, line_at),
    )


class _Links:
    """Who is treated by whom."""

    def __init__(self, registry: Registry, units: Sequence[Unit], line_at: dict[str, int]) -> None:
        """Read the links of some units."""
        of_unit = defaultdict(list)
        for link in sorted(registry.link.values(), key=lambda link: link.id):
            if link.line in line_at:
                of_unit[link.unit].append(link)
        producers = defaultdict(list)
        for position, unit in enumerate(units):
            if unit.kind in PRODUCING:
                for link in of_unit[unit.id]:
                    producers[link.line].append(position)
        self.first_line, self.pre_start, self.run_on = [], [], []
        self.treats: list[int] = []
        self.pairs: list[tuple[int, int]] = []
        grouped: dict[str, list[int]] = defaultdict(list)
        for position, unit in enumerate(units):
            links = of_unit[unit.id]
            self.first_line.append(min((line_at[link.line] for link in links), default=-1))
            self.pre_start.append(
                round(1000 * max((link.pre_start_s for link in links), default=0))
            )
            self.run_on.append(round(1000 * max((link.run_on_s for link in links), default=0)))
            makers = sorted({maker for link in links for maker in producers[link.line]})
            if unit.kind is not UnitKind.TREATMENT or not unit.sync or not makers:
                continue
            self.pairs += [(len(self.treats), maker) for maker in makers]
            if unit.standby is not None:
                grouped[unit.standby].append(len(self.treats))
            self.treats.append(position)
        names = sorted(grouped, key=lambda name: grouped[name][0])
        self.members = [(at, treat) for at, name in enumerate(names) for treat in grouped[name]]
        self.required = [min(registry.standby[name].required, len(grouped[name])) for name in names]


def _owned(nouns: Iterable[Owned], firms: Sequence[str]) -> list[Owned]:
    """Return what some enterprises own, in the order of their arrays."""
    mine = set(firms)
    chosen = (each for each in nouns if each.enterprise in mine)
    return sorted(chosen, key=lambda each: (each.enterprise, each.id))


def _slot(
    firms: Sequence[str],
    units: Iterable[Unit],
    points: Mapping[str, Sequence[Point]],
    watched: Iterable[tuple[Outlet, str, int]],
) -> int:
    """Return the slot length that enterprises share, s."""
    cycles: dict[str, list[int]] = {firm: [] for firm in firms}
    for unit in units:
        cycles[unit.enterprise] += [point.cycle_s for point in points.get(unit.id, [])]
    for outlet, _, cycle in watched:
        cycles[outlet.enterprise].append(cycle)
    slots = {min(of_firm, default=DEFAULT_CYCLE_S) for of_firm in cycles.values()}
    if len(slots) > 1:
        message = f"one plant has one slot length, got {sorted(slots)} s"
        raise ValueError(message)
    return slots.pop() if slots else DEFAULT_CYCLE_S


def _firm_numbers(rules: Rules, firm: Enterprise) -> dict[str, float]:
    return {**rules.numbers, **rules.templates.get(f"industry.{firm.industry}", {})}


def _columns(rules: Rules, rows: Sequence[Mapping[str, float]]) -> dict[str, F32]:
    return {name: np.array([row[name] for row in rows], dtype=np.float32) for name in rules.numbers}


def _firm_table(registry: Registry, firms: Sequence[str], units: Sequence[Unit]) -> FirmTable:
    registered = [registry.enterprise[firm].registered_power or math.nan for firm in firms]
    return FirmTable(
        registered=np.array(registered, dtype=np.float32),
        main=np.array([_main(units, firm) for firm in firms], dtype=np.int32),
    )


def _unit_table(
    units: Sequence[Unit],
    points: Mapping[str, Sequence[Point]],
    firm_at: Mapping[str, int],
    links: _Links,
) -> UnitTable:
    cycles = [1000 * _cycle(points.get(unit.id, [])) for unit in units]
    return UnitTable(
        firm=np.array([firm_at[unit.enterprise] for unit in units], dtype=np.int32),
        kind=np.array([KINDS.index(unit.kind) for unit in units], dtype=np.int8),
        drive=np.array([DRIVES.index(unit.drive) for unit in units], dtype=np.int8),
        line=np.array(links.first_line, dtype=np.int32),
        cycle=np.array(cycles, dtype=np.int64),
        rated=np.array([unit.rated_power for unit in units], dtype=np.float32),
        rated_current=np.array([_current(unit) for unit in units], dtype=np.float32),
        voltage=np.array([unit.rated_voltage / math.sqrt(3) for unit in units], np.float32),
        pre_start=np.array(links.pre_start, dtype=np.int64),
        run_on=np.array(links.run_on, dtype=np.int64),
    )


def _watch_table(
    watched: Sequence[tuple[Outlet, str, int]],
    firm_at: Mapping[str, int],
    line_at: Mapping[str, int],
) -> WatchTable:
    lines = [line_at.get(outlet.line or "", -1) for outlet, _, _ in watched]
    limits = [outlet.limits.get(factor, math.nan) for outlet, factor, _ in watched]
    return WatchTable(
        firm=np.array([firm_at[outlet.enterprise] for outlet, _, _ in watched], np.int32),
        line=np.array(lines, np.int32),
        cycle=np.array([1000 * cycle for _, _, cycle in watched], dtype=np.int64),
        limit=np.array(limits, np.float32),
    )


def _points(registry: Registry) -> dict[str, list[Point]]:
    """Return the points of each unit and outlet, oldest first."""
    of_owner = defaultdict(list)
    for point in sorted(registry.point.values(), key=lambda point: (point.valid_from, point.id)):
        of_owner[point.unit or point.outlet or ""].append(point)
    return of_owner


def _last_by_factor(points: Iterable[Point]) -> list[Point]:
    last = {point.factor: point for point in points if point.measures == "pollutant"}
    return [last[factor] for factor in sorted(last)]


def _cycle(points: Iterable[Point]) -> int:
    return min((point.cycle_s for point in points), default=DEFAULT_CYCLE_S)


def _meter(points: Sequence[Point]) -> str:
    return points[-1].meter if points else ""


def _main(units: Sequence[Unit], firm: str) -> int:
    mains = (
        position
        for position, unit in enumerate(units)
        if unit.enterprise == firm and unit.kind is UnitKind.MAIN
    )
    return next(mains, -1)


def _current(unit: Unit) -> float:
    full_load = unit.rated_power / (math.sqrt(3) * unit.rated_voltage * _FULL_LOAD)
    return unit.rated_current or full_load
