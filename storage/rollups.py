"""Rollups: what a meter's channel said in 15 minutes, an hour, a day (UTC).

    rows ─► note_touched (the writer's transaction) ─► recompute (the archivist) ─► read_rollups

An hour is recomputed from its rows whenever some of them came, with its quarters and its day: the
same rows give the same rollups, in whatever order they came and however often it is done.  Where a
channel has instantaneous rows in an hour, the averages that the meter made itself are left out.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from wattwarden.storage.counting import count_hours
from wattwarden.storage.database import Connection, errors
from wattwarden.storage.rows.tables import Rows

HOUR_US: Final = 3_600_000_000
# A meter that was away for longer says nothing of when the energy was used meanwhile.
ENERGY_LOOKBACK_H: Final = 24
# One statement's share: some 60 rows each, so that a city that was away does not fill the memory.
HOURS_PER_STATEMENT: Final = 5_000
# What one transaction takes of what is due; the rest follows in the next.
NOTES_PER_ROUND: Final = 10_000
# A note of more than 2,000 bytes would be compressed and kept apart, which costs the writer more
# than all else that it does beside the rows.
HOURS_PER_NOTE: Final = 240

_SHIFT: Final = 32
_MEASURES: Final = ("power", "voltage", "current", "power_factor")
_STATISTICS: Final = ("mean", "min", "max")


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
    pairs = [part.at // HOUR_US << _SHIFT | part.meter for part in rows if len(part)]
    return np.unique(np.concatenate(pairs)) if pairs else np.empty(0, np.int64)


async def note_touched(connection: Connection, touched: NDArray[np.int64]) -> None:
    """Note hours that got rows, in the transaction of the rows."""
    pairs = touched.tolist()
    starts = range(0, len(pairs), HOURS_PER_NOTE)
    await connection.executemany(
        "INSERT INTO rollup_due (touched) VALUES ($1)",
        [(pairs[start : start + HOURS_PER_NOTE],) for start in starts],
    )


async def recompute_due(connection: Connection) -> int:
    """Recompute what is due; return how many hours of meters that were.

    Raises:
        StorageError: The database is away; what was done stays, and doing it again changes nothing.
    """
    done = 0
    with errors("computing rollups"):
        while True:
            async with connection.transaction():
                taken = await connection.fetch(
                    "DELETE FROM rollup_due WHERE id IN (SELECT id FROM rollup_due ORDER BY id"
                    " LIMIT $1 FOR UPDATE SKIP LOCKED) RETURNING touched",
                    NOTES_PER_ROUND,
                )
                if not taken:
                    return done
                touched = np.unique(np.concatenate([np.array(row[0], np.int64) for row in taken]))
                for start in range(0, len(touched), HOURS_PER_STATEMENT):
                    await recompute(connection, touched[start : start + HOURS_PER_STATEMENT])
                done += len(touched)


async def recompute(connection: Connection, touched: NDArray[np.int64]) -> None:
    """Recompute hours of meters and their days.  Call it in a transaction."""
    # The row that follows a late one rose from it.
    hours, meters = await _with_followers(connection, touched)
    for width, query in ((Width.QUARTER, _QUARTERS), (Width.HOUR, _HOURS)):
        await connection.execute(_forget(width), meters, hours)
        await connection.execute(query, meters, hours)
    await count_hours(connection, meters, hours)
    days = sorted({(meter, hour // 24 * 24) for meter, hour in zip(meters, hours, strict=True)})
    await connection.execute(_DAYS, [meter for meter, _ in days], [hour for _, hour in days])


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


async def _with_followers(
    connection: Connection, touched: NDArray[np.int64]
) -> tuple[list[int], list[int]]:
    """The hours and meters of pairs, and for each the next hour of the meter that has rows."""
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
    pairs = set(zip(hours, meters, strict=True)) | {(row["hour"], row["meter"]) for row in rows}
    ordered = sorted(pairs)
    return [hour for hour, _ in ordered], [meter for _, meter in ordered]


def _forget(width: Width) -> str:
    return (
        f"DELETE FROM rollup_{width} AS r USING unnest($1::integer[], $2::integer[])"  # noqa: S608  a word of ours
        " AS w (meter, hour) WHERE r.meter = w.meter AND r.start >= to_timestamp(w.hour * 3600.0)"
        " AND r.start < to_timestamp((w.hour + 1) * 3600.0)"
    )


_COLUMNS: Final = ", ".join(
    (
        "meter", "channel", "start", "received", "expected",
        *(f"{measure}_{statistic}" for measure in _MEASURES for statistic in _STATISTICS),
        "energy_first", "energy_last", "energy_used",
    )
)  # fmt: skip
# Cycles of meters: as configured, else the shortest of the registry's points.
_CYCLES: Final = """
cycle AS (
    SELECT m.id AS meter, coalesce(
        (SELECT (p.body ->> 'cycle_s')::integer FROM meter_profile AS p WHERE p.meter = m.id
         ORDER BY p.version DESC LIMIT 1),
        (SELECT min((e.body ->> 'cycle_s')::integer) FROM registry_entry AS e
         WHERE e.kind = 'point' AND e.body ->> 'meter' = m.codec || ':' || m.address
         AND NOT EXISTS (SELECT FROM registry_entry AS n WHERE n.kind = e.kind AND n.id = e.id
                         AND n.version > e.version))
    ) AS s FROM meter AS m WHERE m.id IN (SELECT meter FROM wanted)
)"""
_STATISTICS_OF_ROWS: Final = ", ".join(
    f"{function}({measure})::real" for measure in _MEASURES for function in ("avg", "min", "max")
)


def _names_of_statistics() -> list[str]:
    return [f"{measure}_{statistic}" for measure in _MEASURES for statistic in _STATISTICS]


def _measured_columns() -> str:
    return ", ".join(("meter", "channel", "start", "received", *_names_of_statistics()))


def _of_rows(width: Width, seconds: int) -> str:
    """Statement that fills the spans of hours from the rows."""
    span = f"to_timestamp(floor(extract(epoch FROM at) / {seconds}) * {seconds})"
    return f"""
WITH wanted AS MATERIALIZED (
    SELECT w.meter, to_timestamp(w.hour * 3600.0) AS start,
        to_timestamp((w.hour + 1) * 3600.0) AS stop
    FROM unnest($1::integer[], $2::integer[]) AS w (meter, hour)
), {_CYCLES},
candidate AS (
    SELECT r.meter, r.channel, r.at, r.energy_forward, r.period, w.start AS hour,
        coalesce(r.power_total, coalesce(r.power_a, 0) + coalesce(r.power_b, 0)
            + coalesce(r.power_c, 0)
            + CASE WHEN coalesce(r.power_a, r.power_b, r.power_c) IS NULL THEN NULL ELSE 0 END
        )::double precision AS power,
        (SELECT avg(v) FROM unnest(ARRAY[r.voltage_a, r.voltage_b, r.voltage_c]) AS v) AS voltage,
        (SELECT avg(v) FROM unnest(ARRAY[r.current_a, r.current_b, r.current_c]) AS v) AS current,
        r.power_factor_total::double precision AS power_factor,
        bool_or(r.period = 'i') OVER (PARTITION BY r.meter, r.channel, w.start) AS measured
    FROM wanted AS w CROSS JOIN LATERAL (
        SELECT * FROM reading WHERE reading.meter = w.meter AND reading.at >= w.start
        AND reading.at < w.stop AND reading.period IN ('i', 'm')
    ) AS r
), chosen AS (
    SELECT *, {span} AS start FROM candidate WHERE period = 'i' OR NOT measured
), counted AS (
    SELECT meter, channel, period, at, energy_forward,
        lag(energy_forward) OVER (PARTITION BY meter, channel, hour ORDER BY at) AS before, hour
    FROM chosen WHERE energy_forward IS NOT NULL
), risen AS (
    SELECT meter, channel, {span} AS start,
        (array_agg(energy_forward ORDER BY at))[1] AS energy_first,
        (array_agg(energy_forward ORDER BY at DESC))[1] AS energy_last,
        coalesce(sum(greatest(energy_forward - coalesce(before, (
            SELECT p.energy_forward FROM reading AS p
            WHERE p.meter = counted.meter AND p.channel = counted.channel
            AND p.period = counted.period AND p.at < hour
            AND p.at >= hour - interval '{ENERGY_LOOKBACK_H} hours'
            AND p.energy_forward IS NOT NULL ORDER BY p.at DESC LIMIT 1
        )), 0)), 0)::bigint AS energy_used
    FROM counted GROUP BY meter, channel, start
), measured AS (
    SELECT meter, channel, start, count(*)::integer AS received, {_STATISTICS_OF_ROWS}
    FROM chosen GROUP BY meter, channel, start
)
INSERT INTO rollup_{width} ({_COLUMNS})
SELECT m.meter, m.channel, m.start, m.received, coalesce({seconds} / nullif(cycle.s, 0), 0),
    {", ".join(f"m.{name}" for name in _names_of_statistics())},
    risen.energy_first, risen.energy_last, risen.energy_used
FROM measured AS m ({_measured_columns()})
LEFT JOIN risen USING (meter, channel, start) LEFT JOIN cycle ON cycle.meter = m.meter
"""  # noqa: S608  words of ours


_QUARTERS: Final = _of_rows(Width.QUARTER, 900)
_HOURS: Final = _of_rows(Width.HOUR, 3600)


def _of_hours() -> str:
    """Statement that fills days from their hours."""
    statistics = ", ".join(
        f"(sum({measure}_mean::double precision * received)"
        f" / nullif(sum(received) FILTER (WHERE {measure}_mean IS NOT NULL), 0))::real,"
        f" min({measure}_min), max({measure}_max)"
        for measure in _MEASURES
    )
    updates = ", ".join(f"{name} = excluded.{name}" for name in _COLUMNS.split(", ")[3:])
    return f"""
WITH wanted AS MATERIALIZED (
    SELECT w.meter, to_timestamp(w.hour * 3600.0) AS start
    FROM unnest($1::integer[], $2::integer[]) AS w (meter, hour)
), {_CYCLES}
INSERT INTO rollup_day ({_COLUMNS})
SELECT h.meter, h.channel, w.start, sum(h.received)::integer,
    coalesce(86400 / nullif(min(cycle.s), 0), 0), {statistics},
    (array_agg(h.energy_first ORDER BY h.start) FILTER (WHERE h.energy_first IS NOT NULL))[1],
    (array_agg(h.energy_last ORDER BY h.start DESC) FILTER (WHERE h.energy_last IS NOT NULL))[1],
    sum(h.energy_used)::bigint
FROM wanted AS w
JOIN rollup_hour AS h ON h.meter = w.meter AND h.start >= w.start
    AND h.start < w.start + interval '1 day'
LEFT JOIN cycle ON cycle.meter = h.meter
GROUP BY h.meter, h.channel, w.start
ON CONFLICT (meter, channel, start) DO UPDATE SET {updates}
"""  # noqa: S608  words of ours


_DAYS: Final = _of_hours()


def _of_local_days() -> str:
    """Statement that adds up the spans of each day of a zone."""
    statistics = ", ".join(
        f"(sum({measure}_mean::double precision * received)"
        f" / nullif(sum(received) FILTER (WHERE {measure}_mean IS NOT NULL), 0))::real"
        f" AS {measure}_mean, min({measure}_min) AS {measure}_min,"
        f" max({measure}_max) AS {measure}_max"
        for measure in _MEASURES
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
