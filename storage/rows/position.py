"""How far a shard's journal has been taken: read, moved on under a fence, and what goes with it.

Everything here is written in the transaction of the rows: after a crash position and rows agree.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import orjson

from wattwarden.protocol.envelope import Alive, Occurrence, Occurrences, Tick
from wattwarden.protocol.microseconds import SECOND_US
from wattwarden.storage.database import Connection, connect, errors
from wattwarden.storage.errors import StorageError
from wattwarden.storage.moments import moment_of, us_of
from wattwarden.storage.rows.intake import ChainLink
from wattwarden.storage.text import storable

# Who was connected when: three months answer every complaint about a meter's line.
SESSION_EVENT_DAYS: Final = 92
# A gateway retries an envelope for as long as it lives, and none lives a year without a restart.
CHAIN_DAYS: Final = 366
# Days are folded again for 62 days, and a warden that was away goes on from its last tick.
TICK_DAYS: Final = 70
# A warden looks back a few seconds from where it is.
TICKS_BEHIND_WARDEN: Final = 3_600
# The next round waits for it.  Eight shards make 28,800 an hour, which is how often each writer
# looks: what a year left behind is gone in two weeks.
MOST_TICKS: Final = 100_000
MAX_TEXT_LETTERS: Final = 200

# The first tick of all says what every tick covers; what a warden still has to fold stays; and the
# evidence of an alarm asks, years later, by which tick it was raised.  Writers take each its own.
_OLD_TICKS: Final = """
DELETE FROM tick WHERE (shard, number) IN (
    SELECT t.shard, t.number FROM tick AS t WHERE t.second < $1 AND t.number > 1
        AND t.number < (SELECT min(step) - $2 FROM slice_position)
        AND NOT EXISTS (SELECT FROM alarm AS a WHERE a.raised <= to_timestamp(t.second)
            AND a.raised > to_timestamp(t.second - t.covers_s))
    ORDER BY t.second LIMIT $3 FOR UPDATE OF t SKIP LOCKED)
"""


class Fenced(StorageError):  # noqa: N818  # the writer's state, as its caller says
    """Somebody else moved the position: two writers work on one shard, and this one gives way."""

    def __init__(self, shard: int, sequence: int) -> None:
        message = (
            f"the position of shard {shard} is no longer {sequence}: another writer works on it"
        )
        super().__init__(message, retryable=False)


@dataclass(frozen=True, slots=True)
class Position:
    """The last entry of a shard whose content is stored, and the last tick up to it."""

    sequence: int
    tick: int


async def load_position(connection: Connection, shard: int) -> Position:
    """Return where a shard stands; a new one stands at its beginning."""
    await connection.execute(
        "INSERT INTO journal_position (shard, sequence, tick) VALUES ($1, 0, 0)"
        " ON CONFLICT (shard) DO NOTHING",
        shard,
    )
    row = await connection.fetchrow(
        "SELECT sequence, tick FROM journal_position WHERE shard = $1", shard
    )
    return Position(row["sequence"], row["tick"]) if row is not None else Position(0, 0)


async def stored_sequences(dsn: str) -> dict[int, int]:
    """Return the last entry of each shard whose content is stored, on a connection of its own.

    Raises:
        StorageError: The database is away.
    """
    connection = await connect(dsn, name="positions")
    try:
        with errors("reading the journal's positions"):
            rows = await connection.fetch("SELECT shard, sequence FROM journal_position")
    finally:
        connection.terminate()
    return {row["shard"]: row["sequence"] for row in rows}


async def move_position(connection: Connection, shard: int, old: Position, new: Position) -> None:
    """Move the position on; from here to the end of the transaction the shard is ours.

    Raises:
        Fenced: It is not where we left it.
    """
    done = await connection.execute(
        "UPDATE journal_position SET sequence = $3, tick = $4, updated_at = now()"
        " WHERE shard = $1 AND sequence = $2",
        shard,
        old.sequence,
        new.sequence,
        new.tick,
    )
    if done != "UPDATE 1":
        raise Fenced(shard, old.sequence)


async def load_chains(connection: Connection, names: Iterable[str]) -> dict[str, ChainLink | None]:
    """Return the last envelope of each of these chains, None for one that has none."""
    wanted = list(names)
    rows = await connection.fetch(
        "SELECT chain, number, digest, sealed_at FROM chain_position WHERE chain = ANY($1)",
        wanted,
    )
    return dict.fromkeys(wanted) | {
        row["chain"]: ChainLink(row["number"], row["digest"], us_of(row["sealed_at"]))
        for row in rows
    }


async def save_chains(connection: Connection, shard: int, chains: Mapping[str, ChainLink]) -> None:
    """Store the last envelope of each chain."""
    await connection.executemany(
        "INSERT INTO chain_position (chain, shard, number, digest, sealed_at)"
        " VALUES ($1, $2, $3, $4, $5) ON CONFLICT (chain) DO UPDATE"
        " SET number = excluded.number, digest = excluded.digest, sealed_at = excluded.sealed_at",
        [
            (name, shard, link.number, link.digest, moment_of(link.sealed_at))
            for name, link in chains.items()
        ],
    )


async def save_ticks(connection: Connection, shard: int, ticks: Sequence[Tick]) -> None:
    """Store ticks that passed."""
    await connection.executemany(
        "INSERT INTO tick (shard, number, second, covers_s) VALUES ($1, $2, $3, $4)"
        " ON CONFLICT (shard, number) DO NOTHING",
        [(shard, tick.number, tick.second, tick.covers_s) for tick in ticks],
    )


async def save_occurrences(
    connection: Connection, shard: int, occurrences: Sequence[tuple[int, Occurrences]]
) -> None:
    """Store what happened to connections: (sequence, occurrences)."""
    rows = [
        _occurrence(shard, sequence, place, told.gateway, told.rows[place])
        for sequence, told in occurrences
        for place in range(len(told.rows))
    ]
    if rows:
        await connection.copy_records_to_table(
            "session_event",
            records=rows,
            columns=[
                "shard", "sequence", "place", "at", "gateway", "epoch", "what", "peer", "codec",
                "identity", "reason",
            ],
        )  # fmt: skip


async def save_alive(connection: Connection, signs: Sequence[Alive]) -> None:
    """Store gateways' signs of life."""
    await connection.executemany(
        "INSERT INTO alive (gateway, at, sessions, refused) VALUES ($1, $2, $3, $4)"
        " ON CONFLICT (gateway, at) DO NOTHING",
        [
            (
                storable(sign.gateway, MAX_TEXT_LETTERS),
                moment_of(sign.at),
                sign.sessions,
                orjson.dumps(sign.refused).decode().replace("\\u0000", ""),
            )
            for sign in signs
        ],
    )


async def forget_old(connection: Connection, now: datetime, most_ticks: int = MOST_TICKS) -> None:
    """Delete what is kept for a bounded time; ``now`` is the time of the last tick.

    Of ticks ``most_ticks`` go at once, the oldest first: the others follow the next time.
    """
    for statement, days in (
        ("DELETE FROM session_event WHERE at < $1", SESSION_EVENT_DAYS),
        ("DELETE FROM alive WHERE at < $1", SESSION_EVENT_DAYS),
        ("DELETE FROM chain_position WHERE sealed_at < $1", CHAIN_DAYS),
    ):
        await connection.execute(statement, now - timedelta(days=days))
    oldest = us_of(now - timedelta(days=TICK_DAYS)) // SECOND_US
    await connection.execute(_OLD_TICKS, oldest, TICKS_BEHIND_WARDEN, most_ticks)


def _occurrence(
    shard: int, sequence: int, place: int, gateway: str, row: Occurrence
) -> tuple[Any, ...]:
    texts = (row.what, row.peer, row.codec, row.identity, row.reason)
    return (
        shard,
        sequence,
        place,
        moment_of(row.at),
        storable(gateway, MAX_TEXT_LETTERS),
        row.epoch,
        *(None if text is None else storable(text, MAX_TEXT_LETTERS) for text in texts),
    )
