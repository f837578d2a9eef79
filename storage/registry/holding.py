"""What is held while a decision is entered: the slices it concerns, then the chain.

Always in this order, so that two who enter wait for each other and never both.
"""

from collections.abc import Collection
from typing import Final

from wattwarden.alarms.decisions.slices import SLICES, slice_of
from wattwarden.storage.database import Connection
from wattwarden.storage.errors import StorageError

# Any number that nobody else takes in the same database: "decision" as bytes.
CHAIN_LOCK_KEY: Final = int.from_bytes(b"decision", "big", signed=True)


async def hold_for(connection: Connection, enterprise: str | None) -> dict[int, int]:
    """Hold the slices that an enterprise's decision (None: the city's) concerns, and the chain."""
    return await hold_slices(connection, None if enterprise is None else [slice_of(enterprise)])


async def hold_slices(connection: Connection, slices: Collection[int] | None) -> dict[int, int]:
    """Hold slices (None: all) and then the chain to the transaction's end; return their steps."""
    wanted = range(SLICES) if slices is None else sorted(slices)
    rows = await connection.fetch(
        "SELECT slice, step FROM slice_position WHERE slice = ANY($1) ORDER BY slice FOR SHARE",
        list(wanted),
    )
    if len(rows) != len(wanted):
        message = f"slice_position has {len(rows)} of the rows of {len(wanted)} slices"
        raise StorageError(message, retryable=False)
    await connection.execute("SELECT pg_advisory_xact_lock($1)", CHAIN_LOCK_KEY)
    return {row["slice"]: row["step"] for row in rows}
