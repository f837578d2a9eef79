"""Accounts: by what a person of the registry is known, and whether they may come in."""

from dataclasses import dataclass
from datetime import datetime

from wattwarden.storage.database import Connection, errors


@dataclass(frozen=True, slots=True)
class Account:
    """A person's account; ``totp`` is the file of the second factor, ``locked`` since when."""

    person: str
    password: str | None
    totp: str | None
    totp_begun: str | None
    must_change: bool
    locked: datetime | None
    created: datetime


@dataclass(frozen=True, slots=True)
class Standing:
    """What is told of a person's account beside the registry's record of them."""

    person: str
    has_account: bool
    has_password: bool
    has_totp: bool
    must_change: bool
    locked: datetime | None
    last_seen: datetime | None
    sessions: int
    invited_until: datetime | None


async def find_account(connection: Connection, person: str) -> Account | None:
    """Return a person's account; None where they have none.

    Raises:
        StorageError: The database is away.
    """
    with errors(f"reading the account of {person}"):
        row = await connection.fetchrow(
            "SELECT person, password, totp, totp_begun, must_change, locked, created"
            " FROM account WHERE person = $1",
            person,
        )
    return None if row is None else Account(**row)


async def person_called(connection: Connection, typed: str) -> str | None:
    """Return the id of the person who is meant by an id or a telephone number.

    A number that several share means none of them: each has an id.

    Raises:
        StorageError: The database is away.
    """
    with errors("looking for who signs in"):
        found = await connection.fetch(
            "SELECT id FROM (SELECT DISTINCT ON (id) id, body FROM registry_entry"
            " WHERE kind = 'person' ORDER BY id, version DESC) AS newest"
            " WHERE body IS NOT NULL AND (id = $1 OR body ->> 'phone' = $1)"
            " ORDER BY id = $1 DESC LIMIT 3",
            typed,
        )
    ids = [row["id"] for row in found]
    if typed in ids:
        return typed
    return ids[0] if len(ids) == 1 else None


async def has_any_account(connection: Connection) -> bool:
    """Tell whether anybody can sign in.

    Raises:
        StorageError: The database is away.
    """
    with errors("looking for accounts"):
        return bool(
            await connection.fetchval(
                "SELECT EXISTS (SELECT FROM account WHERE password IS NOT NULL)"
            )
        )


async def set_password(connection: Connection, person: str, password: str) -> None:
    """Give a person an account with this password's hash, or change it.

    Raises:
        StorageError: The database is away.
    """
    with errors(f"setting the password of {person}"):
        await connection.execute(
            "INSERT INTO account (person, password) VALUES ($1, $2) ON CONFLICT (person)"
            " DO UPDATE SET password = $2, must_change = FALSE, changed = now()",
            person,
            password,
        )


async def demand_change(connection: Connection, person: str) -> bool:
    """Let a person do nothing until they have chosen a new password; False: they have none.

    Raises:
        StorageError: The database is away.
    """
    return await _set(connection, person, "must_change = TRUE", where=" AND password IS NOT NULL")


async def lock(connection: Connection, person: str) -> bool:
    """Keep a person out until unlocked, whatever they know; False: there is no such account.

    Raises:
        StorageError: The database is away.
    """
    return await _set(connection, person, "locked = coalesce(locked, now())")


async def unlock(connection: Connection, person: str) -> bool:
    """Let a person in again; False: there is no such account.

    Raises:
        StorageError: The database is away.
    """
    return await _set(connection, person, "locked = NULL")


async def begin_totp(connection: Connection, person: str, file: str) -> None:
    """Note the file of a second factor that is not yet proven.

    Raises:
        StorageError: The database is away.
    """
    await _set(connection, person, "totp_begun = $2", file)


async def keep_totp(connection: Connection, person: str, step: int) -> None:
    """Ask for the second factor that was begun from now on; its code of ``step`` was used.

    Raises:
        StorageError: The database is away.
    """
    proven = "totp = totp_begun, totp_begun = NULL, totp_step = $2"
    await _set(connection, person, proven, step, where=" AND totp_begun IS NOT NULL")


async def drop_totp(connection: Connection, person: str) -> bool:
    """Ask for no second factor any more; False: there is no such account.

    Raises:
        StorageError: The database is away.
    """
    return await _set(connection, person, "totp = NULL, totp_begun = NULL")


async def use_step(connection: Connection, person: str, step: int) -> bool:
    """Note that the code of a step of the clock was used; False: it, or a later one, was before.

    Raises:
        StorageError: The database is away.
    """
    return await _set(connection, person, "totp_step = $2", step, where=" AND totp_step < $2")


async def standings(connection: Connection, people: list[str]) -> dict[str, Standing]:
    """Return how people's accounts stand, by person; those without account or invitation lack.

    Raises:
        StorageError: The database is away.
    """
    with errors("reading accounts"):
        rows = await connection.fetch(
            "SELECT p.person, a.person IS NOT NULL AS has_account,"
            " a.password IS NOT NULL AS has_password, a.totp IS NOT NULL AS has_totp,"
            " coalesce(a.must_change, FALSE) AS must_change, a.locked,"
            " s.last_seen, coalesce(s.sessions, 0)::integer AS sessions, i.invited_until"
            " FROM unnest($1::text[]) AS p (person)"
            " LEFT JOIN account AS a ON a.person = p.person"
            " LEFT JOIN LATERAL (SELECT max(seen) AS last_seen, count(*) FILTER (WHERE revoked IS"
            " NULL AND now() < expires AND now() < seen + idle) AS sessions FROM console_session"
            " WHERE person = p.person) AS s ON TRUE"
            " LEFT JOIN LATERAL (SELECT max(expires) AS invited_until FROM invitation"
            " WHERE person = p.person AND used IS NULL AND now() < expires) AS i ON TRUE"
            " WHERE a.person IS NOT NULL OR i.invited_until IS NOT NULL",
            people,
        )
    return {row["person"]: Standing(**row) for row in rows}


async def _set(
    connection: Connection, person: str, what: str, *values: object, where: str = ""
) -> bool:
    """Change an account, by words of which ``values`` are $2 and on; tell whether one changed."""
    with errors(f"changing the account of {person}"):
        said = await connection.execute(
            f"UPDATE account SET {what} WHERE person = $1{where}",  # noqa: S608  our own words above
            person,
            *values,
        )
    return said.endswith(" 1")
