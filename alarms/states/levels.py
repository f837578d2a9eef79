"""Shares: how much of its reference power, current and voltage a unit takes."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from wattwarden.alarms.plant.plant import RESISTIVE, VFD, Plant
from wattwarden.alarms.plant.table import F32, Bools
from wattwarden.alarms.states.grid import Grid
from wattwarden.alarms.states.state import State

# Meters report phases against neutral, or (three wires) between phases: 1.73 times as much.
_BETWEEN_PHASES: Final = np.float32(1.35)
_ROOT_3: Final = np.float32(3**0.5)


@dataclass(frozen=True, slots=True)
class Levels:
    """(slots, units); NaN missing.  Power in W, the others shares of the reference.

    ``level`` is the power's share, or what stands for it; below ``theta_off`` it may be off, below
    ``theta_idle`` unloaded.  ``told`` is where there is a level.
    """

    power: F32
    level: F32
    current: F32
    voltage: F32
    theta_off: F32
    theta_idle: F32
    told: Bools


def levels_of(plant: Plant, state: State, grid: Grid, fresh: Bools) -> Levels:
    """Compare what meters said with what is normal."""
    limit, unit, learned = plant.limit, plant.unit, state.learned
    voltage = _voltage(plant, grid)
    power = _normalised(plant, grid, voltage)
    current = grid.current / learned.current
    level = power / learned.power
    theta_off, theta_idle = limit["state.theta_off"], limit["state.theta_idle"]
    # What an unloaded motor takes through a converter is a share of its size, not of its duty.
    nameplate = theta_idle * unit.rated / learned.power
    theta_idle = np.where(unit.drive == VFD, nameplate, theta_idle)
    without = fresh & np.isnan(power)
    if without.any():
        level, only = _substitute(grid, level, current, without)
        theta_off = np.where(only, limit["state.i_off"], theta_off)
        theta_idle = np.where(only, limit["state.i_idle"], theta_idle)
    told = fresh & ~np.isnan(level)
    return Levels(power, level, current, voltage, theta_off, theta_idle, told)


def _voltage(plant: Plant, grid: Grid) -> F32:
    """Return the greatest phase's share of the rated voltage."""
    voltage = grid.voltage_high / plant.unit.voltage
    return np.where(voltage > _BETWEEN_PHASES, voltage / _ROOT_3, voltage)


def _normalised(plant: Plant, grid: Grid, voltage: F32) -> F32:
    """Return powers; a heater's as it would be at the rated voltage."""
    heaters = np.flatnonzero(plant.unit.drive == RESISTIVE)
    if not len(heaters):
        return grid.power
    power = grid.power.copy()
    share = voltage[:, heaters]
    square = np.where(share > np.float32(0.5), share * share, np.float32(1))
    power[:, heaters] /= square
    return power


def _substitute(grid: Grid, level: F32, current: F32, without: Bools) -> tuple[F32, Bools]:
    """Let current, or a status, stand for a power that nobody measured."""
    only = without & ~np.isnan(current)
    status = without & ~only & (grid.status >= 0)
    level = np.where(only, current, level)
    return np.where(status, grid.status.astype(np.float32), level), only
