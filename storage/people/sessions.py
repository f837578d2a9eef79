"""Sessions of browsers: begun by a sign-in, ended by idleness, age, sign-out or whoever revokes."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from wattwarden.storage.database import Connection, errors
from wattwarden.storage.people.secret import digest, new_secret

# A working day with its night shift; then whoever it is signs in again.
MOST_AGE: Final = timedelta(hours=12)
# Longer than any meeting; a forgotten screen of an office is somebody else's by then.
MOST_IDLE: Final = timedelta(hours=1)
# More browsers than a person has; the oldest ends for the newest.
MOST_SESSIONS: Final = 20
# Of what a browser calls itself; the rest tells nobody anything.
AGENT_LETTERS: Final = 200
# Kept so long after their end, for whoever looks where they were signed in.
KEPT: Final = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Session:
    """A browser that is signed in; times are the wall's."""

    id: int
    person: str
    created: datetime
    seen: datetime
    address: str
    agent: str


async def begin_session(
    connection: Connection, person: str, address: str, agent: str, idle: timedelta
) -> str:
    """Begin a session and return its secret, which is never told again.

    Raises:
        StorageError: The database is away.
    """
    secret = new_secret()
    with errors(f"signing {person} in"):
        async with connection.transaction():
            await connection.execute(
                "DELETE FROM console_session WHERE expires < now() - $1::interval", KEPT
            )
            await connection.execute(
                "INSERT INTO console_session (token, person, idle, expires, address, agent)"
                " VALUES ($1, $2, $3, now() + $4::interval, $5, $6)",
                digest(secret),
                person,
                idle,
                MOST_AGE,
                address,
                agent[:AGENT_LETTERS],
            )
            await connection.execute(
                "UPDATE console_session SET revoked = now() WHERE revoked IS NULL AND id IN"
                " (SELECT id FROM console_session WHERE person = $1 AND revoked IS NULL"
                " ORDER BY id DESC OFFSET $2)",
                person,
                MOST_SESSIONS,
            )
    return secret


@dataclass(frozen=True, slots=True)
class Holder:
    """Whose a session is; with ``must_change`` they may do nothing but choose a new password."""

    id: int
    person: str
    must_change: bool


async def find_session(connection: Connection, secret: str) -> Holder | None:
    """Return whose the session of a secret is, and note that it is used.

    None: there is none, it ended, or its account is locked.

    Raises:
        StorageError: The database is away.
    """
    with errors("looking for a session"):
        row = await connection.fetchrow(
            "SELECT s.id, s.person, a.must_change, s.seen < now() - interval '1 minute' AS stale"
            " FROM console_session AS s JOIN account AS a ON a.person = s.person"
            " WHERE s.token = $1 AND s.revoked IS NULL AND now() < s.expires"
            " AND now() < s.seen + s.idle AND a.locked IS NULL",
            digest(secret),
        )
        if row is None:
            return None
        # Once a minute is enough for idleness of an hour, and spares a write for every page.
        if row["stale"]:
            await connection.execute(
                "UPDATE console_session SET seen = now() WHERE id = $1", row["id"]
            )
    return Holder(row["id"], row["person"], row["must_change"])


async def open_sessions(connection: Connection, person: str) -> list[Session]:
    """Return the sessions of a person that are open, the newest first.

    Raises:
        StorageError: The database is away.
    """
    with errors(f"reading the sessions of {person}"):
        rows = await connection.fetch(
            "SELECT id, person, created, seen, address, agent FROM console_session"
            " WHERE person = $1 AND revoked IS NULL AND now() < expires AND now() < seen + idle"
            " ORDER BY id DESC",
            person,
        )
    return [Session(**row) for row in rows]


async def end_sessions(
    connection: Connection, person: str, only: int | None = None, but: Sequence[int] = ()
) -> int:
    """End a person's sessions, all or one, and return how many ended.

    Args:
        connection: To the store.
        person: Whose.
        only: The one to end; None: all.
        but: What stays open.

    Raises:
        StorageError: The database is away.
    """
    with errors(f"ending sessions of {person}"):
        said = await connection.execute(
            "UPDATE console_session SET revoked = now() WHERE person = $1 AND revoked IS NULL"
            " AND ($2::bigint IS NULL OR id = $2) AND NOT id = ANY($3)",
            person,
            only,
            list(but),
        )
    return int(said.split()[-1])
