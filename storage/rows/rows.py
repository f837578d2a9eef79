"""Rows into a partition: straight, else merged, and a row that the table refuses singled out.

    COPY into the partition ── done
      │ a key is there already ─► merge path (0.3 of the speed) ── done
      └ a row is refused ───────► each half by itself, down to the row, which is a fault

All in savepoints of the caller's transaction.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import asyncpg
import numpy as np

from wattwarden.storage.database import ROW_FAULTS, Connection
from wattwarden.storage.errors import StorageError
from wattwarden.storage.rows import pgcopy
from wattwarden.storage.rows.gathering import Gathered
from wattwarden.storage.rows.merge import merge
from wattwarden.storage.rows.tables import Rows, Table, copy_columns, copy_names


@dataclass(frozen=True, slots=True)
class Fault:
    """A row that the table refuses: its frame in the batch, and what the database says."""

    frame: int
    message: str


@dataclass(slots=True)
class Stored:
    """What became of rows.  ``parts`` counts rows by (step, partition)."""

    parts: Counter[tuple[int, str]] = field(default_factory=Counter)
    inserted: int = 0
    complements: int = 0
    repeated: int = 0
    revised: int = 0
    merges: int = 0
    faults: list[Fault] = field(default_factory=list)


async def put(
    connection: Connection,
    table: Table,
    partition: str,
    rows: Sequence[Rows],
    gathered: Gathered,
) -> Stored:
    """Put rows into their partition.  Call it in a transaction.

    Raises:
        StorageError: The partition is gone, or no longer the one for these rows; retryable.
        asyncpg.PostgresError: Anything that is not the rows' fault.
    """
    stored = Stored()
    # The stretches still to do, the first of them last.
    waiting = [list(rows)]
    while waiting:
        stretch = waiting.pop()
        try:
            await _put_stretch(connection, table, partition, stretch, gathered, stored)
        except asyncpg.UndefinedTableError as error:
            message = f"partition {partition} is gone"
            raise StorageError(message, retryable=True) from error
        except ROW_FAULTS as error:
            if _is_misplaced(error):
                message = f"partition {partition} does not take these days any more"
                raise StorageError(message, retryable=True) from error
            if sum(len(part) for part in stretch) == 1:
                stored.faults.append(Fault(int(stretch[0].order[0]), str(error)))
            else:
                waiting += reversed(_halves(stretch))
    return stored


async def _put_stretch(
    connection: Connection,
    table: Table,
    partition: str,
    rows: Sequence[Rows],
    gathered: Gathered,
    stored: Stored,
) -> None:
    try:
        async with connection.transaction():
            await _copy(connection, table, partition, rows)
    except asyncpg.UniqueViolationError:
        await _merge(connection, table, partition, rows, gathered, stored)
        return
    for part in rows:
        steps, counts = np.unique(part.step, return_counts=True)
        for step, count in zip(steps.tolist(), counts.tolist(), strict=True):
            stored.parts[step, partition] += count
        stored.inserted += len(part)


async def _copy(connection: Connection, table: Table, partition: str, rows: Sequence[Rows]) -> None:
    names = copy_names(table, rows)
    chunks = (
        chunk
        for part in rows
        for chunk in pgcopy.encode(copy_columns(table, part, names), len(part))
    )
    await connection.copy_to_table(
        partition, source=pgcopy.stream(chunks), columns=names, format="binary"
    )


async def _merge(
    connection: Connection,
    table: Table,
    partition: str,
    rows: Sequence[Rows],
    gathered: Gathered,
    stored: Stored,
) -> None:
    async with connection.transaction():
        merged = await merge(connection, table, partition, rows, gathered)
    for by_step in (merged.inserted, merged.completed):
        for step, count in by_step.items():
            stored.parts[step, partition] += count
    stored.inserted += sum(merged.inserted.values())
    stored.complements += merged.complements
    stored.repeated += merged.repeated
    stored.revised += merged.revised
    stored.merges += 1


def _is_misplaced(error: asyncpg.PostgresError) -> bool:
    """Whether the partition's own bound refused: that violation names no constraint."""
    return isinstance(error, asyncpg.CheckViolationError) and not error.constraint_name


def _halves(rows: Sequence[Rows]) -> list[list[Rows]]:
    """Split rows in two by order of arrival; those of a single frame by number."""
    orders = np.concatenate([part.order for part in rows])
    first, middle, last = int(orders.min()), int(np.median(orders)), int(orders.max())
    if first == last:
        return _halves_by_number(rows)
    middle = max(middle, first + 1)
    halves = (
        [part.take(part.order < middle) for part in rows],
        [part.take(part.order >= middle) for part in rows],
    )
    return [[part for part in half if len(part)] for half in halves]


def _halves_by_number(rows: Sequence[Rows]) -> list[list[Rows]]:
    room = sum(len(part) for part in rows) // 2
    halves: list[list[Rows]] = [[], []]
    for part in rows:
        head = min(room, len(part))
        room -= head
        for half, piece in zip(halves, (slice(0, head), slice(head, None)), strict=True):
            taken = part.take(piece)
            if len(taken):
                half.append(taken)
    return halves
