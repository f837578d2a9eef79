"""Attempts to sign in: what holds guessing up, for an account, a place, and both together.

A place is an address, of IPv6 the network that one line has.  Whoever guesses at one place keeps
the owner out there alone.  Guesses from everywhere keep out who comes from somewhere new, never
whoever comes from where they signed in of late.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Final

from wattwarden.storage.database import Connection, errors

WINDOW: Final = timedelta(minutes=15)
# People mistype a password twice; at the fifth time they have forgotten it.
MOST_AT_ONE_PLACE: Final = 5
# One account, from everywhere but where its owner is known to be.
MOST_OF_ACCOUNT: Final = 30
# One address may be an office's with thirty people.
MOST_OF_PLACE: Final = 60
# Who signed in there within a month has a desk there.
KNOWN_FOR: Final = timedelta(days=30)
# The law wants logs of half a year (Cybersecurity Law, article 21).
KEPT: Final = timedelta(days=183)
# What was typed for an account may be a book, or a password.
ACCOUNT_LETTERS: Final = 64

PASSED: Final = "passed"
WRONG: Final = "wrong"
HELD: Final = "held"
LOCKED: Final = "locked"
# The password was right, and the code is still to come: that forgives nothing.
HALF: Final = "half"
# A provider of identities told who it is; or it is nobody whom an administrator bound.
TOLD: Final = "told"
UNBOUND: Final = "unbound"

# A line of IPv6 has at least one such network, and all its addresses are one visitor's.
_NETWORK_BITS: Final = 64


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


# What was right at a place forgives what was wrong there before.
_COUNTED: Final = """
SELECT count(*) FILTER (WHERE account = $1 AND place = $2 AND id > (SELECT coalesce(max(id), 0)
        FROM sign_in_attempt WHERE account = $1 AND place = $2 AND outcome = 'passed')) AS here,
    count(*) FILTER (WHERE account = $1) AS account,
    count(*) FILTER (WHERE place = $2) AS place,
    min(at) + $3::interval AS free,
    EXISTS (SELECT FROM sign_in_attempt WHERE account = $1 AND place = $2
        AND outcome = 'passed' AND at > now() - $4::interval) AS known
FROM sign_in_attempt
WHERE (account = $1 OR place = $2) AND outcome = 'wrong' AND at > now() - $3::interval
"""


def place_of(address: str) -> str:
    """Return as where an address counts.

    >>> place_of("2001:db8:0:7:1::9"), place_of("::ffff:192.0.2.4")
    ('2001:db8:0:7::/64', '192.0.2.4')
    """
    try:
        found = ip_address(address)
    except ValueError:
        return address
    if not isinstance(found, IPv6Address):
        return str(found)
    if found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    return str(ip_network((found.packed, _NETWORK_BITS), strict=False))


async def begin_attempt(connection: Connection, account: str, address: str) -> Begun | Hold:
    """Count an attempt as wrong before anything is compared; ``Hold`` where there were too many.

    One at a time for an account, and for a place: of many that come at once no more are let
    through.

    Raises:
        StorageError: The database is away.
    """
    account = account[:ACCOUNT_LETTERS]
    place = place_of(address)
    with errors("counting attempts to sign in"):
        async with connection.transaction():
            # Always in this order, so that nobody waits for each other.
            for held in (account, f"at {place}"):
                await connection.execute(
                    "SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", held
                )
            (row,) = await connection.fetch(_COUNTED, account, place, WINDOW, KNOWN_FOR)
            left = min(MOST_AT_ONE_PLACE - row["here"], MOST_OF_PLACE - row["place"])
            if not row["known"]:
                left = min(left, MOST_OF_ACCOUNT - row["account"])
            number = await _note(connection, account, address, WRONG if left > 0 else HELD)
    return Begun(number, left - 1) if left > 0 else Hold(row["free"])


async def note_attempt(connection: Connection, account: str, address: str, outcome: str) -> None:
    """Keep an attempt of which somebody else told the outcome.

    Raises:
        StorageError: The database is away.
    """
    with errors("noting an attempt to sign in"):
        await _note(connection, account[:ACCOUNT_LETTERS], address, outcome)


async def _note(connection: Connection, account: str, address: str, outcome: str) -> int:
    await connection.execute("DELETE FROM sign_in_attempt WHERE at < now() - $1::interval", KEPT)
    number: int = await connection.fetchval(
        "INSERT INTO sign_in_attempt (account, address, place, outcome) VALUES ($1, $2, $3, $4)"
        " RETURNING id",
        account,
        address,
        place_of(address),
        outcome,
    )
    return number


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
