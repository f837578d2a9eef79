"""Scenario files: what is wrong in them is named, with the cure; those we ship are sound."""

from pathlib import Path

import pytest
from tests.tools.simulator.worlds import CITY, FACTORY, world

from wattwarden.tools.errors import UsageError
from wattwarden.tools.simulate import find_scenario
from wattwarden.tools.simulator.registry import orders_of, registry_of
from wattwarden.tools.simulator.scenario import TABLES, Often, Scenario, parse_scenario
from wattwarden.tools.simulator.world import World

DOCS = Path(__file__).parents[3] / "docs" / "scenarios.md"
SHIPPED = ("factory", "city", "judge", "blackout", "silent", "demo")


@pytest.mark.parametrize(
    ("text", "named", "cure"),
    [
        ("days = 3", "`start`", "keys of this table are start"),
        ("start = 2026-03-02\nstrat = 1", "strat", "keys of this table are start"),
        ("start = 2026-03-02\n[offences]\nR4 = -1", "offences.R4", "docs/scenarios.md"),
        ("start = 2026-03-02\n[confounders]\nfrozen = {rats = 1}", "confounders.frozen", "rate"),
        ("start =", "TOML", "line"),
        ("start = 2026-03-02", "no factory", "[city]"),
        (FACTORY + "powr = 3", "factory[0].unit[3]", "power_kw"),
        (FACTORY + 'meter = "status"', "HJ 212", "protocol"),
        (FACTORY + "cycle_s = 7", "cycle_s 7", "divide an hour"),
        (FACTORY + 'lines = ["L9"]', "L9", "lines of F"),
        (FACTORY + '[[factory.unit]]\nid = "P"', "P stands 2 times", "unique"),
        (FACTORY + '[[factory.unit]]\nid = "X"\nfollows = true', "follows", "vfd"),
        (FACTORY + '[[offence]]\nrule = "R2"\nunit = "X"\nonset = "+1h"\nminutes = 9', "X", "P"),
        (FACTORY + '[[offence]]\nrule = "R2"\nunit = "P"\nonset = "soon"\nminutes = 9',
         "offence.onset", "day 3 09:30"),
        (FACTORY + '[[offence]]\nrule = "R4"\nunit = "T-fan"\nonset = "+9h"\nminutes = 9',
         "R4", "vfd"),
        (FACTORY + '[[offence]]\nrule = "R5"\nunit = "T-vfd"\nonset = "+9h"\nminutes = 9',
         "R5", "R4"),
        (FACTORY + '[[offence]]\nrule = "R1"\nunit = "T-fan"\nonset = "+12h"\nminutes = 9',
         "does not start", "shifts of F"),
        (FACTORY + '[[happening]]\nkind = "blackout"\nonset = "+9h"\nfactory = "Z"', "Z", "F"),
        (FACTORY + '[[decision]]\nkind = "plan"\nat = "+1h"\nbody = {subject = "F"}',
         "decision[0].body", "measure"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_with_its_cure(text: str, named: str, cure: str) -> None:
    with pytest.raises(UsageError) as caught:
        orders_of(World(parse_scenario(text)))
    assert named in caught.value.message
    assert cure in caught.value.cure


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_scenarios_are_sound(name: str) -> None:
    made = World(find_scenario(name))
    assert made.scenario.name == name
    block = next(made.blocks(0.1))
    assert block.live.power.shape[1] == len(made.units)


def test_a_scenario_of_no_name_is_refused_with_those_there_are() -> None:
    with pytest.raises(UsageError) as caught:
        find_scenario("nowhere")
    assert all(name in caught.value.cure for name in SHIPPED)


def test_the_city_is_as_large_as_the_sample() -> None:
    made = World(find_scenario("city"))
    kinds = [machine.spec.kind for machine in made.site.machines]
    assert (len(made.site.firms), kinds.count("production"), kinds.count("treatment")) == (
        344, 1752, 972,
    )  # fmt: skip


def test_every_key_is_documented() -> None:
    tables = [Scenario.__struct_fields__, Often.__struct_fields__]
    tables += [table.__struct_fields__ for table in TABLES.values()]
    text = DOCS.read_text(encoding="utf-8")
    missing = [key for keys in tables for key in keys if f"`{key}`" not in text]
    assert not missing


def test_the_example_of_the_documentation_works() -> None:
    text = DOCS.read_text(encoding="utf-8")
    example = text.split("```toml\n", 1)[1].split("```", 1)[0]
    made = World(parse_scenario(example))
    assert made.truth()
    assert orders_of(made)


def test_the_registry_knows_every_unit_and_its_meter() -> None:
    made = world(CITY)
    registry = registry_of(made)
    assert set(registry.unit) == set(made.units)
    assert {point.unit for point in registry.point.values()} == set(made.units)
    by_unit = {point.unit: point for point in registry.point.values()}
    for machine in made.site.machines:
        codec = made.site.firms[machine.firm].spec.protocol
        assert by_unit[machine.spec.id].meter == f"{codec}:{machine.address}"
        assert by_unit[machine.spec.id].ct == machine.ratio
    links = {(link.line, link.unit) for link in registry.link.values()}
    assert all(
        (made.site.firms[machine.firm].lines[line].id, machine.spec.id) in links
        for machine in made.site.machines
        for line in machine.lines
    )
