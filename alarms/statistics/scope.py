"""Whose matters somebody may see: an agency's own and those of the agencies below it."""

from collections.abc import Iterable, Mapping

from wattwarden.alarms.acting.rights import upwards
from wattwarden.alarms.registry.nouns import Agency, Enterprise


def firms_of_agency(
    agency: str, enterprises: Iterable[Enterprise], agencies: Mapping[str, Agency]
) -> list[str]:
    """Return the firms of an agency and of those below it, by id."""
    return sorted(one.id for one in enterprises if agency in upwards(one.agency, agencies))
