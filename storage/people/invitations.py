"""Links by which somebody chooses a password: once, within days."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from wattwarden.storage.database import Connection, errors
from wattwarden.storage.people.secret import digest, new_secret

# A week: whoever is on leave comes back.
LASTS: Final = timedelta(days=7)
# Of the first administrator's, which stands in the log of whoever started the system.
FIRST_LASTS: Final = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Invitation:
    """A link that holds; ``person`` None: whoever opens it is the first administrator."""

    person: str | None
    expires: datetime


async def invite(connection: Connection, person: str | None, lasts: timedelta = LASTS) -> str:
    """Return the secret of a new link; older ones of the same person hold no more.

    Raises:
        StorageError: The database is away.
    """
    secret = new_secret()
    with errors("inviting somebody"):
        async with connection.transaction():
            await connection.execute(
                "DELETE FROM invitation WHERE person IS NOT DISTINCT FROM $1 OR expires < now()",
                person,
            )
            await connection.execute(
                "INSERT INTO invitation (token, person, expires)"
                " VALUES ($1, $2, now() + $3::interval)",
                digest(secret),
                person,
                lasts,
            )
    return secret


async def find_invitation(connection: Connection, secret: str) -> Invitation | None:
    """Return what a link says; None where it does not hold.

    Raises:
        StorageError: The database is away.
    """
    with errors("looking for an invitation"):
        row = await connection.fetchrow(
            "SELECT person, expires FROM invitation"
            " WHERE token = $1 AND used IS NULL AND now() < expires",
            digest(secret),
        )
    return None if row is None else Invitation(**row)


async def use_invitation(connection: Connection, secret: str) -> bool:
    """Use a link up; False where it does not hold any more.

    Raises:
        StorageError: The database is away.
    """
    with errors("using an invitation"):
        said = await connection.execute(
            "UPDATE invitation SET used = now()"
            " WHERE token = $1 AND used IS NULL AND now() < expires",
            digest(secret),
        )
    return said.endswith(" 1")
