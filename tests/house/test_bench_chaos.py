"""How fast time runs in a chaos run, and what its record says."""

import pytest
from bench.chaos import MOST_FRAMES_PER_S, MOST_RATE, rate_of


@pytest.mark.parametrize(("meters", "rate"), [(200, MOST_RATE), (2_000, 50), (10**6, 2)])
def test_time_runs_as_fast_as_a_backlog_of_five_minutes_is_caught_up_with(
    meters: int, rate: int
) -> None:
    assert rate_of(meters, 1_800) == rate
    assert rate == 2 or meters * rate / 1_800 <= MOST_FRAMES_PER_S
