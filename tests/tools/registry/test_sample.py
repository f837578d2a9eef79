"""The sample city: exactly as large as asked for, sound, and the same for the same seed."""

from collections import Counter, defaultdict

import pytest

from wattwarden.alarms.registry.check import check, remarks
from wattwarden.alarms.registry.nouns import Drive, UnitKind
from wattwarden.alarms.registry.registry import Registry
from wattwarden.tools.registry.sample import ROOT, Size, sample_city


@pytest.fixture(scope="module")
def city() -> Registry:
    return sample_city(7)


def test_a_city_has_exactly_as_many_firms_and_units_as_the_users(city: Registry) -> None:
    kinds = Counter(unit.kind for unit in city.unit.values())
    assert len(city.enterprise) == 344
    assert (kinds[UnitKind.PRODUCTION], kinds[UnitKind.TREATMENT]) == (1752, 972)
    assert all(kinds[kind] for kind in UnitKind)


def test_a_city_holds_together(city: Registry) -> None:
    assert check(city) == []


def test_some_required_equipment_is_missing_and_nothing_else(city: Registry) -> None:
    kinds = Counter(remark.kind for remark in remarks(city))
    assert 3 < kinds.pop("enterprise") < 60
    assert not kinds


def test_the_same_seed_gives_the_same_city(city: Registry) -> None:
    assert sample_city(7) == city
    assert sample_city(8) != city


def test_firms_have_more_than_nine_tenths_of_all_emissions(city: Registry) -> None:
    emitted: defaultdict[str, float] = defaultdict(float)
    for firm in city.enterprise.values():
        for pollutant, tonnes in firm.emissions.items():
            emitted[pollutant] += tonnes
    totals = city.region[ROOT].emissions
    assert set(totals) == set(emitted)
    assert all(0.9 < emitted[name] / total <= 1 for name, total in totals.items())


def test_a_city_is_of_many_kinds(city: Registry) -> None:
    assert len({firm.industry for firm in city.enterprise.values()}) == 9
    assert len({firm.region for firm in city.enterprise.values()}) == 10
    assert {unit.drive for unit in city.unit.values()} == set(Drive)
    assert {point.meter.partition(":")[0] for point in city.point.values()} == {"acrel", "hj212"}
    assert len({firm.name for firm in city.enterprise.values()}) == 344
    assert {point.cycle_s for point in city.point.values()} == {60, 300}
    lines = Counter(
        link.unit for link in city.link.values() if city.unit[link.unit].kind == "treatment"
    )
    assert max(lines.values()) > 1
    assert len(city.standby) > 20


def test_every_line_has_production_and_treatment(city: Registry) -> None:
    kinds: defaultdict[str, set[str]] = defaultdict(set)
    for link in city.link.values():
        kinds[link.line].add(city.unit[link.unit].kind)
    assert set(kinds) == set(city.line)
    assert all({"production", "treatment"} <= found for found in kinds.values())


@pytest.mark.parametrize(
    "size", [Size(1, 1, 1), Size(1, 3, 4), Size(12, 12, 40), Size(12, 40, 40), Size(20, 200, 60)]
)
def test_a_city_of_another_size_has_that_size(size: Size) -> None:
    city = sample_city(3, size)
    kinds = Counter(unit.kind for unit in city.unit.values())
    assert len(city.enterprise) == size.enterprises
    assert (kinds[UnitKind.PRODUCTION], kinds[UnitKind.TREATMENT]) == (
        size.production,
        size.treatment,
    )
    assert check(city) == []


def test_more_firms_than_units_are_refused() -> None:
    with pytest.raises(ValueError, match="at least one unit of each kind"):
        sample_city(1, Size(10, 5, 5))
