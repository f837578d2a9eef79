"""The meter itself: R10 frozen, without a phase, turned; its counter fell."""

import numpy as np

from wattwarden.alarms.block import Block
from wattwarden.alarms.conditions import Condition, milliseconds, off_delay
from wattwarden.alarms.plant import Plant
from wattwarden.alarms.rows import Row


def frozen(plant: Plant, block: Block) -> Condition:
    """R10 frozen: every channel the same for too many samples, and not nothing."""
    units = np.arange(len(plant.units), dtype=np.int64)
    true = (block.same >= plant.limit["R10.frozen_samples"]) & ~block.declared
    delay = np.zeros(len(units), dtype=np.int64)
    return Condition(Row.FROZEN, off_delay(plant, "R10", units), units, true, block.fresh, delay)


def phase_lost(plant: Plant, block: Block) -> Condition:
    """R10 phase_loss: no current on one phase while the others have some."""
    return _lasting(plant, block, Row.PHASE, block.phase)


def turned(plant: Plant, block: Block) -> Condition:
    """R10 reversed: negative power, or current without the power that belongs to it."""
    return _lasting(plant, block, Row.REVERSED, block.reversed)


def counter_fell(block: Block) -> list[tuple[int, int]]:
    """R10 energy_fall: (slot, unit) where an energy counter fell."""
    if not block.fall.any():
        return []
    slots, units = np.nonzero(block.fall & ~block.declared)
    return list(zip(slots.tolist(), units.tolist(), strict=True))


def _lasting(plant: Plant, block: Block, row: Row, true: np.ndarray) -> Condition:
    units = np.arange(len(plant.units), dtype=np.int64)
    delay = milliseconds(plant, "R10.delay_s", units)
    judged = block.fresh & block.known
    return Condition(
        row, off_delay(plant, "R10", units), units, true & ~block.declared, judged, delay
    )
