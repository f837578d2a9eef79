"""One block of slots, from cells to findings."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from wattwarden.alarms.episodes.aggravation import graded
from wattwarden.alarms.episodes.conditions import Condition, touched
from wattwarden.alarms.episodes.emissions import follow_watches
from wattwarden.alarms.episodes.findings import Finding
from wattwarden.alarms.episodes.raising import Episodes
from wattwarden.alarms.episodes.timers import Moved, Timed, move
from wattwarden.alarms.plant.orders import Orders, mask
from wattwarden.alarms.plant.plant import Plant
from wattwarden.alarms.plant.rows import FREEZING, Row
from wattwarden.alarms.plant.table import I64, Bools
from wattwarden.alarms.rules import degraded, emission, meter, order, supply
from wattwarden.alarms.rules import sync as sync_rules
from wattwarden.alarms.states.block import Block, classify, read
from wattwarden.alarms.states.grid import Grid
from wattwarden.alarms.states.learn import learn
from wattwarden.alarms.states.shown import remember_switches, show
from wattwarden.alarms.states.state import State
from wattwarden.alarms.states.sync import Beside, compare

_ROWS: Final = len(Row)


@dataclass(frozen=True, slots=True)
class Work:
    """What a block came to."""

    block: Block
    beside: Beside | None
    findings: list[Finding]


def step(plant: Plant, state: State, grid: Grid, orders: Orders) -> Work:
    """Fold one block; changes the state."""
    ends = (grid.first + 1 + np.arange(len(grid.at))) * 1000 * plant.slot_s
    units = len(plant.units)
    block = read(plant, state, grid, mask(orders.declared, ends, units))
    beside = compare(plant, state, block) if len(plant.treats) else None
    if beside is None:
        block.low = np.zeros(block.off.shape, dtype=np.bool_)
    classify(plant, block)
    transitions, switches = show(plant, state, block)
    conditions = [
        degraded.over(plant, block),
        supply.no_supply(plant, block),
        meter.frozen(plant, block),
        meter.phase_lost(plant, block),
        meter.turned(plant, block),
    ]
    if (switching := degraded.switching(plant, state, block, switches)) is not None:
        conditions.append(switching)
    remember_switches(state.shown, switches)
    if orders.stopped:
        grace = round(float(plant.limit["R11.grace_s"].max(initial=0)) * 1000)
        stopped = mask(orders.stopped, ends, units, grace)
        conditions.append(order.stop_broken(plant, block, stopped))
    elif (state.timers.began[:, Row.STOP] >= 0).any():
        conditions.append(order.stop_broken(plant, block, np.zeros(block.run.shape, np.bool_)))
    if beside is not None:
        conditions.append(sync_rules.not_started_or_shut_down(plant, block, beside))
        conditions.append(degraded.idling(plant, block, beside))
        conditions.extend(degraded.reduced(plant, block, beside))
    frozen = np.zeros(block.off.shape, dtype=np.bool_)
    episodes = Episodes(plant, state, block, beside)
    moved = _move(plant, state, block, conditions, frozen)
    findings: list[Finding] = [*transitions, *episodes.follow(moved)]
    timed = emission.abnormal(plant, state, block)
    if timed is not None:
        moved_watches, _ = move(state.watch_timers, timed)
        findings += follow_watches(plant, block, moved_watches, timed)
    findings = graded(plant, state, findings)
    learn(plant, state, block, beside, frozen)
    state.firm.fed_at[:] = supply.fed_at(plant, state, block)[-1]
    return Work(block, beside, findings)


def _move(
    plant: Plant, state: State, block: Block, conditions: list[Condition], frozen: Bools
) -> list[tuple[Moved, Row, int]]:
    """Move the timers that are touched; notes where learning must rest."""
    parts = [(each, touched(state, each)) for each in conditions]
    parts = [(each, columns) for each, columns in parts if len(columns)]
    if not parts:
        return []
    units = np.concatenate([each.units[columns] for each, columns in parts])
    rows = np.concatenate([np.full(len(columns), each.row) for each, columns in parts])
    slots = len(block.at)
    never = np.zeros(block.off.shape, dtype=np.bool_)
    watch = Timed(
        flat=units * _ROWS + rows,
        true=np.concatenate([each.true[:, columns] for each, columns in parts], axis=1),
        judged=np.concatenate([each.judged[:, columns] for each, columns in parts], axis=1),
        reset=np.concatenate(
            [(never if each.reset is None else each.reset)[:, columns] for each, columns in parts],
            axis=1,
        ),
        level=block.level[:, units],
        bound=np.concatenate(
            [(never if each.bound is None else each.bound)[:, columns] for each, columns in parts],
            axis=1,
        ),
        at=block.at[:, units],
        step=block.step[:, units],
        delay=_spread([(each.delay, columns) for each, columns in parts], slots),
        off_delay=_spread([(each.off_delay, columns) for each, columns in parts], slots),
        cycle=plant.unit.cycle[units],
    )
    moved, running = move(state.timers, watch)
    freezing = np.flatnonzero(np.isin(rows, FREEZING))
    for column in freezing.tolist():
        frozen[:, units[column]] |= running[:, column] | watch.true[:, column]
    return [(each, Row(int(rows[each.index])), int(units[each.index])) for each in moved]


def _spread(parts: list[tuple[I64, I64]], slots: int) -> I64:
    """Return some columns of each part beside each other, with a row a slot."""
    return np.concatenate(
        [
            np.broadcast_to(numbers, (slots, numbers.shape[-1]))[:, columns]
            for numbers, columns in parts
        ],
        axis=1,
    )
