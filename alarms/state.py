"""Everything that the fold remembers, as tables; constant in size for each unit.

A packed state holds one enterprise's rows with the ids they belong to, so that it can be unpacked
into another plant: units that are new begin as at first, units that went are forgotten.  Equal
states pack to equal bytes.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from wattwarden.alarms import table
from wattwarden.alarms.plant import Plant
from wattwarden.alarms.rows import DailyRow, Row, WatchRow
from wattwarden.alarms.table import F32, F64, I8, I16, I32, I64, NONE, Bools, Column, arrays_of

# A change of the tables needs a new number; older packs begin anew.
PACK_VERSION: Final = 2
# Power histograms: cells of 2 % of the nameplate up to 160 %.
POWER_CELLS: Final = 80
POWER_CELL: Final = 0.02
# Production load: cells of 10 % of the nameplates; in each, the unit's power in cells of 4 %.
LOADS: Final = 14
LOAD_POWER_CELLS: Final = 40
LOAD_POWER_CELL: Final = 0.04
# Days of totals: four weeks and the week that they are compared with.
RING_DAYS: Final = 35
SWITCHES: Final = 6
# Bags, valves, belts and bearings of one unit; more are not followed.
WEARS: Final = 6


@dataclass(slots=True)
class Seen:
    """What was last said of a unit, and on which side of each boundary it was."""

    at: Annotated[I64, Column(np.int64, NONE)]
    level: Annotated[F32, Column(np.float32, np.nan)]
    power: Annotated[F32, Column(np.float32, np.nan)]
    current: Annotated[F32, Column(np.float32, np.nan)]
    current_low: Annotated[F32, Column(np.float32, np.nan)]
    current_high: Annotated[F32, Column(np.float32, np.nan)]
    voltage_low: Annotated[F32, Column(np.float32, np.nan)]
    voltage_high: Annotated[F32, Column(np.float32, np.nan)]
    power_factor: Annotated[F32, Column(np.float32, np.nan)]
    energy: Annotated[I64, Column(np.int64, NONE)]
    point: Annotated[I32, Column(np.int32, NONE)]
    same: Annotated[I32, Column(np.int32)]
    off: Annotated[Bools, Column(np.bool_, 0)]
    idle: Annotated[Bools, Column(np.bool_, 0)]
    low: Annotated[Bools, Column(np.bool_, 0)]
    over: Annotated[Bools, Column(np.bool_, 0)]
    dark: Annotated[Bools, Column(np.bool_, 0)]
    wired: Annotated[Bools, Column(np.bool_, 1)]
    # Last fold time at which it was on, and at which its supply was seen to be there.
    on_at: Annotated[I64, Column(np.int64, NONE)]
    fed_at: Annotated[I64, Column(np.int64, NONE)]


@dataclass(slots=True)
class Shown:
    """The debounced state, since when, and the one that may follow it."""

    state: Annotated[I8, Column(np.int8, 3)]
    since: Annotated[I64, Column(np.int64, NONE)]
    next: Annotated[I8, Column(np.int8, 0)]
    count: Annotated[I8, Column(np.int8, 0)]
    next_at: Annotated[I64, Column(np.int64, NONE)]
    # The last starts and stops, oldest first.
    switches: Annotated[I64, Column(np.int64, NONE, (SWITCHES,))]


@dataclass(slots=True)
class Sync:
    """A treatment unit beside its lines' production; counts are of slots, in order."""

    # 0 no production, 1 production, 2 not known.
    production: Annotated[I8, Column(np.int8, 2)]
    idle_slots: Annotated[I32, Column(np.int32)]
    in_run: Annotated[Bools, Column(np.bool_, 0)]
    run_began: Annotated[I64, Column(np.int64, NONE)]
    run_ended: Annotated[I64, Column(np.int64, NONE)]
    served_slots: Annotated[I32, Column(np.int32)]
    unserved_slots: Annotated[I32, Column(np.int32)]
    both_slots: Annotated[I32, Column(np.int32)]
    serving: Annotated[Bools, Column(np.bool_, 0)]
    served_since: Annotated[I64, Column(np.int64, NONE)]
    ran: Annotated[Bools, Column(np.bool_, 0)]
    unsure_at: Annotated[I64, Column(np.int64, NONE)]
    dark: Annotated[Bools, Column(np.bool_, 0)]


@dataclass(slots=True)
class Learned:
    """What is normal for a unit, in force for this day.  W, A, 1; NaN where not known yet."""

    power: Annotated[F32, Column(np.float32, np.nan)]
    greatest: Annotated[F32, Column(np.float32, np.nan)]
    current: Annotated[F32, Column(np.float32, np.nan)]
    power_factor: Annotated[F32, Column(np.float32, np.nan)]
    # Least normal power by production load.
    least: Annotated[F32, Column(np.float32, np.nan, (LOADS,))]
    run_days: Annotated[I16, Column(np.int16)]


@dataclass(slots=True)
class Memory:
    """Where it is learned from: the day's counts, and those of the days before, fading."""

    power_today: Annotated[I32, Column(np.int32, 0, (POWER_CELLS,))]
    load_today: Annotated[I32, Column(np.int32, 0, (LOADS, LOAD_POWER_CELLS))]
    # Power factor in 1/10,000 and current in mA, summed near the usual power.
    factor_sum: Annotated[I64, Column(np.int64)]
    current_sum: Annotated[I64, Column(np.int64)]
    near: Annotated[I64, Column(np.int64)]
    power: Annotated[F32, Column(np.float32, 0, (POWER_CELLS,))]
    load: Annotated[F32, Column(np.float32, 0, (LOADS, LOAD_POWER_CELLS))]
    load_days: Annotated[F32, Column(np.float32, 0, (LOADS,))]
    factor_mean: Annotated[F64, Column(np.float64)]
    current_mean: Annotated[F64, Column(np.float64)]
    weight: Annotated[F64, Column(np.float64)]


@dataclass(slots=True)
class Timers:
    """One timer for each condition of a unit; moments are ms of fold time."""

    began: Annotated[I64, Column(np.int64, NONE, (len(Row),))]
    held: Annotated[I64, Column(np.int64, 0, (len(Row),))]
    hits: Annotated[I8, Column(np.int8, 0, (len(Row),))]
    misses: Annotated[I8, Column(np.int8, 0, (len(Row),))]
    missed_at: Annotated[I64, Column(np.int64, NONE, (len(Row),))]
    raised: Annotated[Bools, Column(np.bool_, 0, (len(Row),))]
    # The level at which it was raised.
    level: Annotated[F32, Column(np.float32, np.nan, (len(Row),))]
    # Which rule, for rows that have two; the last episode, which may go on.
    rule: Annotated[I8, Column(np.int8, 0, (len(Row),))]
    last_began: Annotated[I64, Column(np.int64, NONE, (len(Row),))]
    last_ended: Annotated[I64, Column(np.int64, NONE, (len(Row),))]


@dataclass(slots=True)
class WatchTimers(Timers):
    """The same for an outlet's factor."""

    began: Annotated[I64, Column(np.int64, NONE, (len(WatchRow),))]
    held: Annotated[I64, Column(np.int64, 0, (len(WatchRow),))]
    hits: Annotated[I8, Column(np.int8, 0, (len(WatchRow),))]
    misses: Annotated[I8, Column(np.int8, 0, (len(WatchRow),))]
    missed_at: Annotated[I64, Column(np.int64, NONE, (len(WatchRow),))]
    raised: Annotated[Bools, Column(np.bool_, 0, (len(WatchRow),))]
    level: Annotated[F32, Column(np.float32, np.nan, (len(WatchRow),))]
    rule: Annotated[I8, Column(np.int8, 0, (len(WatchRow),))]
    last_began: Annotated[I64, Column(np.int64, NONE, (len(WatchRow),))]
    last_ended: Annotated[I64, Column(np.int64, NONE, (len(WatchRow),))]


@dataclass(slots=True)
class WatchSeen:
    """What was last said of an outlet's factor."""

    at: Annotated[I64, Column(np.int64, NONE)]
    value: Annotated[F32, Column(np.float32, np.nan)]
    same: Annotated[I32, Column(np.int32)]


@dataclass(slots=True)
class Totals:
    """A unit's day and the days before: ms of running and of not knowing, mWh, mean power."""

    run: Annotated[I64, Column(np.int64)]
    unknown: Annotated[I64, Column(np.int64)]
    energy: Annotated[I64, Column(np.int64)]
    night: Annotated[I64, Column(np.int64)]
    energy_total: Annotated[I64, Column(np.int64)]
    # While the load was high, for the drift: W·samples and samples.
    high_sum: Annotated[I64, Column(np.int64)]
    high: Annotated[I64, Column(np.int64)]
    # Running hours in all, which consumables count from.
    run_total: Annotated[I64, Column(np.int64)]
    working: Annotated[Bools, Column(np.bool_, 0)]
    past_run: Annotated[I64, Column(np.int64, NONE, (RING_DAYS,))]
    past_energy: Annotated[I64, Column(np.int64, NONE, (RING_DAYS,))]
    past_night: Annotated[I64, Column(np.int64, NONE, (RING_DAYS,))]
    past_high: Annotated[F32, Column(np.float32, np.nan, (RING_DAYS,))]
    baseline: Annotated[F32, Column(np.float32, np.nan)]
    # Of each daily rule: since when it has stood (ms), and for how many days it was so.
    standing: Annotated[I64, Column(np.int64, NONE, (len(DailyRow),))]
    runs: Annotated[I8, Column(np.int8, 0, (len(DailyRow),))]
    # The limit plan that the unit is under: its start, the energy then; on the first unit of its
    # scope, since when it has been exceeded.
    plan_start: Annotated[I64, Column(np.int64, NONE)]
    plan_energy: Annotated[I64, Column(np.int64)]
    plan_over: Annotated[I64, Column(np.int64, NONE)]
    # Things that wear out: a digest of the id, since when, run_total then, the level reached and
    # since when.
    wear: Annotated[I64, Column(np.int64, NONE, (WEARS,))]
    wear_since: Annotated[I64, Column(np.int64, NONE, (WEARS,))]
    wear_base: Annotated[I64, Column(np.int64, 0, (WEARS,))]
    wear_level: Annotated[I8, Column(np.int8, 0, (WEARS,))]
    wear_at: Annotated[I64, Column(np.int64, NONE, (WEARS,))]


@dataclass(slots=True)
class Firm:
    """An enterprise: how far it is folded, its day, its supply."""

    next_slot: Annotated[I64, Column(np.int64, NONE)]
    day: Annotated[I64, Column(np.int64, NONE)]
    fed_at: Annotated[I64, Column(np.int64, NONE)]
    blackout: Annotated[I64, Column(np.int64, NONE)]
    last_blackout: Annotated[I64, Column(np.int64, NONE)]
    blackout_ended: Annotated[I64, Column(np.int64, NONE)]
    hour: Annotated[I64, Column(np.int64, NONE)]
    # R16: the window's number, sum of W, samples, since when it has stood.
    window_at: Annotated[I64, Column(np.int64, NONE)]
    window_sum: Annotated[I64, Column(np.int64)]
    window: Annotated[I64, Column(np.int64)]
    over_since: Annotated[I64, Column(np.int64, NONE)]


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
