"""What tables, partitions, sequences and references a schema has, as its catalogue tells."""

import re
from dataclasses import dataclass
from typing import Final

from wattwarden.storage.database import Connection

# Partitions that no migration makes: a day of rows.
DAILY: Final = re.compile(r"(reading|factor)_\d{8}")
# As PostgreSQL writes a day's bounds; nothing else of a backup becomes SQL.
BOUND: Final = re.compile(r"FOR VALUES FROM \('[0-9 :+-]{10,32}'\) TO \('[0-9 :+-]{10,32}'\)")


@dataclass(frozen=True, slots=True)
class Table:
    """A table with rows of its own; ``parent`` and ``bound`` of a day's partition."""

    name: str
    columns: tuple[str, ...]
    parent: str | None
    bound: str | None


@dataclass(frozen=True, slots=True)
class Reference:
    """A foreign key, as it is made again."""

    table: str
    name: str
    definition: str


async def tables_of(connection: Connection) -> list[Table]:
    """Return the tables that hold rows, by name."""
    rows = await connection.fetch(_TABLES)
    return [
        Table(
            row["name"],
            tuple(row["columns"]),
            row["parent"] if DAILY.fullmatch(row["name"]) else None,
            row["bound"] if DAILY.fullmatch(row["name"]) else None,
        )
        for row in rows
    ]


async def sequences_of(connection: Connection) -> dict[str, int]:
    """Return the last value of each sequence that gave one."""
    rows = await connection.fetch(
        "SELECT sequencename, last_value FROM pg_sequences"
        " WHERE schemaname = current_schema() AND last_value IS NOT NULL ORDER BY 1"
    )
    return {row["sequencename"]: row["last_value"] for row in rows}


async def references_of(connection: Connection) -> list[Reference]:
    """Return the foreign keys."""
    rows = await connection.fetch(
        "SELECT c.relname, k.conname, pg_get_constraintdef(k.oid) AS definition"
        " FROM pg_constraint AS k JOIN pg_class AS c ON c.oid = k.conrelid"
        " WHERE k.contype = 'f' AND k.conparentid = 0"
        " AND k.connamespace = current_schema()::regnamespace ORDER BY 1, 2"
    )
    return [Reference(row["relname"], row["conname"], row["definition"]) for row in rows]


async def count_relations(connection: Connection) -> int:
    """Return how many tables, views and sequences there are."""
    return int(
        await connection.fetchval(
            "SELECT count(*) FROM pg_class AS c WHERE c.relkind IN ('r', 'p', 'v', 'm', 'S')"  # noqa: S608  our own words
            f" AND c.relnamespace = current_schema()::regnamespace AND {_OURS}"
        )
    )


# What an extension of the server has brought is none of ours.
_OURS: Final = (
    "NOT EXISTS (SELECT FROM pg_depend AS d WHERE d.classid = 'pg_class'::regclass"
    " AND d.objid = c.oid AND d.deptype = 'e')"
)
# Kept rows only: what is temporary or not logged is gone after a crash anyway.
_TABLES: Final = f"""
SELECT c.relname AS name, p.relname AS parent, pg_get_expr(c.relpartbound, c.oid) AS bound,
    (SELECT array_agg(a.attname ORDER BY a.attnum) FROM pg_attribute AS a
     WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
    ) AS columns
FROM pg_class AS c LEFT JOIN pg_inherits AS i ON i.inhrelid = c.oid
LEFT JOIN pg_class AS p ON p.oid = i.inhparent
WHERE c.relkind = 'r' AND c.relpersistence = 'p'
AND c.relnamespace = current_schema()::regnamespace AND {_OURS} ORDER BY c.relname
"""  # noqa: S608  our own words
