"""Declarations as they stand, and when somebody first declared what they say."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from wattwarden.alarms.cases.declaring import is_late, is_long
from wattwarden.alarms.cases.grading import Grading
from wattwarden.alarms.cases.gradings import Gradings
from wattwarden.alarms.decisions.bodies import Declaration, Review
from wattwarden.storage.cases.gradings import load_gradings
from wattwarden.storage.database import Connection, errors
from wattwarden.storage.registry.decisions import Entered, numbered, told

# The last decision of each declaration.
_NEWEST: Final = """
WITH newest AS (
    SELECT DISTINCT ON (body ->> 'id') id, body ->> 'id' AS name,
        coalesce(body ->> 'state', 'pending') AS state,
        coalesce(body ->> 'until', body ->> 'end')::timestamptz AS last
    FROM decision WHERE kind = 'declaration' AND ($1::text[] IS NULL OR enterprise = ANY($1))
    ORDER BY body ->> 'id', id DESC
)
"""


@dataclass(frozen=True, slots=True)
class Standing:
    """A declaration's last decision, and when its present start was first declared."""

    entered: Entered
    body: Declaration
    declared_at: datetime
    # What was in force then.
    grading: Grading

    @property
    def late(self) -> bool:
        """Whether it had begun before it was declared (补报)."""
        return is_late(self.body, self.declared_at, self.grading)

    @property
    def long(self) -> bool:
        """Whether a leader reviews it."""
        return is_long(self.body, self.grading)


async def load_declarations(
    connection: Connection,
    enterprises: Collection[str] | None = None,
    *,
    declaration: str | None = None,
) -> list[Standing]:
    """Return declarations as they stand, in the order in which they last changed.

    Args:
        connection: To the store.
        enterprises: Only what concerns these; None for all.
        declaration: Only the one of this id.

    Raises:
        StorageError: The database is away.
    """
    where = {} if declaration is None else {"id": declaration}
    gradings = await load_gradings(connection)
    kinds = [Declaration.kind_name]
    return _standing(await told(connection, kinds, where=where, enterprises=enterprises), gradings)


async def count_declarations(
    connection: Connection, enterprises: Collection[str] | None
) -> tuple[int, int]:
    """Return how many declarations there are, and how many of them wait for a review.

    Raises:
        StorageError: The database is away.
    """
    with errors("counting declarations"):
        row = await connection.fetchrow(
            f"{_NEWEST} SELECT count(*) AS everything,"  # noqa: S608  words of this module
            " count(*) FILTER (WHERE state = 'pending') AS waiting FROM newest",
            None if enterprises is None else list(enterprises),
        )
    assert row is not None  # noqa: S101  a count is one row
    return row["everything"], row["waiting"]


async def list_declarations(
    connection: Connection, enterprises: Collection[str] | None, first: int, most: int
) -> list[Standing]:
    """Return some declarations as they stand: those to review, then as they last changed.

    Only those that are returned are read and folded.

    Args:
        connection: To the store.
        enterprises: Only what concerns these; None for all.
        first: Leave out so many.
        most: Return so many at most.

    Raises:
        StorageError: The database is away.
    """
    found = await _chosen(
        connection,
        "SELECT name FROM newest ORDER BY state <> 'pending', id DESC OFFSET $2 LIMIT $3",
        *(enterprises, first, most),
    )
    found.reverse()
    return sorted(found, key=lambda one: one.body.state is not Review.PENDING)


async def changed_declarations(
    connection: Connection,
    enterprises: Collection[str] | None,
    *,
    state: Review | None = None,
    before: int | None = None,
    most: int,
) -> list[Standing]:
    """Return declarations as they stand, the last change first.

    Only those that are returned are read and folded.

    Args:
        connection: To the store.
        enterprises: Only what concerns these; None for all.
        state: Only those in this state.
        before: Only those whose last decision has a smaller number.
        most: Return so many at most.

    Raises:
        StorageError: The database is away.
    """
    found = await _chosen(
        connection,
        "SELECT name FROM newest WHERE ($2::text IS NULL OR state = $2)"
        " AND ($3::bigint IS NULL OR id < $3) ORDER BY id DESC LIMIT $4",
        *(enterprises, state, before, most),
    )
    return found[::-1]


async def holding_declarations(
    connection: Connection, enterprises: Collection[str] | None, now: datetime, most: int
) -> tuple[list[Standing], int]:
    """Return approved declarations that are not over, those first that stand longest, and how many.

    Only those that are returned, ``most`` of them, are read and folded.

    Raises:
        StorageError: The database is away.
    """
    holding = f"FROM newest WHERE state = '{Review.APPROVED}' AND last > $2"
    with errors("counting declarations"):
        count: int = await connection.fetchval(
            f"{_NEWEST} SELECT count(*) {holding}",
            *(None if enterprises is None else list(enterprises), now),
        )
    chosen = f"SELECT name {holding} ORDER BY id LIMIT $3"
    return await _chosen(connection, chosen, enterprises, now, most), count


async def _chosen(
    connection: Connection, names: str, enterprises: Collection[str] | None, *values: object
) -> list[Standing]:
    """Return the declarations whose names a query gives, in the order in which they changed."""
    with errors("listing declarations"):
        rows = await connection.fetch(
            f"{_NEWEST}, page AS ({names}) SELECT d.id FROM page JOIN decision AS d"  # noqa: S608  words of this module
            " ON d.kind = 'declaration' AND d.body ->> 'id' = page.name",
            None if enterprises is None else list(enterprises),
            *values,
        )
    known = await numbered(connection, [row["id"] for row in rows])
    return _standing(known, await load_gradings(connection))


def _standing(known: Iterable[Entered], gradings: Gradings) -> list[Standing]:
    """Fold decisions, oldest first, into declarations in the order in which they last changed."""
    found: dict[str, Standing] = {}
    for one in known:
        if not isinstance(one.body, Declaration):
            continue
        before = found.pop(one.body.id, None)
        moved = before is None or before.body.start != one.body.start
        at = one.entered_at if before is None or moved else before.declared_at
        found[one.body.id] = Standing(one, one.body, at, gradings.at(at))
    return list(found.values())
