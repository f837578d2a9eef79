"""Everything that the fold remembers, as tables; constant in size for each unit.

A packed state holds one enterprise's rows with the ids they belong to, so that it can be unpacked
into another plant: units that are new begin as at first, units that went are forgotten.  Equal
states pack to equal bytes.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from wattwarden.alarms.plant import table
from wattwarden.alarms.plant.day_tables import Firm, Totals
from wattwarden.alarms.plant.plant import Plant
from wattwarden.alarms.plant.table import arrays_of
from wattwarden.alarms.plant.unit_tables import (
    Learned,
    Memory,
    Seen,
    Shown,
    Sync,
    Timers,
    WatchSeen,
    WatchTimers,
)

# A change of the tables needs a new number; older packs begin anew.
PACK_VERSION: Final = 2


@dataclass(slots=True)
class State:
    """All tables of a plant; ``units`` and so on say which rows they are."""

    firm: Firm
    seen: Seen
    shown: Shown
    sync: Sync
    learned: Learned
    memory: Memory
    timers: Timers
    totals: Totals
    watch_seen: WatchSeen
    watch_timers: WatchTimers


_AXES: Final = {
    "firm": (Firm, "firm"),
    "seen": (Seen, "unit"),
    "shown": (Shown, "unit"),
    "sync": (Sync, "unit"),
    "learned": (Learned, "unit"),
    "memory": (Memory, "unit"),
    "timers": (Timers, "unit"),
    "totals": (Totals, "unit"),
    "watch_seen": (WatchSeen, "watch"),
    "watch_timers": (WatchTimers, "watch"),
}


def initial(plant: Plant, first: int) -> State:
    """Return the state of a plant of which nothing is known, to be folded from slot ``first``."""
    sizes = {"firm": len(plant.firms), "unit": len(plant.units), "watch": len(plant.watches)}
    made: dict[str, Any] = {
        name: table.fresh(kind, sizes[axis]) for name, (kind, axis) in _AXES.items()
    }
    state = State(**made)
    state.firm.next_slot[:] = first
    _name(plant, state)
    return state


def _name(plant: Plant, state: State) -> None:
    """Let the nameplate stand for what is not learned."""
    learned = state.learned
    for array, rated in ((learned.power, plant.unit.rated), (learned.greatest, plant.unit.rated)):
        array[:] = np.where(np.isnan(array), rated, array)
    learned.current[:] = np.where(
        np.isnan(learned.current), plant.unit.rated_current, learned.current
    )
    # Motors of some kilowatts at four fifths of their load.
    learned.power_factor[:] = np.where(np.isnan(learned.power_factor), 0.8, learned.power_factor)


def copy(state: State) -> State:
    """Return a state that shares nothing with this one."""
    return State(*(table.copy(getattr(state, name)) for name in _AXES))


def rows_of(plant: Plant, firms: NDArray[np.intp]) -> dict[str, NDArray[np.intp]]:
    """Return which rows of each axis belong to some enterprises, by position."""
    chosen = np.zeros(len(plant.firms), dtype=np.bool_)
    chosen[firms] = True
    return {
        "firm": np.flatnonzero(chosen),
        "unit": np.flatnonzero(chosen[plant.unit.firm]),
        "watch": np.flatnonzero(chosen[plant.watch.firm]),
    }


def take(state: State, rows: Mapping[str, NDArray[np.intp]]) -> State:
    """Return the rows of some enterprises, copied."""
    return State(
        *(table.take(getattr(state, name), rows[axis]) for name, (_, axis) in _AXES.items())
    )


def put(state: State, rows: Mapping[str, NDArray[np.intp]], part: State) -> None:
    """Write rows back to where ``take`` had them from."""
    for name, (_, axis) in _AXES.items():
        table.put(getattr(state, name), rows[axis], getattr(part, name))


class _Pack(msgspec.Struct, array_like=True):
    version: int
    enterprise: str
    slot_s: int
    units: list[str]
    watches: list[tuple[str, str]]
    # By table and array: type, and the rows' bytes, little-endian.
    arrays: list[bytes]


def pack(state: State, plant: Plant, enterprise: str) -> bytes:
    """Write one enterprise's rows; equal states give equal bytes."""
    rows = rows_of(plant, np.array([plant.firms.index(enterprise)]))
    arrays = [
        _canonical(array[rows[axis]])
        for name, (_, axis) in _AXES.items()
        for array in arrays_of(getattr(state, name))
    ]
    units = [plant.units[row] for row in rows["unit"]]
    watches = [plant.watches[row] for row in rows["watch"]]
    whole = _Pack(PACK_VERSION, enterprise, plant.slot_s, units, watches, arrays)
    return msgspec.msgpack.encode(whole)


def unpack(plant: Plant, packed: Mapping[str, bytes], first: int) -> State:
    """Return the state of a plant from its enterprises' packs.

    An enterprise without one, or with one of an older version, begins at slot ``first``.

    Raises:
        ValueError: A pack is damaged.
    """
    state = initial(plant, first)
    for position, enterprise in enumerate(plant.firms):
        if enterprise in packed:
            _unpack(state, plant, position, packed[enterprise])
    _name(plant, state)
    return state


def _unpack(state: State, plant: Plant, position: int, data: bytes) -> None:
    try:
        whole = msgspec.msgpack.decode(data, type=_Pack)
    except msgspec.DecodeError as error:
        message = f"the state of {plant.firms[position]} is damaged: {error}"
        raise ValueError(message) from error
    if whole.version != PACK_VERSION:
        return
    rows = rows_of(plant, np.array([position]))
    units = {unit: row for row, unit in enumerate(whole.units)}
    watches = {watch: row for row, watch in enumerate(whole.watches)}
    moves = {
        "firm": (rows["firm"], np.zeros(1, dtype=np.intp)),
        "unit": _move(rows["unit"], plant.units, units),
        "watch": _move(rows["watch"], plant.watches, watches),
    }
    arrays = iter(whole.arrays)
    for name, (kind, axis) in _AXES.items():
        there, here = moves[axis]
        for spec, column in table.columns_of(kind).items():
            flat = np.frombuffer(next(arrays), dtype=column.kind)
            array = flat.reshape(-1, *column.shape)
            getattr(getattr(state, name), spec)[there] = array[here]
    if whole.slot_s != plant.slot_s:
        next_slot = state.firm.next_slot
        next_slot[position] = next_slot[position] * whole.slot_s // plant.slot_s


def _move(
    rows: NDArray[np.intp], names: tuple[Any, ...], known: Mapping[Any, int]
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return (rows of the plant, rows of the pack) of what both have."""
    both = [row for row in rows.tolist() if names[row] in known]
    return np.array(both, dtype=np.intp), np.array([known[names[row]] for row in both], np.intp)


def _canonical(array: NDArray[Any]) -> bytes:
    if array.dtype.kind == "f":
        array = np.where(np.isnan(array), np.nan, array + 0.0).astype(array.dtype)
    return array.astype(array.dtype.newbyteorder("<"), copy=False).tobytes()
