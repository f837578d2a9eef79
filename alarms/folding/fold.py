"""The fold: readings by slot, and people's decisions, into states and findings.

    fold(plant, rules, state, grid, upto, orders) -> State, Findings

Each enterprise e is folded from its ``next_slot`` up to ``upto[e]`` (excluded).  How the slots are
cut into calls, and which enterprises are folded together, changes nothing.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any, Final
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from wattwarden.alarms.episodes.findings import Finding, Findings, in_order
from wattwarden.alarms.folding.days import close_days, count
from wattwarden.alarms.folding.hours import close_hours, over_registered
from wattwarden.alarms.folding.step import step
from wattwarden.alarms.plant.orders import NO_ORDERS, Orders, taken
from wattwarden.alarms.plant.plant import Plant
from wattwarden.alarms.plant.table import I64
from wattwarden.alarms.rulebook import Rules
from wattwarden.alarms.states import state as states
from wattwarden.alarms.states.grid import Grid
from wattwarden.alarms.states.state import State

# What is learned is constant within a block.  Local days and hours begin at whole hours nearly
# everywhere, at quarters in the rest; of a large plant, quarters are what the caches hold.
HOUR_S: Final = 3600
QUARTER_S: Final = 900
MANY_UNITS: Final = 600


@dataclass(frozen=True, slots=True)
class Stretch:
    """Slots in which the same enterprises are folded."""

    first: int
    last: int
    firms: tuple[int, ...]


def fold(
    plant: Plant, rules: Rules, state: State, grid: Grid, upto: I64, orders: Orders = NO_ORDERS
) -> tuple[State, Findings]:
    """Fold each enterprise's slots up to ``upto`` (excluded); the grid must hold them.

    Raises:
        ValueError: The grid lacks a slot, has other columns than the plant, or the plant was
            compiled with other rules.
    """
    if plant.version != rules.version:
        message = f"the plant was compiled with rules {plant.version}, not {rules.version}"
        raise ValueError(message)
    if grid.at.shape[1] != len(plant.units) or grid.slot_s != plant.slot_s:
        message = f"the grid has {grid.at.shape[1]} units, the plant {len(plant.units)}"
        raise ValueError(message)
    state = states.copy(state)
    findings: list[Finding] = []
    parts: dict[tuple[int, ...], _Part] = {}
    for stretch in _stretches(plant, state, upto):
        if not grid.first <= stretch.first <= stretch.last <= grid.first + len(grid.at):
            message = f"the grid lacks slots {stretch.first} to {stretch.last}"
            raise ValueError(message)
        if len(stretch.firms) == len(plant.firms):
            cells = grid.rows(stretch.first, stretch.last, slice(None), slice(None))
            findings += _fold(plant, state, cells, orders)
            continue
        if stretch.firms not in parts:
            parts[stretch.firms] = _Part.of(plant, orders, stretch.firms)
        part = parts[stretch.firms]
        cells = grid.rows(stretch.first, stretch.last, part.rows["unit"], part.rows["watch"])
        own = states.take(state, part.rows)
        findings += _fold(part.plant, own, cells, part.orders)
        states.put(state, part.rows, own)
    return state, in_order(findings)


def _fold(plant: Plant, state: State, grid: Grid, orders: Orders) -> Iterator[Finding]:
    """Fold a block of all of a plant's enterprises, whose days may end before it."""
    start = grid.first * plant.slot_s
    days, nights = _local(plant, start)
    yield from close_days(plant, state, orders, days, 1000 * start)
    yield from close_hours(plant, state, orders, 1000 * start)
    work = step(plant, state, grid, orders)
    yield from work.findings
    yield from over_registered(plant, state, work.block)
    count(plant, state, work, nights)
    state.firm.next_slot[:] = grid.first + len(grid.at)


def _stretches(plant: Plant, state: State, upto: I64) -> Iterator[Stretch]:
    """Cut the slots to be folded where enterprises begin or end, and into blocks."""
    first = state.firm.next_slot.copy()
    waiting = upto > first
    if not waiting.any():
        return
    low, high = int(first[waiting].min()), int(upto[waiting].max())
    length, slot_s = _block_s(plant, low), plant.slot_s
    # The first slots that begin within each block.
    blocks = {
        -(-block * length // slot_s)
        for block in range(low * slot_s // length + 1, high * slot_s // length + 1)
    }
    cuts = sorted({low, high, *first[waiting].tolist(), *upto[waiting].tolist(), *blocks})
    for begin, end in pairwise(cuts):
        active = np.flatnonzero((first <= begin) & (upto >= end))
        if begin < high and len(active):
            yield Stretch(begin, end, tuple(active.tolist()))


def _block_s(plant: Plant, slot: int) -> int:
    """Return the length of blocks in s; it changes speed alone."""
    moment = datetime.fromtimestamp(slot * plant.slot_s, UTC)
    offsets = {moment.astimezone(ZoneInfo(zone)).utcoffset() for zone in set(plant.zones)}
    whole = all(offset is not None and offset.seconds % HOUR_S == 0 for offset in offsets)
    return HOUR_S if whole and len(plant.units) < MANY_UNITS else QUARTER_S


def _local(plant: Plant, second: int) -> tuple[I64, I64]:
    """Return each enterprise's local day (ordinal) and hour at a moment."""
    moment = datetime.fromtimestamp(second, UTC)
    local = {zone: moment.astimezone(ZoneInfo(zone)) for zone in set(plant.zones)}
    return (
        np.array([local[zone].toordinal() for zone in plant.zones], dtype=np.int64),
        np.array([local[zone].hour for zone in plant.zones], dtype=np.int64),
    )


@dataclass(frozen=True, slots=True)
class _Part:
    """Some enterprises of a plant."""

    plant: Plant
    orders: Orders
    rows: dict[str, NDArray[Any]]

    @classmethod
    def of(cls, plant: Plant, orders: Orders, firms: tuple[int, ...]) -> "_Part":
        part = plant.take(firms)
        rows = states.rows_of(plant, np.array(firms))
        return cls(part, taken(orders, plant, part, rows["unit"].tolist()), rows)
