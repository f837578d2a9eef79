"""What time it is for the system, which runs faster than the wall, or in the past, if simulated."""

from datetime import UTC, datetime

from wattwarden.storage.database import Connection, errors
from wattwarden.storage.moments import moment_of


async def system_now(connection: Connection) -> datetime:
    """Return when a decision made now is entered.

    A system whose clock runs at a higher rate is ahead of the wall, and one that was filled by a
    simulation has the time of its last tick; any other has the server's own.

    Raises:
        StorageError: The database is away.
    """
    with errors("asking for the time"):
        (row,) = await connection.fetch(
            "SELECT clock_timestamp() AS wall, max(t.second) AS last,"
            " EXISTS (SELECT FROM simulated) AS simulated"
            " FROM journal_position AS p JOIN tick AS t ON t.shard = p.shard AND t.number = p.tick"
        )
    wall: datetime = row["wall"].astimezone(UTC)
    if row["last"] is None:
        return wall
    last = moment_of(row["last"] * 1_000_000)
    return last if row["simulated"] else max(wall, last)


async def mark_simulated(connection: Connection) -> None:
    """Note that the history of this database is a simulation's: its time is its last tick's.

    Raises:
        StorageError: The database is away.
    """
    with errors("marking the database as simulated"):
        await connection.execute("INSERT INTO simulated DEFAULT VALUES ON CONFLICT DO NOTHING")
