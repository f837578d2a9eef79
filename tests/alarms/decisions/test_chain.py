"""The chain: one way to write each value, whatever a database did to it."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattwarden.alarms.decisions.chain import FIRST_PREDECESSOR, canonical, sealed
from wattwarden.alarms.decisions.slices import SLICES, slice_of

NUMBERS = st.integers(-(2**60), 2**60) | st.floats(allow_nan=False, allow_infinity=False)
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
)


@given(VALUES)
def test_what_was_written_and_read_is_written_the_same(value: Any) -> None:
    assert canonical(json.loads(canonical(value))) == canonical(value)


@pytest.mark.parametrize(
    ("value", "same"),
    [(1, 1.0), (-0.0, 0), (1e22, 10**22), ({"a": 1, "b": 2}, {"b": 2.0, "a": 1})],
)
def test_equal_values_are_written_alike(value: Any, same: Any) -> None:
    assert canonical(value) == canonical(same)


def test_a_truth_is_no_number_and_a_moment_a_text() -> None:
    moment = datetime(2026, 11, 22, 3, tzinfo=UTC)
    assert canonical([True, 1, moment]) == b'[true,1,"2026-11-22T03:00:00Z"]'


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "a\0b", {"a\0": 1}])
def test_what_no_database_keeps_is_refused(value: Any) -> None:
    with pytest.raises(ValueError, match=r"NUL|no number"):
        canonical([value])


def test_a_seal_depends_on_content_and_on_all_before() -> None:
    first = sealed(FIRST_PREDECESSOR, {"id": 1})
    assert len(first) == 32
    assert sealed(first, {"id": 2}) != sealed(FIRST_PREDECESSOR, {"id": 2})
    assert sealed(first, {"id": 2}) != sealed(first, {"id": 3})


def test_enterprises_spread_over_all_slices() -> None:
    slices = [slice_of(f"E{number:03d}") for number in range(344)]
    assert set(slices) == set(range(SLICES))
    assert slice_of("platform") == 11


def test_keys_that_are_numbers_are_sealed_as_texts() -> None:
    assert canonical({2: "b", 10: "a"}) == b'{"10":"a","2":"b"}'
