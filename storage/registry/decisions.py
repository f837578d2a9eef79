"""Decisions: entered once, sealed into one chain, read step by step.

    enter ─► slices FOR SHARE, in order ─► the chain's lock ─► seal ─► row, effect at position + 1

What a decision concerns decides which slices it holds: one enterprise's, or all of the city's.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import asyncpg
import msgspec

from wattwarden.alarms.decisions.body import Body, Reference
from wattwarden.alarms.decisions.chain import FIRST_PREDECESSOR, canonical, sealed
from wattwarden.alarms.decisions.kinds import (
    BODIES,
    FOLDED_KINDS,
    AnyBody,
    check_body,
    dangling,
    decode_body,
)
from wattwarden.alarms.decisions.slices import SLICES, slice_of
from wattwarden.alarms.registry.nouns import KINDS
from wattwarden.alarms.registry.problems import Problem, RefusedError
from wattwarden.storage.database import Connection, errors
from wattwarden.storage.errors import StorageError
from wattwarden.storage.moments import us_of

# Any number that nobody else takes in the same database: "decision" as bytes.
CHAIN_LOCK_KEY: Final = int.from_bytes(b"decision", "big", signed=True)
# What bodies call a row of the table of alarms that they refer to.
ALARM: Final = "alarm"
# What fits a bigint whatever its digits are.
MAX_ALARM_DIGITS: Final = 18
# A page from the server at a time while the chain is verified: some hundred kilobytes.
PAGE_ROWS: Final = 500

_NEVER: Final = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Decision:
    """What somebody decides.

    It is kept as entered at ``entered_at``, or when the one before it was where that is later.
    ``effective_at`` is the same unless it is given.  ``enterprise`` follows from what the
    body refers to; a body that refers to nothing concerns the one given here, or the whole city.
    """

    body: AnyBody
    actor: str
    entered_at: datetime
    effective_at: datetime | None = None
    enterprise: str | None = None


@dataclass(frozen=True, slots=True)
class Entered:
    """A decision as it is kept; it is folded from ``step`` on."""

    id: int
    kind: str
    actor: str
    entered_at: datetime
    effective_at: datetime
    enterprise: str | None
    step: int
    body: AnyBody
    predecessor: bytes
    digest: bytes


async def enter(connection: Connection, decision: Decision) -> Entered:
    """Keep a decision; it takes effect at the step after the one its enterprise is folded to.

    Raises:
        RefusedError: The body contradicts itself, or refers to what the registry does not have.
        StorageError: The database is away.
    """
    (entered,) = await enter_all(connection, [decision])
    return entered


async def enter_all(connection: Connection, decisions: Sequence[Decision]) -> list[Entered]:
    """Keep several decisions, in this order, all or none of them; raises as ``enter``."""
    if not decisions:
        return []
    for decision in decisions:
        check_body(decision.body)
    with errors("entering a decision"):
        async with connection.transaction():
            owners = await _owners(connection, decisions)
            slices = {SLICES if owner is None else slice_of(owner) for owner in owners}
            held = await hold_slices(connection, None if SLICES in slices else slices)
            return await _seal(connection, list(zip(decisions, owners, strict=True)), held)


async def owner_of(connection: Connection, body: Body, otherwise: str | None) -> str | None:
    """Return the enterprise that a body concerns; None for the whole city.

    Raises:
        RefusedError: It refers to what is not there.
    """
    (owner,) = await _owners(connection, [Decision(body, "", _NEVER, enterprise=otherwise)])
    return owner


async def hold_for(connection: Connection, enterprise: str | None) -> dict[int, int]:
    """Hold the slices that an enterprise's decision (None: the city's) concerns, and the chain."""
    return await hold_slices(connection, None if enterprise is None else [slice_of(enterprise)])


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
    (entered,) = await _seal(connection, [(decision, enterprise)], held)
    return entered


async def hold_slices(connection: Connection, slices: Collection[int] | None) -> dict[int, int]:
    """Hold slices (None: all) and then the chain to the transaction's end; return their steps."""
    wanted = range(SLICES) if slices is None else sorted(slices)
    rows = await connection.fetch(
        "SELECT slice, step FROM slice_position WHERE slice = ANY($1) ORDER BY slice FOR SHARE",
        list(wanted),
    )
    if len(rows) != len(wanted):
        message = f"slice_position has {len(rows)} of the rows of {len(wanted)} slices"
        raise StorageError(message, retryable=False)
    await connection.execute("SELECT pg_advisory_xact_lock($1)", CHAIN_LOCK_KEY)
    return {row["slice"]: row["step"] for row in rows}


async def decisions(
    connection: Connection,
    after_step: int,
    upto_step: int,
    slices: Collection[int] | None = None,
) -> list[Entered]:
    """Return what the fold takes up after one step and up to another, by step, as entered.

    With ``slices``, only what concerns one of them: their enterprises' and the whole city's.
    """
    with errors("reading decisions"):
        rows = await connection.fetch(
            "SELECT * FROM decision WHERE step > $1 AND step <= $2"
            " AND ($3::smallint[] IS NULL OR slice IS NULL OR slice = ANY($3))"
            " AND kind <> ALL($4) ORDER BY step, id",
            after_step,
            upto_step,
            None if slices is None else sorted(slices),
            # What a newer program folds must stop an older one: only what is known may be left out.
            sorted(BODIES.keys() - FOLDED_KINDS),
        )
    return [_entered(row) for row in rows]


async def told(
    connection: Connection,
    kinds: Collection[str],
    *,
    enterprise: str | None = None,
    enterprises: Collection[str] | None = None,
    where: Mapping[str, str] | None = None,
    since: datetime | None = None,
) -> list[Entered]:
    """Return decisions of some kinds as they were entered, oldest first.

    Args:
        connection: To the store.
        kinds: Of which kinds.
        enterprise: Only what concerns this one.
        enterprises: Only what concerns one of these; nothing of the whole city.
        where: Only bodies with these texts in these fields, such as ``{"id": "TK17"}``.
        since: Only those entered then or later.
    """
    with errors("reading decisions"):
        rows = await connection.fetch(
            "SELECT * FROM decision WHERE kind = ANY($1) AND ($2::text IS NULL OR enterprise = $2)"
            " AND body @> $3::jsonb AND ($4::timestamptz IS NULL OR entered_at >= $4)"
            " AND ($5::text[] IS NULL OR enterprise = ANY($5)) ORDER BY id",
            list(kinds),
            enterprise,
            canonical(dict(where or {})).decode(),
            since,
            None if enterprises is None else list(enterprises),
        )
    return [_entered(row) for row in rows]


async def in_force(
    connection: Connection,
    kind: str,
    enterprises: Collection[str] | None = None,
    *,
    ending_after: datetime | None = None,
) -> list[Entered]:
    """Return the newest decision of each body's ``id`` of a kind, as entered; effect or not yet.

    With ``enterprises`` only what concerns one of these, and nothing of the whole city; with
    ``ending_after``, of a kind whose bodies have an ``end``, only what ends later.
    """
    with errors(f"reading the {kind} decisions"):
        rows = await connection.fetch(
            "SELECT * FROM (SELECT DISTINCT ON (body ->> 'id') * FROM decision WHERE kind = $1"
            " ORDER BY body ->> 'id', id DESC) AS newest"
            " WHERE ($2::text[] IS NULL OR enterprise = ANY($2))"
            " AND ($3::timestamptz IS NULL OR (body ->> 'end')::timestamptz > $3) ORDER BY id",
            kind,
            None if enterprises is None else list(enterprises),
            ending_after,
        )
    return [_entered(row) for row in rows]


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


async def _owners(connection: Connection, made: Sequence[Decision]) -> list[str | None]:
    """Whom each decision concerns; refuses those that refer to nothing there is."""
    wanted = {reference for decision in made for reference in decision.body.references()}
    known = await _enterprises(connection, [one for one in wanted if one.kind in KINDS])
    known |= await _enterprises_of_alarms(connection, [one for one in wanted if one.kind == ALARM])
    known |= await _enterprises_of_bodies(connection, [one for one in wanted if one.kind in BODIES])
    owners: list[str | None] = []
    problems: list[Problem] = []
    for decision in made:
        references = decision.body.references()
        missing = [one for one in references if (one.kind, one.id) not in known]
        problems += [dangling(decision.body, one) for one in missing]
        first = references[0] if references else None
        owner = decision.enterprise if first is None else known.get((first.kind, first.id))
        owners.append(owner)
        # Another further on in the same batch may refer to it.
        known[decision.body.kind_name, str(getattr(decision.body, "id", ""))] = owner
    if problems:
        raise RefusedError(problems)
    return owners


async def _enterprises(
    connection: Connection, references: Collection[Reference]
) -> dict[tuple[str, str], str | None]:
    rows = await connection.fetch(
        "SELECT kind, id, CASE kind WHEN 'enterprise' THEN id ELSE body ->> 'enterprise' END"
        " AS enterprise FROM (SELECT DISTINCT ON (kind, id) e.* FROM registry_entry AS e"
        " JOIN unnest($1::text[], $2::text[]) AS wanted (kind, id) USING (kind, id)"
        " ORDER BY kind, id, version DESC) AS newest WHERE NOT removed",
        [one.kind for one in references],
        [one.id for one in references],
    )
    return {(row["kind"], row["id"]): row["enterprise"] for row in rows}


async def _enterprises_of_alarms(
    connection: Connection, references: Collection[Reference]
) -> dict[tuple[str, str], str | None]:
    """Alarms are referred to by their numbers."""
    rows = await connection.fetch(
        "SELECT id, enterprise FROM alarm WHERE id = ANY($1) AND NOT withdrawn",
        [
            int(one.id)
            for one in references
            if one.id.isascii() and one.id.isdecimal() and len(one.id) <= MAX_ALARM_DIGITS
        ],
    )
    return {(ALARM, str(row["id"])): row["enterprise"] for row in rows}


async def _enterprises_of_bodies(
    connection: Connection, references: Collection[Reference]
) -> dict[tuple[str, str], str | None]:
    rows = await connection.fetch(
        "SELECT DISTINCT ON (kind, id) kind, id, enterprise FROM (SELECT d.id AS number, d.kind,"
        " d.body ->> 'id' AS id, d.enterprise FROM decision AS d"
        " JOIN unnest($1::text[], $2::text[]) AS wanted (kind, id)"
        " ON d.kind = wanted.kind AND d.body ->> 'id' = wanted.id) AS found"
        " ORDER BY kind, id, number DESC",
        [one.kind for one in references],
        [one.id for one in references],
    )
    return {(row["kind"], row["id"]): row["enterprise"] for row in rows}


async def _seal(
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


def _entered(row: asyncpg.Record) -> Entered:
    try:
        body = decode_body(row["kind"], row["body"])
    except ValueError as error:
        message = f"decision {row['id']} cannot be read by this program: {error}"
        raise StorageError(message, retryable=False) from error
    # Field by field: pages read thousands of them.
    return Entered(
        row["id"],
        row["kind"],
        row["actor"],
        row["entered_at"],
        row["effective_at"],
        row["enterprise"],
        row["step"],
        body,
        row["predecessor"],
        row["digest"],
    )
