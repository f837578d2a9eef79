"""Numbers of single records: which changes of the registry two people have to want."""

import msgspec
import pytest
from tests.alarms.registry.firm import registry
from tests.alarms.registry.test_check import unit

from wattwarden.alarms.registry.changes import changed, difference
from wattwarden.alarms.registry.nouns import Noun, Outlet
from wattwarden.alarms.registry.registry import Registry
from wattwarden.alarms.registry.thresholds import (
    Thresholds,
    asked_for,
    load_thresholds,
    named_of,
    strangers,
    undecided,
    wanted_of,
    written,
)
from wattwarden.alarms.rulebook import RuleError

OWN = {"theta_off": 0.05}
DECIDED = Thresholds(version="2", unit={"U2": OWN}, outlet={"O9": {"SO2": 35.0}})


def outlet(**limits: float) -> tuple[str, Noun]:
    return "outlet", Outlet(id="O9", enterprise="E1", name="排口", limits=limits)


def with_numbers(**numbers: float) -> tuple[str, Noun]:
    fan = registry().unit["U2"]
    return "unit", msgspec.structs.replace(fan, thresholds=numbers)


@pytest.mark.parametrize(
    ("before", "after", "decided", "refused"),
    [
        ([], [with_numbers(theta_off=0.05)], None, ["U2"]),
        ([], [with_numbers(theta_off=0.05)], DECIDED, []),
        ([], [with_numbers(theta_off=0.06)], DECIDED, ["U2"]),
        ([with_numbers(theta_off=0.05)], [with_numbers()], None, ["U2"]),
        ([with_numbers(theta_off=0.05)], [with_numbers(theta_off=0.05)], None, []),
        ([], [unit("U9", thresholds=OWN)], None, ["U9"]),
        ([], [unit("U9")], None, []),
        ([], [outlet(SO2=35.0)], None, ["O9"]),
        ([outlet(SO2=50.0)], [outlet(SO2=35.0)], None, ["O9"]),
        ([outlet(SO2=50.0)], [outlet(SO2=35.0)], DECIDED, []),
        ([outlet(SO2=50.0)], [outlet()], None, ["O9"]),
    ],
    ids=[
        "others-alone", "others-by-two", "not-what-was-decided", "none-alone", "the-same",
        "a-new-unit", "a-new-unit-without", "a-new-outlet", "a-limit-alone", "a-limit-by-two",
        "no-limit-alone",
    ],
)  # fmt: skip
def test_numbers_of_a_firm_that_is_known_are_changed_by_two(
    before: list[tuple[str, Noun]],
    after: list[tuple[str, Noun]],
    decided: Thresholds | None,
    refused: list[str],
) -> None:
    was = registry(*before)
    changes = difference(was, registry(*before, *after))
    assert [one.id for one in undecided(changes, named_of(was), decided)] == refused


def test_a_firm_that_is_new_brings_its_numbers() -> None:
    city = registry(with_numbers(theta_off=0.05), outlet(SO2=35.0))
    changes = difference(Registry(), city)
    assert undecided(changes, {}) == []
    assert {("enterprise", "E1"), ("unit", "U2"), ("outlet", "O9")} <= set(wanted_of(changes))


def test_a_record_gets_all_that_a_file_names_and_nothing_else() -> None:
    was = registry(with_numbers(theta_red=0.7), outlet(SO2=50.0, NOx=100.0))
    file = '[unit.U2]\ntheta_off = 0.05\n[outlet.O9]\nSO2 = 35\n[unit.U7]\n"R1.delay_s" = 60'
    thresholds = load_thresholds(f'version = "3"\n{file}')
    new = changed(was, asked_for(thresholds, was))
    assert new.unit["U2"].thresholds == OWN
    assert new.outlet["O9"].limits == {"SO2": 35.0}
    assert [one.id for one in strangers(thresholds, was)] == ["U7"]
    assert asked_for(thresholds, new) == []


@pytest.mark.parametrize("name", ["U2", '一"线\\[x]', "a.b = c", "\x7f#\n"])
def test_what_is_written_is_read_as_the_same(name: str) -> None:
    made = Thresholds(version=name, unit={name: {"R1.delay_s": 1e-7, name: 900}}, outlet={"O": {}})
    assert load_thresholds(written(made)) == made


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("version = ", "no TOML"),
        ('version = "2"', "a unit or an outlet"),
        ('version = "2"\n[unit.U2]\ntheta_off = "off"', "Expected `float`"),
        ('version = "2"\n[unit.U2]\ntheta_off = -1', "negative"),
        ('version = "2"\n[outlet.O9]\nSO2 = inf', "without end"),
        ('version = "2"\n[line.L1]\nx = 1', "line"),
    ],
    ids=["no-toml", "nothing", "no-number", "negative", "endless", "of-another-kind"],
)
def test_a_file_that_is_none_is_refused(text: str, why: str) -> None:
    with pytest.raises(RuleError, match=why):
        load_thresholds(text)
