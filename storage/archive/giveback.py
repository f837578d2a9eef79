"""A day's rows from its file back into a partition, where rows that came since may wait.

    file ─ group of rows ─► stage ─┬─ no row of its key: goes in
                                   └─ one came since ─► what it says beyond: filled in
                                                        what it says otherwise: a revision

As if the archived rows had stood there all the time, which is what the writer would have compared
with.  Group by group, each in its own transaction, so that writers wait for none of it; whoever
reads meanwhile finds the file.  Begun anew after a crash, it changes nothing that was done.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

import asyncpg
import orjson

from wattwarden.storage.archive.catalogue import ArchiveFile, release_day
from wattwarden.storage.archive.kinds import KINDS
from wattwarden.storage.archive.loading import batches_of, copy_batch
from wattwarden.storage.archive.store import Opener, Store
from wattwarden.storage.database import Connection, errors
from wattwarden.storage.errors import StorageError
from wattwarden.storage.rows.float4 import shortest
from wattwarden.storage.rows.merge import Complement, Revision, Said, columns_of, compare, said_of
from wattwarden.storage.rows.partitions import Partitions, partition_name
from wattwarden.storage.rows.tables import FACTOR, Table

# A revision names the frame that it came in.  A row that was compared here does not know it any
# more: its meter and moment do, and the journal's files.
NO_SHARD: Final = -1
# Rows that wait in DEFAULT are noted as those of a shard, as the writer does it.
ANY_SHARD: Final = 0

_EPOCH: Final = date(1970, 1, 1)


@dataclass(slots=True)
class GivenBack:
    """What became of the rows of a file: ``inserted``, and how many met a row that came since."""

    rows: int = 0
    inserted: int = 0
    complements: int = 0
    revised: int = 0


async def give_back(
    connection: Connection,
    file: ArchiveFile,
    opener: Opener = Store,
    tell: Callable[[int], object] = int,
) -> GivenBack:
    """Put a day's rows into its partition and let it be read from there; not in a transaction.

    Args:
        connection: To the store.
        file: The one that stands for the day.
        opener: How its store is opened.
        tell: Told how many rows are back since it was told last.

    Raises:
        StorageError: The file cannot be read, the database is away, or the tables are in use;
            the day is still read from the file.
    """
    table = KINDS[file.kind].table
    with errors(f"giving back {file.path}"):
        partition = await _partition(connection, table, file.day)
        await connection.execute(
            f"CREATE TEMPORARY TABLE IF NOT EXISTS returning_{table.name} (LIKE {table.name})"
            " ON COMMIT DELETE ROWS"
        )
        done = GivenBack()
        async for batch in batches_of(file, None, (None, None), opener):
            async with connection.transaction():
                await copy_batch(connection, file.kind, batch, f"returning_{table.name}")
                meters = (batch["meter"][0].as_py(), batch["meter"][-1].as_py())
                await _join(connection, table, partition, meters, done)
            done.rows += batch.num_rows
            tell(batch.num_rows)
        if done.rows != file.rows:
            message = f"{file.path} gave back {done.rows} rows, not {file.rows}"
            raise StorageError(message, retryable=False)
        await release_day(connection, file.kind, file.day)
        return done


async def _partition(connection: Connection, table: Table, day: date) -> str:
    number = (day - _EPOCH).days
    name = partition_name(table.name, number)
    await Partitions(ANY_SHARD).ensure(connection, table.name, [number])
    if await connection.fetchval("SELECT to_regclass($1)", name) is None:
        message = f"{name} could not be made, its tables are in use"
        raise StorageError(message, retryable=True)
    return name


async def _join(
    connection: Connection,
    table: Table,
    partition: str,
    meters: tuple[int, int],
    done: GivenBack,
) -> None:
    """Put what is staged into the partition, held against what came there since.

    ``meters`` are the first and the last of what is staged: no others are looked at.
    """
    columns = ", ".join(table.columns)
    inserted = await connection.execute(
        f"INSERT INTO {partition} ({columns}) SELECT {columns} FROM returning_{table.name}"  # noqa: S608  names of this room
        " ON CONFLICT DO NOTHING"
    )
    done.inserted += int(inserted.split()[-1])
    unlike = await connection.fetch(_unlike_query(table, partition), *meters)
    codes = await _codes(connection, unlike) if table is FACTOR else {}
    changed, revisions = list[tuple[Any, ...]](), list[tuple[Any, ...]]()
    for row in unlike:
        names = codes[row["layout"]] if table is FACTOR else None
        first = said_of(table, row, "stored_", names)
        step, quality = row["stored_step"], row["stored_quality"]
        match compare(first, said_of(table, row, "later_", names)):
            case Complement(filled):
                first |= filled
                step, quality = row["later_step"], quality | row["later_quality"]
                done.complements += 1
            case Revision(offered):
                revisions.append(_revision(table, row, offered))
                done.revised += 1
            case None:
                pass
        key = (row[name] for name in table.key)
        values = columns_of(table, first)
        changed.append((*key, row["stored_received_at"], step, quality, *values))
    await connection.executemany(_write_query(table, partition), changed)
    await connection.executemany(_REVISE, revisions)


def _unlike_query(table: Table, partition: str) -> str:
    """Rows of the partition that differ from the archived row of their key."""
    names = ("received_at", "step", "quality", *table.values)
    chosen = ", ".join(
        f"later.{name} AS later_{name}, stored.{name} AS stored_{name}" for name in names
    )
    differs = " OR ".join(f"later.{name} IS DISTINCT FROM stored.{name}" for name in names)
    key = ", ".join(table.key)
    return (
        f"SELECT {key}, {chosen} FROM returning_{table.name} AS stored"  # noqa: S608  names of this room
        f" JOIN {partition} AS later USING ({key})"
        f" WHERE later.meter >= $1 AND later.meter <= $2 AND ({differs}) FOR UPDATE OF later"
    )


async def _codes(connection: Connection, rows: list[asyncpg.Record]) -> Mapping[int, list[str]]:
    found = await connection.fetch(
        "SELECT id, codes FROM factor_layout WHERE id = ANY($1)",
        sorted({row["layout"] for row in rows}),
    )
    return {row["id"]: row["codes"] for row in found}


def _write_query(table: Table, partition: str) -> str:
    """Write a row as it would stand had the archived one been there first."""
    width = len(table.key)
    names = ("received_at", "step", "quality", *table.values)
    sets = ", ".join(f"{name} = ${width + place}" for place, name in enumerate(names, 1))
    where = " AND ".join(f"{name} = ${place}" for place, name in enumerate(table.key, 1))
    return f"UPDATE {partition} SET {sets} WHERE {where}"  # noqa: S608  names of this room


_REVISE: Final = (
    "INSERT INTO revision (meter, channel, period, at, layout, offered, digest, received_at,"
    " step, shard, sequence, frame) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 0, 0)"
    " ON CONFLICT (meter, channel, period, at, layout, digest)"
    " DO UPDATE SET times = revision.times + 1"
)


def _revision(table: Table, row: asyncpg.Record, offered: Said) -> tuple[Any, ...]:
    """The values of a row of ``revision``."""
    plain = {
        name: shortest(said) if isinstance(said, float) else said
        for (_, name), said in offered.items()
    }
    body = orjson.dumps(plain, option=orjson.OPT_SORT_KEYS)
    return (
        *(row[name] for name in ("meter", "channel", "period", "at")),
        row["layout"] if table is FACTOR else 0,
        body.decode(),
        hashlib.sha256(body).digest(),
        row["later_received_at"],
        row["later_step"],
        NO_SHARD,
    )
