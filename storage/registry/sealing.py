"""The chain of decisions in the table: the next one is sealed onto it, and all of it verified."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from wattwarden.alarms.decisions.chain import FIRST_PREDECESSOR, canonical, sealed
from wattwarden.alarms.decisions.slices import slice_of
from wattwarden.storage.database import Connection, errors
from wattwarden.storage.moments import us_of
from wattwarden.storage.registry.decisions import Decision, Entered

# A page from the server at a time while the chain is verified: some hundred kilobytes.
PAGE_ROWS: Final = 500

_NEVER: Final = datetime.min.replace(tzinfo=UTC)


async def next_number(connection: Connection) -> int:
    """Return the number that the next decision gets; the caller holds the chain."""
    number: int = await connection.fetchval("SELECT coalesce(max(id), 0) + 1 FROM decision")
    return number


async def last_entered(connection: Connection) -> datetime | None:
    """Return when the last decision was entered; the caller holds the chain."""
    at: datetime | None = await connection.fetchval(
        "SELECT entered_at FROM decision ORDER BY id DESC LIMIT 1"
    )
    return at


async def seal_held(
    connection: Connection, decision: Decision, enterprise: str | None, held: Mapping[int, int]
) -> Entered:
    """Keep a decision that was checked; the caller holds what ``hold_for`` returned."""
    (entered,) = await seal_all(connection, [(decision, enterprise)], held)
    return entered


async def seal_all(
    connection: Connection,
    made: Sequence[tuple[Decision, str | None]],
    positions: Mapping[int, int],
) -> list[Entered]:
    """Give numbers and digests, and keep; the caller holds the slices and the chain.

    Who waited for the chain read the clock before that: no decision is entered earlier than the
    one before it.
    """
    last = await connection.fetchrow(
        "SELECT id, digest, entered_at FROM decision ORDER BY id DESC LIMIT 1"
    )
    number, digest = (0, FIRST_PREDECESSOR) if last is None else (last["id"], last["digest"])
    at = _NEVER if last is None else last["entered_at"]
    entered = []
    for decision, owner in made:
        number += 1
        at = max(at, decision.entered_at)
        step = 1 + (max(positions.values()) if owner is None else positions[slice_of(owner)])
        row: dict[str, Any] = {
            "id": number,
            "kind": decision.body.kind_name,
            "actor": decision.actor,
            "entered_at": at,
            "effective_at": decision.effective_at or at,
            "enterprise": owner,
            "step": step,
        }
        predecessor, digest = digest, sealed(digest, _content(row, decision.body))
        entered.append(Entered(**row, body=decision.body, predecessor=predecessor, digest=digest))
    await connection.executemany(
        "INSERT INTO decision (id, kind, actor, entered_at, effective_at, enterprise, slice, step,"
        " body, predecessor, digest) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
        [_row(one) for one in entered],
    )
    return entered


async def first_broken(connection: Connection) -> int | None:
    """Return the first decision that is not what was sealed, or that misses its predecessor."""
    with errors("verifying the chain of decisions"):
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            digest, number = FIRST_PREDECESSOR, 0
            query = "SELECT * FROM decision ORDER BY id"
            async for row in connection.cursor(query, prefetch=PAGE_ROWS):
                number += 1
                whole = row["id"] == number and row["predecessor"] == digest
                digest = sealed(
                    row["predecessor"], _content(dict(row), msgspec.json.decode(row["body"]))
                )
                if not whole or digest != row["digest"]:
                    return int(row["id"])
    return None


def _content(row: Mapping[str, Any], body: object) -> dict[str, Any]:
    """What a digest seals, whether it is about to be written or was read back."""
    return {
        "id": row["id"],
        "kind": row["kind"],
        "actor": row["actor"],
        "entered_at_us": us_of(row["entered_at"]),
        "effective_at_us": us_of(row["effective_at"]),
        "enterprise": row["enterprise"],
        "step": row["step"],
        "body": body,
    }


def _row(one: Entered) -> tuple[object, ...]:
    return (
        one.id,
        one.kind,
        one.actor,
        one.entered_at,
        one.effective_at,
        one.enterprise,
        None if one.enterprise is None else slice_of(one.enterprise),
        one.step,
        canonical(one.body).decode(),
        one.predecessor,
        one.digest,
    )
