"""What meters said, by slot and unit: the only thing the fold sees of readings.

Slot n covers [n·slot_s, (n+1)·slot_s) of fold time (Unix).  A cell holds the last reading of its
slot by fold time; which one that is depends on the set of readings alone, never on their order.
"""

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wattwarden.alarms.plant.plant import Plant
from wattwarden.alarms.plant.table import F32, I8, I32, I64, NONE, Bools


@dataclass(frozen=True, slots=True)
class Samples:
    """Readings as columns of one length: W, A, V, Wh, ms of fold time; NaN or NONE: missing.

    ``unit`` is the position in the plant.  Currents and voltages: mean, least and greatest of the
    phases.  ``status`` is 0 stopped, 1 running, -1 none.  ``point`` tells one point's energy
    counter from its successor's.
    """

    unit: I64
    at: I64
    power: F32
    current: F32
    current_low: F32
    current_high: F32
    voltage_low: F32
    voltage_high: F32
    power_factor: F32
    energy: I64
    status: I8
    point: I32


@dataclass(frozen=True, slots=True)
class Watched:
    """Pollutant factors as columns: position of the watch, ms, the factor's unit, its flag."""

    watch: I64
    at: I64
    value: F32
    # The flag's letter as its code point; 0 where the meter gave none, which counts as N.
    flag: I8


@dataclass(frozen=True, slots=True)
class Grid:
    """Cells of consecutive slots from ``first``: rows are slots, columns the plant's units.

    ``factor_*`` have the plant's watches as columns.
    """

    slot_s: int
    first: int
    at: I64
    power: F32
    current: F32
    current_low: F32
    current_high: F32
    voltage_low: F32
    voltage_high: F32
    power_factor: F32
    energy: I64
    status: I8
    point: I32
    factor_at: I64
    factor_value: F32
    factor_flag: I8

    def rows(self, first: int, last: int, units: Any, watches: Any) -> "Grid":
        """Return slots ``first`` to ``last`` (excluded), of some columns."""
        lo, hi = first - self.first, last - self.first
        cut = {
            name: getattr(self, name)[lo:hi][:, watches if name.startswith("factor_") else units]
            for name in _CELLS
        }
        return Grid(self.slot_s, first, **cut)


# Kind and "nothing here" of each column of cells.
_CELLS: dict[str, tuple[Any, float]] = {
    "at": (np.int64, NONE),
    "power": (np.float32, np.nan),
    "current": (np.float32, np.nan),
    "current_low": (np.float32, np.nan),
    "current_high": (np.float32, np.nan),
    "voltage_low": (np.float32, np.nan),
    "voltage_high": (np.float32, np.nan),
    "power_factor": (np.float32, np.nan),
    "energy": (np.int64, NONE),
    "status": (np.int8, -1),
    "point": (np.int32, 0),
    "factor_at": (np.int64, NONE),
    "factor_value": (np.float32, np.nan),
    "factor_flag": (np.int8, 0),
}


def empty_grid(plant: Plant, first: int, slots: int) -> Grid:
    """Return a grid in which nobody said anything; its arrays may be filled."""
    cells = {
        name: np.full((slots, _width(plant, name)), nothing, dtype=kind)
        for name, (kind, nothing) in _CELLS.items()
    }
    return Grid(plant.slot_s, first, **cells)


def grid_of(
    plant: Plant, samples: Samples, first: int, slots: int, watched: Watched | None = None
) -> Grid:
    """Put samples into the cells of slots ``first`` to ``first + slots``; others are left out."""
    grid = empty_grid(plant, first, slots)
    span = 1000 * plant.slot_s
    row = samples.at // span - first
    columns = [getattr(samples, spec.name) for spec in fields(Samples)]
    _fill(grid, "", row, samples.unit, dict(zip(_names(Samples), columns, strict=True)))
    if watched is not None:
        columns = [getattr(watched, spec.name) for spec in fields(Watched)]
        row = watched.at // span - first
        _fill(grid, "factor_", row, watched.watch, dict(zip(_names(Watched), columns, strict=True)))
    return grid


def _fill(grid: Grid, prefix: str, row: I64, column: I64, values: dict[str, NDArray[Any]]) -> None:
    """Write the last of what was said of each cell; among equal moments the greatest.

    A reading that says nothing of a quantity leaves what another of its slot said.
    """
    at = values["at"]
    inside = (row >= 0) & (row < len(getattr(grid, prefix + "at")))
    tied = _tied(row[inside], column[inside])
    for name, told in values.items():
        if prefix + name not in _CELLS:
            continue
        said = inside & ~_missing(prefix + name, told)
        order = np.flatnonzero(said)
        if tied:
            order = order[np.lexsort((told[order], at[order]))]
        getattr(grid, prefix + name)[row[order], column[order]] = told[order]


def _missing(name: str, values: NDArray[Any]) -> Bools:
    nothing = _CELLS[name][1]
    missing: Bools = np.isnan(values) if np.isnan(nothing) else values == nothing
    return missing


def _tied(row: I64, column: I64) -> bool:
    """Tell whether a cell occurs more than once."""
    cells = row * (int(column.max(initial=0)) + 1) + column
    return len(np.unique(cells)) < len(cells)


def _names(table: type) -> list[str]:
    return [spec.name for spec in fields(table)]


def _width(plant: Plant, name: str) -> int:
    return len(plant.watches) if name.startswith("factor_") else len(plant.units)
