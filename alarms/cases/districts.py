"""The firms of a district: of a region with those within it, or of an agency and its branches."""

from collections.abc import Iterable, Mapping

from wattwarden.alarms.acting.rights import upwards
from wattwarden.alarms.registry.nouns import Agency, Enterprise, Region


def firms_of(
    district: str,
    firms: Iterable[Enterprise],
    regions: Mapping[str, Region],
    agencies: Mapping[str, Agency],
) -> frozenset[str]:
    """Return the ids of the firms of a district, by a region's id or name or an agency's id."""
    return frozenset(
        firm.id
        for firm in firms
        if district in _around(firm.region, regions) or district in upwards(firm.agency, agencies)
    )


def _around(region: str, regions: Mapping[str, Region]) -> set[str]:
    """Return the ids and names of a region and of those around it."""
    found: set[str] = set()
    at: str | None = region
    while at is not None and at not in found:
        found.add(at)
        known = regions.get(at)
        if known is not None:
            found.add(known.name)
        at = None if known is None else known.parent
    return found
