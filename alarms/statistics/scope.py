"""Whose matters somebody may see: an agency's own and those of the agencies below it."""

from collections.abc import Iterable, Mapping

from wattwarden.alarms.acting.rights import reaches, upwards
from wattwarden.alarms.registry.nouns import Agency, Enterprise, Person


def firms_of_agency(
    agency: str, enterprises: Iterable[Enterprise], agencies: Mapping[str, Agency]
) -> list[str]:
    """Return the firms of an agency and of those below it, by id."""
    return sorted(one.id for one in enterprises if agency in upwards(one.agency, agencies))


def firms_of_person(
    person: Person, enterprises: Iterable[Enterprise], agencies: Mapping[str, Agency]
) -> list[str]:
    """Return the firms that a person may see, by id."""
    return sorted(one.id for one in enterprises if reaches(person, one, agencies))
