"""Addresses that gateways refuse, from the first refusal until a delivery."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from wattwarden.alarms.channels.channel import Delivered, Fault, Outcome, Refused
from wattwarden.storage.database import Connection, errors

ITSELF: Final = ""
"""The address of an endpoint that as a whole is refused, or gone."""
LEFT_OUT: Final = "left out by the gateway"


@dataclass(frozen=True, slots=True)
class Seen:
    """What an outcome says of addresses: some are faulty, and why; others are sound."""

    faulty: tuple[str, ...] = ()
    sound: tuple[str, ...] = ()
    reason: str = ""


NOTHING_SEEN: Final = Seen()


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultyContact:
    """An address that a gateway refused ``times`` times, and why it did so last; system times."""

    endpoint: str
    address: str
    since: datetime
    last: datetime
    times: int
    reason: str


def seen_in(outcome: Outcome, to: Sequence[str]) -> Seen:
    """Return what an outcome says of the addresses that a message had."""
    match outcome:
        case Delivered(missed=missed):
            left_out = tuple(one for one in to if one in missed)
            reached = tuple(one for one in to if one not in missed)
            return Seen(left_out, (ITSELF, *reached), LEFT_OUT if left_out else "")
        case Refused(fault=Fault.CONTACT, reason=reason):
            return Seen(faulty=tuple(to), reason=reason)
        case Refused(fault=Fault.ENDPOINT, reason=reason):
            return Seen(faulty=(ITSELF,), reason=reason)
        case _:
            return Seen()


async def note_contacts(
    connection: Connection, seen: Sequence[tuple[str, Seen]], now: datetime
) -> None:
    """Keep what outcomes say of the addresses of endpoints, the later one last.

    Raises:
        StorageError: The database is away.
    """
    latest = {
        (endpoint, address): one.reason if address in one.faulty else None
        for endpoint, one in seen
        for address in (*one.sound, *one.faulty)
    }
    faulty = sorted((*key, reason) for key, reason in latest.items() if reason is not None)
    sound = sorted(key for key, reason in latest.items() if reason is None)
    with errors("keeping which addresses are faulty"):
        if sound:
            await connection.execute(
                "DELETE FROM faulty_contact AS f USING unnest($1::text[], $2::text[])"
                " AS s (endpoint, address) WHERE (f.endpoint, f.address) = (s.endpoint, s.address)",
                [endpoint for endpoint, _ in sound],
                [address for _, address in sound],
            )
        if faulty:
            await connection.executemany(
                "INSERT INTO faulty_contact AS f (endpoint, address, since, last, times, reason)"
                " VALUES ($1, $2, $4, $4, 1, $3) ON CONFLICT (endpoint, address) DO UPDATE"
                " SET last = excluded.last, times = f.times + 1, reason = excluded.reason",
                [(*one, now) for one in faulty],
            )


async def faulty_contacts(connection: Connection) -> list[FaultyContact]:
    """Return the addresses that were refused when they were last tried, by endpoint.

    Raises:
        StorageError: The database is away.
    """
    with errors("reading which addresses are faulty"):
        rows = await connection.fetch("SELECT * FROM faulty_contact ORDER BY endpoint, address")
    return [FaultyContact(**dict(row)) for row in rows]
