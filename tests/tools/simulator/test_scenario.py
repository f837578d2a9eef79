"""Scenario files: what is wrong in them is named, with the cure; those we ship are sound."""

from itertools import pairwise
from pathlib import Path

import pytest
from tests.tools.simulator.worlds import CITY, FACTORY, world

from wattwarden.tools.errors import UsageError
from wattwarden.tools.main import main
from wattwarden.tools.simulate import find_scenario
from wattwarden.tools.simulator.orders import orders_of
from wattwarden.tools.simulator.registry import registry_of
from wattwarden.tools.simulator.remarks import remark, remarks_of
from wattwarden.tools.simulator.scenario import TABLES, Often, Scenario, lasting, parse_scenario
from wattwarden.tools.simulator.world import World

DOCS = Path(__file__).parents[3] / "docs" / "scenarios.md"
SHIPPED = ("factory", "city", "judge", "blackout", "silent", "demo")
PAIR = """[[factory.unit]]
id = "S1"
standby = "F-S"
[[factory.unit]]
id = "S2"
standby = "F-S"
"""


def again(rule: str, unit: str, onset: str) -> str:
    return f'[[offence]]\nrule = "{rule}"\nunit = "{unit}"\nonset = "{onset}"\nminutes = 45\n'


def offence(rule: str, unit: str, onset: str, more: str = "") -> str:
    return FACTORY + more + again(rule, unit, onset)


def blackout(onset: str) -> str:
    return f'[[happening]]\nkind = "blackout"\nonset = "{onset}"\n'


def decision(at: str = "day 1 10:00", subject: str = "F") -> str:
    body = f'{{scope = "enterprise", subject = "{subject}", measure = "stop"'
    times = 'start = "day 1 11:00", end = "day 1 12:00"'
    return FACTORY + f'[[decision]]\nkind = "plan"\nat = "{at}"\nbody = {body}, {times}}}\n'


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
        (FACTORY + "cycle_s = 7", "cycle_s: 7", "divide an hour"),
        (FACTORY + 'lines = ["L9"]', "L9", "lines are F-L1"),
        (FACTORY + '[[factory.unit]]\nid = "P"', "P stands 2 times", "unique"),
        (FACTORY + '[[factory.unit]]\nid = "X"\nfollows = true', "follows", "vfd"),
        (FACTORY + '[[offence]]\nrule = "R2"\nunit = "X"\nonset = "+1h"\nminutes = 9', "X", "P"),
        (FACTORY + '[[offence]]\nrule = "R2"\nunit = "T-fan"\nonset = "soon"\nminutes = 9',
         "offence[0].onset", "day 3 09:30"),
        (FACTORY + '[[offence]]\nrule = "R4"\nunit = "T-fan"\nonset = "+9h"\nminutes = 9',
         "R4", "vfd"),
        (FACTORY + '[[offence]]\nrule = "R5"\nunit = "T-vfd"\nonset = "+9h"\nminutes = 9',
         "R5", "R4"),
        (FACTORY + '[[offence]]\nrule = "R1"\nunit = "T-fan"\nonset = "+12h"\nminutes = 9',
         "does not start", "shifts of F"),
        (FACTORY + '[[happening]]\nkind = "blackout"\nonset = "+9h"\nfactory = "Z"', "Z", "F"),
        (FACTORY + "[[offence]]\nrul = 'R2'", "offence[0]", "did you mean rule?"),
        (offence("R2", "T-fen", "day 1 10:00"), "offence[0].unit: there is no unit 'T-fen'",
         "did you mean T-fan"),
        (offence("R2", "P", "day 1 10:00"), "kind production", "T-fan, T-follows, T-vfd"),
        (offence("R2", "T-fan", "day 2 03:00"), "does not run at day 2 03:00", "F-L1 works day 2"),
        (offence("R2", "T-fan", "day 4 10:00"), "not within the 3 simulated days", "days = 4"),
        (offence("R2", "T-fan", "2026-03-01 10:00"), "not within", "later moment"),
        (offence("R2", "T-fan", "day 1 10:00") + blackout("day 1 09:50"),
         "without power", "outside its blackouts"),
        (offence("R2", "T-fan", "day 1 10:00") + again("R3", "T-fan", "day 1 10:30"),
         "offence[1].onset: T-fan still offends by offence[0] until day 1 10:45", "begin later"),
        (offence("R2", "S2", "day 2 10:30", PAIR), "S2 is not switched on", "standby group"),
        (FACTORY + '[[happening]]\nkind = "overload"\nunit = "P"\nonset = "+9h"',
         "happening[0].amount: overload needs an amount", "such as 1.4"),
        (FACTORY + '[[happening]]\nkind = "hunting"\nunit = "P"\nonset = "+9h"\namount = 0',
         "0 is not between 0.1 and 1440", "minutes between"),
        (FACTORY + '[[happening]]\nkind = "frozen"\nunit = "P"\nonset = "+9h"\namount = 3',
         "has no amount", "leave it out"),
        (FACTORY + '[[happening]]\nkind = "frozen"\nunit = "Pe"\nonset = "+9h"',
         "no unit 'Pe'", "units are P,"),
        (FACTORY + '[[happening]]\nkind = "blackout"\nonset = "day 9 10:00"',
         "happening[0].onset", "days = 9"),
        (FACTORY + '[[happening]]\nkind = "frozen"\nunit = "P"\nfactory = "G"\nonset = "+9h"',
         "P is of F", "the unit alone"),
        (FACTORY + '[[factory.outlet]]\nid = "O"\nline = "L8"', "no line 'L8'", "F-L1"),
        ('start = 2026-03-02\n[[factory]]\nid = "K"\nshifts = [["25:00", "03:00"]]',
         "factory[0].shifts[0][0]: this is no time of the day", '"08:00"'),
        (FACTORY.replace('id = "F"', 'id = "F 1"'), "factory[0].id: this is no id", "letters"),
        (FACTORY + '[[factory.outlet]]\nid = "O"\nfactor = "VOC"',
         "factory[0].outlet[0].factor: this is no pollutant", "a24088"),
        (offence("R2", "T-fan", "day 1 10:00").replace('kind = "production"', "load = 0.7"),
         "nothing produces beside T-fan", 'kind = "production"'),
        (decision(subject="G"), "decision[0].body.subject: there is no enterprise 'G'", "F"),
        (decision(at="day 9 10:00"), "decision[0].at", "days = 9"),
        (FACTORY + '[[decision]]\nkind = "plan"\nat = "+1h"\nbody = {subject = "F"}',
         "decision[0].body", "measure"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_with_its_cure(text: str, named: str, cure: str) -> None:
    with pytest.raises(UsageError) as caught:
        orders_of(World(parse_scenario(text)))
    assert named in caught.value.message
    assert cure in caught.value.cure


def declared(state: str = "") -> str:
    more = f', state = "{state}"' if state else ""
    times = 'start = "day 1 11:00", end = "day 1 12:00"'
    body = f'{{scope = "unit", subject = "T-fan", id = "D", kind = "trial", {times}{more}}}'
    return f'[[decision]]\nkind = "declaration"\nat = "day 1 10:00"\nbody = {body}\n'


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (FACTORY, []),
        (FACTORY + declared(), ["declaration D stays pending", 'state = "approved"']),
        (FACTORY + declared("approved"), []),
        (FACTORY + declared() + declared("approved"), []),
        (FACTORY.replace('id = "F"', 'id = "F"\nindustry = "coatingg"'), ["did you mean coating?"]),
        (FACTORY.replace('id = "F"', 'id = "F"\nindustry = "coating"'), []),
        (FACTORY.replace('kind = "production"', "load = 0.7"), ["F has no production unit"]),
    ],
    ids=[
        "sound", "pending", "approved", "approved later", "unknown industry", "industry",
        "nothing produces",
    ],
)  # fmt: skip
def test_what_has_no_effect_is_told_before_it_runs(
    text: str, told: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    made = World(parse_scenario(text))
    remark(made)
    said = capsys.readouterr().err
    assert said.count("wattwarden: scenario") == bool(told)
    assert all(part in said for part in told)


def test_an_offence_that_begins_with_production_moves_to_its_start() -> None:
    made = World(parse_scenario(offence("R1", "T-fan", "day 1 07:30")))
    (truth,) = made.truth()
    assert abs(truth.onset_ms - made.midnight_ms - 6 * 3_600_000) <= 8 * 60_000


def test_what_cannot_be_is_left_out_where_that_is_asked_for() -> None:
    told: list[UsageError] = []
    text = offence("R2", "T-fan", "day 2 03:00") + again("R2", "T-vfd", "day 2 10:00")
    made = World(parse_scenario(text), unable=told.append)
    assert [one.unit for one in made.truth()] == ["T-vfd"]
    assert ["offence[0].onset" in one.message for one in told] == [True]


def test_a_shortened_scenario_leaves_out_what_lies_in_the_days_that_are_cut_off() -> None:
    text = offence("R2", "T-fan", "day 1 10:00") + again("R2", "T-fan", "day 3 10:00")
    shorter = lasting(parse_scenario(text), 2)
    assert [one.onset for one in shorter.offence] == ["day 1 10:00"]
    assert len(World(shorter).truth()) == 1
    assert len(World(lasting(parse_scenario(text), 9)).truth()) == 2


def test_what_is_drawn_keeps_away_from_what_is_written_out() -> None:
    drawn = "[offences]\nR1 = 30\nR2 = 30\nR3 = 30\n[confounders]\nmaintenance = 29\n"
    drawn += "firm_blackout = { rate = 30, minutes = [60, 120] }\n"
    drawn += "meter_outage = { rate = 30, minutes = [200, 240] }\n"
    text = offence("R2", "T-fan", "day 2 12:00")
    for seed in range(6):
        made = World(parse_scenario(text + drawn), seed)
        mine = [one for one in made.truth() if one.unit == "T-fan"]
        spans = sorted((one.onset_ms, one.end_ms) for one in mine)
        assert all(end <= begin for (_, end), (begin, _) in pairwise(spans))
        noon = made.midnight_ms + 36 * 3_600_000
        hidden = [one for one in made.troubles() if one.onset_ms < noon + 2_700_000]
        assert not [one for one in hidden if one.end_ms > noon and one.unit == "T-fan"]


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_scenarios_are_sound(name: str) -> None:
    made = World(find_scenario(name))
    assert made.scenario.name == name
    assert list(remarks_of(made)) == []
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


def test_a_simulation_tells_remarks_before_anything_runs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "pending.toml"
    file.write_text(FACTORY + declared(), "utf-8")
    # A folder that holds something else is refused, after that.
    assert main(["simulate", str(file), "--direct", "--data", str(tmp_path)]) == 1
    assert "declaration D stays pending" in capsys.readouterr().err
