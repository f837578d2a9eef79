"""Whom a refused address concerns, as people are reached now: nobody, once it was changed."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from wattwarden.alarms.registry.nouns import Person
from wattwarden.alarms.routing.bodies import Reach
from wattwarden.alarms.routing.people import address_of
from wattwarden.alarms.routing.table import Table


@dataclass(frozen=True, slots=True)
class Concerned:
    """Whose a refused address is; ``stands`` is False where nobody is reached by it any more.

    An endpoint as a whole, and the group of a stream, are nobody's: ``people`` is empty.
    """

    people: tuple[Person, ...] = ()
    stands: bool = True


def concerned(
    endpoint: str,
    address: str,
    table: Table,
    people: Iterable[Person],
    reaches: Mapping[str, Reach],
) -> Concerned:
    """Return whom an address of an endpoint concerns; "" is the endpoint itself."""
    configured = table.endpoint.get(endpoint)
    if configured is None:
        return Concerned(stands=False)
    if not address:
        return Concerned()
    if configured.address is None:
        used = any(one.endpoint == endpoint and address in one.to for one in table.streams)
        return Concerned(stands=used)
    kind = configured.address
    theirs = tuple(one for one in people if address_of(one, reaches.get(one.id), kind) == address)
    return Concerned(theirs, stands=bool(theirs))
