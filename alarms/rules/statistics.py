"""What only days show: R13 night, R14 ratio, R17 unmetered load, R22 drift; R16 by quarter hours.

Each says, for one unit, the number that is judged and the bounds it must stay within, or None where
there is not enough to judge by.  Days are the columns of the rings, the last one just closed.
"""

import numpy as np

from wattwarden.alarms.plant.day_tables import RING_DAYS, Totals
from wattwarden.alarms.plant.plant import MAIN, Plant
from wattwarden.alarms.plant.table import I64
from wattwarden.alarms.rules.verdict import Verdict

# From the median of absolute deviations to a standard deviation.
_MAD = 1.4826


def night(plant: Plant, totals: Totals, unit: int, makers: I64) -> Verdict | None:
    """R13: treatment is more unequal between day and night than its production."""
    days = int(plant.limit["R13.days"][unit])
    past, group = totals.past_energy[:, -days:], standing_by(plant, unit)
    if unit != group[0] or (past[makers] < 0).any() or (past[group] < 0).any():
        return None
    own = _imbalance(past[group], totals.past_night[group, -days:])
    production = _imbalance(past[makers], totals.past_night[makers, -days:])
    if own is None or production is None:
        return None
    return Verdict(own - production, -np.inf, float(plant.limit["R13.theta"][unit]))


def standing_by(plant: Plant, unit: int) -> I64:
    """Return a treatment unit and those that stand by with it: days show only what all of them did.

    The first of them is judged for all.
    """
    place = int(np.flatnonzero(plant.treats == unit)[0])
    groups = plant.member_group[plant.members == place]
    if not len(groups):
        return np.array([unit], np.int64)
    found: I64 = np.sort(plant.treats[plant.members[plant.member_group == groups[0]]])
    return found


def ratio(plant: Plant, totals: Totals, unit: int, makers: I64) -> Verdict | None:
    """R14: a day's treatment energy for its production's is unlike the days before."""
    group = standing_by(plant, unit)
    if unit != group[0]:
        return None
    own, production = (totals.past_energy[units].sum(axis=0) for units in (group, makers))
    usable = (totals.past_energy[makers] > 0).all(axis=0)
    usable &= (totals.past_energy[group] >= 0).all(axis=0)
    shares = np.where(usable, own / np.where(usable, production, 1), np.nan)
    return _beside_median(
        shares,
        int(plant.limit["R14.days"][unit]),
        float(plant.limit["R14.mads"][unit]),
        float(plant.limit["R14.least_share"][unit]),
        relative=1.0,
    )


def usual_high(plant: Plant, totals: Totals, unit: int) -> float | None:
    """Return a unit's median power, W, at high load; None where too few days had any."""
    past = totals.past_high[unit, -int(plant.limit["R22.days"][unit]) :]
    known = past[~np.isnan(past)]
    least = int(plant.limit["R22.least_days"][unit])
    return float(np.median(known)) if len(known) >= least else None


def drift(plant: Plant, unit: int, now: float, baseline: float) -> Verdict:
    """R22: power at high load has moved from what it was when the unit was commissioned."""
    share = float(plant.limit["R22.share"][unit])
    return Verdict(now / baseline - 1, -share, share)


def unmetered(plant: Plant, totals: Totals, unit: int) -> Verdict | None:
    """R17: the part of the mains' energy that no unit's meter shows has moved."""
    firm = plant.unit.firm[unit]
    subs = np.flatnonzero((plant.unit.firm == firm) & (plant.unit.kind != MAIN))
    main, below = totals.past_energy[unit], totals.past_energy[subs]
    usable = (main > 0) & (below >= 0).all(axis=0)
    shares = np.where(usable, 1 - below.sum(axis=0) / np.where(usable, main, 1), np.nan)
    return _beside_median(
        shares,
        int(plant.limit["R17.days"][unit]),
        float(plant.limit["R17.mads"][unit]),
        float(plant.limit["R17.least_share"][unit]),
        relative=0.0,
    )


def mains(plant: Plant, firm: int, total: int, samples: int) -> Verdict:
    """R16: the mains' mean power, W, of a window of so many samples, against what is registered."""
    return Verdict(total / samples, -np.inf, float(plant.firm.registered[firm]))


def _imbalance(energy: I64, at_night: I64) -> float | None:
    total, night = int(energy.sum()), int(at_night.sum())
    return abs(total - 2 * night) / total if total > 0 else None


def _beside_median(
    shares: np.ndarray[tuple[int], np.dtype[np.float64]],
    days: int,
    mads: float,
    least: float,
    *,
    relative: float,
) -> Verdict | None:
    """Judge the last day by the days before; ``relative`` 1: ``least`` is a part of the median."""
    before = shares[max(0, RING_DAYS - 1 - days) : -1]
    before = before[~np.isnan(before)]
    # A median of fewer days than a week is one weekday's.
    if len(before) < 7 or np.isnan(shares[-1]):
        return None
    median = float(np.median(before))
    spread = mads * _MAD * float(np.median(np.abs(before - median)))
    width = max(spread, least * (abs(median) if relative else 1.0))
    return Verdict(float(shares[-1]), median - width, median + width)
