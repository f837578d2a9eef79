"""Commands that ended long ago are forgotten, with their answers; what was done is on record.

Who wanted what of which meter, and what came of it, stays in ``command_event``, which only grows.
"""

from datetime import datetime

from wattwarden.storage.database import Connection, errors


async def forget_commands(connection: Connection, before: datetime, limit: int) -> int:
    """Delete commands that ended before a moment (system time), at most so many; return how many.

    Raises:
        StorageError: The database is away.
    """
    with errors("forgetting old commands"):
        done = await connection.execute(
            "DELETE FROM command WHERE id = ANY(ARRAY(SELECT id FROM command"
            " WHERE finished_at < $1 ORDER BY finished_at LIMIT $2))",
            before,
            limit,
        )
    return int(done.rpartition(" ")[2])
