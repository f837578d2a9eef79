"""Statements that make rollups anew from the rows of hours, and days from their hours.

Each takes hours of meters that lie in one day (UTC), with that day's bounds as values: only the
day's partitions and the one before, for counters, are planned and locked, however many there are.
Rows are sought meter by meter through the key (OFFSET 0 keeps a join from being made of it): a
plan that follows from statistics reads whole days where a database is too young to have any.
"""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from typing import Final

from wattwarden.storage.archive.across import across
from wattwarden.storage.database import Connection
from wattwarden.storage.moments import moment_of

HOUR_US: Final = 3_600_000_000
# A meter that was away for longer says nothing of when the energy was used meanwhile.
ENERGY_LOOKBACK_H: Final = 24
MEASURES: Final = ("power", "voltage", "current", "power_factor")

_DAY_HOURS: Final = 24
_STATISTICS: Final = ("mean", "min", "max")

Pair = tuple[int, int]
"""An hour since 1970-01-01 UTC, and a meter."""


@dataclass(frozen=True, slots=True)
class Part:
    """Hours of meters that lie in one day (UTC): from ``since`` to before ``until``."""

    midnight: datetime
    hours: list[int]
    meters: list[int]

    @property
    def since(self) -> datetime:
        """Return where the first hour begins."""
        return moment_of(self.hours[0] * HOUR_US)

    @property
    def until(self) -> datetime:
        """Return where the last hour ends."""
        return moment_of((self.hours[-1] + 1) * HOUR_US)


def parts_of(pairs: Iterable[Pair]) -> Iterator[Part]:
    """Yield pairs day by day, in order."""
    for day, some in groupby(sorted(pairs), key=lambda pair: pair[0] // _DAY_HOURS):
        part = list(some)
        midnight = moment_of(day * _DAY_HOURS * HOUR_US)
        yield Part(midnight, [hour for hour, _ in part], [meter for _, meter in part])


async def roll_up(connection: Connection, pairs: Iterable[Pair]) -> None:
    """Make quarters, hours and days of meters anew.  Call it in a transaction."""
    for part in parts_of(pairs):
        ours = sorted(set(part.meters))
        cycles = await cycles_of(connection, ours)
        for table in ("rollup_15min", "rollup_hour"):
            await connection.execute(forget(table), part.meters, part.hours)
        first = part.since - timedelta(hours=ENERGY_LOOKBACK_H)
        async with across(connection, ours, first, part.until):
            await connection.execute(
                SPANS,
                part.meters,
                part.hours,
                [cycles.get(meter, 0) for meter in part.meters],
                part.since,
                part.until,
                first,
            )
        expected = [cycles.get(meter, 0) for meter in ours]
        await connection.execute(_DAYS, ours, expected, part.midnight)


async def forget_before(connection: Connection, until: datetime) -> None:
    """Delete what was made of rows before a moment: those are kept no longer themselves."""
    for table in ("rollup_15min", "rollup_hour", "rollup_day", "collected_hour"):
        await connection.execute(f"DELETE FROM {table} WHERE start < $1", until)  # noqa: S608  ours


def forget(table: str) -> str:
    """Return the statement that takes the spans of hours ($2) of meters ($1) out of a table."""
    return (
        f"DELETE FROM {table} WHERE ctid = ANY (ARRAY(SELECT r.ctid"  # noqa: S608  a word of ours
        " FROM unnest($1::integer[], $2::integer[]) AS w (meter, hour) CROSS JOIN LATERAL"
        f" (SELECT s.ctid FROM {table} AS s WHERE s.meter = w.meter"
        " AND s.start >= to_timestamp(w.hour * 3600.0)"
        " AND s.start < to_timestamp((w.hour + 1) * 3600.0) OFFSET 0) AS r))"
    )


async def cycles_of(connection: Connection, meters: Collection[int]) -> dict[int, int]:
    """Return the cycles (s) of meters: as configured, else the shortest of their points."""
    rows = await connection.fetch(
        "SELECT DISTINCT ON (meter) meter, (body ->> 'cycle_s')::integer AS s FROM meter_profile"
        " WHERE meter = ANY($1) ORDER BY meter, version DESC",
        sorted(meters),
    )
    found = {row["meter"]: row["s"] for row in rows if row["s"] is not None}
    missing = sorted(set(meters) - set(found))
    if missing:
        rows = await connection.fetch(_OF_POINTS, missing)
        found |= {row["meter"]: row["s"] for row in rows}
    return found


_OF_POINTS: Final = """
SELECT m.id AS meter, min((e.body ->> 'cycle_s')::integer) AS s
FROM (SELECT DISTINCT ON (id) body FROM registry_entry WHERE kind = 'point'
    ORDER BY id, version DESC) AS e
JOIN meter AS m ON m.codec || ':' || m.address = e.body ->> 'meter'
WHERE m.id = ANY($1) GROUP BY m.id
"""
_NAMES: Final = tuple(f"{measure}_{name}" for measure in MEASURES for name in _STATISTICS)
_COLUMNS: Final = ", ".join(
    (
        *("meter", "channel", "start", "received", "expected"),
        *_NAMES,
        *("energy_first", "energy_last", "energy_used"),
    )
)
_STATISTICS_OF_ROWS: Final = ", ".join(
    f"{function}({measure})::real" for measure in MEASURES for function in ("avg", "min", "max")
)


def _phases(quantity: str) -> str:
    """Return the mean of those phases of a quantity that a row has."""
    of = [f"{quantity}_{phase}" for phase in "abc"]
    total = " + ".join(f"coalesce({name}, 0)::float8" for name in of)
    return f"({total}) / nullif(num_nonnulls({', '.join(of)}), 0)"


def _spans_of(start: str, seconds: int) -> str:
    """Return what the rows of each span come to, whose begin is a column of theirs."""
    return f"""
SELECT meter, channel, {start}, count(*)::integer, coalesce({seconds} / nullif(cycle_s, 0), 0),
    {_STATISTICS_OF_ROWS},
    (array_agg(energy_forward ORDER BY at) FILTER (WHERE energy_forward IS NOT NULL))[1],
    (array_agg(energy_forward ORDER BY at DESC) FILTER (WHERE energy_forward IS NOT NULL))[1],
    sum(rise)::bigint
FROM chosen GROUP BY meter, channel, {start}, cycle_s"""  # noqa: S608  words of ours


# $1 meters, $2 hours, $3 cycles or 0; $4 to before $5: where the hours lie; $6: the first moment
# at which a counter's last value before them counts.
SPANS: Final = f"""
WITH wanted AS MATERIALIZED (
    SELECT w.meter, w.cycle_s, to_timestamp(w.hour * 3600.0) AS hour
    FROM unnest($1::integer[], $2::integer[], $3::integer[]) AS w (meter, hour, cycle_s)
), candidate AS (
    SELECT w.*, r.*,
        bool_or(r.period = 'i') OVER (PARTITION BY w.meter, r.channel, w.hour) AS measured
    FROM wanted AS w CROSS JOIN LATERAL (
        SELECT channel, period, at, energy_forward,
            coalesce(power_total, CASE WHEN num_nonnulls(power_a, power_b, power_c) > 0 THEN
                coalesce(power_a, 0) + coalesce(power_b, 0) + coalesce(power_c, 0) END
            )::float8 AS power,
            {_phases("voltage")} AS voltage, {_phases("current")} AS current,
            power_factor_total::float8 AS power_factor
        FROM reading WHERE meter = w.meter AND at >= w.hour AND at < w.hour + interval '1 hour'
        AND at >= $4 AND at < $5 AND period IN ('i', 'm') OFFSET 0
    ) AS r
), chosen AS MATERIALIZED (
    SELECT *, date_bin('15 minutes', at, 'epoch') AS quarter,
        CASE WHEN energy_forward IS NOT NULL THEN greatest(energy_forward - coalesce(
            lag(energy_forward) OVER (
                PARTITION BY meter, channel, hour, energy_forward IS NULL ORDER BY at
            ), (
                SELECT p.energy_forward FROM reading AS p
                WHERE p.meter = candidate.meter AND p.channel = candidate.channel
                AND p.period = candidate.period AND p.at < hour
                AND p.at >= hour - interval '{ENERGY_LOOKBACK_H} hours'
                AND p.at >= $6 AND p.at < $5
                AND p.energy_forward IS NOT NULL ORDER BY p.at DESC LIMIT 1
            )), 0) END AS rise
    FROM candidate WHERE period = 'i' OR NOT measured
), quarters AS (
    INSERT INTO rollup_15min ({_COLUMNS}) {_spans_of("quarter", 900)}
)
INSERT INTO rollup_hour ({_COLUMNS}) {_spans_of("hour", 3600)}
"""  # noqa: S608  words of ours


def _of_hours() -> str:
    """Statement that fills the day that begins at $3 of meters $1, with cycles $2, from hours."""
    statistics = ", ".join(
        f"(sum({measure}_mean::float8 * received)"
        f" / nullif(sum(received) FILTER (WHERE {measure}_mean IS NOT NULL), 0))::real,"
        f" min({measure}_min), max({measure}_max)"
        for measure in MEASURES
    )
    updates = ", ".join(f"{name} = excluded.{name}" for name in _COLUMNS.split(", ")[3:])
    return f"""
INSERT INTO rollup_day ({_COLUMNS})
SELECT w.meter, h.channel, $3, sum(h.received)::integer,
    coalesce(86400 / nullif(w.cycle_s, 0), 0), {statistics},
    (array_agg(h.energy_first ORDER BY h.start) FILTER (WHERE h.energy_first IS NOT NULL))[1],
    (array_agg(h.energy_last ORDER BY h.start DESC) FILTER (WHERE h.energy_last IS NOT NULL))[1],
    sum(h.energy_used)::bigint
FROM unnest($1::integer[], $2::integer[]) AS w (meter, cycle_s) CROSS JOIN LATERAL (
    SELECT * FROM rollup_hour AS r WHERE r.meter = w.meter
    AND r.start >= $3::timestamptz AND r.start < $3::timestamptz + interval '1 day' OFFSET 0
) AS h GROUP BY w.meter, w.cycle_s, h.channel
ON CONFLICT (meter, channel, start) DO UPDATE SET {updates}
"""  # noqa: S608  words of ours


_DAYS: Final = _of_hours()
