"""What the fold remembers of units and of outlets' factors.

One dataclass a concern, one row a unit or watch in every array; constant in size.
"""

from dataclasses import dataclass
from typing import Annotated, Final

import numpy as np

from wattwarden.alarms.plant.rows import Row, WatchRow
from wattwarden.alarms.plant.table import F32, F64, I8, I16, I32, I64, NONE, Bools, Column

# Power histograms: cells of 2 % of the nameplate up to 160 %.
POWER_CELLS: Final = 80
POWER_CELL: Final = 0.02
# Production load: cells of 10 % of the nameplates; in each, the unit's power in cells of 4 %.
LOADS: Final = 14
LOAD_POWER_CELLS: Final = 40
LOAD_POWER_CELL: Final = 0.04
SWITCHES: Final = 6


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
