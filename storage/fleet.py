"""All meters a page at a time: whose, since when heard, by which connection."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from wattwarden.storage.database import Connection, errors
from wattwarden.storage.meters import MeterState
from wattwarden.storage.text import like_of

# As many as somebody reads.
PAGE: Final = 50
# Of connections: two days of a bad line.
EVENTS: Final = 30
# Rollups of an hour stand within minutes after its first row.
RECENT: Final = timedelta(hours=1)


class Heard(StrEnum):
    """Whether a meter reports: within an hour, before, or never."""

    NOW = "now"
    BEFORE = "before"
    NEVER = "never"


@dataclass(frozen=True, slots=True)
class FleetMeter:
    """A meter with the unit and the firm of a point on it, "" where it has none."""

    id: int
    codec: str
    address: str
    state: MeterState
    enrolled_at: datetime
    firm: str
    firm_name: str
    unit_name: str
    heard_at: datetime | None
    session: str | None
    session_at: datetime | None
    peer: str | None

    @property
    def name(self) -> str:
        """How commands call it."""
        return f"{self.codec}:{self.address}"

    def heard(self, now: datetime) -> Heard:
        """Tell whether it reports."""
        if self.heard_at is None:
            return Heard.NEVER
        return Heard.NOW if self.heard_at > now - RECENT else Heard.BEFORE


@dataclass(frozen=True, slots=True)
class FleetCount:
    """How many meters there are, how many of them report, wait to be accepted, and frames wait."""

    meters: int
    reporting: int
    unconfirmed: int
    held: int


@dataclass(frozen=True, slots=True)
class SessionEvent:
    """What happened to a connection of a meter."""

    at: datetime
    what: str
    peer: str
    gateway: str
    reason: str


_POINTS: Final = """
WITH newest AS (
    SELECT DISTINCT ON (kind, id) kind, id, body FROM registry_entry
    WHERE kind IN ('point', 'unit', 'outlet', 'enterprise') ORDER BY kind, id, version DESC
), points AS MATERIALIZED (
    SELECT DISTINCT ON (p.body ->> 'meter') p.body ->> 'meter' AS meter, f.id AS firm,
        f.body ->> 'name' AS firm_name, o.body ->> 'name' AS unit_name
    FROM newest AS p
    JOIN newest AS o ON o.kind IN ('unit', 'outlet')
        AND o.id = coalesce(p.body ->> 'unit', p.body ->> 'outlet')
    JOIN newest AS f ON f.kind = 'enterprise' AND f.id = o.body ->> 'enterprise'
    WHERE p.kind = 'point' ORDER BY p.body ->> 'meter', p.body ->> 'valid_from' DESC
), known AS MATERIALIZED (
    SELECT jsonb_object_agg(meter, to_jsonb(points)) AS points FROM points
    WHERE {names}::text[] IS NULL OR meter = ANY({names})
)
"""
# Names of meters choose among points that were put together: chosen before, few of them are planned
# as one, and all units gone through for each.
# Points are looked up in one value: a join with what was just put together is planned as if it were
# a single row, and goes through all points once a meter.
_CHOSEN: Final = """
    FROM meter AS m CROSS JOIN known AS k CROSS JOIN LATERAL (SELECT
        k.points -> (m.codec || ':' || m.address) AS point OFFSET 0) AS l
    CROSS JOIN LATERAL (SELECT l.point ->> 'firm' AS firm, l.point ->> 'firm_name' AS firm_name,
        l.point ->> 'unit_name' AS unit_name) AS p
    WHERE ($1::text[] IS NULL OR p.firm = ANY($1))
"""
_LIST: Final = f"""
{_POINTS.format(names="$8")}, chosen AS (
    SELECT m.id, m.codec, m.address, m.state, m.enrolled_at, coalesce(p.firm, '') AS firm,
        coalesce(p.firm_name, '') AS firm_name, coalesce(p.unit_name, '') AS unit_name
    {_CHOSEN} AND m.id > $2::bigint AND ($3 = '' OR m.state = $3)
        AND ($4 = '' OR concat_ws(' ', m.codec || ':' || m.address, p.firm_name, p.unit_name)
            ILIKE $5)
    ORDER BY m.id LIMIT $6
)
SELECT c.*, r.heard_at, s.what AS session, s.at AS session_at, s.peer
FROM chosen AS c
LEFT JOIN LATERAL (SELECT max(start) AS start FROM collected_hour WHERE meter = c.id) AS h ON TRUE
LEFT JOIN LATERAL (SELECT max(at) AS heard_at FROM (
    SELECT max(at) AS at FROM reading WHERE meter = c.id AND at >= coalesce(h.start, $7)
    UNION ALL SELECT max(at) FROM factor WHERE meter = c.id AND at >= coalesce(h.start, $7)
    UNION ALL SELECT h.start) AS both_kinds) AS r ON TRUE
LEFT JOIN LATERAL (SELECT what, at, peer FROM session_event
    WHERE identity = c.address AND codec = c.codec AND what <> 'denied'
    ORDER BY at DESC LIMIT 1) AS s ON TRUE
ORDER BY c.id
"""  # noqa: S608  put together of texts of this module
_COUNTS: Final = """
SELECT count(*) AS meters, count(*) FILTER (WHERE state = 'unconfirmed') AS unconfirmed,
    count(*) FILTER (WHERE EXISTS (SELECT FROM collected_hour AS h
        WHERE h.meter = chosen.id AND h.start >= $1)) AS reporting,
    (SELECT count(*) FROM (SELECT FROM quarantine WHERE state = 'open' LIMIT 10000) AS q) AS held
"""
_COUNT_ALL: Final = f"{_COUNTS} FROM meter AS chosen"
_COUNT: Final = f"""
{_POINTS.format(names="$3")}, chosen AS (SELECT m.id, m.state {_CHOSEN.replace("$1", "$2")})
{_COUNTS} FROM chosen
"""  # noqa: S608  as above
# By any version of a point: more than those that are the firms' now, and quickly found.
_NAMES: Final = """
SELECT DISTINCT body ->> 'meter' FROM registry_entry WHERE kind = 'point'
AND coalesce(body ->> 'unit', body ->> 'outlet') IN (SELECT id FROM registry_entry
    WHERE kind IN ('unit', 'outlet') AND body ->> 'enterprise' = ANY($1))
"""
_NEXT: Final = """
SELECT codec || ':' || address FROM meter
WHERE id > $1::bigint AND ($2 = '' OR state = $2) ORDER BY id LIMIT $3
"""


async def list_fleet(
    connection: Connection,
    firms: Collection[str] | None,
    now: datetime,
    *,
    said: str = "",
    state: MeterState | None = None,
    after: int = 0,
    only: int | None = None,
) -> list[FleetMeter]:
    """Return meters by their number, one more than a page where there are more.

    Args:
        connection: To the store.
        firms: Only those with a point of these; None for all, also those that belong to nobody.
        now: The system's time.
        said: Only those whose name, firm or unit holds this text.
        state: Only those in this state.
        after: Only those with a higher number.
        only: The one with this number.

    Raises:
        StorageError: The database is away.
    """
    first = after if only is None else only - 1
    wanted, most = "" if state is None else state, PAGE + 1 if only is None else 1
    with errors("listing meters"):
        # Points of meters that cannot be in it are left out: a city has thousands.
        names = None
        if only is not None or (firms is None and not said):
            names = await _column(connection, _NEXT, first, wanted, most)
        elif firms is not None:
            names = await _column(connection, _NAMES, sorted(firms))
        rows = await connection.fetch(
            _LIST,
            None if firms is None else sorted(firms),
            first,
            wanted,
            said,
            like_of(said),
            most,
            now - 3 * RECENT,
            names,
        )
    found = [FleetMeter(**{**row, "state": MeterState(row["state"])}) for row in rows]
    return [one for one in found if only is None or one.id == only]


async def count_fleet(
    connection: Connection, firms: Collection[str] | None, now: datetime
) -> FleetCount:
    """Return how many meters of firms (None: all) there are and report.

    Raises:
        StorageError: The database is away.
    """
    since = now - 2 * RECENT
    with errors("counting meters"):
        if firms is None:
            (row,) = await connection.fetch(_COUNT_ALL, since)
        else:
            wanted = sorted(firms)
            names = await _column(connection, _NAMES, wanted)
            (row,) = await connection.fetch(_COUNT, since, wanted, names)
    return FleetCount(**row)


async def session_events(connection: Connection, codec: str, address: str) -> list[SessionEvent]:
    """Return what happened to a meter's connections, the latest first.

    Raises:
        StorageError: The database is away.
    """
    with errors("reading connections of a meter"):
        rows = await connection.fetch(
            "SELECT at, what, peer, gateway, reason FROM session_event"
            " WHERE identity = $1 AND codec = $2 ORDER BY at DESC LIMIT $3",
            address,
            codec,
            EVENTS,
        )
    return [SessionEvent(**row) for row in rows]


async def _column(connection: Connection, query: str, *values: object) -> list[str]:
    return [row[0] for row in await connection.fetch(query, *values) if row[0] is not None]
