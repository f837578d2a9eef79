"""Who of some persons is told now."""

from datetime import timedelta

import pytest
from tests.alarms.routing.test_route import EVENING, PEOPLE, scene

from wattwarden.alarms.routing.bodies import Reach
from wattwarden.alarms.routing.people import on_duty

PERSONS = PEOPLE[:2]


@pytest.mark.parametrize("level", [1, 4])
@pytest.mark.parametrize(
    ("away", "told"),
    [
        pytest.param([], ["D1", "D2"], id="all are here"),
        pytest.param(["D1"], ["D2"], id="one is away"),
        pytest.param(["D1", "D2"], ["D1", "D2"], id="never nobody"),
    ],
)
def test_who_is_away_is_told_where_nobody_else_could_be(
    away: list[str], told: list[str], level: int
) -> None:
    later = EVENING + timedelta(hours=1)
    reaches = {name: Reach(id=name, away_until=later) for name in away}
    assert [one.id for one in on_duty(scene(reaches=reaches), PERSONS, level)] == told
