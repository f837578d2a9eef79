"""Counts by bucket: each value is counted once, in the first bucket that holds it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattwarden.protocol.spread import Spread

BOUNDS = (1, 2, 5)


@pytest.mark.parametrize(
    ("value", "place"),
    [
        pytest.param(0, 0, id="below all"),
        pytest.param(1, 0, id="at a bound"),
        pytest.param(1.5, 1, id="between"),
        pytest.param(5, 2, id="at the last"),
        pytest.param(6, 3, id="beyond"),
    ],
)
def test_a_value_is_counted_under_the_first_bound_that_holds_it(value: float, place: int) -> None:
    spread = Spread(BOUNDS)
    spread.note(value)
    assert spread.counts == [int(at == place) for at in range(4)]
    assert spread.total == value


@given(st.lists(st.tuples(st.floats(0, 10, width=32), st.integers(1, 5))))
def test_what_occurred_often_is_counted_as_one_by_one(values: list[tuple[float, int]]) -> None:
    singly, together = Spread(BOUNDS), Spread(BOUNDS)
    for value, times in values:
        together.note(value, times)
        for _ in range(times):
            singly.note(value)
    assert together.counts == singly.counts
    assert together.total == pytest.approx(singly.total)
