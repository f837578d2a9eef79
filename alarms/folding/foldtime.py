"""When a reading counts, and which slots of an enterprise are complete: what the fold waits for.

    reading ── skew of its meter ──► fold time ──┬─ slot folded already ──► late, its day again
               stands by policy ──► at           │
               ahead of receipt ──► received_at  └─ else ──► waits for its slot

    complete: no meter that is waited for is expected to say more in the slot
    waited for: every meter within 2 of its cycles of the newest; one that fills a gap with marked
                readings, for 10 minutes

All of it follows from the rows in the order of their steps, never from how many steps are taken at
once or in which order the rows of one step come.  Times are ms Unix.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

import msgspec
import numpy as np
from numpy.typing import NDArray

I64 = NDArray[np.int64]
Bools = NDArray[np.bool_]

NONE: Final = -1
SECOND_MS: Final = 1_000
DAY_MS: Final = 86_400_000
# A clock is known by its last ten live readings; six alike outvote a burst that came late.
LAGS: Final = 10
ALIKE: Final = 6
# Within two cycles a wrong clock moves no state by more than rules tolerate anyway.
SKEW_CYCLES: Final = 2
# What is further behind may be gone for long: nothing would be said while it is waited for.
BEHIND_CYCLES: Final = 2
# A meter's next reading comes after 0.9 cycles at the earliest: clocks and schedulers jitter.
NEXT_READING: Final = 0.9
# A gateway that was cut off sends an hour of readings in seconds, over a slow line in minutes.
BACKFILL_WAIT_MS: Final = 600_000


class Watch(msgspec.Struct, frozen=True):
    """What is remembered of an enterprise's meters, in the order of ``meters``.

    ``newest``: the furthest fold time.  ``lags``: at − received_at of the last live readings, 0 for
    one within two cycles.  ``counted``: when the last of these came.  ``skew``: in force.
    ``filling``: when marked readings began to come that are behind.  NONE for never.
    ``since``: the first received_at of all; for a while from then on even meters that have never
    spoken are waited for.  ``first`` is where the enterprise began, ``next_slot`` the first slot
    that is not complete, NONE before the first reading; ``heard`` the furthest received_at.
    """

    meters: tuple[str, ...] = ()
    newest: tuple[int, ...] = ()
    lags: tuple[tuple[int, ...], ...] = ()
    counted: tuple[int, ...] = ()
    skew: tuple[int, ...] = ()
    filling: tuple[int, ...] = ()
    since: int = NONE
    first: int = NONE
    next_slot: int = NONE
    heard: int = NONE

    def of(self, meters: Sequence[str]) -> "Watch":
        """Return the same for other meters: those it knows as they are, the others as at first."""
        if tuple(meters) == self.meters:
            return self
        known = {name: place for place, name in enumerate(self.meters)}
        places = [known.get(name) for name in meters]

        def moved(values: Sequence[int]) -> tuple[int, ...]:
            return tuple(NONE if place is None else values[place] for place in places)

        return Watch(
            meters=tuple(meters),
            newest=moved(self.newest),
            lags=tuple((0,) * LAGS if place is None else self.lags[place] for place in places),
            counted=moved(self.counted),
            skew=tuple(0 if place is None else self.skew[place] for place in places),
            filling=moved(self.filling),
            since=self.since,
            first=self.first,
            next_slot=self.next_slot,
            heard=self.heard,
        )


@dataclass(frozen=True, slots=True)
class Arrivals:
    """Readings of an enterprise's meters (by place), in the order of their steps."""

    step: I64
    meter: I64
    at: I64
    received_at: I64
    # The meter marked it as a later repetition.
    marked: Bools
    # Its ``at`` counts as it stands, by the meter's policy, whatever was measured of its clock.
    stands: Bools

    def take(self, chosen: NDArray[np.intp]) -> "Arrivals":
        """Return the chosen readings in this order."""
        return Arrivals(
            self.step[chosen],
            self.meter[chosen],
            self.at[chosen],
            self.received_at[chosen],
            self.marked[chosen],
            self.stands[chosen],
        )


@dataclass(frozen=True, slots=True)
class Timed:
    """When readings count.  ``late`` ones belong to slots that were folded before their step.

    ``skews``: (step, meter, skew) wherever a clock was found to be off by another time than before.
    """

    watch: Watch
    fold_at: I64
    late: Bools
    skews: tuple[tuple[int, int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Pace:
    """How an enterprise's time goes: its slot, its zone, and its meters' cycles (ms)."""

    slot_s: int
    zone: str
    cycles: I64


def arrive(watch: Watch, pace: Pace, arrivals: Arrivals) -> Timed:
    """Take readings of one or more steps: say when they count, and move the enterprise on.

    Within a step the order of the readings means nothing.
    """
    if not len(arrivals.at):
        return Timed(watch, np.zeros(0, np.int64), np.zeros(0, np.bool_))
    order = np.lexsort((arrivals.received_at, arrivals.at, arrivals.meter, arrivals.step))
    sorted_ones = arrivals.take(order)
    watch, fold_sorted, skews = _fold_times(watch, pace, sorted_ones)
    watch, late_sorted = _advance(watch, pace, sorted_ones, fold_sorted)
    fold_at, late = np.empty_like(fold_sorted), np.empty_like(late_sorted)
    fold_at[order], late[order] = fold_sorted, late_sorted
    return Timed(watch, fold_at, late, tuple(sorted(skews)))


def fold_times(watch: Watch, pace: Pace, arrivals: Arrivals) -> I64:
    """Return when readings count by the skews now in force: for folding a day again."""
    skew = np.where(arrivals.stands, 0, np.array(watch.skew, np.int64)[arrivals.meter])
    return _bounded(arrivals.at - skew, arrivals.received_at, pace.cycles[arrivals.meter])


def local_day(at_ms: int, zone: str) -> date:
    """Return the calendar day of a moment in a zone."""
    return datetime.fromtimestamp(at_ms / SECOND_MS, ZoneInfo(zone)).date()


@lru_cache(maxsize=4_096)
def day_start(day: date, zone: str) -> int:
    """Return when a local day begins."""
    local = datetime.combine(day, time(), ZoneInfo(zone))
    return round(local.astimezone(UTC).timestamp()) * SECOND_MS


def first_slot(day: date, pace: Pace) -> int:
    """Return the first slot of a local day: the one in which it begins, or that begins with it."""
    return -(-day_start(day, pace.zone) // (pace.slot_s * SECOND_MS))


def next_midnight(slot: int, pace: Pace) -> tuple[date, int]:
    """Return the first local day that begins after a slot's beginning, and its first slot."""
    day = local_day(slot * pace.slot_s * SECOND_MS, pace.zone) + timedelta(days=1)
    first = first_slot(day, pace)
    return (day, first) if first > slot else (day + timedelta(days=1), first_slot(day, pace))


def _bounded(fold_at: I64, received_at: I64, cycle: I64) -> I64:
    """Fold times, but the receipt's where a clock is ahead of it by more than two cycles."""
    return np.where(fold_at > received_at + SKEW_CYCLES * cycle, received_at, fold_at)


def _fold_times(
    watch: Watch, pace: Pace, arrivals: Arrivals
) -> tuple[Watch, I64, list[tuple[int, int, int]]]:
    """Fold times by the skew at each reading.  Only meters whose clocks are off cost anything."""
    cycle = pace.cycles[arrivals.meter]
    off = (np.abs(arrivals.at - arrivals.received_at) > SKEW_CYCLES * cycle) & ~arrivals.stands
    strange = np.array([any(lags) for lags in watch.lags], np.bool_)
    strange[arrivals.meter[off]] = True
    present = np.zeros(len(strange), np.bool_)
    present[arrivals.meter] = True
    fold_at = _bounded(arrivals.at, arrivals.received_at, cycle)
    lags, counted, skew = list(watch.lags), list(watch.counted), list(watch.skew)
    changed: list[tuple[int, int, int]] = []
    for meter in np.flatnonzero(strange & present).tolist():
        mine = np.flatnonzero(arrivals.meter == meter)
        clock = _MeterClock(int(pace.cycles[meter]), lags[meter], counted[meter])
        fold_at[mine] = clock.follow(arrivals.take(mine))
        lags[meter], counted[meter], skew[meter] = clock.lags, clock.counted, clock.skew
        changed += ((step, meter, found) for step, found in clock.changed)
    watch = msgspec.structs.replace(
        watch, lags=tuple(lags), counted=tuple(counted), skew=tuple(skew)
    )
    return watch, fold_at, changed


class _MeterClock:
    """The clock of one meter that is off, or was lately; reading by reading."""

    def __init__(self, cycle: int, lags: tuple[int, ...], counted: int) -> None:
        self.lags = lags
        self.counted = counted
        self.skew = _skew_of(lags, cycle)
        self.changed: list[tuple[int, int]] = []
        self._cycle = cycle

    def follow(self, arrivals: Arrivals) -> I64:
        """Fold times of its readings, each step's by the skew after that step's newest."""
        fold_at = np.empty(len(arrivals.at), np.int64)
        starts = np.unique(arrivals.step, return_index=True)[1]
        for start, stop in zip(starts, [*starts[1:], len(arrivals.at)], strict=True):
            part = arrivals.take(np.arange(start, stop))
            live, before = np.flatnonzero(~part.marked & ~part.stands), self.skew
            if part.stands.any():
                # Another policy is in force: what was measured under the one before is no more.
                self.lags, self.skew = (0,) * LAGS, 0
            elif len(live):
                self._count(int(part.at[live[-1]]), int(part.received_at[live[-1]]))
            if self.skew != before:
                self.changed.append((int(part.step[0]), self.skew))
            cycle = np.full(stop - start, self._cycle, np.int64)
            skew = np.where(part.stands, 0, self.skew)
            fold_at[start:stop] = _bounded(part.at - skew, part.received_at, cycle)
        return fold_at

    def _count(self, at: int, received_at: int) -> None:
        """Remember a live reading, unless it is one of a burst, whose clock it does not tell."""
        lag = at - received_at
        if abs(lag) <= SKEW_CYCLES * self._cycle:
            lag = 0
        if not lag and not any(self.lags):
            return
        if self.counted != NONE and received_at < self.counted + self._cycle // 2:
            return
        self.lags = (*self.lags[1:], lag)
        self.counted = received_at
        self.skew = _skew_of(self.lags, self._cycle)


def _skew_of(lags: tuple[int, ...], cycle: int) -> int:
    """The skew that most of the last readings agree upon, 0 when they do not."""
    median = sorted(lags)[LAGS // 2]
    alike = sum(abs(lag - median) <= cycle for lag in lags)
    return median if alike >= ALIKE else 0


def _advance(watch: Watch, pace: Pace, arrivals: Arrivals, fold_at: I64) -> tuple[Watch, Bools]:
    """Move the enterprise on step by step; say which readings were late."""
    slot_ms = pace.slot_s * SECOND_MS
    _, starts, event = np.unique(arrivals.step, return_index=True, return_inverse=True)
    heard = np.maximum.accumulate(
        np.maximum(np.maximum.reduceat(arrivals.received_at, starts), watch.heard)
    )
    newest = np.full((len(starts), len(pace.cycles)), NONE, np.int64)
    np.maximum.at(newest, (event, arrivals.meter), fold_at)
    newest = np.maximum.accumulate(np.maximum(newest, np.array(watch.newest, np.int64)), axis=0)
    furthest = newest.max(axis=1)
    behind = (newest < furthest[:, None] - BEHIND_CYCLES * pace.cycles) & (newest != NONE)
    filling = _filling(watch, arrivals, event, behind, heard)
    first_heard = int(arrivals.received_at[event == 0].min())
    since = first_heard if watch.since == NONE else watch.since
    begin = watch.next_slot
    if begin == NONE:
        begin = first_slot(local_day(first_heard, pace.zone), pace)
    patient = (filling != NONE) & (heard[:, None] - filling <= BACKFILL_WAIT_MS)
    reach = _reach(pace, newest, ~behind | patient, heard - since) // slot_ms
    complete = np.maximum.accumulate(np.maximum(np.minimum(reach, furthest // slot_ms + 1), begin))
    before = np.concatenate(([begin], complete[:-1]))
    late = fold_at // slot_ms < before[event]
    watch = msgspec.structs.replace(
        watch,
        newest=tuple(newest[-1].tolist()),
        filling=tuple(filling[-1].tolist()),
        since=since,
        first=begin if watch.first == NONE else watch.first,
        next_slot=int(complete[-1]),
        heard=int(heard[-1]),
    )
    return watch, late


def _reach(pace: Pace, newest: I64, waited: Bools, age: I64) -> I64:
    """Up to when nobody who is waited for is expected to say more, after each step."""
    expected = newest + (NEXT_READING * pace.cycles).astype(np.int64)
    silent = newest == NONE
    awaited = silent & (age[:, None] <= BEHIND_CYCLES * pace.cycles)
    never = np.iinfo(np.int64).max
    limit = np.where(awaited, NONE, np.where(waited & ~silent, expected, never))
    reach: I64 = limit.min(axis=1)
    return reach


def _filling(
    watch: Watch, arrivals: Arrivals, event: NDArray[np.intp], behind: Bools, heard: I64
) -> I64:
    """Since when each meter fills a gap, after each step."""
    filling = np.full(behind.shape, NONE, np.int64)
    current = np.array(watch.filling, np.int64)
    if not arrivals.marked.any() and (current == NONE).all():
        return filling
    marks = np.zeros(behind.shape, np.bool_)
    marks[event[arrivals.marked], arrivals.meter[arrivals.marked]] = True
    for place in range(len(behind)):
        begun = behind[place] & marks[place] & (current == NONE)
        current = np.where(behind[place], np.where(begun, heard[place], current), NONE)
        filling[place] = current
    return filling
