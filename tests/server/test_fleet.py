"""Two connections under one identity: who stays."""

import pytest

from wattwarden.server import fleet as fleets
from wattwarden.server.fleet import MOST_TAKEOVERS, TAKEOVER_WINDOW_US, Elsewhere, Fleet, Verdict


def test_the_first_connection_is_admitted() -> None:
    fleet: Fleet[str] = Fleet()
    assert fleet.login("m", "a", "10.0.0.1", 0) == (Verdict.ADMITTED, None)
    assert len(fleet) == 1


def test_a_newcomer_wins_over_the_older_connection() -> None:
    fleet: Fleet[str] = Fleet()
    fleet.login("m", "a", "10.0.0.1", 0)
    assert fleet.login("m", "b", "10.0.0.1", 1) == (Verdict.TAKEN_OVER, "a")


def test_the_same_host_may_dial_in_again_for_ever() -> None:
    fleet: Fleet[int] = Fleet()
    verdicts = {fleet.login("m", at, "10.0.0.1", at)[0] for at in range(50)}
    assert verdicts == {Verdict.ADMITTED, Verdict.TAKEN_OVER}


def test_after_three_takeovers_from_other_hosts_the_older_stays() -> None:
    fleet: Fleet[str] = Fleet()
    hosts = ["10.0.0.1", "10.0.0.2"]
    fleet.login("m", "c0", hosts[0], 0)
    for number in range(1, MOST_TAKEOVERS + 1):
        verdict, _ = fleet.login("m", f"c{number}", hosts[number % 2], number)
        assert verdict is Verdict.TAKEN_OVER
    verdict, older = fleet.login("m", "c4", hosts[0], 4)
    assert (verdict, older) == (Verdict.REFUSED, "c3")


def test_the_newcomer_wins_again_when_the_window_has_passed() -> None:
    fleet: Fleet[str] = Fleet()
    fleet.login("m", "c0", "10.0.0.1", 0)
    for number in range(1, 4):
        fleet.login("m", f"c{number}", f"10.0.0.{number % 2 + 1}", number)
    later = TAKEOVER_WINDOW_US + 10
    assert fleet.login("m", "c4", "10.0.0.1", later)[0] is Verdict.TAKEN_OVER


def test_the_late_logout_of_a_connection_that_was_taken_over_changes_nothing() -> None:
    fleet: Fleet[str] = Fleet()
    fleet.login("m", "a", "10.0.0.1", 0)
    fleet.login("m", "b", "10.0.0.1", 1)
    fleet.logout("m", "a")
    assert len(fleet) == 1
    fleet.logout("m", "b")
    assert len(fleet) == 0


def test_an_alarm_names_a_pair_once_a_window_and_old_state_is_forgotten() -> None:
    fleet: Fleet[str] = Fleet()
    assert fleet.is_worth_an_alarm("m", 0)
    assert not fleet.is_worth_an_alarm("m", 1)
    fleet.expire(TAKEOVER_WINDOW_US + 1)
    assert fleet.is_worth_an_alarm("m", TAKEOVER_WINDOW_US + 1)


def there(at: int, host: str = "10.0.0.1", gateway: str = "gw-2") -> Elsewhere:
    return Elsewhere(gateway, at, f"{host}:1234", at)


def test_a_meter_that_dials_in_at_another_gateway_is_no_longer_here() -> None:
    fleet: Fleet[str] = Fleet()
    fleet.login("m", "a", "10.0.0.1", 5)
    assert fleet.hear_login("m", there(6), 7) == "a"
    assert fleet.held("m") is None
    fleet.logout("m", "a")
    assert fleet.hear_login("m", there(8), 9) is None


def test_of_two_gateways_the_one_where_it_dialled_in_last_has_it() -> None:
    fleet: Fleet[str] = Fleet()
    fleet.login("m", "a", "10.0.0.1", 5)
    assert fleet.hear_login("m", there(4), 7) is None
    assert fleet.held("m") == "a"


def test_news_of_two_gateways_may_come_in_any_order() -> None:
    fleet: Fleet[str] = Fleet()
    fleet.hear_login("m", there(6, gateway="gw-3"), 7)
    fleet.hear_login("m", there(5, gateway="gw-2"), 8)
    assert fleet.login("m", "a", "10.0.0.1", 9) == (Verdict.TAKEN_OVER, there(6, gateway="gw-3"))


@pytest.mark.parametrize("last", ["here", "there"])
def test_two_under_one_id_are_told_apart_wherever_they_dial_in(last: str) -> None:
    fleet: Fleet[str] = Fleet()
    fleet.login("m", "c0", "10.0.0.1", 0)
    fleet.hear_login("m", there(1, "10.0.0.2"), 1)
    fleet.login("m", "c2", "10.0.0.1", 2)
    fleet.hear_login("m", there(3, "10.0.0.2"), 3)
    if last == "here":
        assert fleet.login("m", "c4", "10.0.0.1", 4) == (Verdict.REFUSED, there(3, "10.0.0.2"))
        assert fleet.login("m", "c5", "10.0.0.2", 5)[0] is Verdict.TAKEN_OVER
    else:
        # Whoever let it in has counted as we do, or had not heard yet: it is the newcomer.
        assert fleet.hear_login("m", there(4, "10.0.0.1"), 4) is None
        assert fleet.login("m", "c5", "10.0.0.2", 5)[0] is Verdict.REFUSED


def test_what_ended_elsewhere_is_no_older_connection() -> None:
    fleet: Fleet[str] = Fleet()
    fleet.hear_login("m", there(6), 7)
    fleet.hear_close("m", "gw-2", 5)
    fleet.hear_close("m", "gw-3", 6)
    assert fleet.login("m", "a", "10.0.0.1", 8)[0] is Verdict.TAKEN_OVER
    fleet.hear_login("m", there(9), 9)
    fleet.hear_close("m", "gw-2", 9)
    assert fleet.login("m", "a", "10.0.0.1", 10) == (Verdict.ADMITTED, None)


def test_what_a_gateway_told_is_forgotten_with_it_and_with_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(fleets, "MOST_ELSEWHERE", 2)
    fleet: Fleet[str] = Fleet()
    for number, name in enumerate("abc"):
        fleet.hear_login(name, there(number, gateway=f"gw-{name}"), number)
    assert fleet.login("a", "x", "h", 5)[0] is Verdict.ADMITTED
    fleet.forget_elsewhere("gw-b")
    assert fleet.login("b", "x", "h", 5)[0] is Verdict.ADMITTED
    fleet.expire(TAKEOVER_WINDOW_US + 1)
    assert fleet.login("c", "x", "10.0.0.1", 5)[0] is Verdict.TAKEN_OVER
    fleet.hear_login("d", there(7), 8)
    fleet.expire(TAKEOVER_WINDOW_US + 7)
    assert fleet.login("d", "x", "10.0.0.1", 5)[0] is Verdict.ADMITTED
    fleet.hear_login("e", there(8), 8)
    fleet.forget_elsewhere(None)
    assert fleet.login("e", "x", "10.0.0.1", 9)[0] is Verdict.ADMITTED
