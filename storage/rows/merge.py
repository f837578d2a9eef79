"""The merge path: rows of which some have a key that is in the table, or twice among themselves.

For each key, in order of arrival, against what is stored:

    nothing stored                           the row goes in
    all it says is stored already            repeat: nothing
    it says what the stored row left open    complement: filled in, the row counts as of this step
    it says otherwise                        revision: the row stays, what was said is kept

The database does the first two for all rows at once; the few others come here one by one.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import asyncpg
import numpy as np
import orjson

from wattwarden.storage.database import Connection
from wattwarden.storage.rows import pgcopy
from wattwarden.storage.rows.float4 import shortest
from wattwarden.storage.rows.gathering import Gathered
from wattwarden.storage.rows.tables import FACTOR, Rows, Table, copy_columns, copy_names

Said = dict[tuple[int, str], Any]
"""What a row says, by place and name; None for nothing.

Names are quantities; or codes, and after all of these the same with `` flag``.
"""
Key = tuple[Any, ...]


@dataclass(slots=True)
class Merged:
    """What became of the rows of a merge.

    ``inserted`` counts rows by step, ``completed`` those that an update brought into a step.
    """

    inserted: dict[int, int]
    completed: dict[int, int] = field(default_factory=dict)
    complements: int = 0
    repeated: int = 0
    revised: int = 0


@dataclass(slots=True)
class _Stored:
    """A stored row while later ones are held against it."""

    said: Said
    step: int
    quality: int
    changed: bool = False

    def complete(self, filled: Said, step: int, quality: int) -> None:
        self.said |= filled
        self.step = step
        self.quality |= quality
        self.changed = True


@dataclass(frozen=True, slots=True)
class Complement:
    """A later row that only says what was left open."""

    filled: Said


@dataclass(frozen=True, slots=True)
class Revision:
    """A later row that says otherwise: what it says beyond and against the stored row."""

    offered: Said


def compare(stored: Said, later: Said) -> Complement | Revision | None:
    """Judge a later row of a key; None when it says nothing new."""
    news = {name: said for name, said in later.items() if said is not None and said != stored[name]}
    if not news:
        return None
    if any(stored[name] is not None for name in news):
        return Revision(news)
    return Complement(news)


async def merge(
    connection: Connection, table: Table, partition: str, rows: Sequence[Rows], gathered: Gathered
) -> Merged:
    """Put rows of one partition into it, held against what is there.  Call it in a transaction."""
    await _stage(connection, table, rows)
    inserted = await _insert_first(connection, table, partition)
    unlike = await connection.fetch(_unlike_query(table, partition))
    total = sum(len(part) for part in rows)
    merged = Merged(inserted, repeated=total - sum(inserted.values()) - len(unlike))
    if unlike:
        codes = await _codes(connection, rows) if table is FACTOR else {}
        stored, revisions = _fold(table, unlike, codes, merged)
        await _write_completed(connection, table, partition, stored)
        await _write_revisions(connection, table, revisions, gathered)
    return merged


def _fold(
    table: Table, unlike: Sequence[asyncpg.Record], codes: Mapping[int, list[str]], merged: Merged
) -> tuple[dict[Key, _Stored], list[tuple[asyncpg.Record, Said]]]:
    """Hold rows against the stored ones in order; return these, and the revisions."""
    stored: dict[Key, _Stored] = {}
    revisions: list[tuple[asyncpg.Record, Said]] = []
    for row in unlike:
        names = codes[row["layout"]] if table is FACTOR else None
        key = tuple(row[name] for name in table.key)
        current = stored.get(key)
        if current is None:
            said = said_of(table, row, "stored_", names)
            current = stored[key] = _Stored(said, row["stored_step"], row["stored_quality"])
        match compare(current.said, said_of(table, row, "later_", names)):
            case None:
                merged.repeated += 1
            case Complement(filled):
                if current.step != row["step"]:
                    merged.completed[row["step"]] = merged.completed.get(row["step"], 0) + 1
                current.complete(filled, row["step"], row["quality"])
                merged.complements += 1
            case Revision(offered):
                merged.revised += 1
                revisions.append((row, offered))
    return stored, revisions


async def _stage(connection: Connection, table: Table, rows: Sequence[Rows]) -> None:
    """Copy the rows into the staging table of this connection, numbered in order of arrival."""
    stage = f"stage_{table.name}"
    if await connection.fetchval("SELECT to_regclass($1)", f"pg_temp.{stage}") is None:
        await connection.execute(
            f"CREATE TEMPORARY TABLE {stage} (LIKE {table.name}, place integer, frame integer)"
            " ON COMMIT DELETE ROWS"
        )
    await connection.execute(f"DELETE FROM {stage}")  # noqa: S608  names of this room
    names = copy_names(table, rows)
    order = np.concatenate([part.order for part in rows])
    # Within a frame the rows keep the order that the codec gave them.
    places = np.argsort(np.argsort(order, kind="stable"), kind="stable")
    chunks = []
    start = 0
    for part in rows:
        stop = start + len(part)
        columns = [
            *copy_columns(table, part, names),
            pgcopy.integers(">i4", places[start:stop]),
            pgcopy.integers(">i4", part.order),
        ]
        chunks += list(pgcopy.encode(columns, len(part)))
        start = stop
    await connection.copy_to_table(
        stage, source=pgcopy.stream(chunks), columns=[*names, "place", "frame"], format="binary"
    )


async def _insert_first(connection: Connection, table: Table, partition: str) -> dict[int, int]:
    """Insert the first row of each key that has none; return how many by step."""
    key, columns = ", ".join(table.key), ", ".join(table.columns)
    rows = await connection.fetch(
        f"WITH inserted AS (INSERT INTO {partition} ({columns})"  # noqa: S608  names of this room
        f" SELECT DISTINCT ON ({key}) {columns} FROM stage_{table.name} ORDER BY {key}, place"
        f" ON CONFLICT DO NOTHING RETURNING step)"
        " SELECT step, count(*)::integer AS rows FROM inserted GROUP BY step"
    )
    return {row["step"]: row["rows"] for row in rows}


def _unlike_query(table: Table, partition: str) -> str:
    """Staged rows that say more than, or other than, what is stored under their key."""
    key = ", ".join(table.key)
    said = ", ".join(
        f"later.{name} AS later_{name}, stored.{name} AS stored_{name}" for name in table.values
    )
    news = " OR ".join(
        f"later.{name} IS NOT NULL AND later.{name} IS DISTINCT FROM stored.{name}"
        for name in table.values
    )
    return (
        f"SELECT {key}, frame, later.step, later.received_at, later.quality,"  # noqa: S608  as above
        f" stored.step AS stored_step, stored.quality AS stored_quality, {said}"
        f" FROM stage_{table.name} AS later JOIN {partition} AS stored USING ({key})"
        f" WHERE {news} ORDER BY later.place FOR UPDATE OF stored"
    )


async def _codes(connection: Connection, rows: Sequence[Rows]) -> dict[int, list[str]]:
    found = await connection.fetch(
        "SELECT id, codes FROM factor_layout WHERE id = ANY($1)", [part.layout for part in rows]
    )
    return {row["id"]: row["codes"] for row in found}


def said_of(table: Table, row: asyncpg.Record, prefix: str, codes: Sequence[str] | None) -> Said:
    """Return what a row says, whose columns have a prefix; ``codes`` are those of its layout."""
    if codes is None:
        return {saying: row[prefix + saying[1]] for saying in enumerate(table.values)}
    names = [*codes, *(f"{code} flag" for code in codes)]
    flags = row[f"{prefix}flags"] or " " * len(codes)
    values = [*row[f"{prefix}amounts"], *(flag.strip() or None for flag in flags)]
    return dict(zip(enumerate(names), values, strict=True))


def columns_of(table: Table, said: Said) -> list[Any]:
    """Return the values of a row's columns: the inverse of ``said_of``."""
    values = list(said.values())
    if table is not FACTOR:
        return values
    amounts, flags = values[: len(values) // 2], values[len(values) // 2 :]
    return [amounts, "".join(flag or " " for flag in flags) if any(flags) else None]


async def _write_completed(
    connection: Connection,
    table: Table,
    partition: str,
    stored: Mapping[Key, _Stored],
) -> None:
    changed = [(key, row) for key, row in stored.items() if row.changed]
    if not changed:
        return
    width = len(table.key)
    names = ("step", "quality", *table.values)
    sets = ", ".join(f"{name} = ${width + place}" for place, name in enumerate(names, 1))
    where = " AND ".join(f"{name} = ${place}" for place, name in enumerate(table.key, 1))
    await connection.executemany(
        f"UPDATE {partition} SET {sets} WHERE {where}",  # noqa: S608  names of this room
        [(*key, row.step, row.quality, *columns_of(table, row.said)) for key, row in changed],
    )


async def _write_revisions(
    connection: Connection,
    table: Table,
    revisions: Sequence[tuple[asyncpg.Record, Said]],
    gathered: Gathered,
) -> None:
    await connection.executemany(
        "INSERT INTO revision (meter, channel, period, at, layout, offered, digest, received_at,"
        " step, shard, sequence, frame) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)"
        " ON CONFLICT (meter, channel, period, at, layout, digest)"
        " DO UPDATE SET times = revision.times + 1",
        [_revision(table, row, offered, gathered) for row, offered in revisions],
    )


def _revision(table: Table, row: asyncpg.Record, offered: Said, gathered: Gathered) -> Key:
    """The values of a row of ``revision``."""
    plain = {
        name: shortest(said) if isinstance(said, float) else said
        for (_, name), said in offered.items()
    }
    body = orjson.dumps(plain, option=orjson.OPT_SORT_KEYS)
    return (
        row["meter"],
        row["channel"],
        row["period"],
        row["at"],
        row["layout"] if table is FACTOR else 0,
        body.decode(),
        hashlib.sha256(body).digest(),
        row["received_at"],
        row["step"],
        gathered.shard,
        int(gathered.sequence[row["frame"]]),
        int(gathered.index[row["frame"]]),
    )
