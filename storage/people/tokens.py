"""Tokens by which programs ask as a person: named, scoped, expiring, revocable."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from wattwarden.storage.database import Connection, errors
from wattwarden.storage.people.secret import digest, new_secret

# Whoever finds one in a file of a program can tell what it is.
PREFIX: Final = "ww_"
# More programs than a person runs.
MOST_TOKENS: Final = 20
NAME_LETTERS: Final = 60
# A year: what nobody renews nobody uses.
MOST_DAYS: Final = 366


class Scope(StrEnum):
    """What a token is good for."""

    READ = "read"
    ACT = "act"


@dataclass(frozen=True, slots=True)
class Token:
    """A token as its owner sees it; the secret was told once."""

    id: int
    name: str
    scopes: frozenset[Scope]
    created: datetime
    expires: datetime
    used: datetime | None


async def make_token(
    connection: Connection, person: str, name: str, scopes: frozenset[Scope], lasts: timedelta
) -> str | None:
    """Make a token and return its secret, which is never told again; None: there are too many.

    Raises:
        StorageError: The database is away.
    """
    secret = PREFIX + new_secret()
    with errors(f"making a token of {person}"):
        made = await connection.fetchval(
            "INSERT INTO api_token (token, person, name, scopes, expires)"
            " SELECT $1, $2, $3, $4, now() + $5::interval WHERE $6 >"
            " (SELECT count(*) FROM api_token WHERE person = $2 AND revoked IS NULL"
            " AND now() < expires) RETURNING id",
            digest(secret),
            person,
            name,
            sorted(scopes),
            lasts,
            MOST_TOKENS,
        )
    return None if made is None else secret


async def find_token(
    connection: Connection, secret: str
) -> tuple[int, str, frozenset[Scope]] | None:
    """Return number, person and scopes of a token, and note that it is used.

    None: there is none, it ended, or its account is locked.

    Raises:
        StorageError: The database is away.
    """
    with errors("looking for a token"):
        row = await connection.fetchrow(
            "SELECT t.id, t.person, t.scopes,"
            " coalesce(t.used < now() - interval '1 minute', TRUE) AS stale"
            " FROM api_token AS t JOIN account AS a ON a.person = t.person"
            " WHERE t.token = $1 AND t.revoked IS NULL AND now() < t.expires"
            " AND a.locked IS NULL",
            digest(secret),
        )
        if row is None:
            return None
        if row["stale"]:
            await connection.execute("UPDATE api_token SET used = now() WHERE id = $1", row["id"])
    return row["id"], row["person"], frozenset(map(Scope, row["scopes"]))


async def tokens_of(connection: Connection, person: str) -> list[Token]:
    """Return the tokens of a person that hold, the newest first.

    Raises:
        StorageError: The database is away.
    """
    with errors(f"reading the tokens of {person}"):
        rows = await connection.fetch(
            "SELECT id, name, scopes, created, expires, used FROM api_token"
            " WHERE person = $1 AND revoked IS NULL AND now() < expires ORDER BY id DESC",
            person,
        )
    return [Token(**{**row, "scopes": frozenset(map(Scope, row["scopes"]))}) for row in rows]


async def revoke_token(connection: Connection, person: str, token: int) -> bool:
    """End one of a person's tokens; tell whether there was such a one.

    Raises:
        StorageError: The database is away.
    """
    with errors(f"revoking a token of {person}"):
        said = await connection.execute(
            "UPDATE api_token SET revoked = now()"
            " WHERE person = $1 AND id = $2 AND revoked IS NULL",
            person,
            token,
        )
    return said.endswith(" 1")
