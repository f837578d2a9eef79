"""Decisions as they are kept, read by step, by kind, or what is in force."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

import asyncpg

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

    Raises:
        ValueError: A kind is none, or a field's name no name.
        StorageError: The database is away.
    """
    values: list[object] = []
    conditions = [_of_kinds(kinds)]
    for field, text in (where or {}).items():
        values.append(text)
        conditions.append(f"{_text_of(field)} = ${len(values)}")
    bounds = {
        "enterprise = {}": enterprise,
        "enterprise = ANY({})": None if enterprises is None else list(enterprises),
        "entered_at >= {}": since,
    }
    for condition, bound in bounds.items():
        if bound is not None:
            values.append(bound)
            conditions.append(condition.format(f"${len(values)}"))
    with errors("reading decisions"):
        rows = await connection.fetch(
            f"SELECT * FROM decision WHERE {' AND '.join(conditions)} ORDER BY id",  # noqa: S608  names of ours
            *values,
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


def _of_kinds(kinds: Collection[str]) -> str:
    """Return the condition that a decision is of some kinds.

    It names them, and ``told`` only what it asks for: an index of one kind alone serves no query
    that leaves open which kind is meant.
    """
    unknown = sorted(set(kinds) - BODIES.keys())
    if unknown:
        message = f"{', '.join(unknown)}: no kind of decision"
        raise ValueError(message)
    names = ", ".join([f"'{one}'" for one in sorted(set(kinds))])
    return f"kind IN ({names})" if names else "FALSE"


def _text_of(field: str) -> str:
    if not field.isidentifier():
        message = f"{field!r} is no field of a body"
        raise ValueError(message)
    return f"body ->> '{field}'"


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
