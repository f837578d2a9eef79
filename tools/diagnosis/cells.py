"""The simulator's blocks as the grids that the diagnosis folds.

    blocks ─ wait for late readings ─ skew taken off ─ phases drawn together ─► Grid

What came late is put where it belongs, as a re-fold would have it; a reading later than
``WAIT_BLOCKS`` blocks is counted and left out.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from wattwarden.alarms.plant.plant import Plant
from wattwarden.alarms.states.grid import Grid, empty_grid
from wattwarden.tools.simulator.readings import Block, Emitted, Late, Readings

# Back-fill of a day's carrier outage; four blocks of six hours of a city are 0.3 GB.
WAIT_BLOCKS: Final = 4
# A clock that is off by more than so many cycles is taken to be off, not late.
SKEW_CYCLES: Final = 2
_SECOND_MS: Final = 1000


class Settled:
    """Blocks in order, each when nothing more is waited for; ``left_out`` came even later."""

    def __init__(self, blocks: Iterable[Block]) -> None:
        self._blocks = blocks
        self.left_out = 0

    def __iter__(self) -> Iterator[Block]:
        waiting: deque[Block] = deque()
        for block in self._blocks:
            waiting.append(block)
            self._put_late(waiting, block.late)
            if len(waiting) > WAIT_BLOCKS:
                yield waiting.popleft()
        yield from waiting

    def _put_late(self, waiting: deque[Block], late: Late) -> None:
        """Put what came late into the blocks that still wait."""
        placed = np.zeros(len(late), dtype=np.bool_)
        for earlier in waiting:
            row = late.slot - earlier.first
            here = (row >= 0) & (row < len(earlier.live.at_ms))
            placed |= here
            for mine, theirs in zip(earlier.live.columns(), late.readings.columns(), strict=True):
                mine[row[here], late.column[here]] = theirs[here]
        self.left_out += int(np.count_nonzero(~placed))


class Cells:
    """Grids of one plant from blocks whose columns are the world's units.

    ``outlets`` are the columns of what was emitted: (outlet, factor).
    """

    def __init__(
        self, plant: Plant, units: Iterable[str], outlets: Iterable[tuple[str, str]] = ()
    ) -> None:
        watches = {watch: place for place, watch in enumerate(plant.watches)}
        self._watches = np.array([watches.get(one, -1) for one in outlets], dtype=np.intp)
        places = {unit: place for place, unit in enumerate(units)}
        self._plant = plant
        self._columns = np.array([places[unit] for unit in plant.units], dtype=np.intp)
        self.readings = 0

    def grids(self, blocks: Iterable[Block]) -> Iterator[Grid]:
        """Yield one grid a block, in order, each when nothing more is waited for."""
        return map(self.grid, Settled(blocks))

    def grid(self, block: Block) -> Grid:
        """Return the plant's cells of a block; its slots may be longer than the block's."""
        live = block.live.take((slice(None), self._columns))
        said = live.received_ms >= 0
        self.readings += int(np.count_nonzero(said))
        at = np.where(said, live.at_ms - self._skew(live, said), -1)
        cells = _cells(live)
        slot_s = self._plant.slot_s
        first = block.first * block.slot_s // slot_s
        slots = len(at) * block.slot_s // slot_s
        grid = empty_grid(self._plant, first, slots)
        self._put_emissions(grid, block.emitted)
        if slot_s != block.slot_s:
            _spread(grid, cells, at)
            return grid
        span = _SECOND_MS * slot_s
        strayed = said & (at // span != block.first + np.arange(len(at))[:, None])
        grid.at[:] = np.where(strayed, -1, at)
        for name, values in cells.items():
            getattr(grid, name)[:] = values
        _move(grid, cells, at, strayed, span)
        return grid

    def _put_emissions(self, grid: Grid, emitted: Emitted) -> None:
        """Put what outlets said into its slots, in order, the last of a slot staying."""
        if not len(self._watches):
            return
        rows, stations = np.nonzero((emitted.received_ms >= 0) & (self._watches >= 0))
        at = emitted.at_ms[rows, stations]
        slots = at // (_SECOND_MS * grid.slot_s) - grid.first
        inside = (slots >= 0) & (slots < len(grid.at))
        rows, stations, at, slots = (part[inside] for part in (rows, stations, at, slots))
        self.readings += len(rows)
        watches = self._watches[stations]
        grid.factor_at[slots, watches] = at
        grid.factor_value[slots, watches] = emitted.value[rows, stations]
        grid.factor_flag[slots, watches] = emitted.flag[rows, stations]

    def _skew(self, live: Readings, said: NDArray[np.bool_]) -> NDArray[np.int64]:
        """Return each unit's clock error in this block, 0 where it is small."""
        delay = np.where(said, live.at_ms - live.received_ms, np.iinfo(np.int64).max)
        count = np.count_nonzero(said, axis=0)
        middle = np.sort(delay, axis=0)[np.maximum(count - 1, 0) // 2, np.arange(said.shape[1])]
        limit = SKEW_CYCLES * self._plant.unit.cycle
        off: NDArray[np.int64] = np.where((count > 0) & (np.abs(middle) > limit), middle, 0)
        return off


def _cells(live: Readings) -> dict[str, NDArray[np.float32] | NDArray[np.int64]]:
    """Return the grid's columns of values, by name."""
    currents = np.stack((live.current_a, live.current_b, live.current_c))
    voltages = np.stack((live.voltage_a, live.voltage_b, live.voltage_c))
    return {
        "power": live.power,
        "current": _mean(currents),
        "current_low": np.fmin.reduce(currents),
        "current_high": np.fmax.reduce(currents),
        "voltage_low": np.fmin.reduce(voltages),
        "voltage_high": np.fmax.reduce(voltages),
        "power_factor": live.power_factor,
        "energy": live.energy,
        "status": live.status.astype(np.int64),
    }


def _mean(phases: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the mean of the phases that a meter has; NaN where it has none."""
    mean: NDArray[np.float32] = phases.mean(axis=0)
    partly = np.isnan(mean) & ~np.isnan(phases[0])
    mean[partly] = np.nanmean(phases[:, partly], axis=0)
    return mean


def _move(
    grid: Grid,
    cells: dict[str, NDArray[np.float32] | NDArray[np.int64]],
    at: NDArray[np.int64],
    strayed: NDArray[np.bool_],
    span: int,
) -> None:
    """Put readings that belong to a neighbouring slot there, the last of a slot staying."""
    rows, columns = np.nonzero(strayed)
    for row, column in zip(rows.tolist(), columns.tolist(), strict=True):
        moment = at[row, column]
        target = int(moment // span) - grid.first
        if 0 <= target < len(at) and grid.at[target, column] < moment:
            grid.at[target, column] = moment
            for name, values in cells.items():
                getattr(grid, name)[target, column] = values[row, column]


def _spread(grid: Grid, cells: dict[str, NDArray[Any]], at: NDArray[np.int64]) -> None:
    """Put the rows of short slots into longer ones, in order, the last of a slot staying."""
    targets = at // (_SECOND_MS * grid.slot_s) - grid.first
    for row in range(len(at)):
        columns = np.flatnonzero((targets[row] >= 0) & (targets[row] < len(grid.at)))
        columns = columns[at[row, columns] > grid.at[targets[row, columns], columns]]
        target = targets[row, columns]
        grid.at[target, columns] = at[row, columns]
        for name, values in cells.items():
            getattr(grid, name)[target, columns] = values[row, columns]
