"""``wattwarden notify faulty``: who cannot be reached by which way, since when, and why."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from wattwarden.alarms.acting.scope import Read, Reader
from wattwarden.alarms.registry.nouns import Agency, Person
from wattwarden.alarms.routing.faulty import concerned
from wattwarden.storage.database import Connection
from wattwarden.storage.outbox.contacts import FaultyContact, faulty_contacts
from wattwarden.storage.outbox.load import load_reaches, load_routing
from wattwarden.storage.registry.records import load_kind
from wattwarden.tools.acting import AsReader, reading
from wattwarden.tools.decode import as_json
from wattwarden.tools.options import THE_USUAL_SYSTEM, AsJson, System
from wattwarden.tools.render import show_table
from wattwarden.tools.running import run, settings_of
from wattwarden.tools.times import rfc3339

SHOWN: Final = ("person", "name", "enterprise", "endpoint", "address", "since", "times", "reason")


@dataclass(frozen=True, slots=True)
class Fault:
    """A refused address, and one of those whose it is; None: the endpoint's, or a group's."""

    contact: FaultyContact
    person: Person | None


def faulty(
    *,
    person: AsReader = None,
    system: System = THE_USUAL_SYSTEM,
    json: AsJson = False,
) -> None:
    """List addresses that a gateway refused for good when they were last tried.

    One stays until it is changed (`notify reach`, `registry import`), or something is delivered to
    it (`notify test`).  Without an address it is the endpoint itself that is refused, or gone.
    """
    settings = settings_of(system)

    async def work() -> list[Fault]:
        async with reading(settings, person, "notify faulty", Read.NOTICES) as view:
            agencies = {one.id: one for one in await load_kind(view.connection, Agency)}
            found = await load_faults(view.connection)
        return [one for one in found if _sees(view.reader, one, agencies)]

    rows = list(map(fault_row, run(work())))
    if json:
        for row in rows:
            print(as_json(row))
        return
    show_table(SHOWN, [[row[name] for name in SHOWN] for row in rows])


async def load_faults(connection: Connection) -> list[Fault]:
    """Return the refused addresses by which somebody is reached now, with everybody whose they are.

    Raises:
        StorageError: The database is away.
    """
    contacts = await faulty_contacts(connection)
    if not contacts:
        return []
    table = await load_routing(connection)
    people, reaches = await load_kind(connection, Person), await load_reaches(connection)

    def faults() -> Iterator[Fault]:
        for one in contacts:
            found = concerned(one.endpoint, one.address, table, people, reaches)
            if found.people:
                yield from (Fault(one, person) for person in found.people)
            elif found.stands:
                yield Fault(one, None)

    return list(faults())


def fault_row(fault: Fault) -> dict[str, Any]:
    """Return a fault as JSON and tables hold it."""
    contact, person = fault.contact, fault.person
    return {
        "person": None if person is None else person.id,
        "name": None if person is None else person.name,
        "enterprise": None if person is None else person.enterprise,
        "endpoint": contact.endpoint,
        "address": contact.address,
        "since": rfc3339(contact.since),
        "last": rfc3339(contact.last),
        "times": contact.times,
        "reason": contact.reason,
    }


def _sees(reader: Reader, fault: Fault, agencies: dict[str, Agency]) -> bool:
    if fault.person is None:
        return reader.sees(None)
    return reader.sees_person(fault.person, agencies)
