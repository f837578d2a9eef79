"""How far off the clocks of meters are, by their live readings, hour by hour.

    hours that got rows ─ measure_clocks (with their rollups) ─► meter_clock ─► people, time sync

A reading tells what the clock was off when it came at once.  What the meter marked as a later
repetition does not count, and of what came in a burst one does; the median outvotes the rest.  Of a
meter whose own time is not kept (policy ``server``) nothing can be measured.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from wattwarden.protocol.codec import ClockPolicy
from wattwarden.protocol.quality import Quality
from wattwarden.storage.archive.across import across
from wattwarden.storage.database import Connection, errors
from wattwarden.storage.rolling import Pair, cycles_of, parts_of

# Where no cycle is known, what comes within a minute is one burst.
ANY_CYCLE_S: Final = 60
# A burst that came late is outvoted by the others of these.
LAGS: Final = 10
# Fewer say little, unless the meter makes no more in an hour.
LEAST_LAGS: Final = 4

# A meter over GPRS is a few seconds off by the way alone; half a minute moves no slot.
SYNC_FROM_S: Final = 30.0
# A command is carried out at once or when the meter is back; then some readings have to come.
SYNC_PAUSE: Final = timedelta(hours=6)
# A city whose clocks were all reset by a fault is set right within the hour.
SYNCS_AT_ONCE: Final = 200

_UNTOLD: Final = int(Quality.BACKFILL | Quality.NO_CLOCK | Quality.CLOCK_SERVER)


@dataclass(frozen=True, slots=True)
class MeterClock:
    """How far a clock is ahead (below 0: behind), by how many readings, and when that was.

    ``synced_at``: when it was last to be set right, by ``command``, and how often in all.
    """

    meter: int
    skew_s: float
    readings: int
    measured_at: datetime
    synced_at: datetime | None
    command: int | None
    syncs: int


async def measure_clocks(connection: Connection, pairs: Iterable[Pair]) -> None:
    """Measure clocks in hours that got rows; the newest stays.  Call it in a transaction."""
    for part in parts_of(pairs):
        cycles = await cycles_of(connection, set(part.meters))
        async with across(connection, set(part.meters), part.since, part.until):
            await connection.execute(
                _MEASURE,
                part.meters,
                part.hours,
                [cycles.get(meter) or ANY_CYCLE_S for meter in part.meters],
                part.since,
                part.until,
            )


async def read_clocks(
    connection: Connection, meters: Collection[int] | None = None
) -> dict[int, MeterClock]:
    """Return what is known of the clocks of meters (None: of all), by meter.

    Raises:
        StorageError: The database is away.
    """
    with errors("reading clocks"):
        rows = await connection.fetch(
            "SELECT * FROM meter_clock WHERE $1::integer[] IS NULL OR meter = ANY($1)",
            None if meters is None else sorted(meters),
        )
    return {row["meter"]: MeterClock(**dict(row)) for row in rows}


@dataclass(frozen=True, slots=True)
class Astray:
    """A meter whose clock is to be set right, and by how much it is off."""

    meter: int
    skew_s: float


async def astray(connection: Connection, now: datetime) -> list[Astray]:
    """Return the meters with the policy ``sync`` whose clocks are off, those off most first.

    One that was to be set is asked again when it was measured after that, and some time passed.

    Raises:
        StorageError: The database is away.
    """
    with errors("asking whose clocks are off"):
        rows = await connection.fetch(
            "SELECT c.meter, c.skew_s FROM meter_clock AS c CROSS JOIN LATERAL (SELECT body"
            " FROM meter_profile AS p WHERE p.meter = c.meter ORDER BY version DESC LIMIT 1) AS p"
            " WHERE abs(c.skew_s) >= $1 AND p.body ->> 'clock' = $2 AND (c.synced_at IS NULL"
            " OR c.measured_at > c.synced_at AND c.synced_at < $3) ORDER BY abs(c.skew_s) DESC"
            " LIMIT $4",
            SYNC_FROM_S,
            str(ClockPolicy.SYNC),
            now - SYNC_PAUSE,
            SYNCS_AT_ONCE,
        )
    return [Astray(row["meter"], row["skew_s"]) for row in rows]


async def note_sync(connection: Connection, meter: int, command: int, now: datetime) -> None:
    """Note that a clock is to be set right by a command.

    Raises:
        StorageError: The database is away.
    """
    with errors("noting a time sync"):
        await connection.execute(
            "UPDATE meter_clock SET synced_at = $2, command = $3, syncs = syncs + 1"
            " WHERE meter = $1",
            meter,
            now,
            command,
        )


# A minute's row is of the minute's beginning, and comes when it is over.
_MEASURE: Final = f"""
WITH wanted AS MATERIALIZED (
    SELECT w.meter, w.cycle_s, to_timestamp(w.hour * 3600.0) AS start
    FROM unnest($1::integer[], $2::integer[], $3::integer[]) AS w (meter, hour, cycle_s)
), came AS (
    SELECT w.*, r.* FROM wanted AS w CROSS JOIN LATERAL (
        SELECT at, received_at, period FROM reading WHERE meter = w.meter
        AND at >= w.start AND at < w.start + interval '1 hour'
        AND at >= $4 AND at < $5 AND period IN ('i', 'm') AND quality & {_UNTOLD} = 0 OFFSET 0
    ) AS r
    UNION ALL
    SELECT w.*, f.* FROM wanted AS w CROSS JOIN LATERAL (
        SELECT at, received_at, period FROM factor WHERE meter = w.meter
        AND at >= w.start AND at < w.start + interval '1 hour'
        AND at >= $4 AND at < $5 AND period IN ('i', 'm') AND quality & {_UNTOLD} = 0 OFFSET 0
    ) AS f
), lags AS (
    SELECT DISTINCT ON (meter, burst) meter, cycle_s, received_at,
        extract(epoch FROM at - received_at) + CASE period WHEN 'm' THEN cycle_s ELSE 0 END AS lag
    FROM (SELECT *, floor(extract(epoch FROM received_at) / cycle_s) AS burst FROM came) AS c
    ORDER BY meter, burst, at DESC
), last AS (
    SELECT *, row_number() OVER (PARTITION BY meter ORDER BY received_at DESC) AS place FROM lags
), measured AS (
    SELECT meter, percentile_cont(0.5) WITHIN GROUP (ORDER BY lag)::real AS skew_s,
        count(*)::smallint AS readings, max(received_at) AS measured_at, max(cycle_s) AS cycle_s
    FROM last WHERE place <= {LAGS} GROUP BY meter
)
INSERT INTO meter_clock (meter, skew_s, readings, measured_at)
SELECT meter, skew_s, readings, measured_at FROM measured
WHERE readings >= least({LEAST_LAGS}, greatest(1, 3600 / cycle_s))
ON CONFLICT (meter) DO UPDATE SET skew_s = excluded.skew_s, readings = excluded.readings,
    measured_at = excluded.measured_at
WHERE meter_clock.measured_at <= excluded.measured_at
"""  # noqa: S608  numbers of ours
