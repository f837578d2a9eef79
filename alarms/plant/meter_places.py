"""Where meters stand: at which machines, beside whom, and when they may be silent."""

import numpy as np
from numpy.typing import NDArray

from wattwarden.alarms.plant.meters import Meters
from wattwarden.alarms.plant.orders import Orders
from wattwarden.alarms.plant.plant import Plant
from wattwarden.alarms.registry.nouns import UnitKind
from wattwarden.alarms.registry.registry import Registry


def production_of(
    registry: Registry, plant: Plant, meters: Meters
) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """Nameplates of production meters, and whom each meter of treatment stands beside."""
    place = {name: number for number, name in enumerate(meters.meters)}
    full = np.full(len(place), np.nan)
    meters_of: dict[str, list[int]] = {}
    for point in registry.point.values():
        unit = registry.unit.get(point.unit or "")
        if unit is None or point.meter not in place or point.factor:
            continue
        if unit.kind in (UnitKind.PRODUCTION, UnitKind.BOTH):
            full[place[point.meter]] = unit.rated_power / (point.ct * point.pt)
            meters_of.setdefault(unit.id, []).append(place[point.meter])
    pairs: dict[str, list[int]] = {}
    for owner, unit_at in zip(plant.pair_owner.tolist(), plant.pair_unit.tolist(), strict=True):
        treat = plant.units[int(plant.treats[owner])]
        pairs.setdefault(treat, []).extend(meters_of.get(plant.units[unit_at], []))
    beside = [
        (meter, other)
        for meter, treats in enumerate(meters.treats)
        for treat in treats
        for other in pairs.get(treat, [])
    ]
    return full, np.array(sorted(set(beside)), np.intp).reshape(-1, 2)


def least_volts_of(registry: Registry, plant: Plant, meters: Meters) -> NDArray[np.float64]:
    """Return the voltage, on each meter's side of the transformers, under which R9 holds."""
    place = {name: number for number, name in enumerate(meters.meters)}
    unit_at = {unit: position for position, unit in enumerate(plant.units)}
    least = np.full(len(place), np.nan)
    for point in registry.point.values():
        if point.unit in unit_at and point.meter in place and not point.factor:
            unit = unit_at[point.unit]
            volts = float(plant.unit.voltage[unit]) * float(plant.limit["state.v_off"][unit])
            least[place[point.meter]] = volts / point.pt
    return least


def excused_of(
    registry: Registry, plant: Plant, meters: Meters, orders: Orders
) -> tuple[tuple[NDArray[np.intp], int, int], ...]:
    """Meters of units that are declared out of use, and when."""
    place = {name: number for number, name in enumerate(meters.meters)}
    of_unit: dict[str, list[int]] = {}
    for point in registry.point.values():
        if point.unit is not None and point.meter in place:
            of_unit.setdefault(point.unit, []).append(place[point.meter])
    found = []
    for stretch in orders.declared:
        mine = [meter for unit in stretch.units for meter in of_unit.get(plant.units[unit], [])]
        found.append((np.array(sorted(set(mine)), np.intp), stretch.start, stretch.end))
    return tuple(found)
