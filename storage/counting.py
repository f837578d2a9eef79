"""Counting what came of meters hour by hour, whenever rows came.

Apart from what reads the counts: nothing of the alarms is needed for it.
"""

from collections.abc import Iterable
from typing import Final

from wattwarden.protocol.quality import Quality
from wattwarden.storage.archive.across import across
from wattwarden.storage.database import Connection
from wattwarden.storage.rolling import Pair, forget, parts_of

# A reading with one of these is there, but is not to be relied on.  That it was sent again, or
# timed by its receipt, takes nothing from its values.
INVALID: Final = (
    Quality.CLOCK_AHEAD
    | Quality.CLOCK_OLD
    | Quality.DEFAULT_PARTITION
    | Quality.DOUBTFUL
    | Quality.SECTION_CHECKSUM
)

# A minute's average counts only where a channel has no instantaneous rows in the hour.  $3 to
# before $4: where the hours lie, so that no other day's rows are planned for.
COUNT: Final = f"""
WITH wanted AS MATERIALIZED (
    SELECT w.meter, to_timestamp(w.hour * 3600.0) AS start
    FROM unnest($1::integer[], $2::integer[]) AS w (meter, hour)
), came AS (
    SELECT w.meter, FALSE AS factors, w.start, r.* FROM wanted AS w CROSS JOIN LATERAL (
        SELECT channel, at, quality, period FROM reading
        WHERE meter = w.meter AND at >= w.start AND at < w.start + interval '1 hour'
        AND at >= $3 AND at < $4 AND period IN ('i', 'm') OFFSET 0
    ) AS r
    UNION ALL
    SELECT w.meter, TRUE, w.start, f.* FROM wanted AS w CROSS JOIN LATERAL (
        SELECT channel, at, quality, period FROM factor
        WHERE meter = w.meter AND at >= w.start AND at < w.start + interval '1 hour'
        AND at >= $3 AND at < $4 AND period IN ('i', 'm') OFFSET 0
    ) AS f
), chosen AS (
    SELECT *, bool_or(period = 'i') OVER (PARTITION BY meter, channel, factors, start) AS measured
    FROM came
)
INSERT INTO collected_hour (meter, channel, factors, start, received, valid, slots)
SELECT meter, channel, factors, start, least(count(DISTINCT at), 32767),
    least(count(DISTINCT at) FILTER (WHERE quality & {int(INVALID)} = 0), 32767),
    count(DISTINCT date_bin('5 minutes', at, 'epoch'))
FROM chosen WHERE period = 'i' OR NOT measured
GROUP BY meter, channel, factors, start
"""  # noqa: S608  a number of ours


async def count_hours(connection: Connection, pairs: Iterable[Pair]) -> None:
    """Count the rows of hours of meters anew.  Call it in a transaction."""
    for part in parts_of(pairs):
        await connection.execute(forget("collected_hour"), part.meters, part.hours)
        async with across(connection, set(part.meters), part.since, part.until):
            await connection.execute(COUNT, part.meters, part.hours, part.since, part.until)
