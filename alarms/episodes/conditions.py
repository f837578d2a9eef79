"""Each row's condition: of which units, where true, where judged, how long it must last."""

from dataclasses import dataclass

import numpy as np

from wattwarden.alarms.plant.plant import Plant
from wattwarden.alarms.plant.rows import Row
from wattwarden.alarms.plant.table import I64, Bools
from wattwarden.alarms.states.block import Block
from wattwarden.alarms.states.state import State


@dataclass(frozen=True, slots=True)
class Condition:
    """Columns are ``units``; ``delay`` and ``off_delay`` have one row, or one a slot.  ms."""

    row: Row
    off_delay: I64
    units: I64
    true: Bools
    judged: Bools
    delay: I64
    reset: Bools | None = None
    # Where a raised alarm ends only above the level at which it was raised.
    bound: Bools | None = None


def milliseconds(plant: Plant, name: str, units: I64) -> I64:
    """Return a number of seconds of the rule file in ms."""
    return np.rint(plant.limit[name][units].astype(np.float64) * 1000).astype(np.int64)


def off_delay(plant: Plant, rule: str, units: I64) -> I64:
    """Return for how long a rule's condition must be gone, ms: two cycles at least."""
    chosen = milliseconds(plant, f"{rule}.off_delay_s", units)
    return np.maximum(chosen, 2 * plant.unit.cycle[units])


def believable(block: Block, units: I64) -> Bools:
    """Return where units said something that can be believed."""
    return (block.fresh & block.known & ~block.stale)[:, units]


def touched(state: State, condition: Condition) -> I64:
    """Return which columns have a timer to move."""
    running = state.timers.began[condition.units, condition.row] >= 0
    return np.flatnonzero(condition.true.any(axis=0) | running)
