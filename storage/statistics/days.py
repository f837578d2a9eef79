"""Shares of firms over a span: whole days that are kept, and what is left at both ends counted.

    firm_day ─► days from the first midnight on ─┐
    the ends ─► states, rollups, readings ───────┴─► added up

A kept day is what counting it says, as long as nothing changed that it was counted from; where
something did, the day and those behind it are counted.  ``keep_days`` counts days before they are
asked for.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

import msgspec

from wattwarden.alarms.registry.nouns import Enterprise
from wattwarden.alarms.registry.registry import Registry
from wattwarden.alarms.states.codes import UnitState
from wattwarden.alarms.statistics.collection import DAY_MS, Collected
from wattwarden.alarms.statistics.durations import milliseconds
from wattwarden.alarms.statistics.figures import (
    FirmTime,
    all_together,
    firm_times,
    last_states,
    zone_offset_ms,
)
from wattwarden.alarms.statistics.rates import Rate
from wattwarden.alarms.statistics.timelines import Span
from wattwarden.storage.archive.across import DayUnreadableError
from wattwarden.storage.database import Connection, errors
from wattwarden.storage.moments import moment_of
from wattwarden.storage.rollups import hold_rollups
from wattwarden.storage.statistics.load import count_span, load_numbers, part_of
from wattwarden.storage.statistics.loads import Samples, load_references, rates_of

# Counted a while after its end: what comes later than that is rare, and counts the day again.
SETTLED: Final = timedelta(hours=2)
# Authorities count by month; the day at the beginning of 31 is whole in every zone.
KEPT_DAYS: Final = 33
# How shares are counted; another number counts all days again.
_VERSION: Final = 1


Pair = tuple[int | float, int | float]
"""The part and the whole of a share."""


class Shares(msgspec.Struct, frozen=True):
    """What a firm's day came to: (part, whole) of each share, and (W, samples) of running units."""

    production: Pair
    treatment: Pair
    online: Pair
    synchronous: Pair
    collection: Pair
    transmission: Pair
    valid: Pair
    samples: dict[str, Samples]


@dataclass(slots=True)
class Times:
    """Shares of firms over a span, what units do at its end, and where rows are not counted yet."""

    times: dict[str, FirmTime] = field(default_factory=dict)
    now: dict[str, UnitState] = field(default_factory=dict)
    uncounted: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Kept:
    """Days of a firm that are kept, one behind another, and what they came to."""

    span: Span
    days: tuple[Shares, ...]


async def load_times(connection: Connection, part: Registry, span: Span) -> Times:
    """Return the shares of a registry's firms over a span.

    Raises:
        StorageError: The database is away.
    """
    references = await load_references(connection, part, part.enterprise)
    kept = await _kept(connection, part, span)
    found = Times()
    parts: dict[str, list[FirmTime]] = {firm: [] for firm in part.enterprise}
    for firm, days in kept.items():
        parts[firm] += [_time(day, references) for day in days.days]
    for ends, firms in _left(span, part.enterprise, kept).items():
        of = part_of(part, firms)
        for end in ends:
            counted = await count_span(connection, of, end)
            sources = counted.sources_with(rates_of(counted.samples, references))
            for firm, time in firm_times(sources).items():
                parts[firm].append(time)
            for firm, start in counted.uncounted.items():
                found.uncounted[firm] = min(start, found.uncounted.get(firm, start))
            if end.end == span.end:
                found.now |= last_states(sources.timelines, end.end)
    found.times = {firm: all_together(times) for firm, times in parts.items()}
    return found


async def keep_days(connection: Connection, registry: Registry, now: datetime) -> int:
    """Count the last days of firms that are not kept, or were before something changed.

    Returns:
        How many days of firms were counted.

    Raises:
        DayUnreadableError: Days wait for the file of an archived one; all others are kept.
        StorageError: The database is away; what was kept stays.
    """
    done, unread = 0, list[DayUnreadableError]()
    with errors("keeping shares of days"):
        await _forget_stale(connection)
        wanted = _wanted(registry, now)
        first = min((day.start for day in wanted), default=0)
        rows = await connection.fetch(
            "SELECT enterprise, start, basis FROM firm_day WHERE start >= $1",
            moment_of(1000 * first),
        )
        bases = _bases(registry, await load_numbers(connection, registry))
        there = {
            (row["enterprise"], milliseconds(row["start"]))
            for row in rows
            if bases.get(row["enterprise"]) == row["basis"]
        }
        for day, firms in wanted.items():
            missing = [firm for firm in firms if (firm, day.start) not in there]
            if not missing:
                continue
            try:
                async with connection.transaction():
                    done += await _keep(connection, part_of(registry, missing), day)
            except DayUnreadableError as error:
                unread.append(error)
    if unread:
        first_of_them = unread[0]
        message = f"{len(unread)} of the last days wait: {first_of_them.message}"
        raise DayUnreadableError(first_of_them.day, message) from first_of_them
    return done


async def _forget_stale(connection: Connection) -> None:
    """Forget days whose states changed.  What changes from here on is noted anew."""
    await connection.execute(
        "WITH changed AS (DELETE FROM firm_day_stale RETURNING enterprise, since),"
        " first AS (SELECT enterprise, min(since) AS since FROM changed GROUP BY enterprise)"
        " DELETE FROM firm_day AS d USING first"
        " WHERE d.enterprise = first.enterprise AND d.stop > first.since"
    )


async def _keep(connection: Connection, part: Registry, day: Span) -> int:
    """Count a day of some firms and keep it.  Call it in a transaction."""
    # Rows that come meanwhile are rolled up afterwards, and then the day is forgotten again.
    await hold_rollups(connection)
    counted = await count_span(connection, part, day)
    times = firm_times(counted.sources_with({}))
    bases = _bases(part, await load_numbers(connection, part))
    samples: dict[str, dict[str, Samples]] = {firm: {} for firm in part.enterprise}
    for unit, sums in counted.samples.items():
        samples[part.unit[unit].enterprise][unit] = sums
    rows = [
        (
            firm,
            moment_of(1000 * day.start),
            moment_of(1000 * day.end),
            bases[firm],
            sorted(counted.meters.get(firm, ())),
            msgspec.json.encode(_shares(time, samples[firm])).decode(),
        )
        for firm, time in times.items()
        if firm not in counted.uncounted
    ]
    await connection.executemany(
        "INSERT INTO firm_day (enterprise, start, stop, basis, meters, body)"
        " VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (enterprise, start) DO UPDATE"
        " SET stop = excluded.stop, basis = excluded.basis, meters = excluded.meters,"
        " body = excluded.body",
        rows,
    )
    return len(rows)


def _wanted(registry: Registry, now: datetime) -> dict[Span, list[str]]:
    """Return the days that are over, the latest first, and whose they are."""
    end = milliseconds(now - SETTLED)
    found: dict[Span, list[str]] = {}
    for firm in registry.enterprise.values():
        offset = zone_offset_ms(firm, end)
        midnight = (end + offset) // DAY_MS * DAY_MS - offset
        for day in range(KEPT_DAYS):
            stop = midnight - day * DAY_MS
            found.setdefault(Span(stop - DAY_MS, stop), []).append(firm.id)
    return found


async def _kept(connection: Connection, part: Registry, span: Span) -> dict[str, _Kept]:
    """Return each firm's kept days from the first midnight of a span on, as far as they go."""
    with errors("reading shares of days"):
        rows = await connection.fetch(
            "WITH stale AS MATERIALIZED (SELECT enterprise, min(since) AS since"
            " FROM firm_day_stale GROUP BY enterprise)"
            " SELECT d.enterprise, d.start, d.basis, d.body FROM firm_day AS d"
            " LEFT JOIN stale AS s USING (enterprise)"
            " WHERE d.enterprise = ANY($1) AND d.start >= $2 AND d.stop <= $3"
            " AND (s.since IS NULL OR d.stop <= s.since)",
            list(part.enterprise),
            moment_of(1000 * span.start),
            moment_of(1000 * span.end),
        )
    bases = _bases(part, await load_numbers(connection, part))
    days: dict[str, dict[int, Shares]] = {}
    for row in rows:
        if row["basis"] == bases[row["enterprise"]]:
            body = msgspec.json.decode(row["body"], type=Shares)
            days.setdefault(row["enterprise"], {})[milliseconds(row["start"])] = body
    return {
        firm: kept
        for firm, found in days.items()
        if (kept := _run(part.enterprise[firm], span, found)) is not None
    }


def _run(firm: Enterprise, span: Span, found: Mapping[int, Shares]) -> _Kept | None:
    """Return the kept days from the first midnight on; None where its clocks are changed."""
    offset = zone_offset_ms(firm, span.start)
    if zone_offset_ms(firm, span.end) != offset:
        return None
    first = -(-(span.start + offset) // DAY_MS) * DAY_MS - offset
    end, days = first, []
    while end in found:
        days.append(found[end])
        end += DAY_MS
    return _Kept(Span(first, end), tuple(days)) if days else None


def _left(
    span: Span, firms: Iterable[str], kept: Mapping[str, _Kept]
) -> dict[tuple[Span, ...], list[str]]:
    """Return what is to be counted: spans, the last to the very end, and of which firms."""
    found: dict[tuple[Span, ...], list[str]] = {}
    for firm in firms:
        if firm not in kept:
            ends: tuple[Span, ...] = (span,)
        else:
            days = kept[firm].span
            ends = (Span(span.start, days.start), Span(days.end, span.end))
            # The last one tells what units do at the end, however short it is.
            ends = tuple(one for one in ends if one.start < one.end or one.end == span.end)
        found.setdefault(ends, []).append(firm)
    return found


def _shares(time: FirmTime, samples: dict[str, Samples]) -> Shares:
    collected = time.collected
    return Shares(
        production=_pair(time.production),
        treatment=_pair(time.treatment),
        online=_pair(time.online),
        synchronous=_pair(time.synchronous),
        collection=_pair(collected.collection),
        transmission=_pair(collected.transmission),
        valid=_pair(collected.valid),
        samples=samples,
    )


def _time(day: Shares, references: Mapping[str, float]) -> FirmTime:
    loads = rates_of(day.samples, references).values()
    return FirmTime(
        production=Rate(*day.production),
        treatment=Rate(*day.treatment),
        online=Rate(*day.online),
        synchronous=Rate(*day.synchronous),
        load=Rate(sum(one.part for one in loads), sum(one.whole for one in loads)),
        collected=Collected(Rate(*day.collection), Rate(*day.transmission), Rate(*day.valid)),
    )


def _pair(rate: Rate) -> Pair:
    return rate.part, rate.whole


def _bases(registry: Registry, numbers: Mapping[str, int]) -> dict[str, bytes]:
    """Return a digest of all of each firm that its shares are counted by, its meters included."""
    told: dict[str, list[object]] = {firm: [] for firm in registry.enterprise}
    for firm in registry.enterprise.values():
        told[firm.id].append((_VERSION, firm.zone))
    for kind in (registry.line, registry.unit, registry.standby):
        for name in sorted(kind):
            told[kind[name].enterprise].append(kind[name])
    for name in sorted(registry.link):
        told[registry.line[registry.link[name].line].enterprise].append(registry.link[name])
    for name in sorted(registry.point):
        point = registry.point[name]
        if point.unit is not None and point.unit in registry.unit:
            told[registry.unit[point.unit].enterprise].append((point, numbers.get(point.meter)))
    return {
        firm: hashlib.sha256(msgspec.json.encode(parts)).digest() for firm, parts in told.items()
    }
