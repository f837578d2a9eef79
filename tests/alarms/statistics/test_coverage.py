"""Coverage by firms, machines and emissions; equipment that is obliged and lacking."""

import msgspec
import pytest
from tests.alarms.registry.firm import registry

from wattwarden.alarms.registry.nouns import (
    Enterprise,
    Equipment,
    EquipmentKind,
    Region,
    Requirement,
    Supervision,
)
from wattwarden.alarms.registry.registry import Registry
from wattwarden.alarms.statistics.coverage import Lack, Lacking, coverage, lacking, total_of
from wattwarden.alarms.statistics.rates import Rate

VIDEO = EquipmentKind.VIDEO


def emitting() -> Registry:
    made = registry()
    for name, region, tonnes in (("E1", "R1", 60.0), ("E2", "R1", 20.0), ("E3", "R2", 7.0)):
        firm = Enterprise(
            id=name, name=name, agency="A1", region=region, industry="cement",
            emissions={"NOx": tonnes, "VOC": 1.0},
        )  # fmt: skip
        made.put("enterprise", firm)
    made.put("region", Region(id="R2", name="城阳区", parent="R", emissions={"VOC": 8.0}))
    made.put("region", Region(id="R1", name="李沧区", parent="R", emissions={"NOx": 90.0}))
    return made


def test_a_firm_is_covered_with_its_first_unit_that_was_heard() -> None:
    found = coverage(emitting(), ["E1", "E2", "E3"], {"U2"})
    assert found.enterprises == Rate(1, 3)
    assert (found.production, found.treatment) == (Rate(0, 1), Rate(1, 1))


def test_emissions_are_a_share_of_all_that_the_regions_emit() -> None:
    firms = ["E1", "E2", "E3"]
    found = coverage(emitting(), firms, {"U1"}).emissions
    assert found == {"NOx": Rate(60, 90), "VOC": Rate(1, 8)}
    one = coverage(emitting(), ["E1", "E2"], {"U1"}).emissions
    assert one == {"NOx": Rate(60, 90)}


def test_a_regions_emissions_are_as_entered_else_those_within_it() -> None:
    regions = emitting().region
    assert total_of(regions, "R") == {"NOx": 100.0, "VOC": 8.0}
    bare = regions | {"R": msgspec.structs.replace(regions["R"], emissions={})}
    assert total_of(bare, "R") == {"NOx": 90.0, "VOC": 8.0}


def test_a_region_within_another_counts_once() -> None:
    made = emitting()
    made.put("enterprise", msgspec.structs.replace(made.enterprise["E3"], region="R"))
    assert coverage(made, ["E1", "E3"], set()).emissions["NOx"] == Rate(0, 100)


@pytest.mark.parametrize(
    ("there", "lack"),
    [
        ([], Lack.MISSING),
        ([(False, False)], Lack.NOT_INSTALLED),
        ([(True, False)], Lack.NOT_NETWORKED),
        ([(False, False), (True, False)], Lack.NOT_NETWORKED),
        ([(True, True), (False, False)], None),
    ],
    ids=["missing", "not installed", "not connected", "one of two installed", "in order"],
)
def test_equipment_that_is_obliged_and_not_there_is_named(
    there: list[tuple[bool, bool]], lack: Lack | None
) -> None:
    made = registry(
        ("requirement", Requirement(id="Q", equipment=VIDEO, supervision=Supervision.ORDINARY)),
        ("requirement", Requirement(id="N", equipment=VIDEO, industry="paper")),
    )
    for number, (installed, networked) in enumerate(there):
        one = Equipment(
            id=str(number), enterprise="E1", equipment=VIDEO, installed=installed,
            networked=networked,
        )  # fmt: skip
        made.put("equipment", one)
    found = list(lacking(made, ["E1"]))
    assert found == ([] if lack is None else [Lacking("E1", VIDEO, lack)])
