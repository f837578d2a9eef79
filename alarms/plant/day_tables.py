"""What the fold remembers of days: of units, and of whole enterprises.

One dataclass a concern, one row a unit or enterprise in every array; constant in size.
"""

from dataclasses import dataclass
from typing import Annotated, Final

import numpy as np

from wattwarden.alarms.plant.rows import DailyRow
from wattwarden.alarms.plant.table import F32, I8, I64, NONE, Bools, Column

# Days of totals: four weeks and the week that they are compared with.
RING_DAYS: Final = 35
# Bags, valves, belts and bearings of one unit; more are not followed.
WEARS: Final = 6


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
