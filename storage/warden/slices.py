"""Which warden folds which slices: leases as columns of ``slice_position``, shared out evenly.

    free, not renewed for 5 s, or its holder gone
     └─claim (epoch + 1)──► held ──lock at every pass──► …
                             └── surplus: let go when more wardens came

A pass locks the rows of its slices: while it lasts nobody can claim them, and what it writes is
refused when it has lost them before.  The database's clock is the only one that counts here.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final

from wattwarden.alarms.decisions.slices import SLICES
from wattwarden.storage import presence
from wattwarden.storage.database import Connection, errors

_TABLE: Final = "warden"


@dataclass(frozen=True, slots=True)
class Held:
    """A slice that is ours: under which epoch, and up to which step it is folded."""

    epoch: int
    step: int


async def share_slices(connection: Connection, holder: str) -> dict[int, Held]:
    """Renew what is held, let go what others should have, claim what is free; return what is held.

    ``holder`` must be new for each start of each process, and name the connection.  Not in a
    transaction.
    """
    await presence.be_seen(connection, _TABLE, holder)
    wardens = await presence.forget_gone(connection, _TABLE)
    fair = -(-SLICES // max(1, wardens))
    async with connection.transaction():
        mine = await _lock_in_order(connection, holder)
        await connection.execute(
            "UPDATE slice_position SET renewed_at = clock_timestamp() WHERE holder = $1", holder
        )
        surplus = mine[fair:]
        if surplus:
            await connection.execute(
                "UPDATE slice_position SET holder = NULL WHERE slice = ANY($1)", surplus
            )
        elif len(mine) < fair:
            await connection.execute(
                "UPDATE slice_position SET holder = $1, epoch = epoch + 1,"
                " renewed_at = clock_timestamp() WHERE slice IN (SELECT slice FROM slice_position"
                " WHERE holder IS NULL"
                " OR NOT EXISTS (SELECT FROM warden AS w WHERE w.holder = slice_position.holder)"
                " OR renewed_at < clock_timestamp() - make_interval(secs => $2)"
                " ORDER BY slice LIMIT $3 FOR UPDATE SKIP LOCKED)",
                holder,
                presence.TTL_S,
                fair - len(mine),
            )
    rows = await connection.fetch(
        "SELECT slice, epoch, step FROM slice_position WHERE holder = $1 ORDER BY slice", holder
    )
    return {row["slice"]: Held(row["epoch"], row["step"]) for row in rows}


async def renew_slices(connection: Connection, holder: str) -> None:
    """Be seen, and renew what no pass has locked: a long pass loses nothing."""
    await presence.be_seen(connection, _TABLE, holder)
    await connection.execute(
        "UPDATE slice_position SET renewed_at = clock_timestamp() WHERE slice IN ("
        "SELECT slice FROM slice_position WHERE holder = $1 ORDER BY slice"
        " FOR UPDATE SKIP LOCKED)",
        holder,
    )


async def lock_slices(connection: Connection, holder: str, held: Mapping[int, Held]) -> bool:
    """Lock slices to the transaction's end; False when one of them is no longer as we hold it."""
    rows = await connection.fetch(
        "SELECT slice, epoch, step FROM slice_position WHERE slice = ANY($1) AND holder = $2"
        " ORDER BY slice FOR UPDATE",
        sorted(held),
        holder,
    )
    return {row["slice"]: Held(row["epoch"], row["step"]) for row in rows} == dict(held)


async def move_slices(connection: Connection, slices: Collection[int], step: int) -> None:
    """Move the position of locked slices on, and renew their lease."""
    await connection.execute(
        "UPDATE slice_position SET step = $2, renewed_at = clock_timestamp() WHERE slice = ANY($1)",
        sorted(slices),
        step,
    )


async def release_slices(connection: Connection, holder: str) -> None:
    """Let others have everything at once."""
    async with connection.transaction():
        await _lock_in_order(connection, holder)
        await connection.execute(
            "UPDATE slice_position SET holder = NULL WHERE holder = $1", holder
        )
        await presence.leave(connection, _TABLE, holder)


async def _lock_in_order(connection: Connection, holder: str) -> list[int]:
    """Lock a holder's slices by number, as decisions do, and return them.

    In the order in which rows lie in the table, two who want several would wait for each other.
    """
    rows = await connection.fetch(
        "SELECT slice FROM slice_position WHERE holder = $1 ORDER BY slice FOR UPDATE", holder
    )
    return [row["slice"] for row in rows]


async def least_position(connection: Connection) -> int:
    """Return the step to which every slice is folded.

    Raises:
        StorageError: The database is away.
    """
    with errors("asking how far slices are folded"):
        step: int = await connection.fetchval("SELECT min(step) FROM slice_position")
    return step
