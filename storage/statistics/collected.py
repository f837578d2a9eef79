"""What came of meters, as it was counted hour by hour, read day by day."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from wattwarden.alarms.statistics.collection import DAY_MS, Came, Listened
from wattwarden.alarms.statistics.durations import milliseconds
from wattwarden.storage.database import Connection, errors
from wattwarden.storage.moments import moment_of

# What is due names an hour and a meter in one number, the meter in its lower half.
_METER_MASK: Final = 2**32 - 1


@dataclass(frozen=True, slots=True)
class Heard:
    """Where a point is heard: a meter's number, its channel, readings or factors."""

    meter: int
    channel: str
    factors: bool


async def load_uncounted(connection: Connection, heard: Mapping[str, Heard]) -> dict[str, int]:
    """Return where the first hour begins (ms) of which rows of a point's meter wait to be counted.

    What waits before the last hour that is counted came late: it was counted without that, and is
    in a moment with it.

    Raises:
        StorageError: The database is away.
    """
    with errors("looking for rows that are not counted yet"):
        rows = await connection.fetch(
            "SELECT w.meter, min(w.start) AS start"
            " FROM (SELECT DISTINCT (t & $2)::integer AS meter,"
            " to_timestamp((t >> 32) * 3600.0) AS start FROM rollup_due, unnest(touched) AS t) AS w"
            " WHERE w.meter = ANY($1) AND w.start >= coalesce((SELECT max(c.start)"
            " FROM collected_hour AS c WHERE c.meter = w.meter), '-infinity') GROUP BY w.meter",
            sorted({one.meter for one in heard.values()}),
            _METER_MASK,
        )
    starts = {row["meter"]: milliseconds(row["start"]) for row in rows}
    return {point: starts[one.meter] for point, one in heard.items() if one.meter in starts}


async def load_came(
    connection: Connection,
    listened: Mapping[str, Listened],
    heard: Mapping[str, Heard],
    offsets_ms: Mapping[str, int],
) -> dict[str, dict[int, Came]]:
    """Return what came of points, by the start (ms) of each day of their zone within their span.

    Args:
        connection: To the store.
        listened: The points, each with its span, which begins and ends with an hour.
        heard: Where they are heard; a point whose meter never spoke is left out.
        offsets_ms: How far each point's zone is ahead of UTC.

    Raises:
        StorageError: The database is away.
    """
    points = sorted(set(listened) & set(heard))
    spans = [listened[point].span for point in points]
    with errors("counting what came of meters"):
        rows = await connection.fetch(
            "SELECT w.point, floor((extract(epoch FROM c.start) * 1000 + w.ahead) / $8)::bigint"
            " AS day, sum(c.slots)::integer AS slots, sum(c.received)::integer AS received,"
            " sum(c.valid)::integer AS valid"
            " FROM unnest($1::text[], $2::integer[], $3::text[], $4::boolean[], $5::timestamptz[],"
            " $6::timestamptz[], $7::bigint[])"
            " AS w (point, meter, channel, factors, since, until, ahead)"
            " JOIN collected_hour AS c ON c.meter = w.meter AND c.channel = w.channel"
            " AND c.factors = w.factors AND c.start >= w.since AND c.start < w.until"
            " GROUP BY w.point, day",
            points,
            [heard[point].meter for point in points],
            [heard[point].channel for point in points],
            [heard[point].factors for point in points],
            [moment_of(1000 * span.start) for span in spans],
            [moment_of(1000 * span.end) for span in spans],
            [offsets_ms[point] for point in points],
            DAY_MS,
        )
    found: dict[str, dict[int, Came]] = {point: {} for point in listened}
    for row in rows:
        midnight = row["day"] * DAY_MS - offsets_ms[row["point"]]
        start = max(midnight, listened[row["point"]].span.start)
        found[row["point"]][start] = Came(row["slots"], row["received"], row["valid"])
    return found
