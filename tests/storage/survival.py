"""Rows for every table of a schema, whatever it is, and what became of them."""

import json
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeAlias

from wattwarden.storage.database import Connection

Rows: TypeAlias = Mapping[str, list[dict[str, Any]]]
"""The rows of tables, as PostgreSQL writes them in JSON."""

BEGAN: Final = datetime(2026, 11, 22, 3, tzinfo=UTC)
CHOICE: Final = re.compile(r"\(\((\w+) = ANY \(ARRAY\[(.*?)\]\)\)\)")
LITERAL: Final = re.compile(r"'([^']*)'::text")
# What one column alone does not say: orders of times, one of two, and what a pattern asks for.
CHOSEN: Final[Mapping[str, Any]] = {
    "since": BEGAN - timedelta(days=1),
    "occurred_at": BEGAN - timedelta(days=1),
    "until": BEGAN + timedelta(days=30),
    "expires_at": BEGAN + timedelta(days=30),
    "one": True,
    "level": 2,
    "ledger.corrects": None,
    "ledger_due.alarm": None,
    "ledger_due.plan": None,
}
_COLUMNS: Final = """
SELECT c.relname AS table, a.attname AS name, t.typname AS type, a.atttypmod - 4 AS letters
FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid
JOIN pg_type AS t ON t.oid = a.atttypid
WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relname <> 'migration'
AND c.relnamespace = current_schema()::regnamespace AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY c.relname, a.attnum
"""
_CHECKS: Final = """
SELECT c.relname AS table, pg_get_constraintdef(k.oid) AS text FROM pg_constraint AS k
JOIN pg_class AS c ON c.oid = k.conrelid
WHERE k.contype = 'c' AND k.connamespace = current_schema()::regnamespace
"""
_REFERENCES: Final = """
SELECT c.relname AS table, f.relname AS other,
    (SELECT array_agg(a.attname ORDER BY o.place)
     FROM unnest(k.conkey) WITH ORDINALITY AS o (n, place)
     JOIN pg_attribute AS a ON a.attrelid = k.conrelid AND a.attnum = o.n) AS columns,
    (SELECT array_agg(a.attname ORDER BY o.place)
     FROM unnest(k.confkey) WITH ORDINALITY AS o (n, place)
     JOIN pg_attribute AS a ON a.attrelid = k.confrelid AND a.attnum = o.n) AS others
FROM pg_constraint AS k JOIN pg_class AS c ON c.oid = k.conrelid
JOIN pg_class AS f ON f.oid = k.confrelid
WHERE k.contype = 'f' AND k.conparentid = 0 AND k.conrelid <> k.confrelid
AND k.connamespace = current_schema()::regnamespace
"""


async def shape_of(connection: Connection) -> dict[str, dict[str, tuple[str, int]]]:
    """The columns of each table: type and length of its texts by name."""
    shape: dict[str, dict[str, tuple[str, int]]] = defaultdict(dict)
    for row in await connection.fetch(_COLUMNS):
        shape[row["table"]][row["name"]] = (row["type"], row["letters"])
    return dict(shape)


async def rows_of(connection: Connection) -> Rows:
    """All rows of all tables."""
    parts = [
        f"SELECT '{name}' AS name, to_jsonb(t)::text AS row FROM \"{name}\" AS t"  # noqa: S608  of the catalogue
        for name in await shape_of(connection)
    ]
    found = defaultdict(list)
    for row in await connection.fetch(" UNION ALL ".join(parts)) if parts else ():
        found[row["name"]].append(json.loads(row["row"]))
    return found


async def fill(connection: Connection, tables: set[str], number: int) -> None:
    """Put a row into each of these tables, with a value in every column that can have one.

    Rows of one ``number`` refer to each other; nothing fires meanwhile.
    """
    shape = await shape_of(connection)
    choices: dict[tuple[str, str], list[str]] = {}
    for row in await connection.fetch(_CHECKS):
        for column, literals in CHOICE.findall(row["text"]):
            choices[row["table"], column] = LITERAL.findall(literals)
    references = defaultdict(list)
    for row in await connection.fetch(_REFERENCES):
        references[row["table"]].append(row)
    async with connection.transaction():
        await connection.execute("SET LOCAL session_replication_role = replica")
        for table in _ordered(tables, {t: {r["other"] for r in references[t]} for t in tables}):
            values = {
                column: _value(table, column, kind, number, choices.get((table, column)))
                for column, kind in shape[table].items()
            }
            for one in references[table]:
                order = ", ".join(one["others"])
                found = await connection.fetchval(
                    f"SELECT to_jsonb(t)::text FROM {one['other']} AS t"  # noqa: S608  of the catalogue
                    f" ORDER BY {order} DESC LIMIT 1"
                )
                assert found is not None, f"{table} refers to {one['other']}, which is empty"
                other = json.loads(found)
                values |= {
                    mine: other[theirs]
                    for mine, theirs in zip(one["columns"], one["others"], strict=True)
                }
            await connection.execute(
                f"INSERT INTO {table} OVERRIDING SYSTEM VALUE"  # noqa: S608  of the catalogue
                f" SELECT * FROM jsonb_populate_record(NULL::{table}, $1::text::jsonb)"
                " ON CONFLICT DO NOTHING",
                json.dumps(values, default=str),
            )


def lost(before: Rows, after: Rows) -> list[str]:
    """What of the rows before is not there any more, or has other values."""
    return list(_lost(before, after))


def _lost(before: Rows, after: Rows) -> Iterator[str]:
    for table, rows in before.items():
        if table not in after:
            yield f"table {table}, with {len(rows)} rows"
            continue
        there = after[table]
        if gone := set(rows[0]) - set(there[0]):
            yield f"columns {', '.join(sorted(gone))} of {table}"
            continue
        columns = sorted(rows[0])
        kept = {_text(row, columns) for row in there}
        yield from (
            f"a row of {table}: {_text(row, columns)}"
            for row in rows
            if _text(row, columns) not in kept
        )


def _text(row: Mapping[str, Any], columns: list[str]) -> str:
    return json.dumps({name: row[name] for name in columns})


def _ordered(tables: set[str], needs: Mapping[str, set[str]]) -> Iterator[str]:
    left = set(tables)
    while left:
        ready = sorted(one for one in left if not needs[one] & left)
        assert ready, f"these refer to one another in a circle: {left}"
        yield from ready
        left -= set(ready)


def _value(
    table: str, column: str, kind: tuple[str, int], number: int, choice: list[str] | None
) -> Any:
    for name in (f"{table}.{column}", column):
        if name in CHOSEN:
            return CHOSEN[name]
    if choice:
        return choice[number % len(choice)]
    name, letters = kind
    made = {
        "bytea": "\\x" + f"{number:02x}" * 32,
        "timestamptz": BEGAN + timedelta(hours=number),
        "date": f"2026-11-{number:02}",
        "bool": False,
        "jsonb": {"id": f"{column}-{number}"},
        "json": {"id": f"{column}-{number}"},
        "uuid": f"{number:032x}",
        "interval": f"{number:02}:00:00",
        "_timestamptz": [BEGAN + timedelta(hours=number)],
        "_text": [f"{column}-{number}"],
        "_float4": [number + 0.5],
        "float4": number + 0.5,
        "float8": number + 0.25,
        "char": "i",
    }
    if name in made:
        return made[name]
    if name in {"int2", "int4", "int8", "xid8", "numeric", "_int4", "_int8", "_int2"}:
        return [number] if name.startswith("_") else number
    assert name in {"text", "varchar"}, f"{table}.{column} is of type {name}: say what it may be"
    if column in {"sha256"}:
        return f"{number:064x}"
    text = f"{column}-{number}"
    return text[-letters:] if letters > 0 else text[:24]
