"""Notices of which a gateway reports by itself, found by the ids that it gave, or by doubt."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from wattwarden.alarms.routing.bundle import Item
from wattwarden.storage.database import Connection, errors
from wattwarden.storage.outbox.queue import COLUMNS, item_of


@dataclass(frozen=True, slots=True)
class Known:
    """A notice, the gateway's ids of its parts, and its state."""

    item: Item
    ids: tuple[str, ...]
    state: str


async def sent_under(
    connection: Connection, endpoint: str, ids: Collection[str], since: datetime
) -> list[Known]:
    """Return notices that a gateway took under any of some ids since a moment (wall time).

    Raises:
        StorageError: The database is away.
    """
    with errors("looking for what a gateway reports of"):
        rows = await connection.fetch(
            f"SELECT {COLUMNS}, o.state, a.provider_id FROM attempt AS a"  # noqa: S608  ours
            " JOIN outbox AS o ON o.id = a.outbox WHERE a.endpoint = $1 AND a.kind = 'send'"
            " AND a.started >= $2 AND string_to_array(a.provider_id, ',') && $3::text[]",
            endpoint,
            since,
            list(ids),
        )
    return [Known(item_of(row), tuple(row["provider_id"].split(",")), row["state"]) for row in rows]


async def in_doubt(connection: Connection, endpoint: str) -> list[Item]:
    """Return notices of a way of which nobody knows whether they were accepted.

    Raises:
        StorageError: The database is away.
    """
    with errors("looking for notices in doubt"):
        rows = await connection.fetch(
            f"SELECT {COLUMNS} FROM outbox AS o WHERE o.state = 'asking' AND o.endpoint = $1",  # noqa: S608  ours
            endpoint,
        )
    return [item_of(row) for row in rows]
