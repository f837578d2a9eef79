"""Motion: whether a unit stands still, idles, draws too much or has no supply.

Each bit is set at its boundary and cleared some way beyond it.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from wattwarden.alarms.plant.plant import DIRECT, PULSED, TREATMENT, Plant
from wattwarden.alarms.plant.table import I64, NONE, Bools
from wattwarden.alarms.states.bits import latch
from wattwarden.alarms.states.grid import Grid
from wattwarden.alarms.states.levels import Levels
from wattwarden.alarms.states.state import State

# Controls of a pulsed unit take one per cent; a pulse in twenty minutes leaves more than two.
_PULSE_SHARE: Final = 0.02


@dataclass(frozen=True, slots=True)
class Motion:
    """(slots, units); ``off`` of a pulsed unit means for its whole window."""

    motionless: Bools
    off: Bools
    idle: Bools
    over: Bools
    dark: Bools
    # It draws power, be it in pulses, or may have drawn some.
    on: Bools


@dataclass(frozen=True, slots=True)
class Moments:
    """When units spoke, ms, and what energy they took since they had spoken before, mWh.

    ``blind``: nothing tells what they did meanwhile, after a gap without counter or while frozen.
    """

    fresh: Bools
    at: I64
    gap: I64
    energy: I64
    blind: Bools


def motion_of(plant: Plant, state: State, grid: Grid, levels: Levels, moments: Moments) -> Motion:
    """Say what each unit does, as far as it can be said without the others."""
    motionless = _motionless(plant, state, levels)
    dark = _dark(plant, state, levels, moments.fresh)
    on = levels.told & ~motionless & ~dark
    # A pulse between two samples leaves its energy behind.
    floor = moments.gap * (np.float64(_PULSE_SHARE) * state.learned.power)
    # Nobody saw a pulse of the time that was not watched: its window begins anew.
    pulsed = plant.unit.drive == PULSED
    on |= ((moments.energy * 3600.0 > floor) | moments.blind) & pulsed
    return Motion(
        motionless=motionless,
        off=_off(plant, state, moments.at, on, motionless),
        idle=_idle(plant, state, grid, levels),
        over=_over(plant, state, grid, levels),
        dark=dark,
        on=on,
    )


def _motionless(plant: Plant, state: State, levels: Levels) -> Bools:
    theta, i_off = levels.theta_off, plant.limit["state.i_off"]
    level, current = levels.level, levels.current
    hysteresis = plant.limit["state.hysteresis"]
    quiet = ~(current >= i_off)
    calm = ~(current >= i_off + np.minimum(hysteresis, i_off / 2))
    return latch(
        levels.told & (level < theta) & quiet,
        levels.told & ~((level < theta + np.minimum(hysteresis, theta / 2)) & calm),
        state.seen.off,
    )


def _idle(plant: Plant, state: State, grid: Grid, levels: Levels) -> Bools:
    """Tell an unloaded motor: little power, a power factor to match, and no full current."""
    limit = plant.limit
    level, theta = levels.level, levels.theta_idle
    factor = grid.power_factor
    hysteresis = np.minimum(limit["state.hysteresis"], theta / 2)
    # Behind a converter the power factor says nothing; without one, treatment is suspected.
    low_factor = state.learned.power_factor - limit["state.pf_drop_idle"]
    low_factor = np.where(plant.unit.drive == DIRECT, low_factor, np.float32(np.inf))
    blind = np.isnan(factor) & (plant.unit.kind == TREATMENT)
    full = levels.current >= limit["state.i_reversed"]
    enter = (level < theta) & ((factor <= low_factor) | blind) & ~full
    stay = (level < theta + hysteresis) & ((factor <= low_factor + hysteresis) | blind) & ~full
    return latch(levels.told & enter, levels.told & ~stay, state.seen.idle)


def _over(plant: Plant, state: State, grid: Grid, levels: Levels) -> Bools:
    limit, learned = plant.limit, state.learned
    top = limit["state.theta_max"] * learned.greatest / learned.power
    outside = (
        (grid.current_high > limit["state.current_max"])
        | (grid.voltage_high > limit["state.voltage_max"])
        | (grid.voltage_low < limit["state.voltage_min"])
    )
    return latch(
        levels.told & ((levels.level > top) | outside),
        levels.told & ~(levels.level > top - limit["state.hysteresis"]) & ~outside,
        state.seen.over,
    )


def _dark(plant: Plant, state: State, levels: Levels, fresh: Bools) -> Bools:
    v_off, voltage = plant.limit["state.v_off"], levels.voltage
    fed = fresh & ~np.isnan(voltage)
    back = voltage < v_off + plant.limit["state.hysteresis"]
    return latch(fed & (voltage < v_off), fed & ~back, state.seen.dark)


def _off(plant: Plant, state: State, at: I64, on: Bools, motionless: Bools) -> Bools:
    """A unit that switches by itself is off when it was not on for its window."""
    columns = np.flatnonzero(plant.unit.drive == PULSED)
    if not len(columns):
        return motionless
    now = at[:, columns]
    on_at = np.maximum(np.where(on[:, columns], now, NONE), state.seen.on_at[columns])
    on_at = np.maximum.accumulate(on_at, axis=0)
    window = 1000 * plant.limit["state.pulse_window_s"][columns].astype(np.int64)
    off = motionless.copy()
    off[:, columns] &= now - on_at >= window
    return off
