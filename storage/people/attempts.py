"""Attempts to sign in: what holds guessing up, for an account, an address, and both together.

Whoever guesses from one address keeps its owner out there alone: elsewhere they sign in, until
guesses come from everywhere.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from wattwarden.storage.database import Connection, errors

WINDOW: Final = timedelta(minutes=15)
# People mistype a password twice; at the fifth time they have forgotten it.
MOST_AT_ONE_ADDRESS: Final = 5
# One account, from everywhere.
MOST_OF_ACCOUNT: Final = 30
# One address may be an office's with thirty people.
MOST_OF_ADDRESS: Final = 60
# The law wants logs of half a year (Cybersecurity Law, article 21).
KEPT: Final = timedelta(days=183)
# What was typed for an account may be a book, or a password.
ACCOUNT_LETTERS: Final = 64

PASSED: Final = "passed"
WRONG: Final = "wrong"
HELD: Final = "held"
LOCKED: Final = "locked"


@dataclass(frozen=True, slots=True)
class Begun:
    """An attempt that may go on; ``left`` is how many more are let through if it is wrong."""

    id: int
    left: int


@dataclass(frozen=True, slots=True)
class Hold:
    """Too many were wrong; the next one is let through at ``until``."""

    until: datetime


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt; times are the wall's."""

    id: int
    account: str
    address: str
    at: datetime
    outcome: str


# What was right at an address forgives what was wrong there before.
_COUNTED: Final = """
SELECT count(*) FILTER (WHERE account = $1 AND address = $2 AND id > (SELECT coalesce(max(id), 0)
        FROM sign_in_attempt WHERE account = $1 AND address = $2 AND outcome = 'passed')) AS here,
    count(*) FILTER (WHERE account = $1) AS account,
    count(*) FILTER (WHERE address = $2) AS address,
    min(at) + $3::interval AS free
FROM sign_in_attempt
WHERE (account = $1 OR address = $2) AND outcome = 'wrong' AND at > now() - $3::interval
"""


async def begin_attempt(connection: Connection, account: str, address: str) -> Begun | Hold:
    """Count an attempt as wrong before anything is compared; ``Hold`` where there were too many.

    One at a time for an account: of many that come at once no more are let through.

    Raises:
        StorageError: The database is away.
    """
    account = account[:ACCOUNT_LETTERS]
    with errors("counting attempts to sign in"):
        async with connection.transaction():
            await connection.execute(
                "SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", account
            )
            (row,) = await connection.fetch(_COUNTED, account, address, WINDOW)
            left = min(
                MOST_AT_ONE_ADDRESS - row["here"],
                MOST_OF_ACCOUNT - row["account"],
                MOST_OF_ADDRESS - row["address"],
            )
            await connection.execute(
                "DELETE FROM sign_in_attempt WHERE at < now() - $1::interval", KEPT
            )
            number = await connection.fetchval(
                "INSERT INTO sign_in_attempt (account, address, outcome) VALUES ($1, $2, $3)"
                " RETURNING id",
                account,
                address,
                WRONG if left > 0 else HELD,
            )
    return Begun(number, left - 1) if left > 0 else Hold(row["free"])


async def end_attempt(connection: Connection, attempt: int, outcome: str) -> None:
    """Say what came of an attempt that was not wrong.

    Raises:
        StorageError: The database is away.
    """
    with errors("noting an attempt to sign in"):
        await connection.execute(
            "UPDATE sign_in_attempt SET outcome = $2 WHERE id = $1", attempt, outcome
        )


async def attempts_before(connection: Connection, before: int, limit: int) -> list[Attempt]:
    """Return attempts with a number below one, the newest first.

    Raises:
        StorageError: The database is away.
    """
    with errors("reading attempts to sign in"):
        rows = await connection.fetch(
            "SELECT id, account, address, at, outcome FROM sign_in_attempt WHERE id < $1"
            " ORDER BY id DESC LIMIT $2",
            before,
            limit,
        )
    return [Attempt(**row) for row in rows]
