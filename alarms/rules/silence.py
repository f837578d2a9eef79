"""Silence: R8 one meter, R9 a whole firm, R21 treatment while its line produces, R0 our own."""

import numpy as np

from wattwarden.alarms.plant.meters import Meters
from wattwarden.alarms.plant.table import Bools
from wattwarden.alarms.rulebook import Rules
from wattwarden.alarms.silence.silence_state import Silence

_DAY_S = 86_400


def silent(meters: Meters, rows: Silence) -> Bools:
    """R8: meters that have been silent for too long."""
    long: Bools = rows.silent > meters.delay
    return long


def together(meters: Meters, rows: Silence, meter: int, excused: Bools) -> bool:
    """R9: all meters of a meter's firm, two at least, fell silent within some cycles of it."""
    mine = (meters.firm == meters.firm[meter]) & (rows.heard >= 0) & ~excused
    width = meters.silent_cycles[mine] * meters.cycle[mine].max(initial=0)
    near = np.abs(rows.silent[mine] - rows.silent[meter]) <= width
    return bool(np.count_nonzero(mine) > 1 and near.all())


def silent_producing(meters: Meters, rows: Silence) -> Bools:
    """R21: meters that have been silent for too long while the line beside them produced."""
    long: Bools = rows.producing > meters.producing_delay
    return long


def soon_again(meters: Meters, rows: Silence, meter: int) -> bool:
    """R21: whether treatment fell silent during production a short time ago already."""
    last, began = int(rows.last_treat[meter]), int(rows.heard[meter])
    return last >= 0 and began - last <= float(meters.repeat_d[meter]) * _DAY_S


def deaf(rules: Rules, unknown_s: int) -> bool:
    """R0: whether the platform could hear nobody for too long."""
    return unknown_s >= rules.numbers["R0.delay_s"]
