"""How much waits in quarantine; apart from what knows alarms, for whoever runs without them."""

from typing import Final

from wattwarden.storage.database import Connection, errors

# Beyond that it only matters that there is very much.
COUNTED_TO: Final = 100_000


async def quarantined(connection: Connection) -> int:
    """Return how many rows wait in quarantine, ``COUNTED_TO`` at most.

    Raises:
        StorageError: The database is away.
    """
    with errors("counting what waits in quarantine"):
        held: int = await connection.fetchval(
            "SELECT count(*) FROM (SELECT FROM quarantine WHERE state = 'open' LIMIT $1) AS found",
            COUNTED_TO,
        )
    return held
