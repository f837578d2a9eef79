"""Whom the city sees: firms and machines that are heard, their share of emissions, equipment.

A unit is covered from when it was heard for the first time, a firm with its first unit.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from wattwarden.alarms.registry.check import obliging
from wattwarden.alarms.registry.nouns import Enterprise, EquipmentKind, Region, UnitKind
from wattwarden.alarms.registry.registry import Registry
from wattwarden.alarms.statistics.rates import Rate

_PRODUCTION: Final = (UnitKind.PRODUCTION, UnitKind.BOTH)


class Lack(StrEnum):
    """What is the matter with equipment that a firm must have."""

    MISSING = "missing"  # 应装未装
    NOT_INSTALLED = "not_installed"  # 已登记未安装
    NOT_NETWORKED = "not_networked"  # 已安装未联网


@dataclass(frozen=True, slots=True)
class Coverage:
    """Covered of registered; ``emissions`` are t a year by pollutant, of all emitters there."""

    enterprises: Rate
    production: Rate
    treatment: Rate
    emissions: Mapping[str, Rate]


@dataclass(frozen=True, slots=True)
class Lacking:
    """Equipment that a firm must have, and what is the matter with it."""

    enterprise: str
    equipment: EquipmentKind
    lack: Lack


def coverage(registry: Registry, firms: Collection[str], heard: Collection[str]) -> Coverage:
    """Return what of some enterprises is covered, by the units that were ever heard.

    The whole of emissions is that of the regions of these enterprises, with the regions in them.
    """
    units = [one for one in registry.unit.values() if one.enterprise in firms]
    covered = {one.enterprise for one in units if one.id in heard}
    chosen = [registry.enterprise[one] for one in sorted(firms)]

    def share(kinds: Collection[UnitKind]) -> Rate:
        there = [one.id for one in units if one.kind in kinds]
        return Rate(sum(one in heard for one in there), len(there))

    return Coverage(
        Rate(len(covered), len(chosen)),
        share(_PRODUCTION),
        share((UnitKind.TREATMENT,)),
        _emissions(registry, chosen, covered),
    )


def lacking(registry: Registry, firms: Collection[str]) -> Iterator[Lacking]:
    """Yield what firms must have and have not, or have not connected, by firm and equipment."""
    found: dict[tuple[str, EquipmentKind], list[tuple[bool, bool]]] = {}
    for one in registry.equipment.values():
        found.setdefault((one.enterprise, one.equipment), []).append((one.installed, one.networked))
    for identity in sorted(firms):
        firm = registry.enterprise[identity]
        wanted = {one.equipment for one in obliging(registry.requirement.values(), firm)}
        for equipment in sorted(wanted):
            lack = _lack(found.get((identity, equipment), []))
            if lack is not None:
                yield Lacking(identity, equipment, lack)


def _lack(there: Iterable[tuple[bool, bool]]) -> Lack | None:
    listed = list(there)
    if any(installed and networked for installed, networked in listed):
        return None
    if any(installed for installed, _ in listed):
        return Lack.NOT_NETWORKED
    return Lack.NOT_INSTALLED if listed else Lack.MISSING


def _emissions(
    registry: Registry, firms: Iterable[Enterprise], covered: Collection[str]
) -> dict[str, Rate]:
    listed = list(firms)
    part: dict[str, float] = {}
    for firm in listed:
        if firm.id in covered:
            for pollutant, tonnes in firm.emissions.items():
                part[pollutant] = part.get(pollutant, 0.0) + tonnes
    whole: dict[str, float] = {}
    for region in _outermost(registry.region, {firm.region for firm in listed}):
        for pollutant, tonnes in total_of(registry.region, region).items():
            whole[pollutant] = whole.get(pollutant, 0.0) + tonnes
    return {name: Rate(part.get(name, 0.0), whole[name]) for name in sorted(whole)}


def total_of(regions: Mapping[str, Region], region: str) -> dict[str, float]:
    """Return a region's yearly emissions: as entered, else those of the regions within it."""
    own = dict(regions[region].emissions)
    within: dict[str, float] = {}
    for inner in regions.values():
        if inner.parent == region:
            for pollutant, tonnes in total_of(regions, inner.id).items():
                within[pollutant] = within.get(pollutant, 0.0) + tonnes
    return within | own


def _outermost(regions: Mapping[str, Region], wanted: Collection[str]) -> list[str]:
    """Leave out the regions that lie within another that is wanted."""

    def above(region: str) -> Iterator[str]:
        at = regions[region].parent
        while at is not None:
            yield at
            at = regions[at].parent

    return sorted(one for one in wanted if not any(other in wanted for other in above(one)))
