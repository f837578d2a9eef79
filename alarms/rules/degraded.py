"""Treatment that runs badly: R3 idling, R4 frequency reduced, R5 slowed, R7 over, R15 switching."""

import numpy as np

from wattwarden.alarms.episodes.conditions import Condition, believable, milliseconds, off_delay
from wattwarden.alarms.plant.plant import TREATMENT, VFD, Plant
from wattwarden.alarms.plant.rows import Row
from wattwarden.alarms.plant.table import Bools
from wattwarden.alarms.states.block import Block
from wattwarden.alarms.states.shown import Switch, switch_times
from wattwarden.alarms.states.state import State
from wattwarden.alarms.states.sync import NO, UNKNOWN, YES, Beside


def idling(plant: Plant, block: Block, beside: Beside) -> Condition:
    """R3: unloaded while production runs."""
    units = plant.treats
    true = _working(plant, block, beside) & block.idle[:, units]
    delay = milliseconds(plant, "R3.delay_s", units)
    judged = _judged(plant, block, beside)
    return Condition(
        Row.IDLE, off_delay(plant, "R3", units), units, true, judged, delay, beside.restarted
    )


def reduced(plant: Plant, block: Block, beside: Beside) -> tuple[Condition, Condition]:
    """R4 (converters) and R5 (others): less than normal for the production load."""
    units = plant.treats
    low = _working(plant, block, beside) & block.low[:, units] & ~block.idle[:, units]
    # What stands beside no production is reduced by nothing: that needs no normal to be known.
    judged = _judged(plant, block, beside)
    judged &= ~np.isnan(beside.least) | (beside.production == NO)
    behind = plant.unit.drive[units] == VFD
    # Right for a lower load is not recovered; what stands still or idles is another rule's.
    down = (block.off | block.dark | block.idle | block.declared)[:, units]
    bound = (beside.production == YES) & ~down
    frequency, slowed = (
        Condition(
            row, off_delay(plant, rule, units), units, low & which, judged,
            milliseconds(plant, f"{rule}.delay_s", units), beside.restarted, bound,
        )
        for row, rule, which in ((Row.VFD, "R4", behind), (Row.SLOW, "R5", ~behind))
    )  # fmt: skip
    return frequency, slowed


def over(plant: Plant, block: Block) -> Condition:
    """R7: a treatment unit draws more than it ever did, or a bound of its own is broken."""
    units = np.flatnonzero(plant.unit.kind == TREATMENT)
    true = (block.over & ~block.dark & ~block.declared)[:, units]
    delay = np.rint(plant.limit["R7.delay_cycles"][units]).astype(np.int64)
    delay *= plant.unit.cycle[units]
    return Condition(
        Row.OVER, off_delay(plant, "R7", units), units, true, believable(block, units), delay
    )


def switching(plant: Plant, state: State, block: Block, switches: list[Switch]) -> Condition | None:
    """R15: too many starts and stops of a treatment unit within an hour."""
    ring = state.shown.switches
    within = milliseconds(plant, "R15.within_s", np.arange(len(plant.units)))
    recent = (ring[:, 0] >= 0) & (block.at[0] - ring[:, 0] <= within)
    recent |= state.timers.began[:, Row.SWITCHES] >= 0
    chosen = sorted({switch.unit for switch in switches} | set(np.flatnonzero(recent).tolist()))
    if not chosen:
        return None
    units = np.array(chosen, dtype=np.int64)
    true = np.zeros((len(block.at), len(units)), dtype=np.bool_)
    for column, unit in enumerate(chosen):
        times = switch_times(state.shown, switches, unit)
        enough = round(float(plant.limit["R15.switches"][unit]))
        for slot in range(len(block.at)):
            moments = [at for at, since in times if since <= slot][-enough:]
            spread = int(block.at[slot, unit]) - moments[0] if moments else 0
            true[slot, column] = len(moments) == enough and spread <= within[unit]
    true &= ~block.declared[:, units]
    delay = np.zeros(len(units), dtype=np.int64)
    judged = believable(block, units)
    return Condition(Row.SWITCHES, off_delay(plant, "R15", units), units, true, judged, delay)


def _working(plant: Plant, block: Block, beside: Beside) -> Bools:
    units = plant.treats
    down = (block.off | block.dark | block.over | block.declared)[:, units]
    working: Bools = (beside.production == YES) & ~down & ~beside.healthy
    return working


def _judged(plant: Plant, block: Block, beside: Beside) -> Bools:
    """A meter that a phase is missing from, or turned at, tells no power."""
    units = plant.treats
    told = believable(block, units) & block.wired[:, units]
    judged: Bools = told & (beside.production != UNKNOWN)
    return judged
