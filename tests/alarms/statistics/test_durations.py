"""How long alarms lasted, and what was handled in time."""

from datetime import timedelta

import pytest
from tests.alarms.statistics.made import NOON, case

from wattwarden.alarms.statistics.durations import (
    Durations,
    Sort,
    ToldAlarm,
    by_sort,
    durations,
    in_time,
    milliseconds,
    told,
    verified_in_time,
)
from wattwarden.alarms.statistics.rates import Rate


def alarm(raised: int, ended: int | None = None, **more: int) -> ToldAlarm:
    return ToldAlarm("R1", "A", "unit:U", "E", "L", raised, ended, **more)


def test_mean_median_and_ninetieth_percentile_are_of_what_ended() -> None:
    told = [alarm(0, 10 * n) for n in range(1, 11)] + [alarm(0), alarm(0, 999)]
    assert durations(told, 500) == Durations(10, 55.0, 55.0, 90.0)


@pytest.mark.parametrize(
    ("lasted", "median", "p90"),
    [([7], 7.0, 7.0), ([1, 3], 2.0, 3.0), ([5, 1, 3], 3.0, 5.0), ([1] * 9 + [50], 1.0, 1.0)],
    ids=["one", "two", "three", "one of ten is long"],
)
def test_few_alarms_have_a_median_and_a_percentile(
    lasted: list[int], median: float, p90: float
) -> None:
    found = durations([alarm(0, one) for one in lasted], 100)
    assert (found.median, found.p90) == (median, p90)


def test_without_an_end_there_is_no_duration() -> None:
    assert durations([alarm(0)], 10) == Durations(0, None, None, None)


@pytest.mark.parametrize(
    ("deadline", "closed", "rate"),
    [
        (50, 40, Rate(1, 1)),
        (50, 50, Rate(1, 1)),
        (50, 60, Rate(0, 1)),
        (50, None, Rate(0, 1)),
        (200, None, Rate(0, 0)),
        (200, 60, Rate(1, 1)),
        (200, 150, Rate(0, 0)),
    ],
    ids=["in time", "just", "late", "overdue", "not yet due", "early", "closed afterwards"],
)
def test_what_is_closed_before_its_deadline_is_in_time(
    deadline: int, closed: int | None, rate: Rate
) -> None:
    told = ToldAlarm(
        "R1", "A", "unit:U", "E", "L", 0, deadline=deadline, done=closed, verified=closed
    )
    assert in_time([told], 100) == rate
    assert verified_in_time([told], 100) == rate


def test_what_has_no_deadline_is_never_due() -> None:
    assert in_time([alarm(0, 1)], 100) == Rate(0, 0)


def test_the_firms_part_counts_and_not_when_it_was_proved() -> None:
    day = timedelta(hours=24)
    rectified = case(
        deadline=NOON + day, rectified=NOON + day / 2, verified=NOON + 2 * day,
    )  # fmt: skip
    upto = milliseconds(NOON + 3 * day)
    one = told(rectified)
    assert (in_time([one], upto), verified_in_time([one], upto)) == (Rate(1, 1), Rate(0, 1))
    # What was sent back is not rectified; what was closed without is done.
    assert in_time([told(case(deadline=NOON + day))], upto) == Rate(0, 1)
    assert in_time([told(case(deadline=NOON + day, closed=NOON + day))], upto) == Rate(1, 1)


def test_duties_and_data_last_apart_from_treatment() -> None:
    def of(grade: str, lasted: int) -> ToldAlarm:
        return ToldAlarm("R", grade, "unit:U", "E", "L", 0, lasted)

    alarms = [of("A", 1), of("B", 2), of("C", 6), of("D", 40), of("E", 50), of("F", 900)]
    found = by_sort(alarms, 1_000)
    means = {sort: lasted.mean for sort, lasted in found.items()}
    assert means == {
        Sort.ABNORMAL: 3.0, Sort.DATA: 40.0, Sort.STATISTICS: 50.0, Sort.DUTY: 900.0,
    }  # fmt: skip
