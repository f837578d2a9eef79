"""What is missing of meters: stretches between two readings that are further apart than a cycle.

    hours that got rows ─ note_gaps (with their rollups) ─► gap ─ read_gaps ─► days, people
                                                              └─ recalls ─► commands

A stretch is told from the two moments at its ends, not from empty minutes: a meter whose minute
drifts misses none.  A late reading that falls into a gap parts it, or ends it.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta, tzinfo
from math import ceil
from typing import Final, NamedTuple

from wattwarden.protocol.quality import Quality
from wattwarden.storage.archive.across import across
from wattwarden.storage.database import Connection, errors
from wattwarden.storage.moments import moment_of
from wattwarden.storage.rolling import HOUR_US, Pair, cycles_of, parts_of

# A meter that was away for longer has forgotten what it owes, and is asked for nothing of it.
LONGEST: Final = timedelta(days=31)
# A meter's next reading comes up to half a cycle late: clocks and schedulers jitter.
MOST_CYCLES: Final = 1.5
# A reading that is under way, and rollups that are computed once a minute, are not missing.
AWAY_CYCLES: Final = 3
AWAY: Final = timedelta(minutes=5)
# One page of a list; the next begins behind its last gap.
MOST_GAPS: Final = 10_000

# A reading at a time that cannot be right says nothing of what came when.
_ASTRAY: Final = int(Quality.CLOCK_AHEAD | Quality.CLOCK_OLD | Quality.DEFAULT_PARTITION)
_HOUR: Final = timedelta(hours=1)
_MINUTE: Final = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Gap:
    """A stretch of a meter without readings, between the moments of two that came.

    ``tries`` is how often hours of it were asked for again; one that ``is_open`` goes on.
    """

    meter: int
    since: datetime
    until: datetime
    missing: int
    tries: int = 0
    is_open: bool = False

    @property
    def cycle(self) -> timedelta:
        """How long each missing reading stands for."""
        return (self.until - self.since) / (self.missing + 1)


@dataclass(frozen=True, slots=True)
class GapDay:
    """What a meter did not say on a local day."""

    meter: int
    day: date
    missing: int
    minutes: float
    gaps: tuple[Gap, ...]


class _Hour(NamedTuple):
    """The first and last reading of an hour, and where two within are too far apart."""

    first: datetime
    last: datetime
    inner: tuple[tuple[datetime, datetime], ...]


async def note_gaps(connection: Connection, pairs: Iterable[Pair]) -> None:
    """Find the gaps in and around hours that got rows anew.  Call it in a transaction."""
    touched = list(pairs)
    cycles = await cycles_of(connection, {meter for _, meter in touched})
    known = [(hour, meter) for hour, meter in touched if cycles.get(meter)]
    around = await _around(connection, known)
    wanted = {*known, *around.before.values(), *around.behind.values()}
    hours = await _hours(connection, wanted, cycles)
    found = {
        (meter, since): (until, missing)
        for pair in known
        if pair in hours
        for meter, since, until, missing in _gaps(pair, hours, around, cycles[pair[1]])
    }
    await _replace(connection, known, found)


async def read_gaps(
    connection: Connection,
    meters: Collection[int] | None,
    since: datetime,
    until: datetime,
    behind: Gap | None = None,
) -> list[Gap]:
    """Return the gaps of meters (None: all) that reach into a span, in order of meter and time.

    MOST_GAPS at most: the next ones are those ``behind`` the last of these.

    Raises:
        StorageError: The database is away.
    """
    with errors("reading gaps"):
        rows = await connection.fetch(
            "SELECT g.*, coalesce((SELECT sum(r.tries) FROM recall AS r WHERE r.meter = g.meter"
            " AND r.hour < g.until AND r.hour > g.since - interval '1 hour'), 0)::integer AS tries"
            " FROM gap AS g WHERE ($1::integer[] IS NULL OR g.meter = ANY($1))"
            " AND g.until > $2 AND g.since < $3"
            " AND ($5::integer IS NULL OR (g.meter, g.since) > ($5, $6::timestamptz))"
            " ORDER BY g.meter, g.since LIMIT $4",
            None if meters is None else sorted(meters),
            since,
            until,
            MOST_GAPS,
            None if behind is None else behind.meter,
            None if behind is None else behind.since,
        )
    return [Gap(**dict(row)) for row in rows]


async def open_gaps(connection: Connection, meters: Collection[int], now: datetime) -> list[Gap]:
    """Return what meters owe that have been away for a while and are not back, in order.

    Of those that were never heard within LONGEST, or whose cycle is not known, nothing is said.

    Raises:
        StorageError: The database is away.
    """
    with errors("asking who is away"):
        cycles = await cycles_of(connection, meters)
        rows = await connection.fetch(
            "SELECT m AS meter, (SELECT extract(epoch FROM max(start))::bigint / 3600"
            " FROM collected_hour WHERE meter = m AND start >= $2 AND start <= $3) AS hour"
            " FROM unnest($1::integer[]) AS w (m)",
            sorted(meter for meter in meters if cycles.get(meter)),
            now - LONGEST,
            now,
        )
        last = [(row["hour"], row["meter"]) for row in rows if row["hour"] is not None]
        hours = await _hours(connection, last, cycles)
    found = []
    for (_, meter), hour in hours.items():
        cycle = timedelta(seconds=cycles[meter])
        owed = int((now - hour.last) / cycle)
        if now - hour.last > max(AWAY_CYCLES * cycle, AWAY):
            found.append(Gap(meter, hour.last, hour.last + (owed + 1) * cycle, owed, is_open=True))
    return sorted(found, key=lambda gap: gap.meter)


def by_day(
    gaps: Sequence[Gap], zones: Mapping[int, tzinfo], since: datetime, until: datetime
) -> list[GapDay]:
    """Part gaps by the local days of their meters, within a span; in order of meter and day."""
    days: dict[tuple[int, date], list[Gap]] = {}
    minutes: dict[tuple[int, date], float] = {}
    for gap in gaps:
        for day, part in _parted(gap, zones[gap.meter], since, until):
            key = (gap.meter, day)
            days.setdefault(key, []).append(part)
            minutes[key] = minutes.get(key, 0.0) + part.missing * (gap.cycle / _MINUTE)
    return [
        GapDay(meter, day, sum(part.missing for part in parts), minutes[meter, day], tuple(parts))
        for (meter, day), parts in sorted(days.items())
    ]


def _parted(gap: Gap, zone: tzinfo, since: datetime, until: datetime) -> Iterator[tuple[date, Gap]]:
    """Yield the parts of a gap in local days; each missing reading is in one of them."""
    taken = 0
    start = gap.since
    while start < gap.until:
        day = start.astimezone(zone).date()
        midnight = datetime.combine(day + timedelta(days=1), time(), zone)
        end = min(gap.until, midnight.astimezone(start.tzinfo))
        due = gap.missing
        if end < gap.until:
            # Readings that were due before the end, each a cycle behind the one before.
            due = min(due, ceil((end - gap.since) / gap.cycle) - 1)
        if due > taken and end > since and start < until:
            yield day, replace(gap, since=start, until=end, missing=due - taken)
        taken = max(due, taken)
        start = end


async def _hours(
    connection: Connection, pairs: Collection[Pair], cycles: Mapping[int, int]
) -> dict[Pair, _Hour]:
    """Return what came in hours of meters; hours without a reading are absent."""
    hours: dict[Pair, _Hour] = {}
    for part in parts_of(pairs):
        of_part = [cycles[meter] for meter in part.meters]
        async with across(connection, set(part.meters), part.since, part.until):
            rows = await connection.fetch(
                _EDGES, part.meters, part.hours, of_part, part.since, part.until
            )
        for row in rows:
            inner = tuple(zip(row["since"] or (), row["until"] or (), strict=True))
            hours[row["hour"], row["meter"]] = _Hour(row["first"], row["last"], inner)
    return hours


class _Around(NamedTuple):
    """The hour with rows before each hour, and behind it, where there is one."""

    before: Mapping[Pair, Pair]
    behind: Mapping[Pair, Pair]


async def _around(connection: Connection, pairs: Sequence[Pair]) -> _Around:
    rows = await connection.fetch(
        "SELECT w.meter, w.hour, (SELECT extract(epoch FROM max(start))::bigint / 3600"
        " FROM collected_hour AS c WHERE c.meter = w.meter"
        " AND c.start < to_timestamp(w.hour * 3600.0)"
        " AND c.start >= to_timestamp(w.hour * 3600.0) - $3::interval) AS before,"
        " (SELECT extract(epoch FROM min(start))::bigint / 3600"
        " FROM collected_hour AS c WHERE c.meter = w.meter"
        " AND c.start > to_timestamp(w.hour * 3600.0)"
        " AND c.start <= to_timestamp(w.hour * 3600.0) + $3::interval) AS behind"
        " FROM unnest($1::integer[], $2::integer[]) AS w (meter, hour)",
        [meter for _, meter in pairs],
        [hour for hour, _ in pairs],
        LONGEST,
    )
    before = {(row["hour"], row["meter"]): row["before"] for row in rows}
    behind = {(row["hour"], row["meter"]): row["behind"] for row in rows}
    return _Around(
        {pair: (hour, pair[1]) for pair, hour in before.items() if hour is not None},
        {pair: (hour, pair[1]) for pair, hour in behind.items() if hour is not None},
    )


def _gaps(
    pair: Pair, hours: Mapping[Pair, _Hour], around: _Around, cycle_s: int
) -> Iterator[tuple[int, datetime, datetime, int]]:
    """Yield the gaps within an hour and on either side of it."""
    mine = hours[pair]
    stretches = list(mine.inner)
    before = hours.get(around.before.get(pair, pair))
    behind = hours.get(around.behind.get(pair, pair))
    if before is not None and before is not mine:
        stretches.append((before.last, mine.first))
    if behind is not None and behind is not mine:
        stretches.append((mine.last, behind.first))
    for since, until in stretches:
        cycles = (until - since) / timedelta(seconds=cycle_s)
        if cycles > MOST_CYCLES:
            yield pair[1], since, until, int(cycles + 0.5) - 1


async def _replace(
    connection: Connection,
    pairs: Sequence[Pair],
    found: Mapping[tuple[int, datetime], tuple[datetime, int]],
) -> None:
    await connection.execute(
        "DELETE FROM gap USING unnest($1::integer[], $2::timestamptz[]) AS w (meter, start)"
        " WHERE gap.meter = w.meter AND gap.since < w.start + interval '1 hour'"
        " AND gap.since > w.start - $3::interval AND gap.until > w.start",
        [meter for _, meter in pairs],
        [moment_of(hour * HOUR_US) for hour, _ in pairs],
        LONGEST + _HOUR,
    )
    rows = sorted(found.items())
    await connection.execute(
        "INSERT INTO gap (meter, since, until, missing)"
        " SELECT * FROM unnest($1::integer[], $2::timestamptz[], $3::timestamptz[], $4::integer[])"
        " ON CONFLICT (meter, since) DO UPDATE SET until = excluded.until,"
        " missing = excluded.missing",
        [meter for (meter, _), _ in rows],
        [since for (_, since), _ in rows],
        [until for _, (until, _) in rows],
        [missing for _, (_, missing) in rows],
    )


# $1 meters, $2 hours, $3 cycles; $4 to before $5: where the hours lie, so that no other day's
# rows are planned for.
_EDGES: Final = f"""
WITH wanted AS MATERIALIZED (
    SELECT w.meter, w.hour, w.cycle_s, to_timestamp(w.hour * 3600.0) AS start
    FROM unnest($1::integer[], $2::integer[], $3::integer[]) AS w (meter, hour, cycle_s)
), came AS (
    SELECT w.*, r.at FROM wanted AS w CROSS JOIN LATERAL (
        SELECT at FROM reading WHERE meter = w.meter
        AND at >= w.start AND at < w.start + interval '1 hour'
        AND at >= $4 AND at < $5 AND period IN ('i', 'm') AND quality & {_ASTRAY} = 0 OFFSET 0
    ) AS r
    UNION
    SELECT w.*, f.at FROM wanted AS w CROSS JOIN LATERAL (
        SELECT at FROM factor WHERE meter = w.meter
        AND at >= w.start AND at < w.start + interval '1 hour'
        AND at >= $4 AND at < $5 AND period IN ('i', 'm') AND quality & {_ASTRAY} = 0 OFFSET 0
    ) AS f
), followed AS (
    SELECT *, lead(at) OVER (PARTITION BY meter, hour ORDER BY at) AS next FROM came
), parted AS (
    SELECT *, next - at > make_interval(secs => cycle_s * {MOST_CYCLES}) AS is_gap FROM followed
)
SELECT meter, hour, min(at) AS first, max(at) AS last,
    array_agg(at ORDER BY at) FILTER (WHERE is_gap) AS since,
    array_agg(next ORDER BY at) FILTER (WHERE is_gap) AS until
FROM parted GROUP BY meter, hour
"""  # noqa: S608  numbers of ours
