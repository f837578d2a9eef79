"""What figures are counted from, as the store has it: one read a table, for all firms asked for."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import groupby
from operator import itemgetter
from typing import Final

import numpy as np

from wattwarden.alarms.cases.case import Case
from wattwarden.alarms.registry.nouns import Enterprise, Point
from wattwarden.alarms.registry.registry import Registry
from wattwarden.alarms.states.codes import UnitState
from wattwarden.alarms.statistics.collection import Listened
from wattwarden.alarms.statistics.durations import milliseconds, told
from wattwarden.alarms.statistics.figures import Sources, zone_offset_ms
from wattwarden.alarms.statistics.timelines import Span, Timeline, silent_from
from wattwarden.storage.cases.load import Chosen, load_cases
from wattwarden.storage.database import Connection, errors
from wattwarden.storage.moments import moment_of
from wattwarden.storage.statistics.collected import Heard, load_came, load_uncounted
from wattwarden.storage.statistics.loads import load_loads
from wattwarden.storage.warden.running import heard_until

HOUR_MS: Final = 3_600_000


@dataclass(frozen=True, slots=True)
class Loaded:
    """The sources of figures, with the cases that their alarms are of."""

    sources: Sources
    cases: tuple[Case, ...]


async def load_sources(
    connection: Connection,
    registry: Registry,
    firms: Collection[str],
    since: datetime,
    until: datetime,
) -> Loaded:
    """Return what the figures of some firms are counted from, as of the end of the span.

    Raises:
        StorageError: The database is away.
    """
    part = part_of(registry, firms)
    span = Span(milliseconds(since), milliseconds(until))
    timelines = await load_timelines(connection, part, span)
    listened = listened_points(part, span)
    heard = await _heard(connection, [part.point[point] for point in listened])
    cut = await load_uncounted(connection, heard)
    uncounted: dict[str, int] = {}
    for point, start in cut.items():
        if start < listened[point].span.end:
            enterprise = _enterprise(part, listened[point]).id
            uncounted[enterprise] = min(start, uncounted.get(enterprise, start))
    listened = dict(_counted(listened, cut))
    cases = await _cases(connection, sorted(firms), since, until)
    offsets = {
        point: zone_offset_ms(_enterprise(part, one), span.start) for point, one in listened.items()
    }
    return Loaded(
        Sources(
            registry=part,
            span=span,
            timelines=timelines,
            listened=listened,
            came=await load_came(connection, listened, heard, offsets),
            loads=await load_loads(connection, part, timelines, span),
            alarms=tuple(map(told, cases)),
            uncounted=uncounted,
        ),
        tuple(cases),
    )


def _counted(
    listened: Mapping[str, Listened], uncounted: Mapping[str, int]
) -> Iterator[tuple[str, Listened]]:
    """Yield points with the span up to where what came of them is counted."""
    for point, one in listened.items():
        end = min(one.span.end, uncounted.get(point, one.span.end))
        if one.span.start < end:
            yield point, replace(one, span=Span(one.span.start, end))


def part_of(registry: Registry, firms: Collection[str]) -> Registry:
    """Return the part of a registry that is of some firms; regions and agencies stay whole."""
    chosen = frozenset(firms)
    units = {one.id: one for one in registry.unit.values() if one.enterprise in chosen}
    lines = {one.id: one for one in registry.line.values() if one.enterprise in chosen}
    outlets = {one.id: one for one in registry.outlet.values() if one.enterprise in chosen}
    return Registry(
        region=registry.region,
        agency=registry.agency,
        person=registry.person,
        enterprise={name: registry.enterprise[name] for name in sorted(chosen)},
        requirement=registry.requirement,
        equipment={k: v for k, v in registry.equipment.items() if v.enterprise in chosen},
        line=lines,
        unit=units,
        standby={k: v for k, v in registry.standby.items() if v.enterprise in chosen},
        link={k: v for k, v in registry.link.items() if v.line in lines},
        outlet=outlets,
        point={k: v for k, v in registry.point.items() if v.unit in units or v.outlet in outlets},
    )


async def load_timelines(
    connection: Connection, registry: Registry, span: Span
) -> dict[str, Timeline]:
    """Return the states of each unit that was heard before the end of a span.

    Raises:
        StorageError: The database is away.
    """
    units = sorted((one.enterprise, one.id) for one in registry.unit.values())
    firms, names = [firm for firm, _ in units], [name for _, name in units]
    start, end = moment_of(1000 * span.start), moment_of(1000 * span.end)
    with errors("reading the states of units"):
        rows = await connection.fetch(
            "SELECT w.unit, t.at, t.state FROM unnest($1::text[], $2::text[])"
            " AS w (enterprise, unit) CROSS JOIN LATERAL ((SELECT at, state"
            " FROM unit_transition AS u WHERE u.enterprise = w.enterprise AND u.unit = w.unit"
            " AND u.at <= $3 ORDER BY at DESC LIMIT 1) UNION ALL (SELECT at, state"
            " FROM unit_transition AS u WHERE u.enterprise = w.enterprise AND u.unit = w.unit"
            " AND u.at > $3 AND u.at < $4)) AS t ORDER BY w.unit, t.at",
            firms,
            names,
            start,
            end,
        )
    found = {
        unit: timeline_of([(milliseconds(row["at"]), row["state"]) for row in many])
        for unit, many in groupby(rows, key=itemgetter("unit"))
    }
    points = [one for one in registry.point.values() if one.unit in found]
    heard = await heard_until(connection, points, end)
    return found | {
        unit: silent_from(found[unit], milliseconds(moment)) for unit, moment in heard.items()
    }


def timeline_of(rows: list[tuple[int, str]]) -> Timeline:
    """Return the timeline of (ms, name of the state), oldest first."""
    return Timeline(
        np.array([at for at, _ in rows], np.int64),
        np.array([UnitState[state.upper()] for _, state in rows], np.int8),
    )


def listened_points(registry: Registry, span: Span) -> dict[str, Listened]:
    """Return the points of units, each as long as it is valid, in whole hours of the span."""
    found = {}
    for point in registry.point.values():
        if point.unit is None or point.unit not in registry.unit:
            continue
        start = max(span.start, milliseconds(point.valid_from))
        end = span.end if point.valid_to is None else min(span.end, milliseconds(point.valid_to))
        within = Span(-(-start // HOUR_MS) * HOUR_MS, end // HOUR_MS * HOUR_MS)
        if within.start < within.end:
            found[point.id] = Listened(point.id, point.unit, point.cycle_s, within)
    return found


async def _cases(
    connection: Connection, firms: list[str], since: datetime, until: datetime
) -> list[Case]:
    """Return the cases of alarms that were raised in a span, or stood at its end."""
    with errors("reading alarms"):
        numbers = await connection.fetch(
            "SELECT id FROM alarm WHERE enterprise = ANY($1) AND raised < $3"
            " AND (raised >= $2 OR ended IS NULL OR ended > $3)"
            " AND suppressed_by IS NULL AND NOT withdrawn",
            firms,
            since,
            until,
        )
    chosen = Chosen(numbers=[row["id"] for row in numbers])
    return await load_cases(connection, chosen, now=until)


async def _heard(connection: Connection, points: Collection[Point]) -> Mapping[str, Heard]:
    with errors("reading meters"):
        rows = await connection.fetch(
            "SELECT codec || ':' || address AS name, id FROM meter"
            " WHERE codec || ':' || address = ANY($1)",
            sorted({point.meter for point in points}),
        )
    numbers = {row["name"]: row["id"] for row in rows}
    return {
        point.id: Heard(numbers[point.meter], point.channel, bool(point.factor))
        for point in points
        if point.meter in numbers
    }


def _enterprise(registry: Registry, listened: Listened) -> Enterprise:
    return registry.enterprise[registry.unit[listened.unit].enterprise]
