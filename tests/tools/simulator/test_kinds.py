"""Units that are neither production nor treatment alone: both in one meter, indirect, the mains."""

import numpy as np
import pytest
from tests.tools.simulator.worlds import FACTORY, world

from wattwarden.alarms.registry.nouns import UnitKind
from wattwarden.alarms.rulebook import default_rules
from wattwarden.tools.diagnosis.trial import run
from wattwarden.tools.errors import UsageError
from wattwarden.tools.simulator.registry import registry_of
from wattwarden.tools.simulator.world import World

BOTH = """
[[factory.unit]]
id = "B"
kind = "both"
power_kw = 40
treatment_share = 0.4
"""
INDIRECT = """
[[factory.unit]]
id = "I"
kind = "indirect"
power_kw = 10
"""
MAIN = """
[[factory.unit]]
id = "M"
kind = "main"
power_kw = 200
"""
NOON = 1440 + 720


def power(made: World, unit: str) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    column = made.units.index(unit)
    return np.concatenate([block.live.power[:, column] for block in made.blocks()])


def offence(rule: str, unit: str) -> str:
    when = 'onset = "day 2 12:00"\nminutes = 60\n'
    return f'[[offence]]\nrule = "{rule}"\nunit = "{unit}"\n{when}'


def test_a_unit_of_both_runs_with_its_line() -> None:
    made = world(FACTORY, BOTH)
    mine, line = power(made, "B"), power(made, "P")
    assert np.mean((mine > 0) == (line > 0)) > 0.98
    assert 0.6 * 40_000 < mine[NOON] < 40_000


@pytest.mark.parametrize("rule", ["R1", "R2", "R3", "R4", "R5"])
def test_what_a_unit_of_both_cannot_show_is_refused(rule: str) -> None:
    with pytest.raises(UsageError, match="does not tell them apart"):
        world(FACTORY, BOTH + offence(rule, "B"))


def test_a_unit_of_both_keeps_its_treatment_power_in_the_registry() -> None:
    unit = registry_of(world(FACTORY, BOTH)).unit["B"]
    assert unit.kind is UnitKind.BOTH
    assert unit.treatment_power == pytest.approx(0.4 * unit.rated_power, rel=0.01)


def test_light_and_offices_run_while_people_work_and_concern_no_line() -> None:
    made = world(FACTORY, INDIRECT)
    mine = power(made, "I")
    assert (mine[1440 + 480 : 1440 + 1200] > 0).all()
    assert (mine[1440 + 60 : 1440 + 300] == 0).all()
    registry = registry_of(made)
    assert registry.unit["I"].kind is UnitKind.INDIRECT
    assert not [link for link in registry.link.values() if link.unit == "I"]


def test_the_mains_carry_all_units_and_a_little_more() -> None:
    made = world(FACTORY, INDIRECT + MAIN)
    others = np.sum([power(made, unit) for unit in made.units if unit != "M"], axis=0)
    mine = power(made, "M")
    there = others > 1_000
    assert (mine[there] / others[there]).mean() == pytest.approx(1.04, abs=0.01)
    assert mine[~there].max() < 100
    registry = registry_of(made)
    assert registry.unit["M"].kind is UnitKind.MAIN
    assert registry.enterprise["F"].registered_power == pytest.approx(200_000)


def test_a_unit_that_stops_is_missed_by_the_mains() -> None:
    made = world(FACTORY, MAIN + offence("R2", "T-vfd"))
    calm = world(FACTORY, MAIN)
    window = slice(NOON + 1, NOON + 59)
    fan = power(calm, "T-vfd")[window].mean()
    lost = (power(calm, "M")[window] - power(made, "M")[window]).mean()
    assert lost == pytest.approx(1.04 * fan, rel=0.05)


def test_none_of_them_makes_an_alarm_of_itself() -> None:
    trial = run(world(FACTORY, BOTH + INDIRECT + MAIN), default_rules(), 1, lambda _slots: None)
    assert sum(tally.false for tally in trial.verdict.tallies.values()) == 0
