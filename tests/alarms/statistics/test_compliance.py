"""What firms do at a moment, each counted once."""

import pytest
from tests.alarms.registry.firm import registry

from wattwarden.alarms.states.codes import UnitState as S
from wattwarden.alarms.statistics.compliance import STANDINGS_ZH, Standing, standings
from wattwarden.alarms.statistics.durations import ToldAlarm


def alarm(rule: str) -> ToldAlarm:
    return ToldAlarm(rule, "A", "unit:U1", "E1", "L1", 0)


@pytest.mark.parametrize(
    ("states", "rules", "standing"),
    [
        ({"U1": S.RUNNING, "U2": S.RUNNING}, [], Standing.COMPLIANT),
        ({"U1": S.RUNNING, "U2": S.RUNNING}, ["R9"], Standing.COMPLIANT),
        ({"U1": S.OFF, "U2": S.RUNNING}, [], Standing.IDLE),
        ({"U1": S.OFFLINE}, [], Standing.UNHEARD),
        ({}, [], Standing.UNHEARD),
        ({"U1": S.RUNNING}, ["R1"], Standing.TREATMENT_OFF),
        ({"U1": S.RUNNING}, ["R12", "R2"], Standing.TREATMENT_OFF),
        ({"U1": S.RUNNING}, ["R12"], Standing.LIMIT_IGNORED),
        ({"U1": S.RUNNING}, ["R1", "R11"], Standing.STOP_IGNORED),
        ({"U1": S.OFFLINE}, ["R11"], Standing.STOP_IGNORED),
    ],
)
def test_a_firm_is_counted_under_the_gravest(
    states: dict[str, S], rules: list[str], standing: Standing
) -> None:
    found = standings(registry(), ["E1", "E2"], states, map(alarm, rules))
    assert found == {"E1": standing, "E2": Standing.UNHEARD}


def test_every_standing_has_a_name() -> None:
    assert set(STANDINGS_ZH) == set(Standing)
