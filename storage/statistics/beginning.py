"""Since when something is known of firms: figures of a time before are of nothing."""

from collections.abc import Collection
from datetime import datetime
from typing import Final

from wattwarden.alarms.registry.registry import Registry
from wattwarden.alarms.states.codes import UnitState
from wattwarden.storage.database import Connection, errors

# What is said of a unit without a reading of it.
_UNHEARD: Final = [
    one.name.lower() for one in (UnitState.NEVER, UnitState.OFFLINE, UnitState.DECLARED)
]


async def heard_since(
    connection: Connection, registry: Registry, firms: Collection[str]
) -> datetime | None:
    """Return when a unit of some firms was first judged by readings; None where none ever was.

    Raises:
        StorageError: The database is away.
    """
    units = [one for one in registry.unit.values() if one.enterprise in firms]
    with errors("reading since when firms are heard of"):
        found: datetime | None = await connection.fetchval(
            "SELECT min(first.at) FROM unnest($1::text[], $2::text[]) AS u (enterprise, unit)"
            " CROSS JOIN LATERAL (SELECT t.at FROM unit_transition AS t"
            " WHERE t.enterprise = u.enterprise AND t.unit = u.unit AND t.state <> ALL($3)"
            " ORDER BY t.at LIMIT 1) AS first",
            [one.enterprise for one in units],
            [one.id for one in units],
            _UNHEARD,
        )
    return found
