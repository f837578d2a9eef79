"""Rollups: what a meter's channel said in 15 minutes, an hour, a day (UTC).

    rows ─► note_touched (the writer's transaction) ─► recompute (the archivist) ─► read_rollups

An hour is recomputed from its rows whenever some of them came, with its quarters and its day: the
same rows give the same rollups, in whatever order they came and however often it is done.  Where a
channel has instantaneous rows in an hour, the averages that the meter made itself are left out.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from wattwarden.storage.archive.across import DayUnreadableError
from wattwarden.storage.archive.catalogue import day_start
from wattwarden.storage.clocks import measure_clocks
from wattwarden.storage.counting import count_hours
from wattwarden.storage.database import Connection, errors
from wattwarden.storage.gaps import note_gaps
from wattwarden.storage.moments import us_of
from wattwarden.storage.rolling import (
    ENERGY_LOOKBACK_H,
    HOUR_US,
    MEASURES,
    Pair,
    parts_of,
    roll_up,
)
from wattwarden.storage.rows.tables import Rows

# One statement's share: some 60 rows each, so that a city that was away does not fill the memory.
HOURS_PER_STATEMENT: Final = 5_000
# What one transaction takes of what is due; the rest follows in the next.
NOTES_PER_ROUND: Final = 10_000
# A note of more than 2,000 bytes would be compressed and kept apart, which costs the writer more
# than all else that it does beside the rows.
HOURS_PER_NOTE: Final = 240
# Any number that nobody else takes in the database.
LOCK_KEY: Final = int.from_bytes(b"wwrollup", "big")

_SHIFT: Final = 32
_DAY_HOURS: Final = 24


class Width(StrEnum):
    """How long a rollup's span is; the table is called after it."""

    QUARTER = "15min"
    HOUR = "hour"
    DAY = "day"


@dataclass(frozen=True, slots=True)
class Rollup:
    """A span of a channel.  Values are None where nothing was measured; W, V, A, 1, Wh."""

    meter: int
    channel: str
    start: datetime
    received: int
    expected: int
    power_mean: float | None
    power_min: float | None
    power_max: float | None
    voltage_mean: float | None
    voltage_min: float | None
    voltage_max: float | None
    current_mean: float | None
    current_min: float | None
    current_max: float | None
    power_factor_mean: float | None
    power_factor_min: float | None
    power_factor_max: float | None
    energy_first: int | None
    energy_last: int | None
    energy_used: int | None


def touched_hours(rows: Sequence[Rows]) -> NDArray[np.int64]:
    """Return the hours and meters of rows, each pair once."""
    # Neighbours mostly say the same: what is left to sort is a fraction.
    pairs = [_changes(part.at // HOUR_US << _SHIFT | part.meter) for part in rows if len(part)]
    return np.unique(np.concatenate(pairs)) if pairs else np.empty(0, np.int64)


def _changes(values: NDArray[np.int64]) -> NDArray[np.int64]:
    """The values, at least one, that differ from the one before them."""
    differs = np.ones(len(values), bool)
    np.not_equal(values[1:], values[:-1], out=differs[1:])
    return values[differs]


async def note_touched(connection: Connection, touched: NDArray[np.int64]) -> None:
    """Note hours that got rows, in the transaction of the rows."""
    pairs = touched.tolist()
    starts = range(0, len(pairs), HOURS_PER_NOTE)
    await connection.executemany(
        "INSERT INTO rollup_due (touched) VALUES ($1)",
        [(pairs[start : start + HOURS_PER_NOTE],) for start in starts],
    )


async def recompute_due(connection: Connection) -> int:
    """Recompute what is due now; return how many hours of meters that were.

    Raises:
        DayUnreadableError: Hours about an archived day wait for its file; all others are done.
        StorageError: The database is away; what was done stays, and doing it again changes nothing.
    """
    done, unread = 0, list[DayUnreadableError]()
    with errors("computing rollups"):
        # What waits on is noted anew, behind this.
        last = await connection.fetchval("SELECT max(id) FROM rollup_due")
        while True:
            async with connection.transaction():
                taken = await connection.fetch(
                    "DELETE FROM rollup_due WHERE id IN (SELECT id FROM rollup_due WHERE id <= $2"
                    " ORDER BY id LIMIT $1 FOR UPDATE SKIP LOCKED) RETURNING touched",
                    NOTES_PER_ROUND,
                    last,
                )
                if not taken:
                    break
                touched = np.unique(np.concatenate([np.array(row[0], np.int64) for row in taken]))
                for start in range(0, len(touched), HOURS_PER_STATEMENT):
                    part = touched[start : start + HOURS_PER_STATEMENT]
                    done += await _recompute_readable(connection, part, unread)
    if unread:
        raise unread[0]
    return done


async def _recompute_readable(
    connection: Connection, touched: NDArray[np.int64], unread: list[DayUnreadableError]
) -> int:
    """Recompute hours, note anew those that need a file which nobody can read; return how many."""
    while len(touched):
        try:
            async with connection.transaction():
                await recompute(connection, touched)
        except DayUnreadableError as error:
            waits = _of_day(touched, error.day)
            if len(touched) > 1 and not waits.any():
                # The end of a gap, weeks later: which of them it is turns out by halves.
                halves = np.array_split(touched, 2)
                return sum([await _recompute_readable(connection, one, unread) for one in halves])
            unread.append(error)
            waits |= len(touched) == 1
            await note_touched(connection, touched[waits])
            touched = touched[~waits]
        else:
            break
    return len(touched)


def _of_day(touched: NDArray[np.int64], day: date) -> NDArray[np.bool_]:
    """Which hours surely need a day's rows: its own, and those whose counters rose from them."""
    first = us_of(day_start(day)) // HOUR_US
    hours = touched >> _SHIFT
    return (hours >= first) & (hours < first + _DAY_HOURS + ENERGY_LOOKBACK_H)


async def recompute(connection: Connection, touched: NDArray[np.int64]) -> None:
    """Recompute hours of meters and their days.  Call it in a transaction."""
    await hold_rollups(connection)
    # The row that follows a late one rose from it.
    pairs = await _with_followers(connection, touched)
    await roll_up(connection, pairs)
    await count_hours(connection, pairs)
    await note_gaps(connection, pairs)
    await measure_clocks(connection, pairs)
    for part in parts_of(pairs):
        # A reading keeps its unit's state for two cycles, beyond a midnight at most.
        await connection.execute(
            "DELETE FROM firm_day WHERE stop > $1 AND start < $2::timestamptz + interval '1 day'"
            " AND meters && $3",
            part.since,
            part.until,
            sorted(set(part.meters)),
        )


async def hold_rollups(connection: Connection) -> None:
    """Let nobody else recompute rollups, or keep what is counted from them, in this transaction."""
    await connection.execute("SELECT pg_advisory_xact_lock($1)", LOCK_KEY)


async def read_rollups(
    connection: Connection, width: Width, meters: Sequence[int], since: datetime, until: datetime
) -> list[Rollup]:
    """Return the rollups of meters that begin from ``since`` to before ``until``, in order.

    Raises:
        StorageError: The database is away.
    """
    with errors("reading rollups"):
        rows = await connection.fetch(
            f"SELECT * FROM rollup_{width} WHERE meter = ANY($1) AND start >= $2 AND start < $3"  # noqa: S608  a word of ours
            " ORDER BY meter, channel, start",
            list(meters),
            since,
            until,
        )
    return [Rollup(**dict(row)) for row in rows]


async def read_local_days(
    connection: Connection, zone: ZoneInfo, meters: Sequence[int], since: datetime, until: datetime
) -> list[Rollup]:
    """Return what meters' hours come to in the days of a zone that begin in a span, in order.

    Days of a zone whose clocks are off by parts of an hour are made of quarters.

    Raises:
        StorageError: The database is away.
    """
    offset = until.astimezone(zone).utcoffset()
    whole = offset is not None and offset % timedelta(hours=1) == timedelta(0)
    width, seconds = (Width.HOUR, 3600) if whole else (Width.QUARTER, 900)
    with errors("reading rollups"):
        rows = await connection.fetch(
            _LOCAL_DAYS.format(width=width, seconds=seconds), list(meters), since, until, zone.key
        )
    return [Rollup(**dict(row)) for row in rows]


async def _with_followers(connection: Connection, touched: NDArray[np.int64]) -> list[Pair]:
    """Return pairs, and for each the next hour of the meter's channels that has rows, in order."""
    hours, meters = (touched >> _SHIFT).tolist(), (touched & (2**_SHIFT - 1)).tolist()
    rows = await connection.fetch(
        "SELECT DISTINCT w.meter, extract(epoch FROM n.start)::bigint / 3600 AS hour"
        " FROM unnest($1::integer[], $2::integer[]) AS w (meter, hour)"
        " CROSS JOIN LATERAL (SELECT DISTINCT ON (channel) start FROM rollup_hour AS h"
        " WHERE h.meter = w.meter AND h.start > to_timestamp(w.hour * 3600.0)"
        " AND h.start <= to_timestamp((w.hour + $3) * 3600.0)"
        " ORDER BY channel, start) AS n",
        meters,
        hours,
        ENERGY_LOOKBACK_H,
    )
    found = {(row["hour"], row["meter"]) for row in rows}
    return sorted(found.union(zip(hours, meters, strict=True)))


def _of_local_days() -> str:
    """Statement that adds up the spans of each day of a zone."""
    statistics = ", ".join(
        f"(sum({measure}_mean::double precision * received)"
        f" / nullif(sum(received) FILTER (WHERE {measure}_mean IS NOT NULL), 0))::real"
        f" AS {measure}_mean, min({measure}_min) AS {measure}_min,"
        f" max({measure}_max) AS {measure}_max"
        for measure in MEASURES
    )
    # A day may be an hour shorter or longer than others.
    return f"""
SELECT meter, channel, day AT TIME ZONE $4 AS start, sum(received)::integer AS received,
    (max(expected) * extract(epoch FROM (day + interval '1 day') AT TIME ZONE $4
        - day AT TIME ZONE $4) / {{seconds}})::integer AS expected, {statistics},
    (array_agg(energy_first ORDER BY start) FILTER (WHERE energy_first IS NOT NULL))[1]
        AS energy_first,
    (array_agg(energy_last ORDER BY start DESC) FILTER (WHERE energy_last IS NOT NULL))[1]
        AS energy_last, sum(energy_used)::bigint AS energy_used
FROM (
    SELECT *, date_trunc('day', start AT TIME ZONE $4) AS day FROM rollup_{{width}}
    WHERE meter = ANY($1) AND start >= $2 AND start < $3::timestamptz + interval '26 hours'
) AS h
WHERE day AT TIME ZONE $4 >= $2 AND day AT TIME ZONE $4 < $3
GROUP BY meter, channel, day ORDER BY meter, channel, day
"""  # noqa: S608  words of ours


_LOCAL_DAYS: Final = _of_local_days()
