"""What officers read instead of ids: subjects by the names that the registry has for them."""

from collections.abc import Mapping
from dataclasses import dataclass

from wattwarden.alarms.registry.nouns import Enterprise, Line, Outlet, Unit
from wattwarden.storage.database import Connection
from wattwarden.storage.registry.records import load_kind


@dataclass(frozen=True, slots=True)
class Naming:
    """Names by kind and id, as alarms and declarations refer to them: ``unit``, ``U1``."""

    names: Mapping[tuple[str, str], str]

    def of(self, kind: str, identity: str) -> str:
        """Return a thing's name with its id; the id alone where the registry has no name."""
        name = self.names.get((kind, identity))
        return f"{name} ({identity})" if name else identity

    def subject(self, subject: str) -> str:
        """Return what an alarm is about: ``unit:U1`` by its name, as it is where there is none."""
        kind, _, identity = subject.partition(":")
        return self.of(kind, identity) if (kind, identity) in self.names else subject


async def load_naming(connection: Connection) -> Naming:
    """Return all names of the registry as it is entered now.

    Raises:
        StorageError: The database is away.
    """
    firms = [("enterprise", one.id, one.name) for one in await load_kind(connection, Enterprise)]
    lines = [("line", one.id, one.name) for one in await load_kind(connection, Line)]
    units = [("unit", one.id, one.name) for one in await load_kind(connection, Unit)]
    outlets = [("outlet", one.id, one.name) for one in await load_kind(connection, Outlet)]
    named = (*firms, *lines, *units, *outlets)
    return Naming({(kind, identity): name for kind, identity, name in named})
