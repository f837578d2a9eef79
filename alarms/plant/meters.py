"""The meters of some enterprises, compiled from registry and rules into arrays."""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from wattwarden.alarms.plant.plant import Plant
from wattwarden.alarms.plant.table import F32, F64, I64
from wattwarden.alarms.registry.registry import Registry
from wattwarden.alarms.rulebook import Rules

_MISSED_CYCLES: Final = 2.5


@dataclass(frozen=True, slots=True)
class Meters:
    """One row a meter, whatever it measures by its channels, by (enterprise, meter); s."""

    version: str
    firms: tuple[str, ...]
    firm_names: tuple[str, ...]
    meters: tuple[str, ...]
    firm: I64
    cycle: I64
    # When it was taken away, Unix s; infinite where it was not.
    until: F64
    # The units that it reports, the last point's first; and the treatment units among them that
    # rules compare with production, by id and by name.
    unit_names: tuple[tuple[str, ...], ...]
    treats: tuple[tuple[str, ...], ...]
    treat_names: tuple[tuple[str, ...], ...]
    delay: F32
    long: F32
    silent_cycles: F32
    dark_cycles: F32
    producing_delay: F32
    repeat_d: F32
    skew: F32


def compile_meters(registry: Registry, rules: Rules, plant: Plant) -> Meters:
    """Compile the meters of a plant's units."""
    place = {unit: position for position, unit in enumerate(plant.units)}
    rows: dict[str, tuple[int, int, list[int]]] = {}
    ends: dict[str, float] = {}
    points = registry.point.values()
    for point in sorted(points, key=lambda point: (-point.valid_from.timestamp(), point.id)):
        if point.unit is None or point.unit not in place:
            continue
        unit = place[point.unit]
        firm, cycle, units = rows.get(point.meter, (int(plant.unit.firm[unit]), point.cycle_s, []))
        more = [] if unit in units else [unit]
        rows[point.meter] = (firm, min(cycle, point.cycle_s), [*units, *more])
        end = math.inf if point.valid_to is None else point.valid_to.timestamp()
        ends[point.meter] = max(end, ends.get(point.meter, end))
    names = sorted(rows, key=lambda meter: (rows[meter][0], meter))
    synchronous = set(plant.treats.tolist())
    treats = [[unit for unit in rows[name][2] if unit in synchronous] for name in names]
    firms = np.array([rows[name][0] for name in names], dtype=np.int64)

    def limit(name: str) -> F32:
        chosen: F32 = plant.firm_limit[name][firms]
        return chosen

    cycles = np.array([rows[name][1] for name in names], dtype=np.int64)
    # One reading may be lost, and the next come late.
    longest = (_MISSED_CYCLES * cycles).astype(np.float32)
    return Meters(
        version=rules.version, firms=plant.firms, firm_names=plant.firm_names,
        meters=tuple(names), firm=firms, cycle=cycles,
        until=np.array([ends[name] for name in names], dtype=np.float64),
        unit_names=tuple(tuple(plant.unit_names[unit] for unit in rows[name][2]) for name in names),
        treats=tuple(tuple(plant.units[unit] for unit in mine) for mine in treats),
        treat_names=tuple(tuple(plant.unit_names[unit] for unit in mine) for mine in treats),
        delay=np.maximum(limit("R8.delay_s"), longest), long=limit("R8.long_s"),
        silent_cycles=limit("R9.silent_cycles"), dark_cycles=limit("R9.delay_cycles"),
        producing_delay=np.maximum(limit("R21.delay_s"), longest), repeat_d=limit("R21.repeat_d"),
        skew=limit("R10.skew_s"),
    )  # fmt: skip
