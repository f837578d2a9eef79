"""Treatment beside its lines' production: who produces, how much, and what is normal for that.

Columns are the plant's treats.  A treat is served when it runs; a member of a standby group when as
many of the group run as must.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from wattwarden.alarms.plant.plant import DIRECT, Plant
from wattwarden.alarms.plant.table import F32, I8, I64, NONE, Bools
from wattwarden.alarms.plant.unit_tables import LOADS
from wattwarden.alarms.rules.supply import fed_at
from wattwarden.alarms.states.bits import latch, run_length, shifted
from wattwarden.alarms.states.block import Block
from wattwarden.alarms.states.state import State

NO, YES, UNKNOWN = 0, 1, 2
# Production's and treatment's stops and starts are believed after so many slots.
_BELIEVED: Final = 3


@dataclass(slots=True)
class Beside:
    """What holds for each treat in each slot."""

    production: I8
    # The first slots after production was unknown: everything begins anew.
    restarted: Bools
    # Load as a share of nameplates, its cell (-1 unknown), and whether it counts as high.
    load: F32
    cell: I64
    high: Bools
    # The least normal level for it (share of the reference), NaN where not judged.
    least: F32
    served: I8
    # Of a standby group: the member that is blamed; and that enough of it run properly.
    blamed: Bools
    healthy: Bools
    in_run: Bools
    # When the production run began, ms.
    began: I64
    ran: Bools
    # Production stopped, but treatment must go on for its run-on time.
    run_on: Bools
    # Treatment came to serve in this slot, so many ms late; NONE elsewhere.
    late: I64


def compare(plant: Plant, state: State, block: Block) -> Beside:
    """Put every treat beside its production; fills the block's ``low``."""
    treats = plant.treats
    starts = np.searchsorted(plant.pair_owner, np.arange(len(treats)))
    production = _production(plant, block, starts)
    load, high = _load(plant, state, block, starts)
    cell = np.where(np.isnan(load), NONE, np.minimum(np.nan_to_num(load) * 10, LOADS - 1))
    cell = cell.astype(np.int64)
    least = _least(plant, state, cell, high)
    _judge_level(plant, state, block, least)
    served, blamed, healthy = _served(plant, block)
    previous = shifted(production, state.sync.production[treats])
    dark = np.logical_or.reduceat(block.dark[:, plant.pair_unit], starts, axis=1)
    dark |= block.dark[:, treats]
    lit = shifted(dark, state.sync.dark[treats]) & ~dark
    restarted = (previous == UNKNOWN) & (production != UNKNOWN) | lit
    state.sync.dark[treats] = dark[-1]
    beside = Beside(
        production=production, restarted=restarted, load=load, cell=cell, high=high, least=least,
        served=served, blamed=blamed, healthy=healthy,
        in_run=restarted, began=cell, ran=restarted, run_on=restarted, late=cell,
    )  # fmt: skip
    # Of the first slot, and of a firm in the dark, nobody knows how things were.
    unsure = (previous == UNKNOWN) | (production == UNKNOWN) | (served == UNKNOWN) | dark
    unsure |= _blackout(plant, state, block)
    _runs(plant, state, block, beside, unsure)
    state.sync.production[treats] = production[-1]
    return beside


def _blackout(plant: Plant, state: State, block: Block) -> Bools:
    """Say where a treat's firm has no supply, as those units say that have a voltage."""
    firms = plant.unit.firm[plant.treats]
    if not block.dark.any():
        return np.zeros((len(block.at), len(firms)), dtype=np.bool_)
    owners, starts = np.unique(plant.unit.firm, return_index=True)
    dark = np.zeros((len(block.at), len(plant.firms)), dtype=np.bool_)
    dark[:, owners] = np.logical_or.reduceat(block.dark, starts, axis=1)
    unfed = block.end[:, None] - fed_at(plant, state, block) > 2000 * plant.slot_s
    gone: Bools = (dark & unfed)[:, firms]
    return gone


def _production(plant: Plant, block: Block, starts: I64) -> I8:
    """Say whether any production unit of each treat's lines works; 2 where it cannot be said."""
    run = np.logical_or.reduceat(block.run[:, plant.pair_unit], starts, axis=1)
    # A meter that never spoke hides nothing that it ever showed.
    blind = (~block.known & (block.at >= 0)) | block.stale
    unknown = np.logical_or.reduceat(blind[:, plant.pair_unit], starts, axis=1)
    return np.where(run, YES, np.where(unknown, UNKNOWN, NO)).astype(np.int8)


def _load(plant: Plant, state: State, block: Block, starts: I64) -> tuple[F32, Bools]:
    """Return the production load as a share of nameplates, and where it is high."""
    makers = plant.pair_unit
    believed = block.known & ~block.stale & block.wired
    watts = np.where(believed, np.maximum(block.watts, 0), np.float32(np.nan))
    total = np.add.reduceat(watts[:, makers].astype(np.float64), starts, axis=1)
    rated = np.add.reduceat(plant.unit.rated[makers].astype(np.float64), starts)
    usual = np.add.reduceat(state.learned.power[makers].astype(np.float64), starts)
    high = total >= plant.limit["state.high_load"][plant.treats] * usual
    return (total / rated).astype(np.float32), high


def _least(plant: Plant, state: State, cell: I64, high: Bools) -> F32:
    """Return the level under which a unit is reduced, for each slot's load."""
    treats, limit, learned = plant.treats, plant.limit, state.learned
    normal = learned.least[treats] * limit["state.normal_margin"][treats, None]
    normal /= learned.power[treats, None]
    known = learned.run_days[treats] >= limit["state.learn_run_days"][treats]
    top = limit["state.theta_red"][treats]
    fallback = np.where(known, top, limit["state.theta_red_nameplate"][treats])
    # A load that is not known (no cell) takes the last column, which is never learned.
    padded = np.concatenate([normal, np.full((len(treats), 1), np.nan, np.float32)], axis=1)
    chosen = padded[np.arange(len(treats)), cell]
    judged = np.where(high & (cell >= 0), fallback, np.float32(np.nan))
    return np.where(np.isnan(chosen), judged, np.minimum(chosen, top)).astype(np.float32)


def _judge_level(plant: Plant, state: State, block: Block, least: F32) -> None:
    """Mark in the block where treats run less than is normal, and where that is idling."""
    treats = plant.treats
    level = block.level[:, treats]
    judged = ~np.isnan(least)
    told = block.fresh[:, treats] & ~np.isnan(level) & judged
    low = latch(
        told & (level < least),
        told & ~(level < least * (1 + plant.limit["state.hysteresis"][treats])),
        state.seen.low[treats],
    )
    state.seen.low[treats] = low[-1]
    low &= judged & ~block.off[:, treats]
    block.low = np.zeros(block.off.shape, dtype=np.bool_)
    block.low[:, treats] = low
    # Idling is less than normal too; a motor that was never seen at this load may still be judged
    # by its power factor, a converter may not.
    loose = ~judged & (plant.unit.drive[treats] == DIRECT)
    block.idle[:, treats] &= low | loose


def _served(plant: Plant, block: Block) -> tuple[I8, Bools, Bools]:
    treats = plant.treats
    run = (block.known & ~(block.off | block.dark | block.stale))[:, treats]
    blind = (~block.known | block.stale)[:, treats]
    served = np.where(run, YES, np.where(blind, UNKNOWN, NO)).astype(np.int8)
    blamed = np.ones(run.shape, dtype=np.bool_)
    healthy = np.zeros(run.shape, dtype=np.bool_)
    if not len(plant.members):
        return served, blamed, healthy
    members, group = plant.members, plant.member_group
    starts = np.searchsorted(group, np.arange(len(plant.group_required)))
    excused = block.declared[:, treats[members]]
    required = np.minimum(
        plant.group_required, np.add.reduceat((~excused).astype(np.int32), starts, axis=1)
    )
    running = np.add.reduceat((run[:, members] & ~excused).astype(np.int32), starts, axis=1)
    hidden = np.add.reduceat((blind[:, members] & ~excused).astype(np.int32), starts, axis=1)
    groups = np.where(
        running >= required, YES, np.where(running + hidden >= required, UNKNOWN, NO)
    ).astype(np.int8)
    served[:, members] = groups[:, group]
    units = treats[members]
    proper = run[:, members] & ~excused & ~block.low[:, units] & ~block.idle[:, units]
    enough = np.add.reduceat(proper.astype(np.int32), starts, axis=1) >= required
    healthy[:, members] = enough[:, group]
    blamed[:, members] = _blamed(plant, block, starts)
    return served, blamed, healthy


def _blamed(plant: Plant, block: Block, starts: I64) -> Bools:
    """Choose, of each group's members that are off, the one that ran last, else the first."""
    units = plant.treats[plant.members]
    on_at = np.where(block.on[:, units], block.at[:, units], NONE)
    on_at = np.maximum.accumulate(np.maximum(on_at, block.on_at[units]), axis=0)
    off = block.off[:, units] & block.known[:, units] & ~block.declared[:, units]
    rank = np.where(off, on_at, NONE - 1)
    last = np.maximum.reduceat(rank, starts, axis=1)[:, plant.member_group]
    order = np.where(off & (rank == last), np.arange(len(units)), len(units))
    first = np.minimum.reduceat(order, starts, axis=1)[:, plant.member_group]
    blamed: Bools = order == first
    return blamed


def _runs(plant: Plant, state: State, block: Block, beside: Beside, unsure: Bools) -> None:
    """Follow production runs, and whether treatment served in each."""
    treats, sync = plant.treats, state.sync
    slots = block.end[:, None] - 1000 * plant.slot_s
    making = beside.production == YES
    pause = run_length(beside.production == NO, sync.idle_slots[treats])
    paused = pause >= _BELIEVED
    beside.in_run = latch(making, paused | beside.restarted & ~making, sync.in_run[treats])
    was = shifted(beside.in_run, sync.in_run[treats])
    began = np.where(beside.in_run & (~was | beside.restarted), slots, NONE)
    began = np.maximum.accumulate(np.maximum(began, sync.run_began[treats]), axis=0)
    stopped = np.where(pause == 1, slots, NONE)
    stopped = np.maximum.accumulate(np.maximum(stopped, sync.run_ended[treats]), axis=0)
    served = beside.served == YES
    runs = run_length(served, sync.served_slots[treats])
    rests = run_length(beside.served == NO, sync.unserved_slots[treats])
    believed = runs >= _BELIEVED
    serving = latch(believed, rests >= _BELIEVED, sync.serving[treats])
    onset = np.where(runs == 1, slots, NONE)
    onset = np.maximum.accumulate(np.maximum(onset, sync.served_since[treats]), axis=0)
    both = run_length(served & making, sync.both_slots[treats])
    # It holds through the pause, for the run-on time, until the next run.
    ran = latch(both >= _BELIEVED, (beside.in_run & ~was) | beside.restarted, sync.ran[treats])
    beside.ran = ran
    beside.began = began
    rising = ran & ~shifted(ran, sync.ran[treats])
    unsure_at = np.where(unsure, slots, NONE)
    unsure_at = np.maximum.accumulate(np.maximum(unsure_at, sync.unsure_at[treats]), axis=0)
    after = 1000 * plant.limit["R6.after_return_s"][treats].astype(np.int64)
    steady = (unsure_at < 0) | (slots - unsure_at > after)
    due = began - plant.unit.pre_start[treats]
    beside.late = np.where(rising & steady, np.maximum(onset - due, 0), NONE)
    limit = plant.unit.run_on[treats]
    early = (beside.production == NO) & (slots - stopped < limit) & (stopped >= 0)
    beside.run_on = early & ((unsure_at < 0) | (slots - unsure_at > after))
    for name, rows in (
        ("idle_slots", pause), ("in_run", beside.in_run), ("run_began", began),
        ("run_ended", stopped), ("served_slots", runs), ("unserved_slots", rests),
        ("serving", serving), ("served_since", onset), ("both_slots", both), ("ran", ran),
        ("unsure_at", unsure_at),
    ):  # fmt: skip
        getattr(sync, name)[treats] = rows[-1]
