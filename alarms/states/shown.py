"""Published states: debounced, each beginning at its first sample."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from wattwarden.alarms.episodes.findings import Transition
from wattwarden.alarms.episodes.timers import believed
from wattwarden.alarms.plant.plant import TREATMENT, Plant
from wattwarden.alarms.plant.table import NONE
from wattwarden.alarms.plant.unit_tables import Shown
from wattwarden.alarms.states.block import HELD_CYCLES, Block
from wattwarden.alarms.states.codes import RUN_STATES, UnitState
from wattwarden.alarms.states.state import State

# These are no samples that noise could have made: they hold at once.
_AT_ONCE: Final = (UnitState.OFFLINE, UnitState.DECLARED)


@dataclass(frozen=True, slots=True)
class Switch:
    """A treatment unit started or stopped: when, and the slot of the block in which it was sure."""

    unit: int
    at: int
    slot: int


def show(plant: Plant, state: State, block: Block) -> tuple[list[Transition], list[Switch]]:
    """Debounce the states of a block."""
    shown = state.shown
    moving = (block.state != shown.state).any(axis=0) | (shown.count > 0)
    units = np.flatnonzero(moving)
    transitions: list[Transition] = []
    switches: list[Switch] = []
    if not len(units):
        return transitions, switches
    need = believed(plant.unit.cycle[units])
    current, since, following, count, next_at = (
        getattr(shown, name)[units] for name in ("state", "since", "next", "count", "next_at")
    )
    held_until = HELD_CYCLES * plant.unit.cycle[units]
    raw_rows, at_rows, fresh_rows = block.state[:, units], block.at[:, units], block.fresh[:, units]
    for slot, raw in enumerate(raw_rows):
        at = at_rows[slot]
        instant = np.isin(raw, _AT_ONCE) & (raw != current)
        fresh = (fresh_rows[slot] | instant) & (raw != UnitState.NEVER)
        same = fresh & (raw == current)
        count[same] = 0
        other = fresh & ~same
        new = other & ((raw != following) | (count == 0))
        following = np.where(new, raw, following)
        next_at = np.where(new, at, next_at)
        count = np.where(new, 1, np.where(other, count + 1, count)).astype(np.int8)
        sure = other & ((count >= need) | instant | (current == UnitState.NEVER))
        for index in np.flatnonzero(sure).tolist():
            unit, began = int(units[index]), int(next_at[index])
            old, new_state = int(current[index]), int(raw[index])
            if new_state == UnitState.OFFLINE:
                began += int(held_until[index])
            elif new_state == UnitState.DECLARED:
                began = int(block.end[slot]) - 1000 * plant.slot_s
            current[index], since[index], count[index] = new_state, began, 0
            transitions.append(_transition(plant, unit, new_state, began))
            if plant.unit.kind[unit] == TREATMENT and _switched(old, new_state):
                switches.append(Switch(unit, began, slot))
    for name, row in (
        ("state", current), ("since", since), ("next", following), ("count", count),
        ("next_at", next_at),
    ):  # fmt: skip
        getattr(shown, name)[units] = row
    return transitions, switches


def remember_switches(shown: Shown, switches: list[Switch]) -> None:
    """Keep the last starts and stops."""
    for switch in switches:
        row = shown.switches[switch.unit]
        row[:-1] = row[1:]
        row[-1] = switch.at


def switch_times(shown: Shown, switches: list[Switch], unit: int) -> list[tuple[int, int]]:
    """Return (moment, slot from which it counts) of a unit's switches, oldest first."""
    old = [(at, 0) for at in shown.switches[unit].tolist() if at != NONE]
    return old + [(switch.at, switch.slot) for switch in switches if switch.unit == unit]


def _transition(plant: Plant, unit: int, state: int, began: int) -> Transition:
    firm = plant.firms[plant.unit.firm[unit]]
    return Transition(firm, plant.units[unit], UnitState(state), began)


def _switched(old: int, new: int) -> bool:
    return (old in RUN_STATES and new == UnitState.OFF) or (
        old == UnitState.OFF and new in RUN_STATES
    )
