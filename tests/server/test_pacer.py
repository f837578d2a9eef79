"""Newcomers are spread, and wait for so long; unknown bytes have an allowance."""

import pytest

from wattwarden.server.pacer import MOST_WAIT_S, Pacer, UnknownAllowance
from wattwarden.server.settings import GatewaySettings


def test_a_trickle_is_never_delayed() -> None:
    pacer = Pacer(100)
    assert [pacer.delay_s(at * 20_000) for at in range(50)] == [0.0] * 50


def test_a_storm_is_spread_at_the_rate() -> None:
    pacer = Pacer(1000)
    delays = [pacer.delay_s(1_000_000) for _ in range(1100)]
    assert delays[:100] == [0.0] * 100
    assert abs(delays[-1] - 1.0) < 0.01
    assert delays == sorted(delays)


@pytest.mark.parametrize("rate", [1, 60])
def test_a_flood_makes_nobody_wait_without_end(rate: int) -> None:
    pacer, waited, refused = Pacer(1000, rate), list[float](), 0
    # Twice as many as may come, for a minute.
    for at in range(0, 60_000_000, 500):
        if pacer.is_full(at * rate):
            refused += 1
        else:
            waited.append(pacer.delay_s(at * rate))
    assert max(waited) <= MOST_WAIT_S + 0.01
    assert len(waited) == pytest.approx(60_000 + 1000 * MOST_WAIT_S, rel=0.01)
    assert refused == 120_000 - len(waited)
    assert not pacer.is_full((60 + MOST_WAIT_S) * 1_000_000 * rate)


def test_a_city_of_ten_thousand_is_in_within_five_seconds_by_default() -> None:
    settings = GatewaySettings()
    pacer = Pacer(settings.logins_per_second)
    delays = [pacer.delay_s(0) for _ in range(10_000)]
    assert 1 < max(delays) < 5
    # And in time to say who it is.
    assert settings.pre_login_s > 2 * MOST_WAIT_S


def test_newcomers_are_paced_in_real_time_at_any_rate_of_the_clock() -> None:
    pacer, fast = Pacer(1000), Pacer(1000, 60)
    moments = [*[1_000_000] * 200, *[1_100_000] * 50]
    slow = [pacer.delay_s(at) for at in moments]
    assert [fast.delay_s(60 * at) for at in moments] == pytest.approx(slow)
    assert max(slow) > 0.05


def test_the_allowance_of_one_host_is_its_own_and_comes_back_with_the_window() -> None:
    allowance = UnknownAllowance(2, 1000)
    assert [allowance.allows("a", 0) for _ in range(3)] == [True, True, False]
    assert allowance.allows("b", 0)
    assert allowance.allows("a", 1000)


def test_hosts_of_past_windows_are_forgotten() -> None:
    allowance = UnknownAllowance(1, 1000)
    for number in range(2000):
        allowance.allows(str(number), 0)
    allowance.expire(5000)
    assert allowance.allows("7", 5000)
    assert len(allowance._used) == 1
