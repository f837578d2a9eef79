"""Orders of the authority: R11 production in spite of a stop, R12 more than a limit allows."""

from typing import Final

import numpy as np

from wattwarden.alarms.episodes.conditions import Condition, believable, milliseconds, off_delay
from wattwarden.alarms.plant.orders import Limit
from wattwarden.alarms.plant.plant import BOTH, PRODUCTION, Plant
from wattwarden.alarms.plant.rows import Row
from wattwarden.alarms.plant.table import Bools
from wattwarden.alarms.rules.verdict import Verdict
from wattwarden.alarms.states.block import Block

_DAY_MS: Final = 86_400_000


def stop_broken(plant: Plant, block: Block, stopped: Bools) -> Condition:
    """R11: a production unit within a stop plan runs."""
    units = np.flatnonzero((plant.unit.kind == PRODUCTION) | (plant.unit.kind == BOTH))
    true = (block.run & stopped)[:, units]
    delay = milliseconds(plant, "R11.delay_s", units)
    return Condition(
        Row.STOP, off_delay(plant, "R11", units), units, true, believable(block, units), delay
    )


def is_judged(plant: Plant, limit: Limit, elapsed_ms: int) -> bool:
    """R12: whether a plan has lasted long enough to be judged."""
    return elapsed_ms >= 1000 * float(plant.firm_limit["R12.min_elapsed_s"][limit.firm])


def limit_exceeded(
    plant: Plant, limit: Limit, base: float, elapsed_ms: int, used: float
) -> Verdict:
    """R12: energy (Wh) since a limit plan began, beside its part of a normal day's ``base``."""
    whole = limit.stretch.end - limit.stretch.start
    allowed = base * max(whole, _DAY_MS) / _DAY_MS * (1 - limit.reduction) * elapsed_ms / whole
    allowed *= 1 + float(plant.firm_limit["R12.tolerance"][limit.firm])
    return Verdict(used, -np.inf, allowed)
