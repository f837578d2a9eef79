"""No window of a limit ever holds more than its count, and L4 finds its reserve."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.alarms.channels.support import CHANNELS, NOW

from wattwarden.alarms.channels import pacing
from wattwarden.alarms.channels.channel import SECOND_US, Limit, Pace, Scope
from wattwarden.alarms.channels.pacing import Pacer, earliest
from wattwarden.alarms.channels.retries import MOST_S, WAITS_S, backoff_s

LIMIT = Limit(20, 60, reserve=4)


def test_lesser_alarms_stop_where_the_reserve_begins() -> None:
    pacer = Pacer(Pace((LIMIT,)))
    for _ in range(16):
        assert pacer.earliest((), 3, NOW) == NOW
        pacer.note((), NOW)
    assert pacer.earliest((), 3, NOW) == NOW + 60 * SECOND_US
    for _ in range(4):
        assert pacer.earliest((), 4, NOW) == NOW
        pacer.note((), NOW)
    assert pacer.earliest((), 4, NOW) == NOW + 60 * SECOND_US
    assert pacer.earliest((), 3, NOW + 60 * SECOND_US) == NOW + 60 * SECOND_US


def test_one_recipient_does_not_hold_up_another() -> None:
    pacer = Pacer(Pace((Limit(1, 10, Scope.RECIPIENT),)))
    pacer.note(("a",), NOW)
    assert pacer.earliest(("b",), 1, NOW) == NOW
    assert pacer.earliest(("a", "b"), 1, NOW) == NOW + 10 * SECOND_US


def test_all_limits_hold_at_once() -> None:
    pacer = Pacer(Pace((Limit(5, 1), Limit(6, 60))))
    for index in range(6):
        pacer.note((), NOW + index * SECOND_US)
    assert pacer.earliest((), 4, NOW + 5 * SECOND_US) == NOW + 60 * SECOND_US


def test_no_limit_means_now() -> None:
    pacer = Pacer(Pace())
    pacer.note(("a",), NOW)
    assert pacer.earliest(("a",), 1, NOW) == NOW
    assert earliest(LIMIT, (), 1, NOW) == NOW


def test_recipients_are_forgotten_from_the_oldest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pacing, "MAX_RECIPIENTS", 2)
    pacer = Pacer(Pace((Limit(1, 10, Scope.RECIPIENT),)))
    for address in ("a", "b", "a", "c"):
        pacer.note((address,), NOW)
    assert pacer.earliest(("b",), 1, NOW) == NOW
    assert pacer.earliest(("a",), 1, NOW) > NOW


@given(
    wishes=st.lists(
        st.tuples(st.integers(0, 40), st.integers(1, 4), st.sampled_from("ab")), max_size=40
    ),
    limits=st.lists(
        st.builds(
            lambda count, window, scope, share: Limit(count, window, scope, count * share // 4),
            st.integers(1, 6),
            st.integers(1, 90),
            st.sampled_from(Scope),
            st.integers(0, 3),
        ),
        min_size=1,
        max_size=3,
    ),
)
def test_whoever_waits_as_told_never_passes_a_limit(
    wishes: list[tuple[int, int, str]], limits: list[Limit]
) -> None:
    pacer, now, sent = Pacer(Pace(tuple(limits))), NOW, []
    for pause, level, address in wishes:
        now = pacer.earliest((address,), level, now + pause * SECOND_US)
        pacer.note((address,), now)
        sent.append((now, level, address))
    for limit in limits:
        for address in "ab":
            counted = [
                (at, level)
                for at, level, to in sent
                if limit.scope is Scope.CREDENTIAL or to == address
            ]
            for index, (at, level) in enumerate(counted):
                begin = at - limit.window_s * SECOND_US
                within = sum(begin < earlier for earlier, _ in counted[: index + 1])
                assert within <= (limit.count if level == 4 else limit.count - limit.reserve)


@pytest.mark.parametrize("name", CHANNELS)
def test_every_reserve_leaves_room_for_the_others(name: str) -> None:
    for limit in CHANNELS[name].pace.limits:
        assert 0 < limit.reserve < limit.count
        assert limit.window_s > 0


@pytest.mark.parametrize("wrong", [(0, 1, 0), (5, 0, 0), (5, 1, 5), (5, 1, -1)], ids=str)
def test_a_limit_that_lets_nobody_through_is_refused(wrong: tuple[int, int, int]) -> None:
    count, window_s, reserve = wrong
    with pytest.raises(ValueError, match="room beside its reserve"):
        Limit(count, window_s, reserve=reserve)


def test_waits_grow_and_their_jitter_keeps_them_apart() -> None:
    assert [backoff_s(failures, 0.5, 1) for failures in range(9)] == [5, *WAITS_S, 3600]
    for failures in range(1, len(WAITS_S)):
        assert backoff_s(failures, 1.0, 1) < backoff_s(failures + 1, 0.0, 1)


def test_what_is_grave_waits_less_in_the_end() -> None:
    levels = range(1, 5)
    longest = [max(backoff_s(failures, 0.5, level) for failures in range(9)) for level in levels]
    assert longest == [3600, 900, 300, 60] == [MOST_S[level] for level in levels]
