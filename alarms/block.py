"""One block of slots: what every unit does in each, from what its meter said.

A block never crosses a quarter of an hour, so what is learned, and with it every threshold, is
constant within it.  All arrays have a row a slot and a column a unit.
"""

from dataclasses import dataclass, field
from typing import Final

import numpy as np

from wattwarden.alarms.bits import Holder, count_since, latch, shifted
from wattwarden.alarms.codes import UnitState
from wattwarden.alarms.grid import Grid
from wattwarden.alarms.plant import DIRECT, PULSED, RESISTIVE, TREATMENT, VFD, Plant
from wattwarden.alarms.state import Seen, State
from wattwarden.alarms.table import F32, I8, I32, I64, NONE, Bools

# Meters report phases against neutral, or (three wires) between phases: 1.73 times as much.
_BETWEEN_PHASES: Final = np.float32(1.35)
_ROOT_3: Final = np.float32(3**0.5)
# A value is held for two of its cycles; a sample half a cycle late does not make a gap.
HELD_CYCLES: Final = 2
# Controls of a pulsed unit take one per cent; a pulse in twenty minutes leaves more than two.
_PULSE_SHARE: Final = 0.02
# Motors' phases differ by some per cent; a fiftieth of the greatest is no current.
_DEAD_SHARE: Final = 0.02
_CHANNELS: Final = (
    "power", "current", "current_low", "current_high", "voltage_low", "voltage_high",
    "power_factor",
)  # fmt: skip


@dataclass(slots=True)
class Block:
    """What is known of each unit in each slot."""

    grid: Grid
    # End of each slot, ms.
    end: I64
    fresh: Bools
    # Fold time of the last sample, and ms since the one before where fresh (0 over a gap).
    at: I64
    step: I64
    # ms since the sample before where fresh, gaps too.
    gap: I64
    known: Bools
    # Shares of the reference: power (or what stands for it), current, voltage; NaN missing.
    level: F32
    current: F32
    voltage: F32
    # W by which load is counted, held.
    watts: F32
    off: Bools
    idle: Bools
    over: Bools
    dark: Bools
    # Consecutive identical samples, and whether they are too many to be believed.
    same: I32
    stale: Bools
    # Readings of a unit with a turned or missing current transformer tell no power.
    reversed: Bools
    phase: Bools
    # Neither is suspected: what it says of its power holds.
    wired: Bools
    fall: Bools
    # It works: known, neither off nor idle nor without supply.
    run: Bools
    declared: Bools
    # Energy since the sample before, mWh.
    energy: I64
    # It draws power, be it in pulses; and when it last did before this block.
    on: Bools
    on_at: I64
    # Filled by what compares units with production, and by the timers.
    low: Bools = field(default_factory=lambda: np.zeros((0, 0), dtype=np.bool_))
    least: F32 = field(default_factory=lambda: np.zeros((0, 0), dtype=np.float32))
    load: F32 = field(default_factory=lambda: np.zeros((0, 0), dtype=np.float32))
    state: I8 = field(default_factory=lambda: np.zeros((0, 0), dtype=np.int8))


def read(plant: Plant, state: State, grid: Grid, declared: Bools) -> Block:
    """Say what each unit does, as far as it can be said without the others."""
    seen, limit, unit = state.seen, plant.limit, plant.unit
    rows = len(grid.at)
    span = 1000 * plant.slot_s
    end = (grid.first + 1 + np.arange(rows, dtype=np.int64)) * span
    fresh = grid.at > np.maximum(seen.at, NONE)
    at = np.maximum.accumulate(np.maximum(grid.at, seen.at), axis=0)
    last = shifted(at, seen.at)
    gap = np.where(fresh & (last >= 0), at - last, 0)
    longest = HELD_CYCLES * unit.cycle
    step = np.where(gap <= longest_step(unit.cycle), gap, 0)
    known = (end[:, None] - at <= longest) & (at >= 0)
    voltage = _voltage(plant, grid)
    power = _normalised(plant, grid, voltage)
    current = grid.current / state.learned.current
    level = power / state.learned.power
    theta_off, i_off = limit["state.theta_off"], limit["state.i_off"]
    theta_idle = limit["state.theta_idle"]
    # What an unloaded motor takes through a converter is a share of its size, not of its duty.
    nameplate = theta_idle * unit.rated / state.learned.power
    theta_idle = np.where(unit.drive == VFD, nameplate, theta_idle)
    without = fresh & np.isnan(power)
    if without.any():
        level, only = _substitute(grid, level, current, without)
        theta_off = np.where(only, i_off, theta_off)
        theta_idle = np.where(only, limit["state.i_idle"], theta_idle)
    told = fresh & ~np.isnan(level)
    holder = Holder(fresh)
    hysteresis = limit["state.hysteresis"]
    quiet = ~(current >= i_off)
    calm = ~(current >= i_off + np.minimum(hysteresis, i_off / 2))
    motionless = latch(
        told & (level < theta_off) & quiet,
        told & ~((level < theta_off + np.minimum(hysteresis, theta_off / 2)) & calm),
        seen.off,
    )
    idle = _idle(plant, state, grid, (level, theta_idle, current), told)
    top = limit["state.theta_max"] * state.learned.greatest / state.learned.power
    outside = _outside(plant, grid)
    over = latch(
        told & ((level > top) | outside),
        told & ~(level > top - hysteresis) & ~outside,
        seen.over,
    )
    fed = fresh & ~np.isnan(voltage)
    v_off = limit["state.v_off"]
    dark = latch(fed & (voltage < v_off), fed & ~(voltage < v_off + hysteresis), seen.dark)
    on = told & ~motionless & ~dark
    same, stale = _stale(plant, seen, grid, fresh, holder)
    energy, fall = _energy(seen, grid, fresh, step, power)
    # A pulse between two samples leaves its energy behind.
    pulse = energy * 3600.0 > gap * (np.float64(_PULSE_SHARE) * state.learned.power)
    on |= pulse & (unit.drive == PULSED)
    off = _pulsed(plant, state, at, on, motionless)
    turned, phase = _reversed(plant, state, grid, level, current, fresh), _phase(grid, voltage)
    wired = holder.now(~(turned | phase), seen.wired)
    block = Block(
        grid=grid, end=end, fresh=fresh, at=at, step=step, gap=gap, known=known,
        level=level, current=current, voltage=voltage,
        watts=Holder(told).now(level * state.learned.power, seen.level),
        off=off, idle=idle, over=over, dark=dark, same=same, stale=stale,
        reversed=turned,
        phase=fresh & phase & (grid.current_high > limit["R10.phase_share"] * unit.rated_current),
        wired=wired,
        fall=fall,
        run=known & ~(off | idle | dark | stale),
        declared=declared, energy=energy, on=on, on_at=seen.on_at,
    )  # fmt: skip
    _remember(seen, block, holder, motionless)
    return block


def longest_step(cycle: I64) -> I64:
    """Return how far apart samples may be without a gap between them, ms."""
    return HELD_CYCLES * cycle + cycle // 2


def classify(plant: Plant, block: Block) -> None:
    """Give every unit its state in each slot; ``low`` must be known."""
    state = np.full(block.off.shape, UnitState.RUNNING, dtype=np.int8)
    behind = np.where(
        plant.unit.drive == VFD, UnitState.REDUCED_VFD, UnitState.REDUCED_SLOW
    ).astype(np.int8)
    np.copyto(state, behind, where=block.low)
    np.copyto(state, np.int8(UnitState.IDLE), where=block.idle)
    np.copyto(state, np.int8(UnitState.OVER), where=block.over)
    np.copyto(state, np.int8(UnitState.OFF), where=block.off)
    np.copyto(state, np.int8(UnitState.NO_POWER), where=block.dark)
    np.copyto(state, np.int8(UnitState.OFFLINE), where=~block.known)
    np.copyto(state, np.int8(UnitState.NEVER), where=block.at < 0)
    np.copyto(state, np.int8(UnitState.DECLARED), where=block.declared)
    block.state = state


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


def _idle(
    plant: Plant, state: State, grid: Grid, shares: tuple[F32, F32, F32], told: Bools
) -> Bools:
    """Tell an unloaded motor: little power, a power factor to match, and no full current."""
    limit = plant.limit
    level, theta, current = shares
    factor = grid.power_factor
    hysteresis = np.minimum(limit["state.hysteresis"], theta / 2)
    # Behind a converter the power factor says nothing; without one, treatment is suspected.
    low_factor = state.learned.power_factor - limit["state.pf_drop_idle"]
    low_factor = np.where(plant.unit.drive == DIRECT, low_factor, np.float32(np.inf))
    blind = np.isnan(factor) & (plant.unit.kind == TREATMENT)
    full = current >= limit["state.i_reversed"]
    enter = (level < theta) & ((factor <= low_factor) | blind) & ~full
    stay = (level < theta + hysteresis) & ((factor <= low_factor + hysteresis) | blind) & ~full
    return latch(told & enter, told & ~stay, state.seen.idle)


def _outside(plant: Plant, grid: Grid) -> Bools:
    limit = plant.limit
    return (
        (grid.current_high > limit["state.current_max"])
        | (grid.voltage_high > limit["state.voltage_max"])
        | (grid.voltage_low < limit["state.voltage_min"])
    )


def _pulsed(plant: Plant, state: State, at: I64, on: Bools, off: Bools) -> Bools:
    """A unit that switches by itself is off when it was not on for its window."""
    columns = np.flatnonzero(plant.unit.drive == PULSED)
    if not len(columns):
        return off
    now = at[:, columns]
    on_at = np.maximum(np.where(on[:, columns], now, NONE), state.seen.on_at[columns])
    on_at = np.maximum.accumulate(on_at, axis=0)
    window = 1000 * plant.limit["state.pulse_window_s"][columns].astype(np.int64)
    off = off.copy()
    off[:, columns] &= now - on_at >= window
    return off


def _stale(plant: Plant, seen: Seen, grid: Grid, fresh: Bools, holder: Holder) -> tuple[I32, Bools]:
    """Count samples in a row that equal their predecessors in every channel, and say if too many.

    Of a current or a status alone, equality says nothing, nor of a meter without supply.  Where
    nothing is drawn, only the voltage could move, in coarse steps: many more samples are needed,
    but of what rests for minutes only.
    """
    moving = ~(grid.voltage_high > 0)
    for name in _CHANNELS:
        values = getattr(grid, name)
        last = holder.previous(values, getattr(seen, name))
        moving |= (values != last) & ~(np.isnan(values) & np.isnan(last))
    same = count_since(fresh, fresh & moving, seen.same)
    power = holder.now(grid.power, seen.power)
    drawing = (np.abs(power) > 0) | (holder.now(grid.current, seen.current) > 0)
    soon = drawing | (plant.unit.drive == PULSED)
    enough = np.where(soon, plant.limit["state.stale_samples"], plant.limit["R10.frozen_samples"])
    return same, same >= enough


def _energy(seen: Seen, grid: Grid, fresh: Bools, step: I64, power: F32) -> tuple[I64, Bools]:
    """Return mWh since the sample before, and where the counter fell.

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
    return np.where(fresh, energy, 0), fall


def _reversed(
    plant: Plant, state: State, grid: Grid, level: F32, current: F32, fresh: Bools
) -> Bools:
    """Tell a turned current transformer: power gone by two thirds, current where it was."""
    limit = plant.limit
    motor = plant.unit.drive == DIRECT
    gone = (level < limit["state.theta_red"] - np.float32(0.2)) & motor
    gone &= current >= limit["state.i_reversed"]
    gone &= grid.power_factor <= state.learned.power_factor - limit["state.pf_drop_idle"]
    negative: Bools = grid.power < -limit["R10.reverse_share"] * plant.unit.rated
    turned: Bools = fresh & (gone | negative)
    return turned


def _phase(grid: Grid, voltage: F32) -> Bools:
    """Tell a phase without current while the others have some and the voltage is there."""
    dead = grid.current_low <= np.float32(_DEAD_SHARE) * grid.current_high
    return dead & (grid.current_high > 0) & (voltage > np.float32(0.8))


def _remember(seen: Seen, block: Block, holder: Holder, motionless: Bools) -> None:
    """Keep the last row of everything that goes on."""
    grid = block.grid
    for name in _CHANNELS:
        setattr(seen, name, holder.last(getattr(grid, name), getattr(seen, name)))
    seen.on_at = np.maximum(seen.on_at, np.where(block.on, block.at, NONE).max(axis=0))
    fed = block.fresh & ~np.isnan(block.voltage) & ~block.dark
    seen.fed_at = np.maximum(seen.fed_at, np.where(fed, block.at, NONE).max(axis=0))
    seen.at, seen.level, seen.same = (
        block.at[-1].copy(), block.watts[-1].copy(), block.same[-1].copy(),
    )  # fmt: skip
    seen.off, seen.idle, seen.over, seen.dark, seen.wired = (
        motionless[-1].copy(), block.idle[-1].copy(), block.over[-1].copy(), block.dark[-1].copy(),
        block.wired[-1].copy(),
    )  # fmt: skip
