"""What programs were answered, kept for a day: a deed that is sent again is done once.

key held ─► deed ─► answer kept │ one transaction          sent again ─► the same answer
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

import msgspec

from wattwarden.storage.database import Connection, errors

KEPT: Final = timedelta(hours=24)
# What is forgotten along with each new one: nothing piles up, and nobody waits for it.
_FORGOTTEN_AT_ONCE: Final = 100


class KeyTakenError(Exception):
    """The key was used for something else."""


@dataclass(frozen=True, slots=True)
class Sent:
    """A deed as a program sent it; ``asked`` is the SHA-256 of all that was asked."""

    person: str
    key: str
    asked: bytes


async def answered(connection: Connection, sent: Sent) -> Any | None:
    """Hold a key until the transaction ends; return what was answered, None for a new deed.

    Who sends the same meanwhile waits for that end.

    Raises:
        KeyTakenError: Something else was asked under this key.
        StorageError: The database is away.
    """
    with errors("looking for an answer"):
        await connection.execute(
            "DELETE FROM api_answer WHERE ctid IN (SELECT ctid FROM api_answer"
            " WHERE entered_at < now() - $1::interval LIMIT $2 FOR UPDATE SKIP LOCKED)",
            KEPT,
            _FORGOTTEN_AT_ONCE,
        )
        new = await connection.fetchval(
            "INSERT INTO api_answer (person, key, asked) VALUES ($1, $2, $3)"
            " ON CONFLICT DO NOTHING RETURNING TRUE",
            sent.person,
            sent.key,
            sent.asked,
        )
        if new:
            return None
        row = await connection.fetchrow(
            "SELECT asked, answer FROM api_answer WHERE person = $1 AND key = $2",
            sent.person,
            sent.key,
        )
    if row is None or bytes(row["asked"]) != sent.asked:
        raise KeyTakenError(sent.key)
    return msgspec.json.decode(row["answer"])


async def keep_answer(connection: Connection, sent: Sent, answer: bytes) -> None:
    """Keep what is answered, JSON, in the transaction of the deed.

    Raises:
        StorageError: The database is away.
    """
    with errors("keeping an answer"):
        await connection.execute(
            "UPDATE api_answer SET answer = $3::jsonb WHERE person = $1 AND key = $2",
            sent.person,
            sent.key,
            answer.decode(),
        )
