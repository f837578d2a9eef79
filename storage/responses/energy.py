"""What units used in stretches of time, in Wh, from quarters of an hour of their meters.

Of a quarter the counter's rise counts, where the meter has a counter, else its mean power.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from wattwarden.alarms.registry.nouns import Point
from wattwarden.alarms.responses.assessment import Window
from wattwarden.storage.database import Connection, errors

_QUARTER: Final = timedelta(minutes=15)


class Used(NamedTuple):
    """Wh, and which share of the time they are known of."""

    energy: float
    known: float


@dataclass(frozen=True, slots=True)
class Asked:
    """A unit, and windows in which its energy is wanted, as one sum."""

    unit: str
    windows: Sequence[Window]


async def energy_of(
    connection: Connection, points: Sequence[Point], asked: Sequence[Asked]
) -> list[Used]:
    """Return the energy of each unit in its windows, in the order asked.

    Args:
        connection: To the store.
        points: Of the units, as the registry has them; those of factors tell no energy.
        asked: What is wanted.

    Raises:
        StorageError: The database is away.
    """
    by_unit: dict[str, list[Point]] = {}
    for point in points:
        if point.unit is not None and not point.factor:
            by_unit.setdefault(point.unit, []).append(point)
    pieces = [piece for place, one in enumerate(asked) for piece in _pieces(place, one, by_unit)]
    with errors("adding up energy"):
        rows = await connection.fetch(
            "SELECT w.place, count(r.start) AS quarters,"
            " sum(w.ratio * coalesce(r.energy_used, r.power_mean / 4)) AS energy"
            " FROM unnest($1::integer[], $2::text[], $3::text[], $4::double precision[],"
            " $5::timestamptz[], $6::timestamptz[])"
            " AS w (place, name, channel, ratio, since, until)"
            " JOIN meter AS m ON m.codec = split_part(w.name, ':', 1)"
            " AND m.address = substr(w.name, strpos(w.name, ':') + 1)"
            " JOIN rollup_15min AS r ON r.meter = m.id AND r.channel = w.channel"
            " AND r.start >= w.since AND r.start < w.until"
            " WHERE coalesce(r.energy_used, r.power_mean) IS NOT NULL GROUP BY w.place",
            *(list(column) for column in zip(*pieces, strict=True)) if pieces else ([],) * 6,
        )
    found = {row["place"]: (float(row["energy"]), int(row["quarters"])) for row in rows}
    return [_used(one, *found.get(place, (0.0, 0))) for place, one in enumerate(asked)]


def _pieces(
    place: int, asked: Asked, points: Mapping[str, Sequence[Point]]
) -> Iterator[tuple[int, str, str, float, datetime, datetime]]:
    """Yield what each point of a unit measured of each window."""
    for point in points.get(asked.unit, ()):
        for window in asked.windows:
            since = max(window.start, point.valid_from)
            until = min(window.end, point.valid_to or window.end)
            if since < until:
                yield place, point.meter, point.channel, point.ct * point.pt, since, until


def _used(asked: Asked, energy: float, quarters: int) -> Used:
    """Relate the quarters that are known to all that begin in the windows."""
    whole = sum(window.seconds for window in asked.windows) / _QUARTER.total_seconds()
    return Used(energy, min(1.0, quarters / whole) if whole else 0.0)
