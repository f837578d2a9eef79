"""Browsers that left for a provider of identities; each comes back once, within minutes."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from wattwarden.storage.database import Connection, errors
from wattwarden.storage.people.secret import digest

# Somebody looks for their telephone, and is asked for a new password over there.
LASTS: Final = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Leave:
    """Where a browser goes on to once it is back, and whether it stays signed in for the day."""

    onward: str
    keep: bool


async def leave(connection: Connection, secret: str, onward: str, *, keep: bool) -> None:
    """Note that the browser with this secret left.

    Raises:
        StorageError: The database is away.
    """
    with errors("noting who left for a provider"):
        await connection.execute("DELETE FROM leave WHERE expires < now()")
        await connection.execute(
            "INSERT INTO leave (token, onward, keep, expires)"
            " VALUES ($1, $2, $3, now() + $4::interval)",
            digest(secret),
            onward,
            keep,
            LASTS,
        )


async def come_back(connection: Connection, secret: str) -> Leave | None:
    """Take what was noted of a browser; None where it did not leave, was back, or took too long.

    Raises:
        StorageError: The database is away.
    """
    with errors("looking for who left for a provider"):
        row = await connection.fetchrow(
            "DELETE FROM leave WHERE token = $1 AND now() < expires RETURNING onward, keep",
            digest(secret),
        )
    return None if row is None else Leave(**row)
