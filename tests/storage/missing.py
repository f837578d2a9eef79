"""Readings with holes, written straight into the store, and their hours noted."""

from collections.abc import Iterable
from datetime import UTC, datetime

import numpy as np

from wattwarden.storage.database import Connection
from wattwarden.storage.moments import moment_of, us_of
from wattwarden.storage.rollups import note_touched, recompute_due

SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
NOON = us_of(datetime(2026, 11, 22, 12, tzinfo=UTC))


async def add_meter(
    store: Connection, address: str = "m1", *, codec: str = "fake", body: str = '{"cycle_s": 60}'
) -> int:
    """A meter with a profile."""
    number: int = await store.fetchval(
        "INSERT INTO meter (codec, address, state, enrolled_at)"
        " VALUES ($1, $2, 'accepted', now()) RETURNING id",
        codec,
        address,
    )
    await store.execute(
        "INSERT INTO meter_profile (meter, version, body, entered_at, actor)"
        " VALUES ($1, 1, $2, now(), 'test')",
        number,
        body,
    )
    return number


async def say(
    store: Connection,
    meter: int,
    moments: Iterable[int],
    *,
    lag: int = SECOND,
    quality: int = 0,
    period: str = "i",
    channel: str = "",
) -> None:
    """Store readings at moments (µs), received ``lag`` later, and compute their hours anew."""
    times = list(moments)
    await store.executemany(
        "INSERT INTO reading (meter, step, at, received_at, quality, period, channel, power_total)"
        " VALUES ($1, 1, $2, $3, $4, $5, $6, 100)",
        [
            (meter, moment_of(at), moment_of(at + lag), quality, period.encode(), channel)
            for at in times
        ],
    )
    touched = np.unique(np.array([at // HOUR << 32 | meter for at in times], np.int64))
    await note_touched(store, touched)
    await recompute_due(store)


def minutes(first: int, last: int) -> list[int]:
    """A moment a minute, from minutes after noon to before others."""
    return [NOON + minute * MINUTE for minute in range(first, last)]
