"""What was done about accounts: by whom, from where."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from wattwarden.storage.database import Connection, errors


class Deed(StrEnum):
    """What is done about an account, or by it about what runs the system."""

    INVITED = "invited"
    JOINED = "joined"
    SIGNED_IN = "signed_in"
    SIGNED_OUT = "signed_out"
    PASSWORD = "password"  # noqa: S105  the name of a deed
    CHANGE_DEMANDED = "change_demanded"
    LOCKED = "locked"
    UNLOCKED = "unlocked"
    SESSIONS_ENDED = "sessions_ended"
    TOTP_ON = "totp_on"
    TOTP_OFF = "totp_off"
    TOKEN_MADE = "token_made"  # noqa: S105  as above
    TOKEN_REVOKED = "token_revoked"  # noqa: S105  as above
    BOUND = "bound"
    UNBOUND = "unbound"
    METER = "meter"
    QUARANTINE = "quarantine"
    CHANNEL = "channel"
    DEBUGGED = "debugged"
    PACKAGE = "package"


@dataclass(frozen=True, slots=True)
class Event:
    """Something done about a person's account, by an actor; times are the wall's."""

    id: int
    at: datetime
    person: str
    actor: str
    deed: str
    detail: str
    address: str


async def note_event(
    connection: Connection, person: str, actor: str, deed: Deed, address: str, detail: str = ""
) -> None:
    """Keep what was done; in the transaction of doing it.

    Raises:
        StorageError: The database is away.
    """
    with errors(f"noting {deed} of {person}"):
        await connection.execute(
            "INSERT INTO access_event (person, actor, deed, detail, address)"
            " VALUES ($1, $2, $3, $4, $5)",
            person,
            actor,
            deed,
            detail,
            address,
        )


async def events_before(connection: Connection, before: int, limit: int) -> list[Event]:
    """Return events with a number below one, the newest first.

    Raises:
        StorageError: The database is away.
    """
    with errors("reading what was done about accounts"):
        rows = await connection.fetch(
            "SELECT id, at, person, actor, deed, detail, address FROM access_event"
            " WHERE id < $1 ORDER BY id DESC LIMIT $2",
            before,
            limit,
        )
    return [Event(**row) for row in rows]
