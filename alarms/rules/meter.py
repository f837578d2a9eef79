"""The meter itself: R10 frozen, a phase lost, turned; its counter, its clock, its id."""

from typing import Final

import numpy as np

from wattwarden.alarms.episodes.conditions import Condition, milliseconds, off_delay
from wattwarden.alarms.plant.meters import Meters
from wattwarden.alarms.plant.plant import Plant
from wattwarden.alarms.plant.rows import Row
from wattwarden.alarms.plant.table import F32, Bools
from wattwarden.alarms.silence.silence_state import Silence
from wattwarden.alarms.states.block import Block

# Two meters with one id speak in turn; half an hour without is the end of it.
_DUPLICATE_REST_S: Final = 1_800


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


def clock_off(meters: Meters, skew: F32) -> Bools:
    """R10 clock_skew: clocks that are off by too much, s."""
    off: Bools = np.abs(skew) > meters.skew
    return off


def clock_set(meters: Meters, skew: F32) -> Bools:
    """R10 clock_skew ends when a clock is off by half as much."""
    right: Bools = np.abs(skew) <= meters.skew / 2
    return right


def id_alone(rows: Silence, second: int) -> Bools:
    """R10 duplicate_id ends when nobody else has claimed the id for a while."""
    alone: Bools = second - rows.duplicate_at >= _DUPLICATE_REST_S
    return alone
