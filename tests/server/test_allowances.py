"""Allowances by name, and turns."""

import pytest

from wattwarden.server import allowances
from wattwarden.server.allowances import Allowance, Bucket, Turns

SECOND = 1_000_000


def test_each_name_has_its_own_allowance_until_the_window_ends() -> None:
    allowance = Allowance(2, 60 * SECOND)
    start = 7 * 60 * SECOND
    assert [allowance.take("a", start + n) for n in range(3)] == [True, True, False]
    assert allowance.is_used_up("a", start)
    assert allowance.take("b", start)
    assert allowance.take("a", start + 60 * SECOND)


def test_whoever_is_forgiven_begins_anew() -> None:
    allowance = Allowance(1, 60 * SECOND)
    assert allowance.take("a", 0)
    allowance.forgive()
    assert allowance.take("a", 1)


def test_of_too_many_names_the_first_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(allowances, "MOST_NAMES", 2)
    allowance = Allowance(1, 60 * SECOND)
    assert [allowance.take(name, 0) for name in "abc"] == [True] * 3
    assert [allowance.is_used_up(name, 0) for name in "abc"] == [False, True, True]


def test_a_bucket_gives_all_at_once_and_then_what_comes_back() -> None:
    bucket = Bucket(3, 10, SECOND)
    assert [bucket.take("a", 0) for _ in range(4)] == [True, True, True, False]
    assert bucket.take("b", 0)
    assert bucket.take("a", SECOND // 10)
    assert not bucket.take("a", SECOND // 10)
    assert [bucket.take("a", 10 * SECOND) for _ in range(4)] == [True, True, True, False]


def test_a_bucket_forgets_nobody_who_owes() -> None:
    bucket = Bucket(1, 1, SECOND)
    for name in range(2000):
        bucket.take(str(name), 0)
    bucket.take("late", SECOND)
    bucket.expire(SECOND)
    assert not bucket.take("late", SECOND)
    assert bucket.take("7", SECOND)


def test_turns_follow_one_another_and_nobody_waits_for_long() -> None:
    turns = Turns(10, 0.3, SECOND)
    waits = [turns.wait_s(0) for _ in range(6)]
    assert waits == [0.0, 0.1, 0.2, 0.3, None, None]
    # Who was sent away has taken no turn from those who come later.
    assert turns.wait_s(4 * SECOND // 10) == 0.0
    assert turns.wait_s(9 * SECOND) == 0.0
