"""What stations measured at outlets over time: pollutants, beside the power of their lines."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from wattwarden.alarms.registry.nouns import Point
from wattwarden.storage.archive.across import across
from wattwarden.storage.database import Connection, errors
from wattwarden.storage.views.curves import MAX_POINTS
from wattwarden.storage.warden.steps import meter_ids


@dataclass(frozen=True, slots=True)
class Result:
    """A pollutant of an outlet: moments (Unix s, ascending) and amounts in the factor's unit."""

    outlet: str
    factor: str
    at: tuple[int, ...]
    amounts: tuple[float, ...]


# Minute means and readings at once, as the rules read them; hours and days would be a second line.
_QUERY: Final = """
SELECT w.place, p.* FROM unnest($1::integer[], $2::text[], $3::text[], $4::text[],
    $5::timestamptz[], $6::timestamptz[]) AS w (place, name, channel, code, since, until)
JOIN meter AS m ON m.codec = split_part(w.name, ':', 1)
    AND m.address = substr(w.name, strpos(w.name, ':') + 1)
CROSS JOIN LATERAL (
    SELECT array_agg(s.at ORDER BY s.at) AS at, array_agg(s.amount ORDER BY s.at) AS amounts
    FROM (
        SELECT extract(epoch FROM f.at)::bigint AS at,
            f.amounts[array_position(l.codes, w.code)] AS amount
        FROM factor AS f JOIN factor_layout AS l ON l.id = f.layout
        WHERE f.meter = m.id AND f.channel = w.channel AND f.period IN ('i', 'm')
            AND f.at >= w.since AND f.at < w.until AND w.code = ANY(l.codes)
    ) AS s WHERE s.amount IS NOT NULL
) AS p WHERE p.at IS NOT NULL ORDER BY w.place
"""


async def load_results(
    connection: Connection, points: Sequence[Point], since: datetime, until: datetime
) -> list[Result]:
    """Return what was measured of the pollutants of some points, one result an outlet's factor.

    Args:
        connection: To the store.
        points: Those of outlets; units' points are left out.
        since: From when on.
        until: To when, excluded.

    Raises:
        StorageError: The database is away.
    """
    chosen = [one for one in points if one.outlet is not None and one.factor]
    with errors("reading results of outlets"):
        meters = (await meter_ids(connection, [one.meter for one in chosen])).values()
        async with across(connection, meters, since, until):
            rows = await connection.fetch(
                _QUERY,
                list(range(len(chosen))),
                [one.meter for one in chosen],
                [one.channel for one in chosen],
                [one.factor for one in chosen],
                [max(since, one.valid_from) for one in chosen],
                [until if one.valid_to is None else min(until, one.valid_to) for one in chosen],
            )
    found: dict[tuple[str, str], dict[int, float]] = {}
    for row in rows:
        point = chosen[row["place"]]
        # Where an outlet has two stations, the one that was named later says what counts.
        found.setdefault((str(point.outlet), point.factor), {}).update(
            zip(row["at"], row["amounts"], strict=True)
        )
    return [_result(outlet, factor, amounts) for (outlet, factor), amounts in found.items()]


def _result(outlet: str, factor: str, amounts: dict[int, float]) -> Result:
    shown = sorted(amounts)[:: 1 + len(amounts) // MAX_POINTS]
    return Result(outlet, factor, tuple(shown), tuple(amounts[at] for at in shown))
