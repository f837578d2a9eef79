"""The table of ledgers: entries added at the end of an enterprise's chain, and read again.

Whoever adds holds the enterprise's slice, as a pass of the warden and every decision do; the table
itself refuses an entry that does not follow the last one.
"""

from collections.abc import AsyncIterator, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import asyncpg

from wattwarden.alarms.decisions.chain import canonical
from wattwarden.alarms.ledgers.contents import Withdrawn, decode_content
from wattwarden.alarms.ledgers.entries import (
    LATE,
    Corrector,
    Draft,
    Entry,
    Head,
    LedgerKind,
    append,
)
from wattwarden.alarms.ledgers.reconcile import BY_ITSELF
from wattwarden.storage.database import Connection, errors
from wattwarden.storage.errors import StorageError

# A page from the server at a time while a ledger is read: some hundred kilobytes.
PAGE_ROWS: Final = 500


@dataclass(frozen=True, slots=True)
class Chosen:
    """Which entries: all conditions that are given; times are those of occurrence."""

    kinds: Collection[LedgerKind] = ()
    since: datetime | None = None
    until: datetime | None = None


ALL: Final = Chosen()


async def head_of(connection: Connection, enterprise: str) -> Head:
    """Return the end of an enterprise's ledger."""
    row = await connection.fetchrow(
        "SELECT number, digest, entered_at FROM ledger WHERE enterprise = $1"
        " ORDER BY number DESC LIMIT 1",
        enterprise,
    )
    return Head() if row is None else Head(**dict(row))


async def enter_drafts(
    connection: Connection, enterprise: str, drafts: Sequence[Draft]
) -> list[Entry]:
    """Add drafts at the end of an enterprise's ledger; the caller holds its slice."""
    if not drafts:
        return []
    entries = append(enterprise, await head_of(connection, enterprise), drafts)
    await connection.executemany(
        "INSERT INTO ledger (enterprise, number, kind, source, occurred_at, entered_at, actor,"
        " corrects, body, predecessor, digest)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
        [_row(entry) for entry in entries],
    )
    return entries


async def load_entries(
    connection: Connection, enterprise: str, chosen: Chosen = ALL
) -> list[Entry]:
    """Return an enterprise's entries by number.

    Raises:
        StorageError: The database is away.
    """
    with errors(f"reading the ledger of {enterprise}"):
        rows = await connection.fetch(
            "SELECT * FROM ledger WHERE enterprise = $1"
            " AND (cardinality($2::text[]) = 0 OR kind = ANY($2))"
            " AND ($3::timestamptz IS NULL OR occurred_at >= $3)"
            " AND ($4::timestamptz IS NULL OR occurred_at < $4) ORDER BY number",
            enterprise,
            list(chosen.kinds),
            chosen.since,
            chosen.until,
        )
    return [entry_of(row) for row in rows]


async def find_entry(connection: Connection, enterprise: str, number: int) -> Entry | None:
    """Return one entry, None where there is none."""
    row = await connection.fetchrow(
        "SELECT * FROM ledger WHERE enterprise = $1 AND number = $2", enterprise, number
    )
    return None if row is None else entry_of(row)


async def corrector_of(connection: Connection, enterprise: str, number: int) -> int | None:
    """Return the number of the entry that corrects another, None where none does."""
    found: int | None = await connection.fetchval(
        "SELECT number FROM ledger WHERE enterprise = $1 AND corrects = $2", enterprise, number
    )
    return found


async def correctors(connection: Connection, enterprise: str) -> dict[int, Corrector]:
    """Return by which entry each one is corrected that is."""
    rows = await connection.fetch(
        "SELECT corrects, number, body ->> 'type' = $2 AS withdraws FROM ledger"
        " WHERE enterprise = $1 AND corrects IS NOT NULL",
        enterprise,
        Withdrawn.__struct_config__.tag,
    )
    return {row["corrects"]: Corrector(row["number"], row["withdraws"]) for row in rows}


async def standing_of(
    connection: Connection, enterprise: str, source: str, since: datetime
) -> list[Entry]:
    """Return a source's entries since a moment that none corrects; of abnormal conditions all."""
    rows = await connection.fetch(
        "SELECT * FROM ledger AS l WHERE enterprise = $1 AND source = $2 AND occurred_at >= $3"
        " AND (kind = 'abnormal' OR NOT EXISTS (SELECT FROM ledger AS c WHERE c.enterprise = $1"
        " AND c.corrects = l.number)) ORDER BY number",
        enterprise,
        source,
        since,
    )
    return [entry_of(row) for row in rows]


async def count_backfilled(
    connection: Connection, since: datetime, until: datetime
) -> dict[str, int]:
    """Return how many entries people made in a span, long after the fact, by enterprise.

    Raises:
        StorageError: The database is away.
    """
    with errors("counting late entries of ledgers"):
        rows = await connection.fetch(
            "SELECT enterprise, count(*) AS entries FROM ledger WHERE entered_at >= $1"
            " AND entered_at < $2 AND actor <> $3 AND corrects IS NULL"
            " AND entered_at - occurred_at > $4 GROUP BY enterprise",
            since,
            until,
            BY_ITSELF,
            LATE,
        )
    return {row["enterprise"]: row["entries"] for row in rows}


async def raw_entries(connection: Connection, enterprise: str) -> AsyncIterator[asyncpg.Record]:
    """Yield the rows of an enterprise's ledger as they are kept, by number; in a transaction."""
    query = "SELECT * FROM ledger WHERE enterprise = $1 ORDER BY number"
    async for row in connection.cursor(query, enterprise, prefetch=PAGE_ROWS):
        yield row


def entry_of(row: asyncpg.Record) -> Entry:
    """Return a row as an entry.

    Raises:
        StorageError: A newer program wrote it.
    """
    values: dict[str, Any] = dict(row)
    try:
        content = decode_content(values.pop("body"))
        return Entry(**(values | {"kind": LedgerKind(values["kind"])}), content=content)
    except ValueError as error:
        message = f"entry {row['number']} of {row['enterprise']} cannot be read: {error}"
        raise StorageError(message, retryable=False) from error


def _row(entry: Entry) -> tuple[object, ...]:
    return (
        entry.enterprise,
        entry.number,
        entry.kind,
        entry.source,
        entry.occurred_at,
        entry.entered_at,
        entry.actor,
        entry.corrects,
        canonical(entry.content).decode(),
        entry.predecessor,
        entry.digest,
    )
