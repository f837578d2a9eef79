"""Decisions as they are kept, read by step, by kind, or what is in force."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

import asyncpg

from wattwarden.alarms.decisions.chain import canonical
from wattwarden.alarms.decisions.kinds import BODIES, FOLDED_KINDS, AnyBody, decode_body
from wattwarden.storage.database import Connection, errors
from wattwarden.storage.errors import StorageError


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


async def numbered(connection: Connection, numbers: Collection[int]) -> list[Entered]:
    """Return the decisions of these numbers, as entered.

    Raises:
        StorageError: The database is away.
    """
    with errors("reading decisions"):
        rows = await connection.fetch(
            "SELECT * FROM decision WHERE id = ANY($1) ORDER BY id", list(numbers)
        )
    return [_entered(row) for row in rows]


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
