"""Lists of tasks, the newest first, a page at a time: those in hand, or those that are over.

Which they are is asked of the database; only those that are shown are read and folded.
"""

from collections.abc import Collection
from typing import Final

from wattwarden.alarms.acting.scope import Read, Reader
from wattwarden.alarms.enforcement.lives import TASK_OVER, TASK_TABLE, TaskLife
from wattwarden.alarms.enforcement.words import TaskVerb
from wattwarden.storage.database import Connection, errors
from wattwarden.storage.enforcement.lives import TASK, folded
from wattwarden.storage.registry.decisions import numbered

# A step is kept where the table allows it: whoever took one of these ended the task.
_ENDS: Final = sorted({verb.value for (_, verb), to in TASK_TABLE.items() if to in TASK_OVER})
# Whoever is to be visited hears of a task when the officer is there.
_CHOSEN: Final = """
FROM decision AS d WHERE d.kind = 'task' AND ($1::text[] IS NULL OR d.enterprise = ANY($1))
    AND EXISTS (SELECT FROM decision AS s WHERE s.kind = 'task_step'
        AND s.body ->> 'task' = d.body ->> 'id' AND s.body ->> 'verb' = ANY($2)) = $3
    AND ($4 OR EXISTS (SELECT FROM decision AS s WHERE s.kind = 'task_step'
        AND s.body ->> 'task' = d.body ->> 'id' AND s.body ->> 'verb' = $5))
"""
_LIST: Final = f"""
WITH chosen AS (
    SELECT d.id, d.body ->> 'id' AS task {_CHOSEN} AND ($6::bigint IS NULL OR d.id < $6)
    ORDER BY d.id DESC LIMIT $7
)
SELECT id FROM chosen UNION ALL
SELECT s.id FROM decision AS s JOIN chosen AS c ON s.body ->> 'task' = c.task
WHERE s.kind = 'task_step'
"""  # noqa: S608  put together of texts of this module


async def count_open_tasks(connection: Connection, reader: Reader) -> int:
    """Return how many tasks that somebody may see are not over, without folding them.

    Raises:
        StorageError: The database is away.
    """
    if not reader.may(Read.TASKS):
        return 0
    with errors("counting open tasks"):
        found: int = await connection.fetchval(
            f"SELECT count(*) {_CHOSEN}",
            *_asked(reader, reader.enterprises, over=False),
        )
    return found


async def list_tasks(
    connection: Connection,
    reader: Reader,
    *,
    over: bool,
    limit: int,
    before: int | None = None,
    enterprises: Collection[str] | None = None,
) -> list[TaskLife]:
    """Return tasks that somebody may see, those proposed last first.

    Args:
        connection: To the store.
        reader: Who reads.
        over: Those that are over; else those in hand.
        limit: At most so many.
        before: Only those whose decision has a lower number.
        enterprises: Only of these, as far as the reader sees them.

    Raises:
        StorageError: The database is away.
    """
    if not reader.may(Read.TASKS):
        return []
    firms = reader.enterprises
    if enterprises is not None:
        firms = frozenset(filter(reader.sees, enterprises))
    with errors("listing tasks"):
        rows = await connection.fetch(_LIST, *_asked(reader, firms, over=over), before, limit)
    lives = folded(TASK, await numbered(connection, [row["id"] for row in rows]))
    return lives[::-1]


def _asked(
    reader: Reader, firms: Collection[str] | None, *, over: bool
) -> tuple[list[str] | None, list[str], bool, bool, str]:
    wanted = None if firms is None else sorted(firms)
    return wanted, _ENDS, over, reader.may(Read.VISITS), TaskVerb.ARRIVE.value
