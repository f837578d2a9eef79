"""Compile the registry and the rules into a plant."""

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Final

import numpy as np

from wattwarden.alarms.plant import (
    DRIVES,
    KINDS,
    FirmTable,
    Plant,
    UnitTable,
    WatchTable,
)
from wattwarden.alarms.registry.nouns import Point, Unit, UnitKind
from wattwarden.alarms.registry.registry import Registry
from wattwarden.alarms.rulebook import Rules

# Where no point says otherwise.
DEFAULT_CYCLE_S: Final = 60
# A fan's motor on the mains: current of the rated power at power factor 0.85, efficiency 0.90.
_FULL_LOAD: Final = 0.85 * 0.90
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
    units = sorted(
        (unit for unit in registry.unit.values() if unit.enterprise in set(firms)),
        key=lambda unit: (unit.enterprise, unit.id),
    )
    lines = sorted(
        (line for line in registry.line.values() if line.enterprise in set(firms)),
        key=lambda line: (line.enterprise, line.id),
    )
    outlets = sorted(
        (outlet for outlet in registry.outlet.values() if outlet.enterprise in set(firms)),
        key=lambda outlet: (outlet.enterprise, outlet.id),
    )
    watched = [
        (outlet, point.factor, point.cycle_s)
        for outlet in outlets
        for point in _last_by_factor(points.get(outlet.id, []))
    ]
    cycles: dict[str, list[int]] = {firm: [] for firm in firms}
    for unit in units:
        cycles[unit.enterprise] += [point.cycle_s for point in points.get(unit.id, [])]
    for outlet, _, cycle in watched:
        cycles[outlet.enterprise].append(cycle)
    slots = {min(of_firm, default=DEFAULT_CYCLE_S) for of_firm in cycles.values()}
    if len(slots) > 1:
        message = f"one plant has one slot length, got {sorted(slots)} s"
        raise ValueError(message)
    numbers = [rules.numbers_for(unit, registry.enterprise[unit.enterprise]) for unit in units]
    firm_numbers = [
        {
            **rules.numbers,
            **rules.templates.get(f"industry.{registry.enterprise[firm].industry}", {}),
        }
        for firm in firms
    ]
    firm_at = {firm: position for position, firm in enumerate(firms)}
    line_at = {line.id: position for position, line in enumerate(lines)}
    links = _Links(registry, units, line_at)
    return Plant(
        slot_s=slots.pop() if slots else DEFAULT_CYCLE_S,
        version=rules.version,
        firms=tuple(firms),
        firm_names=tuple(registry.enterprise[firm].name for firm in firms),
        zones=tuple(registry.enterprise[firm].zone for firm in firms),
        firm=FirmTable(
            registered=np.array(
                [registry.enterprise[firm].registered_power or math.nan for firm in firms],
                dtype=np.float32,
            ),
            main=np.array([_main(units, firm) for firm in firms], dtype=np.int32),
        ),
        firm_limit={
            name: np.array([row[name] for row in firm_numbers], dtype=np.float32)
            for name in rules.numbers
        },
        units=tuple(unit.id for unit in units),
        unit_names=tuple(unit.name for unit in units),
        unit_meters=tuple(_meter(points.get(unit.id, [])) for unit in units),
        unit=UnitTable(
            firm=np.array([firm_at[unit.enterprise] for unit in units], dtype=np.int32),
            kind=np.array([KINDS.index(unit.kind) for unit in units], dtype=np.int8),
            drive=np.array([DRIVES.index(unit.drive) for unit in units], dtype=np.int8),
            line=np.array(links.first_line, dtype=np.int32),
            cycle=np.array([1000 * _cycle(points.get(unit.id, [])) for unit in units], np.int64),
            rated=np.array([unit.rated_power for unit in units], dtype=np.float32),
            rated_current=np.array([_current(unit) for unit in units], dtype=np.float32),
            voltage=np.array([unit.rated_voltage / math.sqrt(3) for unit in units], np.float32),
            pre_start=np.array(links.pre_start, dtype=np.int64),
            run_on=np.array(links.run_on, dtype=np.int64),
        ),
        limit={
            name: np.array([row[name] for row in numbers], dtype=np.float32)
            for name in rules.numbers
        },
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
        watch=WatchTable(
            firm=np.array([firm_at[outlet.enterprise] for outlet, _, _ in watched], np.int32),
            line=np.array(
                [line_at.get(outlet.line or "", -1) for outlet, _, _ in watched], np.int32
            ),
            cycle=np.array([1000 * cycle for _, _, cycle in watched], dtype=np.int64),
            limit=np.array(
                [outlet.limits.get(factor, math.nan) for outlet, factor, _ in watched], np.float32
            ),
        ),
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
