"""From rows as they are stored to samples of units: points, ratios, what phases add up to."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from wattwarden.alarms.plant.plant import Plant
from wattwarden.alarms.plant.table import F32, F64, I8, I64, NONE, Bools
from wattwarden.alarms.registry.nouns import Point
from wattwarden.alarms.registry.registry import Registry
from wattwarden.alarms.states.grid import Samples, Watched

_FOREVER: Final = 1 << 62
ELECTRICITY: Final = "electricity"
_MEASURES: Final = ("current", "power", "status", "pollutant")


@dataclass(frozen=True, slots=True)
class Routes:
    """The points of a plant, one row a point, sorted by meter, channel, factor and start."""

    meter: NDArray[np.str_]
    channel: NDArray[np.str_]
    factor: NDArray[np.str_]
    measures: NDArray[np.str_]
    # Position in the plant's units, or in its watches where ``measures`` is "pollutant".
    target: I64
    since: I64
    until: I64
    ct: F64
    pt: F64


@dataclass(frozen=True, slots=True)
class Readings:
    """Rows of the table ``reading``: who and when (ms of fold time), and its columns by name."""

    meter: NDArray[np.str_]
    channel: NDArray[np.str_]
    at: I64
    columns: Mapping[str, NDArray[Any]]


@dataclass(frozen=True, slots=True)
class Factors:
    """Rows of the table ``factor``, one a code; ``flag`` is the letter's code point or 0."""

    meter: NDArray[np.str_]
    channel: NDArray[np.str_]
    code: NDArray[np.str_]
    at: I64
    value: F32
    flag: I8


def compile_routes(registry: Registry, plant: Plant) -> Routes:
    """Compile the points of a plant's units and outlets."""
    unit_at = {unit: position for position, unit in enumerate(plant.units)}
    watch_at = {watch: position for position, watch in enumerate(plant.watches)}
    rows = []
    for point in registry.point.values():
        measures = point.measures if point.factor else ELECTRICITY
        owner: Any = (point.outlet, point.factor) if measures == "pollutant" else point.unit
        target = (watch_at if measures == "pollutant" else unit_at).get(owner)
        if target is not None:
            rows.append(_route(point, measures, target))
    rows.sort()
    columns: list[Any] = list(zip(*rows, strict=True)) or [()] * 9
    meter, channel, factor, measured = (np.array(column, dtype=np.str_) for column in columns[:4])
    return Routes(
        meter=meter,
        channel=channel,
        factor=factor,
        measures=measured,
        target=np.array(columns[5], dtype=np.int64),
        since=np.array(columns[4], dtype=np.int64),
        until=np.array(columns[6], dtype=np.int64),
        ct=np.array(columns[7], dtype=np.float64),
        pt=np.array(columns[8], dtype=np.float64),
    )


def samples_of(_plant: Plant, routes: Routes, readings: Readings) -> Samples:
    """Apply the points' ratios to readings; rows of meters without a point fall away.

    Power that is missing is the phases' sum; a missing power factor is P / (U·I) of the phases.
    """
    row, route = _match(routes, routes.measures == ELECTRICITY, readings)
    ct = routes.ct[route]
    pt = routes.pt[route]
    columns = {name: values[row] for name, values in readings.columns.items()}
    nothing = np.full(len(row), np.nan)
    phases = [
        [columns.get(f"{name}_{phase}", nothing) for phase in "abc"]
        for name in ("voltage", "current", "power")
    ]
    voltage, current = np.array(phases[0]) * pt, np.array(phases[1]) * ct
    power = columns.get("power_total", nothing) * ct * pt
    power = np.where(np.isnan(power), _sum(np.array(phases[2])) * ct * pt, power)
    apparent = _sum(voltage * current)
    reported = np.abs(columns.get("power_factor_total", nothing))
    with np.errstate(divide="ignore", invalid="ignore"):
        computed = np.where(apparent > 0, np.minimum(np.abs(power) / apparent, 1), np.nan)
    energy = columns.get("energy_forward", np.full(len(row), NONE, dtype=np.int64))
    scaled = np.rint(energy * (ct * pt)).astype(np.int64)
    return Samples(
        unit=routes.target[route],
        at=readings.at[row],
        power=power.astype(np.float32),
        current=_of_phases(np.nansum, current) / _counted(current),
        current_low=_of_phases(np.fmin.reduce, current),
        current_high=_of_phases(np.fmax.reduce, current),
        voltage_low=_of_phases(np.fmin.reduce, voltage),
        voltage_high=_of_phases(np.fmax.reduce, voltage),
        power_factor=np.where(np.isnan(reported), computed, reported).astype(np.float32),
        energy=np.where(energy < 0, NONE, scaled),
        status=np.full(len(row), -1, dtype=np.int8),
        point=route.astype(np.int32),
    )


def factors_of(_plant: Plant, routes: Routes, factors: Factors) -> tuple[Samples, Watched]:
    """Return what factors say of units (current, power, status) and of watches."""
    row, route = _match(routes, routes.measures != ELECTRICITY, factors, factors.code)
    value = factors.value[row]
    measures = routes.measures[route]
    of_watch = measures == "pollutant"
    watched = Watched(
        routes.target[route[of_watch]],
        factors.at[row[of_watch]],
        value[of_watch],
        factors.flag[row[of_watch]],
    )
    rest = ~of_watch
    value, measures, route, row = value[rest], measures[rest], route[rest], row[rest]
    nothing = np.full(len(row), np.nan, dtype=np.float32)
    current = np.where(measures == "current", value * routes.ct[route], nothing).astype(np.float32)
    scale = routes.ct[route] * routes.pt[route]
    running = (measures == "status") & ~np.isnan(value)
    return Samples(
        unit=routes.target[route],
        at=factors.at[row],
        power=np.where(measures == "power", value * scale, nothing).astype(np.float32),
        current=current,
        current_low=current,
        current_high=current,
        voltage_low=nothing,
        voltage_high=nothing,
        power_factor=nothing,
        energy=np.full(len(row), NONE, dtype=np.int64),
        status=np.where(running, np.where(running, value, 0) > 0, -1).astype(np.int8),
        point=route.astype(np.int32),
    ), watched


def _route(point: Point, measures: str, target: int) -> tuple[Any, ...]:
    return (
        point.meter,
        point.channel,
        point.factor,
        measures,
        _milliseconds(point.valid_from),
        target,
        _FOREVER if point.valid_to is None else _milliseconds(point.valid_to),
        point.ct,
        point.pt,
    )


def _milliseconds(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)


def _match(
    routes: Routes,
    eligible: Bools,
    rows: Readings | Factors,
    codes: NDArray[np.str_] | None = None,
) -> tuple[I64, I64]:
    """Return (row, route) of every row that a point was valid for."""
    keys: dict[tuple[str, str, str], list[int]] = {}
    for route in np.flatnonzero(eligible).tolist():
        key = (str(routes.meter[route]), str(routes.channel[route]), str(routes.factor[route]))
        keys.setdefault(key, []).append(route)
    found_rows, found_routes = [], []
    order = np.lexsort(
        (rows.channel, rows.meter) if codes is None else (codes, rows.channel, rows.meter)
    )
    for key, members in _runs(rows, codes, order):
        for route in keys.get(key, ()):
            at = rows.at[members]
            valid = members[(at >= routes.since[route]) & (at < routes.until[route])]
            found_rows.append(valid)
            found_routes.append(np.full(len(valid), route, dtype=np.int64))
    nothing = np.zeros(0, dtype=np.int64)
    return np.concatenate([nothing, *found_rows]), np.concatenate([nothing, *found_routes])


def _runs(
    rows: Readings | Factors, codes: NDArray[np.str_] | None, order: NDArray[np.intp]
) -> list[tuple[tuple[str, str, str], I64]]:
    """Return the rows of each (meter, channel, code)."""
    if not len(order):
        return []
    changed = (rows.meter[order][1:] != rows.meter[order][:-1]) | (
        rows.channel[order][1:] != rows.channel[order][:-1]
    )
    if codes is not None:
        changed |= codes[order][1:] != codes[order][:-1]
    parts = np.split(order, np.flatnonzero(changed) + 1)
    return [
        (
            (
                str(rows.meter[part[0]]),
                str(rows.channel[part[0]]),
                "" if codes is None else str(codes[part[0]]),
            ),
            part,
        )
        for part in parts
    ]


def _sum(phases: F64) -> F64:
    """Sum what phases there are; NaN where there is none."""
    nothing = np.isnan(phases).all(axis=0)
    total: F64 = np.where(nothing, np.nan, np.nansum(phases, axis=0))
    return total


def _counted(phases: F64) -> F32:
    """Count the phases there are; NaN where there is none."""
    count = np.count_nonzero(~np.isnan(phases), axis=0).astype(np.float32)
    count[count == 0] = np.nan
    counted: F32 = count
    return counted


def _of_phases(reduce: Any, phases: F64) -> F32:
    reduced: F32 = reduce(phases, axis=0).astype(np.float32)
    return reduced
