"""Power of units over time: what their meters said, or what quarters and hours of it come to.

a day and less   readings          up to a week   quarters          more   hours
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from wattwarden.alarms.registry.nouns import Point
from wattwarden.storage.archive.across import across
from wattwarden.storage.database import Connection, errors
from wattwarden.storage.warden.steps import meter_ids

# 1,440 readings of a day and 672 quarters of a week are as many as a curve of 800 pixels shows.
RAW_UP_TO: Final = timedelta(hours=26)
QUARTERS_UP_TO: Final = timedelta(days=8)
# A meter of one-second readings would send a page of megabytes: every n-th is shown then.
MAX_POINTS: Final = 3_000


@dataclass(frozen=True, slots=True)
class Curve:
    """A unit's power: moments (Unix s, ascending) and W, each of some ``width`` (0: as read)."""

    unit: str
    width: timedelta
    at: tuple[int, ...]
    watts: tuple[float, ...]


_POWER: Final = (
    "coalesce(r.power_total, CASE WHEN coalesce(r.power_a, r.power_b, r.power_c) IS NOT NULL THEN"
    " coalesce(r.power_a, 0) + coalesce(r.power_b, 0) + coalesce(r.power_c, 0) END)"
)
_WANTED: Final = (
    "SELECT w.place, p.* FROM unnest($1::integer[], $2::text[], $3::text[], $4::float8[],"
    " $5::timestamptz[], $6::timestamptz[]) AS w (place, name, channel, ratio, since, until)"
    " JOIN meter AS m ON m.codec = split_part(w.name, ':', 1)"
    " AND m.address = substr(w.name, strpos(w.name, ':') + 1) CROSS JOIN LATERAL"
    " (SELECT array_agg(extract(epoch FROM s.at)::bigint ORDER BY s.at) AS at,"
    " array_agg(round((s.watts * w.ratio)::numeric, 1)::float8 ORDER BY s.at) AS watts"
    " FROM ({source}) AS s) AS p WHERE p.at IS NOT NULL ORDER BY w.place"
)
_RAW: Final = _WANTED.format(
    source=f"SELECT r.at, {_POWER} AS watts FROM reading AS r WHERE r.meter = m.id"  # noqa: S608  ours
    " AND r.channel = w.channel AND r.period IN ('i', 'm') AND r.at >= w.since AND r.at < w.until"
    f" AND {_POWER} IS NOT NULL"
)
_ROLLED: Final = {
    width: _WANTED.format(
        source=f"SELECT r.start AS at, r.power_mean AS watts FROM {table} AS r"  # noqa: S608  ours
        " WHERE r.meter = m.id AND r.channel = w.channel AND r.start >= w.since"
        " AND r.start < w.until AND r.power_mean IS NOT NULL"
    )
    for table, width in (
        ("rollup_15min", timedelta(minutes=15)),
        ("rollup_hour", timedelta(hours=1)),
    )
}


async def load_curves(
    connection: Connection, points: Sequence[Point], since: datetime, until: datetime
) -> list[Curve]:
    """Return the power of the units of some points, one curve a unit that said something.

    Args:
        connection: To the store.
        points: Of meters' electricity; factors are left out.
        since: From when on.
        until: To when, excluded.

    Raises:
        StorageError: The database is away, or a file of archived days cannot be read.
    """
    chosen = [one for one in points if one.unit is not None and not one.factor]
    width = width_of(until - since)
    query = _ROLLED.get(width, _RAW)
    with errors("reading curves"):
        # Rollups stay where they are when their rows become files.
        names = [one.meter for one in chosen] if query is _RAW else []
        meters = (await meter_ids(connection, names)).values()
        async with across(connection, meters, since, until):
            rows = await connection.fetch(
                query,
                list(range(len(chosen))),
                [one.meter for one in chosen],
                [one.channel for one in chosen],
                [one.ct * one.pt for one in chosen],
                [max(since, one.valid_from) for one in chosen],
                [until if one.valid_to is None else min(until, one.valid_to) for one in chosen],
            )
    found: dict[str, list[tuple[int, float]]] = {}
    for row in rows:
        unit = str(chosen[row["place"]].unit)
        found.setdefault(unit, []).extend(zip(row["at"], row["watts"], strict=True))
    return [_curve(unit, width, sorted(pairs)) for unit, pairs in found.items()]


def width_of(length: timedelta) -> timedelta:
    """Return how wide the points of a curve of some length are; 0: as they were read."""
    if length <= RAW_UP_TO:
        return timedelta(0)
    return timedelta(minutes=15) if length <= QUARTERS_UP_TO else timedelta(hours=1)


def _curve(unit: str, width: timedelta, pairs: Sequence[tuple[int, float]]) -> Curve:
    shown = pairs[:: 1 + len(pairs) // MAX_POINTS]
    return Curve(unit, width, tuple(at for at, _ in shown), tuple(watts for _, watts in shown))
