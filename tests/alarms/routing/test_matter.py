"""Machines are told by ids and names what an alarm is about, as the registry knows it."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from tests.alarms.registry.firm import registry

from wattwarden.alarms.channels.facts import MAX_UNITS, Subject, Thing
from wattwarden.alarms.registry.nouns import Link, Unit, UnitKind
from wattwarden.alarms.registry.registry import Registry
from wattwarden.alarms.routing.matter import MAX_EXPLANATION_CHARS, Occasion, facts_of
from wattwarden.alarms.rulebook import Rule

AT = datetime(2026, 11, 22, tzinfo=UTC)
RULE = Rule("R2", "产污运行治污停运", "production without treatment", "A")
OCCASION = Occasion(
    number=17,
    sequence=2,
    state="raised",
    enterprise="E1",
    line="L1",
    subject="unit:U2",
    began=AT,
    raised=AT,
    ended=None,
    deadline=None,
    zh="风机未运行",
    en="the fan is off",
)
KNOWN = registry()
FAN = Thing("U2", "风机")


def test_a_unit_is_told_with_its_line_its_firm_and_its_region() -> None:
    facts = facts_of(OCCASION, RULE, KNOWN)
    assert (facts.number, facts.sequence, facts.state) == (17, 2, "raised")
    assert (facts.rule.id, facts.rule.grade, facts.rule.zh) == ("R2", "A", RULE.zh)
    assert facts.enterprise == Thing("E1", "某水泥")
    assert facts.region == Thing("R1", "李沧区")
    assert facts.line == Thing("L1", "一线")
    assert facts.subject == Subject("U2", "风机", "unit")
    assert facts.units == (FAN,)
    assert (facts.began, facts.cleared, facts.deadline) == (AT, None, None)


@pytest.mark.parametrize(
    ("subject", "name", "units"),
    [
        ("enterprise:E1", "某水泥", ()),
        ("line:L1", "一线", ("U1", "U2")),
        ("outlet:O1", "排口", ()),
        ("meter:hj212:M9", "hj212:M9", ()),
        ("platform:", "", ()),
    ],
)
def test_what_is_no_unit_is_told_by_its_kind(
    subject: str, name: str, units: tuple[str, ...]
) -> None:
    known = registry(
        ("link", Link(id="K1", line="L1", unit="U1")), ("link", Link(id="K2", line="L1", unit="U2"))
    )
    facts = facts_of(replace(OCCASION, subject=subject, line=""), RULE, known)
    assert facts.line is None
    assert facts.subject.kind == subject.partition(":")[0]
    if name != "排口":
        assert facts.subject.name == name
    assert set(units) <= {one.id for one in facts.units}
    assert bool(units) == bool(facts.units)


def test_a_meter_is_told_with_the_units_that_it_meters() -> None:
    meter = next(one for one in KNOWN.point.values() if one.unit)
    facts = facts_of(replace(OCCASION, subject=f"meter:{meter.meter}"), RULE, KNOWN)
    assert meter.unit in {one.id for one in facts.units}


def test_what_the_registry_has_no_more_is_told_by_its_id() -> None:
    facts = facts_of(OCCASION, RULE, Registry())
    assert facts.enterprise == Thing("E1", "E1")
    assert facts.region is None
    assert facts.units == (Thing("U2", "U2"),)


def test_a_long_line_and_a_long_explanation_are_cut() -> None:
    many = [
        ("unit", Unit(id=f"V{n}", enterprise="E1", name="机", kind=UnitKind.BOTH, rated_power=1e3))
        for n in range(MAX_UNITS + 5)
    ]
    links = [("link", Link(id=f"K{n}", line="L1", unit=f"V{n}")) for n in range(MAX_UNITS + 5)]
    occasion = replace(OCCASION, subject="line:L1", zh="长" * 5000)
    facts = facts_of(occasion, RULE, registry(*many, *links))
    assert len(facts.units) == MAX_UNITS
    assert len(facts.explanation.zh) == MAX_EXPLANATION_CHARS
