"""Learning what is normal: counts during the day, folded into a fading memory at its close.

Everything counted is an integer, so that it does not matter in how many parts a day is folded.
"""

from typing import Final

import numpy as np

from wattwarden.alarms.plant.plant import DIRECT, Plant
from wattwarden.alarms.plant.table import F32, F64, I64, Bools
from wattwarden.alarms.plant.unit_tables import (
    LOAD_POWER_CELL,
    LOAD_POWER_CELLS,
    LOADS,
    POWER_CELL,
    POWER_CELLS,
)
from wattwarden.alarms.states.block import Block
from wattwarden.alarms.states.state import State
from wattwarden.alarms.states.sync import YES, Beside

# A machine that draws less than this of its nameplate does not run, whatever else is said.
_LEAST_SHARE: Final = 0.05
# "Near" the usual power: where power factor and current are worth remembering.
_NEAR: Final = np.float32(0.10)
_RUN_DAY_MS: Final = 3_600_000
# A load was seen on a day when it lasted for ten minutes.
_SEEN_MS: Final = 600_000
_GREATEST: Final = 0.99
_HALF_DAY: Final = 0.5
# What is normal for a lower load, with room for lines on which more work is not more air.
_SAFE: Final = 0.8
_FLAT_LOADS: Final = 2
_FLAT: Final = 0.9


def learn(plant: Plant, state: State, block: Block, beside: Beside | None, frozen: Bools) -> None:
    """Count what units draw; ``frozen`` where an alarm of theirs is open or may become one."""
    memory, learned, rated = state.memory, state.learned, plant.unit.rated
    days = plant.limit["state.learn_run_days"]
    wired = block.fresh & block.run & block.wired & ~block.declared
    wired &= ~(frozen & (learned.run_days >= days))
    if beside is not None:
        wired[:, plant.treats] &= beside.production == YES
    share = block.watts / rated
    measured = ~(np.isnan(block.grid.power) & np.isnan(block.grid.current))
    wired &= measured & (share >= np.float32(_LEAST_SHARE))
    if not wired.any():
        return
    where = np.flatnonzero(wired)
    units = where % wired.shape[1]
    counted = share.reshape(-1)[where]
    cells = np.minimum((counted / np.float32(POWER_CELL)).astype(np.int64), POWER_CELLS - 1)
    np.add.at(memory.power_today.reshape(-1), units * POWER_CELLS + cells, 1)
    near = wired & (np.abs(block.level - np.float32(1)) < _NEAR)
    near &= ~np.isnan(block.grid.power + block.grid.power_factor + block.grid.current)
    factor = np.where(near, block.grid.power_factor * np.float32(10_000), 0)
    current = np.where(near, block.grid.current * np.float32(1_000), 0)
    memory.factor_sum += np.rint(factor).astype(np.int64).sum(axis=0)
    memory.current_sum += np.rint(current).astype(np.int64).sum(axis=0)
    memory.near += near.sum(axis=0)
    if beside is not None:
        _learn_load(plant, state, beside, wired, share)


def _learn_load(plant: Plant, state: State, beside: Beside, wired: Bools, share: F32) -> None:
    slots, treats = np.nonzero(wired[:, plant.treats] & (beside.cell >= 0))
    units = plant.treats[treats]
    counted = share[slots, units]
    cells = np.minimum(
        (counted / np.float32(LOAD_POWER_CELL)).astype(np.int64), LOAD_POWER_CELLS - 1
    )
    flat = (units * LOADS + beside.cell[slots, treats]) * LOAD_POWER_CELLS + cells
    np.add.at(state.memory.load_today.reshape(-1), flat, 1)


def close_day(plant: Plant, state: State, units: I64, days: int) -> None:
    """Fold the day of some units into their memory, and put what was learned in force."""
    memory, learned, limit = state.memory, state.learned, plant.limit
    keep = (1 - 1 / limit["state.memory_d"][units].astype(np.float64)) ** days
    today = memory.load_today[units]
    seen = today.sum(axis=2) * plant.unit.cycle[units, None] >= _SEEN_MS
    memory.power[units] = memory.power[units] * keep[:, None] + memory.power_today[units]
    memory.load[units] = memory.load[units] * keep[:, None, None] + today
    memory.load_days[units] = memory.load_days[units] * keep[:, None] + seen
    near = memory.near[units].astype(np.float64)
    weight = memory.weight[units] * keep + near
    for mean, total, scale in (
        (memory.factor_mean, memory.factor_sum, 10_000.0),
        (memory.current_mean, memory.current_sum, 1_000.0),
    ):
        before = mean[units] * memory.weight[units] * keep
        safe = np.where(weight > 0, weight, 1)
        mean[units] = np.where(weight > 0, (before + total[units] / scale) / safe, mean[units])
        total[units] = 0
    memory.weight[units] = weight
    memory.power_today[units], memory.load_today[units], memory.near[units] = 0, 0, 0
    learned.run_days[units] += state.totals.run[units] >= _RUN_DAY_MS
    _put_in_force(plant, state, units)


def _put_in_force(plant: Plant, state: State, units: I64) -> None:
    memory, learned, limit = state.memory, state.learned, plant.limit
    enough = learned.run_days[units] >= limit["state.learn_run_days"][units]
    usual, greatest = _usual(memory.power[units])
    ready = enough & (usual > 0)
    rated = plant.unit.rated[units]
    learned.power[units] = np.where(ready, usual * rated, learned.power[units])
    learned.greatest[units] = np.where(ready, greatest * rated, learned.greatest[units])
    known = ready & (memory.weight[units] > 0)
    # Of a unit whose current alone is measured, its share of the nameplate stands for power's.
    alone = np.where(ready, usual * plant.unit.rated_current[units], learned.current[units])
    learned.current[units] = np.where(known, memory.current_mean[units], alone)
    learned.power_factor[units] = np.where(
        known, memory.factor_mean[units], learned.power_factor[units]
    )
    part = limit["state.normal_percentile"][units].astype(np.float64)
    least = _percentile(memory.load[units], part) * rated[:, None]
    days = limit["state.learn_load_days"][units] - _HALF_DAY
    seen = memory.load_days[units] >= days[:, None]
    least = np.where(seen, least, np.nan)
    # A load not seen yet asks for what lower ones do, at least.
    lower = _SAFE * np.fmax.accumulate(least, axis=1)
    # A motor on the mains that never followed any load does not begin to below the least one.
    flat = plant.unit.drive[units] == DIRECT
    flat &= np.count_nonzero(seen, axis=1) >= _FLAT_LOADS
    most, fewest = np.fmax.reduce(least, axis=1), np.fmin.reduce(least, axis=1)
    flat &= fewest >= _FLAT * most
    lower = np.where(flat[:, None] & np.isnan(lower), _SAFE * fewest[:, None], lower)
    learned.least[units] = np.where(seen, least, lower)


def _usual(counts: F32) -> tuple[F64, F64]:
    """Return, as shares of the nameplate, the mode above the mean, and the 99th percentile."""
    weights = counts.astype(np.float64)
    centres = (np.arange(POWER_CELLS) + 0.5) * POWER_CELL
    total = np.cumsum(weights, axis=1)
    whole = np.where(total[:, -1:] > 0, total[:, -1:], 1)
    mean = np.cumsum(weights * centres, axis=1)[:, -1:] / whole
    above = np.where(centres > mean - POWER_CELL, weights, 0)
    padded = np.pad(above, ((0, 0), (1, 1)))
    smooth = padded[:, :-2] + padded[:, 1:-1] + padded[:, 2:]
    mode = np.argmax(smooth, axis=1)
    rows = np.arange(len(counts))
    around = [padded[rows, mode + shift] for shift in (0, 1, 2)]
    mass = around[0] + around[1] + around[2]
    offset = (around[2] - around[0]) / np.where(mass > 0, mass, 1)
    usual = np.where(mass > 0, centres[mode] + offset * POWER_CELL, 0.0)
    top = np.argmax(total >= _GREATEST * whole, axis=1)
    return usual, np.maximum((top + 1) * POWER_CELL, usual)


def _percentile(counts: F32, part: F64) -> F64:
    """Return, as a share of the nameplate, below which that part of each load's counts lies."""
    total = np.cumsum(counts.astype(np.float64), axis=2)
    target = total[:, :, -1] * part[:, None]
    cell = np.argmax(total >= np.where(target > 0, target, 1)[:, :, None], axis=2)
    inside = np.take_along_axis(counts.astype(np.float64), cell[:, :, None], axis=2)[:, :, 0]
    upto = np.take_along_axis(total, cell[:, :, None], axis=2)[:, :, 0]
    share = (target - (upto - inside)) / np.where(inside > 0, inside, 1)
    level: F64 = (cell + share) * LOAD_POWER_CELL
    return level
