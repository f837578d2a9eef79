"""One block of slots: what every unit does in each, from what its meter said.

A block never crosses a quarter of an hour, so what is learned, and with it every threshold, is
constant within it.  All arrays have a row a slot and a column a unit.
"""

from dataclasses import dataclass, field
from typing import Final

import numpy as np

from wattwarden.alarms.plant.plant import VFD, Plant
from wattwarden.alarms.plant.table import F32, I8, I32, I64, NONE, Bools
from wattwarden.alarms.plant.unit_tables import Seen
from wattwarden.alarms.states import trust
from wattwarden.alarms.states.bits import Holder, shifted
from wattwarden.alarms.states.codes import UnitState
from wattwarden.alarms.states.grid import Grid
from wattwarden.alarms.states.levels import levels_of
from wattwarden.alarms.states.motion import Moments, motion_of
from wattwarden.alarms.states.state import State
from wattwarden.alarms.states.trust import CHANNELS

# A value is held for two of its cycles; a sample half a cycle late does not make a gap.
HELD_CYCLES: Final = 2


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
    seen, unit = state.seen, plant.unit
    end = (grid.first + 1 + np.arange(len(grid.at), dtype=np.int64)) * 1000 * plant.slot_s
    fresh = grid.at > np.maximum(seen.at, NONE)
    at = np.maximum.accumulate(np.maximum(grid.at, seen.at), axis=0)
    last = shifted(at, seen.at)
    gap = np.where(fresh & (last >= 0), at - last, 0)
    step = np.where(gap <= longest_step(unit.cycle), gap, 0)
    known = (end[:, None] - at <= HELD_CYCLES * unit.cycle) & (at >= 0)
    levels, holder = levels_of(plant, state, grid, fresh), Holder(fresh)
    energy, fall, counted = trust.energy_since(seen, grid, fresh, step, levels.power)
    same, stale = trust.stale(plant, seen, grid, fresh, holder)
    blind = fresh & (stale | ((gap > step) & ~counted))
    motion = motion_of(plant, state, grid, levels, Moments(fresh, at, gap, energy, blind))
    turned = trust.turned(plant, state, grid, levels, fresh)
    phase = trust.phase_lost(grid, levels.voltage)
    much = grid.current_high > plant.limit["R10.phase_share"] * unit.rated_current
    block = Block(
        grid=grid, end=end, fresh=fresh, at=at, step=step, gap=gap, known=known,
        level=levels.level, current=levels.current, voltage=levels.voltage,
        watts=Holder(levels.told).now(levels.level * state.learned.power, seen.level),
        off=motion.off, idle=motion.idle, over=motion.over, dark=motion.dark,
        same=same, stale=stale, reversed=turned, phase=fresh & phase & much,
        wired=holder.now(~(turned | phase), seen.wired), fall=fall,
        run=known & ~(motion.off | motion.idle | motion.dark | stale),
        declared=declared, energy=energy, on=motion.on, on_at=seen.on_at,
    )  # fmt: skip
    _remember(seen, block, holder, motion.motionless)
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


def _remember(seen: Seen, block: Block, holder: Holder, motionless: Bools) -> None:
    """Keep the last row of everything that goes on."""
    grid = block.grid
    for name in CHANNELS:
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
