"""Counting what came of meters hour by hour, whenever rows came.

Apart from what reads the counts: the archivist needs nothing of the alarms for it.
"""

from collections.abc import Sequence
from typing import Final

from wattwarden.protocol.quality import Quality
from wattwarden.storage.database import Connection

# A reading with one of these is there, but is not to be relied on.  That it was sent again, or
# timed by its receipt, takes nothing from its values.
INVALID: Final = (
    Quality.CLOCK_AHEAD
    | Quality.CLOCK_OLD
    | Quality.DEFAULT_PARTITION
    | Quality.DOUBTFUL
    | Quality.SECTION_CHECKSUM
)

_FORGET: Final = (
    "DELETE FROM collected_hour AS c USING unnest($1::integer[], $2::integer[]) AS w (meter, hour)"
    " WHERE c.meter = w.meter AND c.start = to_timestamp(w.hour * 3600.0)"
)
# A minute's average counts only where a channel has no instantaneous rows in the hour.
_COUNT: Final = f"""
WITH wanted AS MATERIALIZED (
    SELECT w.meter, to_timestamp(w.hour * 3600.0) AS start,
        to_timestamp((w.hour + 1) * 3600.0) AS stop
    FROM unnest($1::integer[], $2::integer[]) AS w (meter, hour)
), came AS (
    SELECT r.meter, r.channel, FALSE AS factors, w.start, r.at, r.quality, r.period
    FROM wanted AS w JOIN reading AS r
        ON r.meter = w.meter AND r.at >= w.start AND r.at < w.stop AND r.period IN ('i', 'm')
    UNION ALL
    SELECT f.meter, f.channel, TRUE, w.start, f.at, f.quality, f.period
    FROM wanted AS w JOIN factor AS f
        ON f.meter = w.meter AND f.at >= w.start AND f.at < w.stop AND f.period IN ('i', 'm')
), chosen AS (
    SELECT *, bool_or(period = 'i') OVER (PARTITION BY meter, channel, factors, start) AS measured
    FROM came
)
INSERT INTO collected_hour (meter, channel, factors, start, received, valid, slots)
SELECT meter, channel, factors, start, least(count(DISTINCT at), 32767),
    least(count(DISTINCT at) FILTER (WHERE quality & {int(INVALID)} = 0), 32767),
    count(DISTINCT floor(extract(epoch FROM at) / 300))
FROM chosen WHERE period = 'i' OR NOT measured
GROUP BY meter, channel, factors, start
"""  # noqa: S608  a number of ours


async def count_hours(connection: Connection, meters: Sequence[int], hours: Sequence[int]) -> None:
    """Count the rows of hours (since 1970) of meters anew.  Call it in a transaction."""
    await connection.execute(_FORGET, meters, hours)
    await connection.execute(_COUNT, meters, hours)
