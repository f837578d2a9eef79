"""Districts: the firms of a region, of those within it, of an agency and its branches."""

import pytest
from tests.alarms.registry.firm import registry

from wattwarden.alarms.cases.districts import firms_of
from wattwarden.alarms.registry.nouns import Agency, Enterprise, Region

KNOWN = registry(
    ("region", Region(id="R2", name="即墨区", parent="R")),
    ("agency", Agency(id="A2", name="即墨分局", parent="A", region="R2")),
    (
        "enterprise",
        Enterprise(id="E3", name="某印染", agency="A2", region="R2", industry="dyeing"),
    ),
)


@pytest.mark.parametrize(
    ("district", "firms"),
    [
        ("R", {"E1", "E2", "E3"}),
        ("R1", {"E1", "E2"}),
        ("即墨区", {"E3"}),
        ("A", {"E1", "E2", "E3"}),
        ("A2", {"E3"}),
        ("nowhere", set()),
    ],
)
def test_a_district_has_the_firms_within_it(district: str, firms: set[str]) -> None:
    found = firms_of(district, KNOWN.enterprise.values(), KNOWN.region, KNOWN.agency)
    assert found == firms


def test_a_region_that_the_registry_does_not_know_is_a_district_by_its_id_alone() -> None:
    strange = Enterprise(id="E4", name="某厂", agency="A9", region="R9", industry="paint")
    assert firms_of("R9", [strange], KNOWN.region, KNOWN.agency) == {"E4"}
    assert firms_of("R", [strange], KNOWN.region, KNOWN.agency) == frozenset()
