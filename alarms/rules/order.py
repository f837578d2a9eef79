"""Orders of the authority: R11 production in spite of a stop, R12 more than a limit allows."""

import numpy as np

from wattwarden.alarms.block import Block
from wattwarden.alarms.conditions import Condition, believable, milliseconds, off_delay
from wattwarden.alarms.plant import BOTH, PRODUCTION, Plant
from wattwarden.alarms.rows import Row
from wattwarden.alarms.table import Bools


def stop_broken(plant: Plant, block: Block, stopped: Bools) -> Condition:
    """R11: a production unit within a stop plan runs."""
    units = np.flatnonzero((plant.unit.kind == PRODUCTION) | (plant.unit.kind == BOTH))
    true = (block.run & stopped)[:, units]
    delay = milliseconds(plant, "R11.delay_s", units)
    return Condition(
        Row.STOP, off_delay(plant, "R11", units), units, true, believable(block, units), delay
    )
