"""When readings count, and what the fold waits for."""

from collections.abc import Sequence
from datetime import date

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattwarden.alarms.folding.foldtime import (
    NONE,
    Arrivals,
    Pace,
    Watch,
    arrive,
    day_start,
    first_slot,
    fold_times,
    local_day,
    next_midnight,
)

SECOND = 1_000
MINUTE = 60 * SECOND
# A minute's beginning; 10:00 in Shanghai.
T0 = 1_763_690_400_000
ZONE = "Asia/Shanghai"
SLOT0 = T0 // MINUTE

Row = (
    tuple[int, int, int, int]
    | tuple[int, int, int, int, bool]
    | tuple[int, int, int, int, bool, bool]
)
"""(step, meter, at, received_at[, marked[, stands]])."""


def pace(*cycles_s: int) -> Pace:
    return Pace(60, ZONE, np.array(cycles_s or (60, 60), np.int64) * SECOND)


def watch(meters: int = 2) -> Watch:
    return Watch().of([f"m{number}" for number in range(meters)])


def arrivals(rows: Sequence[Row]) -> Arrivals:
    columns = list(zip(*((*row, False, False)[:6] for row in rows), strict=True)) or [()] * 6
    step, meter, at, received_at = (np.array(column, np.int64) for column in columns[:4])
    marked, stands = (np.array(column, np.bool_) for column in columns[4:])
    return Arrivals(step, meter, at, received_at, marked, stands)


def live(step: int, meter: int, at: int, delay: int = SECOND) -> Row:
    return (step, meter, at, at + delay)


def test_an_enterprise_begins_with_the_day_on_which_it_is_heard_first() -> None:
    timed = arrive(watch(), pace(), arrivals([live(1, 0, T0)]))
    assert timed.watch.first == day_start(date(2025, 11, 21), ZONE) // MINUTE
    assert timed.watch.first == first_slot(local_day(T0, ZONE), pace())


def test_a_slot_is_complete_when_every_meter_has_spoken_in_it() -> None:
    first = arrive(watch(), pace(), arrivals([live(1, 0, T0 + 20 * SECOND)]))
    assert first.watch.next_slot <= SLOT0
    second = arrive(first.watch, pace(), arrivals([live(30, 1, T0 + 40 * SECOND)]))
    assert second.watch.next_slot == SLOT0 + 1


def test_a_meter_that_speaks_at_the_slots_beginning_may_speak_in_it_again() -> None:
    rows = [live(1, 0, T0 + SECOND), live(1, 1, T0 + 30 * SECOND)]
    timed = arrive(watch(), pace(), arrivals(rows))
    assert timed.watch.next_slot == SLOT0
    # The next one comes a little early, in the same slot, and is in time.
    again = arrive(timed.watch, pace(), arrivals([live(60, 0, T0 + 59 * SECOND)]))
    assert not again.late.any()


def test_a_slow_meter_holds_up_only_the_slots_in_which_it_may_speak() -> None:
    rows = [live(minute, 0, T0 + minute * MINUTE + 30 * SECOND) for minute in range(4)]
    rows.insert(0, live(0, 1, T0 + 10 * SECOND))
    timed = arrive(watch(), pace(60, 300), arrivals(rows))
    assert timed.watch.next_slot == SLOT0 + 4


def test_a_meter_more_than_two_cycles_behind_is_not_waited_for() -> None:
    rows = [live(0, 0, T0), live(0, 1, T0)]
    rows.append(live(1, 0, T0 + MINUTE + 30 * SECOND))
    timed = arrive(watch(), pace(), arrivals(rows))
    assert timed.watch.next_slot == SLOT0
    later = arrive(timed.watch, pace(), arrivals([live(3, 0, T0 + 2 * MINUTE + 30 * SECOND)]))
    assert later.watch.next_slot == SLOT0 + 3


def test_what_comes_for_a_slot_that_was_complete_is_late() -> None:
    rows = [live(1, 0, T0 + 20 * SECOND), live(2, 1, T0 + 30 * SECOND)]
    before = arrive(watch(), pace(), arrivals(rows)).watch
    timed = arrive(before, pace(), arrivals([live(3, 1, T0 + 40 * SECOND)]))
    assert timed.late.tolist() == [True]
    assert timed.fold_at.tolist() == [T0 + 40 * SECOND]


def test_rows_of_one_step_are_not_late_for_each_other() -> None:
    rows = [live(1, 0, T0 + 20 * SECOND), live(1, 1, T0 + 30 * SECOND), live(1, 1, T0 + 5)]
    assert not arrive(watch(), pace(), arrivals(rows)).late.any()


def skewed(count: int, off: int, start_step: int = 0) -> list[Row]:
    """A live meter whose clock is off, one reading a minute."""
    return [
        (start_step + number, 0, T0 + number * MINUTE + off, T0 + number * MINUTE)
        for number in range(count)
    ]


@pytest.mark.parametrize("off", [-30 * MINUTE, 45 * MINUTE], ids=["behind", "ahead"])
def test_a_clock_that_is_off_is_set_right_when_six_readings_agree(off: int) -> None:
    timed = arrive(watch(1), pace(60), arrivals(skewed(10, off)))
    assert timed.watch.skew == (off,)
    assert timed.fold_at[6:].tolist() == [T0 + number * MINUTE for number in range(6, 10)]
    # The sixth of them, and none before it.
    assert timed.skews == ((5, 0, off),)


def test_a_clock_that_was_set_is_believed_again() -> None:
    before = arrive(watch(1), pace(60), arrivals(skewed(10, 45 * MINUTE))).watch
    rows = [live(20 + number, 0, T0 + (20 + number) * MINUTE) for number in range(8)]
    assert arrive(before, pace(60), arrivals(rows)).watch.skew == (0,)


def test_a_burst_of_old_readings_is_no_wrong_clock() -> None:
    received = T0 + 60 * MINUTE
    rows = [(100, 0, T0 + number * MINUTE, received + number * 10) for number in range(30)]
    rows += [
        (101 + number, 0, T0 + (30 + number) * MINUTE, received + 1_000 * number)
        for number in range(25)
    ]
    assert arrive(watch(1), pace(60), arrivals(rows)).watch.skew == (0,)


def test_a_reading_ahead_of_its_receipt_counts_when_it_was_received() -> None:
    timed = arrive(watch(1), pace(60), arrivals([(1, 0, T0 + 90 * MINUTE, T0)]))
    assert timed.fold_at.tolist() == [T0]


def test_two_cycles_ahead_are_let_pass() -> None:
    timed = arrive(watch(1), pace(60), arrivals([(1, 0, T0 + 2 * MINUTE, T0)]))
    assert timed.fold_at.tolist() == [T0 + 2 * MINUTE]


def filling(minutes: int) -> tuple[Watch, int]:
    """Meter 1 comes back after a gap with marked readings, a minute's worth each; what is next."""
    state = arrive(watch(), pace(), arrivals([live(0, 0, T0), live(0, 1, T0)])).watch
    rows: list[Row] = []
    for minute in range(1, 60 + minutes):
        rows.append(live(minute, 0, T0 + minute * MINUTE + 30 * SECOND))
        if minute >= 60:
            at = T0 + (minute - 59) * MINUTE
            rows.append((minute, 1, at, T0 + minute * MINUTE + 31 * SECOND, True))
    state = arrive(state, pace(), arrivals(rows)).watch
    return state, SLOT0 + 60 + minutes


def test_a_gap_that_is_filled_is_waited_for() -> None:
    state, now = filling(minutes=5)
    assert state.next_slot < now - 4


def test_a_gap_is_waited_for_ten_minutes_at_most() -> None:
    state, now = filling(minutes=15)
    assert state.next_slot >= now - 2


def test_a_watch_of_other_meters_keeps_what_it_knows() -> None:
    before = arrive(watch(1), pace(60), arrivals(skewed(10, 45 * MINUTE))).watch
    after = before.of(["m0", "new"])
    assert after.skew == (45 * MINUTE, 0)
    assert after.newest == (*before.newest, NONE)
    assert after.next_slot == before.next_slot
    assert before.of(["m0"]) is before


def test_a_day_that_is_folded_again_uses_the_skew_in_force() -> None:
    state = arrive(watch(1), pace(60), arrivals(skewed(10, 45 * MINUTE))).watch
    again = fold_times(state, pace(60), arrivals([(1, 0, T0 + 45 * MINUTE, T0)]))
    assert again.tolist() == [T0]


@pytest.mark.parametrize("zone", [ZONE, "Europe/Berlin", "Asia/Kolkata"])
def test_midnights_follow_one_another(zone: str) -> None:
    here = Pace(60, zone, np.zeros(0, np.int64))
    day, slot = next_midnight(SLOT0, here)
    after, later = next_midnight(slot, here)
    assert (after - day).days == 1
    assert later > slot > SLOT0
    assert local_day(slot * MINUTE, zone) == day


def test_two_days_meet_where_the_clocks_are_changed() -> None:
    # 2025-10-26 has 25 hours in Berlin.
    here = Pace(60, "Europe/Berlin", np.zeros(0, np.int64))
    first, second = (first_slot(date(2025, 10, day), here) for day in (26, 27))
    assert second - first == 25 * 60


rows_of_anybody = st.lists(
    st.tuples(
        st.integers(1, 40),
        st.integers(0, 1),
        st.integers(-200, 400),
        st.integers(-5, 90),
        st.booleans(),
    ),
    max_size=60,
)


@given(rows_of_anybody, st.lists(st.integers(1, 40), max_size=6), st.randoms())
def test_neither_cuts_between_steps_nor_order_within_them_change_anything(
    drawn: list[tuple[int, int, int, int, bool]], cuts: list[int], chance: object
) -> None:
    rows = [
        (step, meter, T0 + at * 10 * SECOND, T0 + step * 20 * SECOND + delay * SECOND, marked)
        for step, meter, at, delay, marked in sorted(drawn)
    ]
    whole = arrive(watch(), pace(), arrivals(rows)) if rows else None
    state, found = watch(), []
    for low, high in zip([0, *sorted(cuts)], [*sorted(cuts), 99], strict=True):
        part = [row for row in rows if low < row[0] <= high]
        chance.shuffle(part)  # type: ignore[attr-defined]  # hypothesis' Random
        part.sort(key=lambda row: row[0])
        timed = arrive(state, pace(), arrivals(part))
        state = timed.watch
        found += list(zip(part, timed.fold_at.tolist(), timed.late.tolist(), strict=True))
    if whole is not None:
        assert msgspec.json.encode(state) == msgspec.json.encode(whole.watch)
        expected = zip(rows, whole.fold_at.tolist(), whole.late.tolist(), strict=True)
        assert sorted(found) == sorted(expected)


def standing(count: int, off: int, start_step: int = 0) -> list[Row]:
    """Readings whose time counts as it stands, by the meter's policy."""
    return [(*row[:4], False, True) for row in skewed(count, off, start_step)]


def test_what_stands_by_policy_is_not_moved_however_late_it_always_comes() -> None:
    timed = arrive(watch(1), pace(60), arrivals(standing(12, -30 * MINUTE)))
    assert timed.watch.skew == (0,)
    assert timed.skews == ()
    assert timed.fold_at.tolist() == [T0 + (number - 30) * MINUTE for number in range(12)]


def test_with_the_policy_what_was_measured_before_ends_at_once() -> None:
    before = arrive(watch(1), pace(60), arrivals(skewed(10, -30 * MINUTE))).watch
    assert before.skew == (-30 * MINUTE,)
    rows = arrivals([(11, 0, T0 + 11 * MINUTE, T0 + 11 * MINUTE, False, True)])
    timed = arrive(before, pace(60), rows)
    assert timed.fold_at.tolist() == [T0 + 11 * MINUTE]
    assert timed.watch.skew == (0,)
    assert fold_times(before, pace(60), rows).tolist() == [T0 + 11 * MINUTE]


def test_what_stands_ahead_of_its_receipt_counts_when_it_came() -> None:
    timed = arrive(watch(1), pace(60), arrivals(standing(3, 45 * MINUTE)))
    assert timed.fold_at.tolist() == [T0 + number * MINUTE for number in range(3)]
