"""Tasks, inspections, findings… as somebody may see them."""

from collections.abc import Mapping
from typing import Final, TypeVar

from wattwarden.alarms.acting.scope import Read, Reader
from wattwarden.alarms.decisions.body import Body
from wattwarden.alarms.enforcement.bodies import Clue, Finding, Focus, Inspection, Station, Task
from wattwarden.alarms.enforcement.life import Life
from wattwarden.alarms.enforcement.lives import TASK_OVER, TASK_TABLE
from wattwarden.alarms.enforcement.words import TaskVerb
from wattwarden.storage.database import Connection, errors
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


# A step is kept where the table allows it: whoever took one of these ended the task.
_ENDS: Final = sorted({verb.value for (_, verb), to in TASK_TABLE.items() if to in TASK_OVER})


async def count_open_tasks(connection: Connection, reader: Reader) -> int:
    """Return how many tasks that somebody may see are not over, without folding them.

    Raises:
        StorageError: The database is away.
    """
    if not reader.may(Read.TASKS):
        return 0
    with errors("counting open tasks"):
        found: int = await connection.fetchval(
            "SELECT count(*) FROM decision AS d WHERE d.kind = 'task'"
            " AND ($1::text[] IS NULL OR d.enterprise = ANY($1))"
            " AND d.body ->> 'id' NOT IN (SELECT s.body ->> 'task' FROM decision AS s"
            " WHERE s.kind = 'task_step' AND s.body ->> 'verb' = ANY($2))"
            " AND ($3 OR d.body ->> 'id' IN (SELECT s.body ->> 'task' FROM decision AS s"
            " WHERE s.kind = 'task_step' AND s.body ->> 'verb' = $4))",
            None if reader.enterprises is None else list(reader.enterprises),
            _ENDS,
            reader.may(Read.VISITS),
            TaskVerb.ARRIVE.value,
        )
    return found


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
