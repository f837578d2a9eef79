"""Two connections under one identity: who stays."""

from wattwarden.server.fleet import MOST_TAKEOVERS, TAKEOVER_WINDOW_US, Fleet, Verdict


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
