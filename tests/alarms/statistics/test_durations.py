"""How long alarms lasted, and what was handled in time."""

import pytest

from wattwarden.alarms.statistics.durations import Durations, ToldAlarm, durations, in_time
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
    told = ToldAlarm("R1", "A", "unit:U", "E", "L", 0, deadline=deadline, closed=closed)
    assert in_time([told], 100) == rate


def test_what_has_no_deadline_is_never_due() -> None:
    assert in_time([alarm(0, 1)], 100) == Rate(0, 0)
