"""Which writer takes which shards: leases with an epoch, shared out evenly.

    free, or its holder gone ──claim (epoch + 1)──► held ──► …
                                                     └── surplus: finished, then let go

A lease says who works.  Whoever works without one is refused by the position, which moves on only
from where he left it.
"""

from dataclasses import dataclass
from typing import Final

from wattwarden.storage import presence
from wattwarden.storage.database import Connection

_TABLE: Final = "writer"


@dataclass(frozen=True, slots=True)
class Shares:
    """What a writer has: epochs by shard.  ``surplus`` are those that others should have."""

    held: dict[int, int]
    surplus: tuple[int, ...]


async def share_shards(connection: Connection, holder: str, shards: int) -> Shares:
    """Be seen, claim what is free as far as it is ours to have; return what is held.

    ``holder`` must be new for each start of each process, and name the connection.  What is surplus
    is to be let go once nothing works on it any more.
    """
    await presence.be_seen(connection, _TABLE, holder)
    there = await presence.forget_gone(connection, _TABLE)
    await connection.execute(
        "INSERT INTO shard_lease (shard) SELECT generate_series(0, $1::integer - 1)"
        " ON CONFLICT (shard) DO NOTHING",
        shards,
    )
    held = await _held(connection, holder, shards)
    fair = -(-shards // max(1, there))
    if len(held) < fair:
        claimed = await connection.fetch(
            "UPDATE shard_lease SET holder = $1, epoch = epoch + 1 WHERE shard IN ("
            "SELECT shard FROM shard_lease AS s WHERE shard < $2 AND (holder IS NULL"
            " OR NOT EXISTS (SELECT FROM writer AS w WHERE w.holder = s.holder))"
            " ORDER BY shard LIMIT $3 FOR UPDATE SKIP LOCKED) RETURNING shard",
            holder,
            shards,
            fair - len(held),
        )
        for row in claimed:
            # Whoever had it and was cut off may hold its position in a transaction.
            await presence.end_sessions(connection, f"writer {row['shard']}")
        held = await _held(connection, holder, shards)
    return Shares(held, tuple(sorted(held)[fair:]))


async def release_shards(connection: Connection, holder: str, shards: tuple[int, ...]) -> None:
    """Let others have shards at once."""
    await connection.execute(
        "UPDATE shard_lease SET holder = NULL WHERE holder = $1 AND shard = ANY($2)",
        holder,
        list(shards),
    )


async def leave_shards(connection: Connection, holder: str) -> None:
    """Let others have everything at once."""
    await connection.execute("UPDATE shard_lease SET holder = NULL WHERE holder = $1", holder)
    await presence.leave(connection, _TABLE, holder)


async def _held(connection: Connection, holder: str, shards: int) -> dict[int, int]:
    rows = await connection.fetch(
        "SELECT shard, epoch FROM shard_lease WHERE holder = $1 AND shard < $2 ORDER BY shard",
        holder,
        shards,
    )
    return {row["shard"]: row["epoch"] for row in rows}
