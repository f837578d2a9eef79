"""Tasks, inspections, findings… as somebody may see them."""

from collections.abc import Mapping
from typing import Final, TypeVar

from wattwarden.alarms.acting.scope import Read, Reader
from wattwarden.alarms.decisions.body import Body
from wattwarden.alarms.enforcement.bodies import Clue, Finding, Focus, Inspection, Station, Task
from wattwarden.alarms.enforcement.life import Life
from wattwarden.alarms.enforcement.words import TaskVerb
from wattwarden.storage.database import Connection
from wattwarden.storage.enforcement.lives import Kind, load_life, load_lives
from wattwarden.storage.registry.decisions import told

B = TypeVar("B", bound=Body)
T = TypeVar("T", bound=Body)
L = TypeVar("L")

READ_OF: Final[Mapping[type[Body], Read]] = {
    Task: Read.TASKS,
    Inspection: Read.INSPECTIONS,
    Station: Read.STATIONS,
    Finding: Read.FINDINGS,
    Clue: Read.CLUES,
    Focus: Read.FOCUS,
}


async def load_seen(
    connection: Connection, kind: Kind[B, T, L], reader: Reader, enterprise: str | None = None
) -> list[L]:
    """Return the things of a kind that somebody may see, of one enterprise or all, oldest first.

    Raises:
        StorageError: The database is away.
    """
    if not reader.may(READ_OF[kind.thing]):
        return []
    found = await load_lives(connection, kind, enterprises=reader.within(enterprise))
    return [life for life in found if _known(life, reader)]


async def find_seen(
    connection: Connection, kind: Kind[B, T, L], reader: Reader, identity: str
) -> L | None:
    """Return a thing as it stands; None where there is none, or none that they may see.

    Raises:
        StorageError: The database is away.
    """
    entered = await told(connection, [kind.thing.kind_name], where={"id": identity})
    if not entered or not reader.sees(entered[0].enterprise) or not reader.may(READ_OF[kind.thing]):
        return None
    life = await load_life(connection, kind, identity, entered[0].enterprise)
    return life if life is not None and _known(life, reader) else None


def _known(life: object, reader: Reader) -> bool:
    """Whoever is to be visited hears of it when the officer is there."""
    to_come = (
        isinstance(life, Life)
        and isinstance(life.told.body, Task)
        and life.latest(TaskVerb.ARRIVE) is None
    )
    return not to_come or reader.may(Read.VISITS)
