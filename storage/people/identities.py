"""Identities of a provider that persons are bound to: by an administrator, never by themselves."""

from dataclasses import dataclass
from datetime import datetime

from wattwarden.storage.database import Connection, errors


@dataclass(frozen=True, slots=True)
class Source:
    """Where identities come from: a provider, and the claim by which it knows people."""

    issuer: str
    claim: str


@dataclass(frozen=True, slots=True)
class Identity:
    """By what a person is known there, since when, and who said so."""

    subject: str
    person: str
    bound: datetime
    actor: str


async def bind_identity(
    connection: Connection, source: Source, subject: str, person: str, actor: str
) -> bool:
    """Bind a person to an identity, instead of another one; False: it is somebody else's.

    Who had no account has one from now on, without a password.  Call it in a transaction, and undo
    that where the answer is False.

    Raises:
        StorageError: The database is away.
    """
    with errors(f"binding {person}"):
        await connection.execute(
            "INSERT INTO account (person) VALUES ($1) ON CONFLICT DO NOTHING", person
        )
        await unbind_identity(connection, source, person)
        made = await connection.fetchval(
            "INSERT INTO identity (issuer, claim, subject, person, actor)"
            " VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING RETURNING TRUE",
            source.issuer,
            source.claim,
            subject,
            person,
            actor,
        )
    return made is not None


async def unbind_identity(connection: Connection, source: Source, person: str) -> bool:
    """Let a person in by no identity any more; False: they were bound to none.

    Raises:
        StorageError: The database is away.
    """
    with errors(f"unbinding {person}"):
        said = await connection.execute(
            "DELETE FROM identity WHERE issuer = $1 AND claim = $2 AND person = $3",
            source.issuer,
            source.claim,
            person,
        )
    return said.endswith(" 1")


async def identity_of(connection: Connection, source: Source, person: str) -> Identity | None:
    """Return by what a person is known; None for nothing.

    Raises:
        StorageError: The database is away.
    """
    with errors(f"reading the identity of {person}"):
        row = await connection.fetchrow(
            "SELECT subject, person, bound, actor FROM identity"
            " WHERE issuer = $1 AND claim = $2 AND person = $3",
            source.issuer,
            source.claim,
            person,
        )
    return None if row is None else Identity(**row)


async def person_bound(connection: Connection, source: Source, subject: str) -> str | None:
    """Return who is bound to an identity; None for nobody.

    Raises:
        StorageError: The database is away.
    """
    with errors("looking for who is bound"):
        found: str | None = await connection.fetchval(
            "SELECT person FROM identity WHERE issuer = $1 AND claim = $2 AND subject = $3",
            source.issuer,
            source.claim,
            subject,
        )
    return found
