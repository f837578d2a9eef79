"""What a writer put into the store, and a writer that waits for nothing."""

from typing import Any

from wattwarden.storage.database import Connection
from wattwarden.storage.rows.writer import WriterLimits

FAST = WriterLimits(lull_s=0.001, first_pause_s=0.001, last_pause_s=0.002)


async def rows_of(store: Connection, columns: str, table: str = "reading") -> list[Any]:
    key = ", channel, period" if table in {"reading", "factor"} else ""
    query = f"SELECT {columns} FROM {table} ORDER BY meter, at{key}"  # noqa: S608  # our own
    rows = await store.fetch(query)
    return [tuple(row) if len(row) > 1 else row[0] for row in rows]


async def held(store: Connection, columns: str = "reason") -> list[Any]:
    query = f"SELECT {columns} FROM quarantine ORDER BY sequence, frame, id"  # noqa: S608  # our own
    rows = await store.fetch(query)
    return [tuple(row) if len(row) > 1 else row[0] for row in rows]
