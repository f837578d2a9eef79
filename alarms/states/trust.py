"""Trust: whether a meter is frozen, turned or without a phase, and what its counter says."""

from typing import Final

import numpy as np

from wattwarden.alarms.plant.plant import DIRECT, PULSED, Plant
from wattwarden.alarms.plant.table import F32, I32, I64, Bools
from wattwarden.alarms.plant.unit_tables import Seen
from wattwarden.alarms.states.bits import Holder, count_since
from wattwarden.alarms.states.grid import Grid
from wattwarden.alarms.states.levels import Levels
from wattwarden.alarms.states.state import State

# Motors' phases differ by some per cent; a fiftieth of the greatest is no current.
_DEAD_SHARE: Final = 0.02
CHANNELS: Final = (
    "power", "current", "current_low", "current_high", "voltage_low", "voltage_high",
    "power_factor",
)  # fmt: skip


def stale(plant: Plant, seen: Seen, grid: Grid, fresh: Bools, holder: Holder) -> tuple[I32, Bools]:
    """Count samples in a row that equal their predecessors in every channel, and say if too many.

    Of a current or a status alone, equality says nothing, nor of a meter without supply.  Where
    nothing is drawn, only the voltage could move, in coarse steps: many more samples are needed,
    but of what rests for minutes only.
    """
    moving = ~(grid.voltage_high > 0)
    for name in CHANNELS:
        values = getattr(grid, name)
        last = holder.previous(values, getattr(seen, name))
        moving |= (values != last) & ~(np.isnan(values) & np.isnan(last))
    same = count_since(fresh, fresh & moving, seen.same)
    power = holder.now(grid.power, seen.power)
    drawing = (np.abs(power) > 0) | (holder.now(grid.current, seen.current) > 0)
    soon = drawing | (plant.unit.drive == PULSED)
    enough = np.where(soon, plant.limit["state.stale_samples"], plant.limit["R10.frozen_samples"])
    return same, same >= enough


def energy_since(
    seen: Seen, grid: Grid, fresh: Bools, step: I64, power: F32
) -> tuple[I64, Bools, Bools]:
    """Return mWh since the sample before, where the counter fell, and where it told the energy.

    A counter bridges gaps; without one, power times time does for as long as a value is held.
    """
    counted = fresh & (grid.energy >= 0)
    holder = Holder(counted)
    last, last_point = (
        holder.previous(grid.energy, seen.energy),
        holder.previous(grid.point, seen.point),
    )
    usable = counted & (last >= 0) & (grid.point == last_point)
    difference = np.where(usable, grid.energy - last, 0)
    fall = difference < 0
    drawn = np.nan_to_num(power, nan=0.0) * step / 3600.0
    integrated = np.rint(np.maximum(drawn, 0)).astype(np.int64)
    energy = np.where(usable & ~fall, 1000 * difference, integrated)
    seen.energy = holder.last(grid.energy, seen.energy)
    seen.point = holder.last(grid.point, seen.point)
    return np.where(fresh, energy, 0), fall, usable & ~fall


def turned(plant: Plant, state: State, grid: Grid, levels: Levels, fresh: Bools) -> Bools:
    """Tell a turned current transformer: power gone by two thirds, current where it was."""
    limit = plant.limit
    motor = plant.unit.drive == DIRECT
    gone = (levels.level < limit["state.theta_red"] - np.float32(0.2)) & motor
    gone &= levels.current >= limit["state.i_reversed"]
    gone &= grid.power_factor <= state.learned.power_factor - limit["state.pf_drop_idle"]
    negative = grid.power < -limit["R10.reverse_share"] * plant.unit.rated
    believed: Bools = fresh & (gone | negative)
    return believed


def phase_lost(grid: Grid, voltage: F32) -> Bools:
    """Tell a phase without current while the others have some and the voltage is there."""
    dead = grid.current_low <= np.float32(_DEAD_SHARE) * grid.current_high
    return dead & (grid.current_high > 0) & (voltage > np.float32(0.8))
