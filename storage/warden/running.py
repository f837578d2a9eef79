"""What units did, from their published states and from when their meters were heard last.

A state that was published last goes on until its meter has been silent for two cycles, also where
nobody of the firm has been heard since: then nothing has published that it is offline.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from wattwarden.alarms.registry.nouns import Point
from wattwarden.alarms.states.block import HELD_CYCLES
from wattwarden.alarms.states.running import Spell, spells_of
from wattwarden.storage.database import Connection, errors
from wattwarden.storage.registry.records import load_kind

# Most meters said something since; only of the others is more than the newest partitions looked at.
RECENT: Final = timedelta(days=2)


async def spells_by_unit(
    connection: Connection, since: Mapping[str, datetime], until: datetime
) -> dict[str, list[Spell]]:
    """Return what each of some units did, from its own moment to one for all.

    Args:
        connection: To the store.
        since: From when on, by unit.
        until: To when.

    Raises:
        StorageError: The database is away.
    """
    transitions = await _transitions(connection, since, until)
    points = [one for one in await load_kind(connection, Point) if one.unit in since]
    heard = await heard_until(connection, points, until)
    return {
        unit: spells_of(transitions.get(unit, ()), heard.get(unit), begin, until)
        for unit, begin in since.items()
    }


async def heard_until(
    connection: Connection, points: Sequence[Point], until: datetime
) -> dict[str, datetime]:
    """Return until when something is known of each unit that any of some points measures.

    Raises:
        StorageError: The database is away.
    """
    found: dict[str, datetime] = {}
    with errors("looking for the last readings"):
        for unit, at in await _last(connection, points, until - RECENT, until):
            found[unit] = max(at, found.get(unit, at))
        others = [point for point in points if point.unit not in found]
        for unit, at in await _last(connection, others, None, until):
            found[unit] = max(at, found.get(unit, at))
        others = [point for point in points if point.unit not in found]
        for unit, at in await _last_archived(connection, others, until):
            found[unit] = max(at, found.get(unit, at))
    return found


async def _transitions(
    connection: Connection, since: Mapping[str, datetime], until: datetime
) -> dict[str, list[tuple[datetime, str]]]:
    """Transitions of units, the last before their moment included."""
    with errors("reading the states of units"):
        # Materialized: else where a unit begins would be looked for once a transition.
        rows = await connection.fetch(
            "WITH begun AS MATERIALIZED (SELECT u.enterprise, u.id AS unit, coalesce((SELECT"
            " max(b.at) FROM unit_transition AS b WHERE b.enterprise = u.enterprise"
            " AND b.unit = u.id AND b.at <= wanted.since), wanted.since) AS at"
            " FROM unnest($1::text[], $2::timestamptz[]) AS wanted (unit, since)"
            " JOIN (SELECT DISTINCT ON (id) id, body ->> 'enterprise' AS enterprise"
            " FROM registry_entry WHERE kind = 'unit' AND NOT removed AND id = ANY($1)"
            " ORDER BY id, version DESC) AS u ON u.id = wanted.unit)"
            " SELECT t.* FROM begun CROSS JOIN LATERAL (SELECT unit, at, state"
            " FROM unit_transition WHERE enterprise = begun.enterprise AND unit = begun.unit"
            " AND at >= begun.at AND at < $3 ORDER BY at) AS t",
            list(since),
            list(since.values()),
            until,
        )
    found: dict[str, list[tuple[datetime, str]]] = defaultdict(list)
    for row in rows:
        found[row["unit"]].append((row["at"], row["state"]))
    return found


async def _last(
    connection: Connection, points: Iterable[Point], since: datetime | None, until: datetime
) -> list[tuple[str, datetime]]:
    """The last reading of each point, and two cycles more."""
    listed = list(points)
    # A clock that is ahead would know the future: a reading is not later than its receipt.
    rows = await connection.fetch(
        " UNION ALL ".join(_LAST.format(table=table) for table in ("reading", "factor")),  # ours
        list(range(len(listed))),
        [point.meter for point in listed],
        [point.channel for point in listed],
        since,
        until,
    )
    return [
        (str(point.unit), row["at"] + timedelta(seconds=HELD_CYCLES * point.cycle_s))
        for row in rows
        for point in (listed[row["place"]],)
    ]


async def _last_archived(
    connection: Connection, points: Sequence[Point], until: datetime
) -> list[tuple[str, datetime]]:
    """The same of points that were heard last in days that lie in files."""
    rows = await connection.fetch(
        "SELECT w.place, max(l.at) AS at FROM unnest($1::integer[], $2::text[], $3::text[])"
        " AS w (place, name, channel) JOIN meter AS m ON m.codec = split_part(w.name, ':', 1)"
        " AND m.address = substr(w.name, strpos(w.name, ':') + 1)"
        " JOIN archive_last AS l ON l.meter = m.id AND l.channel = w.channel"
        " AND l.period IN ('i', 'm') AND l.at <= $4 GROUP BY w.place",
        list(range(len(points))),
        [point.meter for point in points],
        [point.channel for point in points],
        until,
    )
    return [
        (str(point.unit), row["at"] + timedelta(seconds=HELD_CYCLES * point.cycle_s))
        for row in rows
        for point in (points[row["place"]],)
    ]


_LAST: Final = (
    "SELECT w.place, l.at FROM unnest($1::integer[], $2::text[], $3::text[])"
    " AS w (place, name, channel) JOIN meter AS m ON m.codec = split_part(w.name, ':', 1)"
    " AND m.address = substr(w.name, strpos(w.name, ':') + 1)"
    " CROSS JOIN unnest(ARRAY['i', 'm']::\"char\"[]) AS p (period)"
    " CROSS JOIN LATERAL (SELECT least(r.at, r.received_at) AS at FROM {table} AS r"
    " WHERE r.meter = m.id AND r.channel = w.channel AND r.period = p.period"
    " AND ($4::timestamptz IS NULL OR r.at >= $4) AND r.at <= $5 ORDER BY r.at DESC LIMIT 1) AS l"
)
