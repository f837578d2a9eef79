"""What a meter's clock policy makes of the times of its rows, when they are stored.

trust    more than two cycles from the receipt ─► marked, counts as it stands
sync     likewise ─► marked; counts by what the clock was measured to be off
server   by the receipt; of several received at once the newest, the others as far before it

Rows of hours and days stand for a span of the meter's own, and keep their time.  The rule reads
nothing but the batch and the profiles: the same envelope gives the same rows again.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from wattwarden.protocol.codec import PERIODS, ClockPolicy, Profile, ProfileOf
from wattwarden.protocol.microseconds import SECOND_US
from wattwarden.protocol.quality import Quality
from wattwarden.storage.rows.tables import Rows

# Within two cycles a wrong clock moves no state by more than rules tolerate anyway.
OFF_CYCLES: Final = 2
# Of a meter whose cycle nobody configured: what it may report each 15 minutes, twice.
ANY_CYCLE_S: Final = 900
_OF_MOMENTS: Final = (PERIODS["instant"], PERIODS["minute"])
_TIMELESS: Final = np.int16(Quality.NO_CLOCK)
_MARKED: Final = np.int16(Quality.BACKFILL)


def apply_clocks(rows: Rows, addresses: Sequence[str], profile_of: ProfileOf) -> Rows:
    """Apply the policies of the meters; ``rows.meter`` is the place of each in ``addresses``."""
    profiles = [profile_of(address) for address in addresses]
    if rows.period not in _OF_MOMENTS or not any(profile.clock for profile in profiles):
        return rows
    at, quality = rows.at.copy(), rows.quality.copy()
    tolerance = np.array([_tolerance_us(profile) for profile in profiles], np.int64)[rows.meter]
    marked = (rows.quality & _MARKED) != 0
    live = ~marked & ((rows.quality & _TIMELESS) == 0)
    off = live & (np.abs(rows.at - rows.received_at) > tolerance)
    server = _having(ClockPolicy.SERVER, profiles)[rows.meter]
    quality[off & _having(ClockPolicy.TRUST, profiles)[rows.meter]] |= Quality.CLOCK_TRUSTED
    quality[off & _having(ClockPolicy.SYNC, profiles)[rows.meter]] |= Quality.CLOCK_OFF
    quality[marked & server] |= Quality.CLOCK_OFF
    taken = np.flatnonzero(live & server)
    if len(taken):
        at[taken] += _shifts(rows, taken)
        quality[taken] |= Quality.CLOCK_SERVER
    return replace(rows, at=at, quality=quality)


def _tolerance_us(profile: Profile) -> int:
    return OFF_CYCLES * (profile.cycle_s or ANY_CYCLE_S) * SECOND_US


def _having(policy: ClockPolicy, profiles: Sequence[Profile]) -> NDArray[np.bool_]:
    return np.array([profile.clock is policy for profile in profiles], np.bool_)


def _shifts(rows: Rows, taken: NDArray[np.intp]) -> NDArray[np.int64]:
    """Return by how much each row moves: its meter's newest of the same receipt to the receipt."""
    keys = np.stack([rows.meter[taken].astype(np.int64), rows.received_at[taken]])
    _, group = np.unique(keys, axis=1, return_inverse=True)
    group = group.reshape(-1)
    newest = np.full(int(group.max()) + 1, np.iinfo(np.int64).min, np.int64)
    np.maximum.at(newest, group, rows.at[taken])
    shifts: NDArray[np.int64] = rows.received_at[taken] - newest[group]
    return shifts
