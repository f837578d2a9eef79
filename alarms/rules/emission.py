"""Emissions: R20, over the limit, flagged or constant while the line produces."""

from typing import Final

import numpy as np

from wattwarden.alarms.episodes.timers import Timed
from wattwarden.alarms.plant.plant import BOTH, PRODUCTION, Plant
from wattwarden.alarms.plant.rows import WatchRow
from wattwarden.alarms.plant.table import I64, Bools
from wattwarden.alarms.states.bits import Holder, count_since, shifted
from wattwarden.alarms.states.block import Block, longest_step
from wattwarden.alarms.states.state import State

NORMAL: Final = ord("N")
_ROWS: Final = len(WatchRow)


def abnormal(plant: Plant, state: State, block: Block) -> Timed | None:
    """R20: the timers of all watches, limit, flag and constancy in this order."""
    watches = len(plant.watches)
    if not watches:
        return None
    grid, seen = block.grid, state.watch_seen
    fresh = grid.factor_at > seen.at
    at = np.maximum.accumulate(np.maximum(grid.factor_at, seen.at), axis=0)
    last = shifted(at, seen.at)
    gap = np.where(fresh & (last >= 0), at - last, 0)
    step = np.where(gap <= longest_step(plant.watch.cycle), gap, 0)
    value, normal = grid.factor_value, (grid.factor_flag == 0) | (grid.factor_flag == NORMAL)
    holder = Holder(fresh)
    moving = (value != holder.previous(value, seen.value)) | ~(value != 0)
    same = count_since(fresh, fresh & moving, seen.same)
    producing = _producing(plant, block)
    # What a flag calls invalid is no exceedance, and F (stopped) is right while nothing is made.
    true = np.concatenate(
        [
            normal & (value > plant.watch.limit),
            ~normal & producing,
            (same >= _of_firms(plant, "R20.constant_samples")) & producing,
        ],
        axis=1,
    )
    delay = np.rint(_of_firms(plant, "R20.delay_s") * 1000.0).astype(np.int64)
    off_delay = np.rint(_of_firms(plant, "R20.off_delay_s") * 1000.0).astype(np.int64)
    seen.at, seen.same, seen.value = at[-1].copy(), same[-1].copy(), holder.last(value, seen.value)
    places = np.arange(watches)
    return Timed(
        flat=np.concatenate([places * _ROWS + row for row in WatchRow]),
        true=true,
        judged=np.tile(fresh, (1, _ROWS)),
        reset=np.zeros(true.shape, dtype=np.bool_),
        level=np.tile(value, (1, _ROWS)),
        bound=np.zeros(true.shape, dtype=np.bool_),
        at=np.tile(at, (1, _ROWS)),
        step=np.tile(step, (1, _ROWS)),
        delay=np.broadcast_to(np.tile(delay, _ROWS), true.shape),
        off_delay=np.broadcast_to(
            np.tile(np.maximum(off_delay, 2 * plant.watch.cycle), _ROWS), true.shape
        ),
        cycle=np.tile(plant.watch.cycle, _ROWS),
    )


def lines_of(plant: Plant, watch: int) -> I64:
    """Return the lines whose emissions an outlet's factor tells of."""
    line, firm = int(plant.watch.line[watch]), plant.watch.firm[watch]
    return np.array([line]) if line >= 0 else np.flatnonzero(plant.line_firm == firm)


def _producing(plant: Plant, block: Block) -> Bools:
    maker = (plant.unit.kind == PRODUCTION) | (plant.unit.kind == BOTH)
    columns = []
    for watch in range(len(plant.watches)):
        own = np.isin(plant.unit.line, lines_of(plant, watch)) & maker
        columns.append(block.run[:, own].any(axis=1))
    return np.stack(columns, axis=1)


def _of_firms(plant: Plant, name: str) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    return plant.firm_limit[name][plant.watch.firm]
