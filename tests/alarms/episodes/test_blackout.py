"""A city goes dark at once and comes back; we ourselves are away: few alarms, all of them true."""

from collections.abc import Callable
from datetime import date

import pytest
from tests.alarms.simulated import Away, Reserve, SimulatedCity, Told, blackout_city

from wattwarden.alarms.episodes.findings import Alarm, Ended
from wattwarden.tools.simulator.scenario import Scenario
from wattwarden.tools.simulator.world import World

FIRMS = 40
# From when on the city is heard: an hour of work before it happens.
BEGIN_MIN = 9 * 60
ONSET_MIN = 10 * 60 + 20
DARK = range(ONSET_MIN, ONSET_MIN + 30)
LATER_MIN = DARK.stop + 3 * 60
AWAY = range(ONSET_MIN, ONSET_MIN + 10)
MONDAY = Scenario(start=date(2026, 3, 2), name="blackout", seed=1, days=1)


def world(dark: range = range(0)) -> World:
    """A city of firms that do all they must."""
    return World(blackout_city(MONDAY, FIRMS, len(dark), "day 1 10:20"))


def told_since(city: SimulatedCity, told: Told) -> list[Alarm]:
    """What people are told from the moment on at which it happens."""
    since = 1000 * (city.midnight_s + 60 * ONSET_MIN)
    return [alarm for alarm in told.alarms if alarm.raised >= since]


@pytest.mark.parametrize(
    "has",
    [
        pytest.param(lambda _: False, id="meters fall silent"),
        pytest.param(lambda _: True, id="meters go on"),
        pytest.param(lambda column: column % 2 == 0, id="every second meter goes on"),
    ],
)
def test_a_blackout_of_the_city_is_one_alarm_for_each_firm_and_nothing_false_afterwards(
    has: Callable[[int], bool],
) -> None:
    city = SimulatedCity(world(DARK), reserve=Reserve(DARK, has))
    told = city.tell(BEGIN_MIN, LATER_MIN)
    alarms = told_since(city, told)
    subjects = sorted((alarm.rule, alarm.subject) for alarm in alarms)
    assert subjects == [("R9", f"enterprise:{firm}") for firm in sorted(city.registry.enterprise)]
    ended = {one.key for one in told.findings if isinstance(one, Ended)}
    assert {alarm.key for alarm in alarms} <= ended


@pytest.mark.parametrize(
    "away",
    [Away(AWAY), Away(AWAY, kept=True), Away(AWAY, ticking=True)],
    ids=["nothing ran", "meters keep their frames", "no gateway gave a sign"],
)
def test_our_own_outage_is_one_alarm_of_the_platform_and_nothing_else(away: Away) -> None:
    # Gateways' signs are of seconds, and so are the ticks here.
    city = SimulatedCity(world(), tick_s=1, away=away)
    alarms = told_since(city, city.tell(BEGIN_MIN, LATER_MIN))
    assert [(alarm.rule, alarm.subject) for alarm in alarms] == [("R0", "platform")]


def test_a_city_that_is_heard_for_the_first_time_while_it_works_is_told_nothing() -> None:
    told = SimulatedCity(world()).tell(0, 30)
    assert [(alarm.rule, alarm.subject) for alarm in told.alarms] == []
