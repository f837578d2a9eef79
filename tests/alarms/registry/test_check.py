"""What is wrong with a registry as a whole is found, and said of the right field."""

from datetime import timedelta

import pytest
from tests.alarms.registry.firm import SINCE, registry

from wattwarden.alarms.registry.check import REFERENCES, check, remarks
from wattwarden.alarms.registry.nouns import (
    KINDS,
    Agency,
    Enterprise,
    Equipment,
    EquipmentKind,
    Line,
    Link,
    Noun,
    Outlet,
    Person,
    Point,
    Region,
    Requirement,
    Role,
    Standby,
    Unit,
    UnitKind,
)

END = SINCE + timedelta(days=30)


def unit(identity: str, **fields: object) -> tuple[str, Noun]:
    usual = {"enterprise": "E1", "name": "机", "kind": UnitKind.TREATMENT, "rated_power": 1e4}
    return "unit", Unit(id=identity, **(usual | fields))  # type: ignore[arg-type]  # any field


def point(identity: str, **fields: object) -> tuple[str, Noun]:
    usual = {"meter": "acrel:M9", "valid_from": SINCE, "unit": "U3"}
    return "point", Point(id=identity, **(usual | fields))  # type: ignore[arg-type]  # any field


def link(identity: str, line: str, unit: str) -> tuple[str, Noun]:
    return "link", Link(line, unit, id=identity)


def test_a_registry_that_holds_together_has_no_problem() -> None:
    assert check(registry()) == []


PROBLEMS: dict[str, tuple[list[tuple[str, Noun]], list[tuple[str, str, str]]]] = {
    "dangling agency": (
        [("enterprise", Enterprise("某厂", "A7", "R1", "paint", id="E2"))],
        [("enterprise", "E2", "agency")],
    ),
    "dangling unit of a point": ([point("T9", unit="U9")], [("point", "T9", "unit")]),
    "a number of its own that no rule has": (
        [unit("U9", thresholds={"theta_of": 0.1})],
        [("unit", "U9", "thresholds")],
    ),
    "regions in a circle": (
        [("region", Region("青岛市", "R1", id="R"))],
        [("region", "R", "parent")],
    ),
    "an agency above itself": (
        [("agency", Agency("分局", "A1", id="A1"))],
        [("agency", "A1", "parent")],
    ),
    "duty without enterprise": (
        [("person", Person("王", Role.DUTY, id="P9"))],
        [("person", "P9", "enterprise")],
    ),
    "officer without agency": (
        [("person", Person("王", Role.CITY_OFFICER, id="P9"))],
        [("person", "P9", "agency")],
    ),
    "unknown zone": (
        [("enterprise", Enterprise("某厂", "A1", "R1", "paint", zone="Asia/Qingdao", id="E2"))],
        [("enterprise", "E2", "zone")],
    ),
    "latitude beyond the pole": (
        [("enterprise", Enterprise("某厂", "A1", "R1", "paint", latitude=120.0, id="E2"))],
        [("enterprise", "E2", "latitude")],
    ),
    "a unit on another firm's line": ([link("K9", "L9", "U2")], [("link", "K9", "unit")]),
    "production on two lines": ([link("K9", "L2", "U1")], [("unit", "U1", "")]),
    "mains on a line": ([link("K9", "L1", "U3")], [("link", "K9", "unit")]),
    "a link to no line": ([link("K9", "L8", "U2")], [("link", "K9", "line")]),
    "a link to no unit": ([link("K9", "L1", "U8")], [("link", "K9", "unit")]),
    "a link twice": ([link("K9", "L1", "U2")], [("link", "K9", "")]),
    "two mains": ([unit("U9", kind=UnitKind.MAIN)], [("unit", "U9", "kind")]),
    "more required than there are": (
        [("standby", Standby("E1", 2, id="S1"))],
        [("standby", "S1", "required")],
    ),
    "another firm's standby group": (
        [("standby", Standby("E2", id="S2")), unit("U2", standby="S2"), unit("U9", standby="S1")],
        [("unit", "U2", "standby")],
    ),
    "another firm's line at an outlet": (
        [("outlet", Outlet("E1", "口", "L9", id="O2"))],
        [("outlet", "O2", "line")],
    ),
    "treatment part of a fan": (
        [unit("U9", treatment_power=1.0)],
        [("unit", "U9", "treatment_power")],
    ),
    "treatment part of all": (
        [unit("U9", kind=UnitKind.BOTH, treatment_power=1e4)],
        [("unit", "U9", "treatment_power")],
    ),
    "a power of zero": ([unit("U9", rated_power=0.0)], [("unit", "U9", "")]),
    "an id of nothing": ([("line", Line("E1", "三线", id=""))], [("line", "", "")]),
    "an id that is too long": (
        [("line", Line("E1", "三线", id="L" * 65))],
        [("line", "L" * 65, "")],
    ),
    "no cycle at all": ([point("T9", cycle_s=0)], [("point", "T9", "")]),
    "a cycle of more than an hour": ([point("T9", cycle_s=3_601)], [("point", "T9", "")]),
    "no meter's name": ([point("T9", meter="M9")], [("point", "T9", "meter")]),
    "neither unit nor outlet": ([point("T9", unit=None)], [("point", "T9", "unit")]),
    "unit and outlet": ([point("T9", outlet="O1")], [("point", "T9", "unit")]),
    "an outlet's electricity": (
        [point("T9", unit=None, outlet="O1")],
        [("point", "T9", "factor")],
    ),
    "a factor that measures nothing": (
        [point("T9", factor="e30201")],
        [("point", "T9", "measures")],
    ),
    "a unit's pollutant": (
        [point("T9", factor="a21002", measures="pollutant")],
        [("point", "T9", "measures")],
    ),
    "an end before the beginning": ([point("T9", valid_to=SINCE)], [("point", "T9", "valid_to")]),
    "a time without zone": (
        [point("T9", valid_from=SINCE.replace(tzinfo=None))],
        [("point", "T9", "valid_from")],
    ),
    "a channel for two units": (
        [point("T9", meter="acrel:M1", channel="1-1", valid_from=END)],
        [("point", "T9", "valid_from")],
    ),
    "two meters on a unit": ([point("T9", unit="U1")], [("point", "T9", "valid_from")]),
    "one long point behind a short one": (
        [
            point("T7", valid_to=SINCE + timedelta(days=90)),
            point("T8", meter="acrel:M8", valid_from=END, valid_to=END + timedelta(days=1)),
            point("T9", meter="acrel:M7", valid_from=END + timedelta(days=9)),
        ],
        [("point", "T8", "valid_from"), ("point", "T9", "valid_from")],
    ),
}


@pytest.mark.parametrize(("records", "places"), PROBLEMS.values(), ids=PROBLEMS.keys())
def test_a_problem_is_named_by_record_and_field(
    records: list[tuple[str, Noun]], places: list[tuple[str, str, str]]
) -> None:
    problems = check(registry(*records))
    assert [(one.kind, one.id, one.field) for one in problems] == places
    assert all(one.zh and one.en for one in problems)


def test_every_field_that_names_a_record_is_followed() -> None:
    named = {
        kind: {
            name
            for name in noun.__struct_fields__
            if name in {*KINDS, "parent", "maintainer", "officer"} and (kind, name) not in CHOICES
        }
        for kind, noun in KINDS.items()
    }
    assert {kind: set(fields) for kind, fields in REFERENCES.items()} == named


CHOICES = {("requirement", "equipment"), ("equipment", "equipment")}


def test_a_unit_that_makes_and_treats_has_a_part_that_treats() -> None:
    made = registry(unit("U9", kind=UnitKind.BOTH, treatment_power=1.0))
    assert list(check(made)) == []


def test_a_meter_may_follow_another_on_a_point() -> None:
    old = point("T1", meter="acrel:M1", channel="1-1", unit="U1", valid_to=END)
    new = point("T9", meter="acrel:M9", channel="1-1", unit="U1", valid_from=END)
    again = point("T8", meter="acrel:M1", channel="1-1", valid_from=END)
    assert check(registry(old, new, again)) == []


def test_a_unit_may_have_a_current_beside_its_electricity() -> None:
    status = point("T9", unit="U1", factor="SB1-RS", measures="status")
    assert check(registry(status)) == []


def test_units_without_meter_or_line_are_remarked() -> None:
    linked = link("K8", "L1", "U8")
    found = remarks(registry(unit("U8"), unit("U9"), linked, point("T9", valid_to=END)))
    assert [(one.id, one.en) for one in found] == [
        ("U3", "no point meters it now"),
        ("U8", "no point meters it now"),
        ("U9", "it belongs to no line"),
        ("U9", "no point meters it now"),
    ]


@pytest.mark.parametrize(
    ("requirement", "missing"),
    [
        ({}, ["E1", "E2"]),
        ({"industry": "cement"}, ["E1"]),
        ({"industry": "cement", "region": "R"}, []),
        ({"supervision": "focus"}, []),
    ],
    ids=["everybody", "an industry", "an industry elsewhere", "a class"],
)
def test_required_equipment_that_is_missing_is_remarked(
    requirement: dict[str, str], missing: list[str]
) -> None:
    need = Requirement(EquipmentKind.VIDEO, id="Q", **requirement)  # type: ignore[arg-type]  # texts
    silent = Equipment("E1", EquipmentKind.VIDEO, installed=True, id="V1")
    found = remarks(registry(("requirement", need), ("equipment", silent), point("T9")))
    assert [one.id for one in found if one.kind == "enterprise"] == missing


def test_equipment_that_is_there_is_not_remarked() -> None:
    need = Requirement(EquipmentKind.VIDEO, industry="cement", id="Q")
    there = Equipment("E1", EquipmentKind.VIDEO, installed=True, networked=True, id="V1")
    assert remarks(registry(("requirement", need), ("equipment", there), point("T9"))) == []


def test_a_line_may_be_renamed() -> None:
    assert check(registry(("line", Line("E1", "新名", id="L1")))) == []
