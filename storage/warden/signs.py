"""Gateways' signs of life and what they saw of meters' ids, as a look at silence needs them."""

import numpy as np

from wattwarden.alarms.silence.arrivals import RETURN_S, SIGN_LIFE_S, Signs, Sky
from wattwarden.storage.database import Connection
from wattwarden.storage.moments import moment_of, us_of

_SECOND_US = 1_000_000


async def read_sky(connection: Connection, first_second: int, last_second: int) -> Sky:
    """Return what is known of gateways for looks from one second (Unix) to another."""
    # The first tick of all covers what every tick covers when none is missed.
    rate = await connection.fetchval("SELECT min(covers_s) FROM tick WHERE number = 1") or 1
    since = first_second - RETURN_S - 2 * SIGN_LIFE_S * rate
    begun = await connection.fetchval("SELECT min(at) FROM alive")
    rows = await connection.fetch(
        "SELECT gateway, at FROM alive WHERE at >= $1 AND at <= $2 ORDER BY at",
        moment_of(since * _SECOND_US),
        moment_of(last_second * _SECOND_US),
    )
    seconds = np.array([us_of(row["at"]) // _SECOND_US for row in rows], np.int64)
    first: dict[str, int] = {}
    last: dict[str, int] = {}
    for row, second in zip(rows, seconds.tolist(), strict=True):
        first.setdefault(row["gateway"], second)
        last[row["gateway"]] = second
    signs = Signs(
        np.array(list(first.values()), np.int64),
        np.array(list(last.values()), np.int64),
        seconds,
        last_second + 1 if begun is None else us_of(begun) // _SECOND_US,
    )
    return Sky(signs, rate, await _clashes(connection, since, last_second))


async def _clashes(
    connection: Connection, first_second: int, last_second: int
) -> list[tuple[int, str]]:
    """Return when a gateway saw two peers under one meter's id."""
    rows = await connection.fetch(
        "SELECT at, codec, identity FROM session_event WHERE at >= $1 AND at <= $2"
        " AND what = 'duplicate_id' AND codec IS NOT NULL ORDER BY at, shard, sequence, place",
        moment_of(first_second * _SECOND_US),
        moment_of(last_second * _SECOND_US),
    )
    return [(us_of(row["at"]) // _SECOND_US, f"{row['codec']}:{row['identity']}") for row in rows]
