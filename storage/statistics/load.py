"""What figures are counted from, as the store has it: one read a table, for all firms asked for."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

import numpy as np

from wattwarden.alarms.cases.case import Case
from wattwarden.alarms.registry.nouns import Enterprise, Point
from wattwarden.alarms.registry.registry import Registry
from wattwarden.alarms.states.codes import UnitState
from wattwarden.alarms.statistics.collection import Came, Listened
from wattwarden.alarms.statistics.durations import milliseconds
from wattwarden.alarms.statistics.figures import Sources, zone_offset_ms
from wattwarden.alarms.statistics.rates import Rate
from wattwarden.alarms.statistics.timelines import Span, Timeline, silent_from
from wattwarden.storage.cases.load import Chosen, load_cases
from wattwarden.storage.database import Connection, errors
from wattwarden.storage.moments import moment_of
from wattwarden.storage.statistics.collected import Heard, load_came, load_uncounted
from wattwarden.storage.statistics.loads import Samples, load_samples
from wattwarden.storage.warden.running import heard_until

HOUR_MS: Final = 3_600_000

_STATES: Final = {state.name.lower(): int(state) for state in UnitState}


@dataclass(frozen=True, slots=True)
class Counted:
    """What shares of a span are counted from, but for references and alarms.

    ``samples`` is what units drew while they ran, ``meters`` whose rows it is, by firm.
    """

    registry: Registry
    span: Span
    timelines: Mapping[str, Timeline]
    listened: Mapping[str, Listened]
    came: Mapping[str, Mapping[int, Came]]
    samples: Mapping[str, Samples]
    uncounted: Mapping[str, int]
    meters: Mapping[str, set[int]]

    def sources_with(self, loads: Mapping[str, Rate]) -> Sources:
        """Return it as figures take it."""
        return Sources(
            self.registry, self.span, self.timelines, self.listened, self.came, loads, ()
        )


async def count_span(connection: Connection, part: Registry, span: Span) -> Counted:
    """Return what the shares of a registry's firms are counted from.

    Raises:
        StorageError: The database is away.
    """
    timelines = await load_timelines(connection, part, span)
    listened = listened_points(part, span)
    heard = _heard(await load_numbers(connection, part), [part.point[one] for one in listened])
    meters: dict[str, set[int]] = {}
    for point, one in heard.items():
        meters.setdefault(_enterprise(part, listened[point]).id, set()).add(one.meter)
    cut = await load_uncounted(connection, heard)
    uncounted: dict[str, int] = {}
    for point, start in cut.items():
        if start < listened[point].span.end:
            enterprise = _enterprise(part, listened[point]).id
            uncounted[enterprise] = min(start, uncounted.get(enterprise, start))
    listened = dict(_counted(listened, cut))
    offsets = {
        point: zone_offset_ms(_enterprise(part, one), span.start) for point, one in listened.items()
    }
    return Counted(
        registry=part,
        span=span,
        timelines=timelines,
        listened=listened,
        came=await load_came(connection, listened, heard, offsets),
        samples=await load_samples(connection, part, timelines, span),
        uncounted=uncounted,
        meters=meters,
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
        # A row a unit: half a million changes of a city's month are not half a million records.
        rows = await connection.fetch(
            "SELECT w.unit, t.* FROM unnest($1::text[], $2::text[]) AS w (enterprise, unit)"
            " CROSS JOIN LATERAL (SELECT array_agg(floor(extract(epoch FROM at) * 1000)::bigint"
            " ORDER BY at) AS moments, array_agg(state ORDER BY at) AS states"
            " FROM unit_transition AS u WHERE u.enterprise = w.enterprise AND u.unit = w.unit"
            " AND u.at < $4 AND u.at >= coalesce((SELECT max(b.at) FROM unit_transition AS b"
            " WHERE b.enterprise = w.enterprise AND b.unit = w.unit AND b.at <= $3), $3)"
            " OFFSET 0) AS t WHERE t.moments IS NOT NULL ORDER BY w.unit",
            firms,
            names,
            start,
            end,
        )
    found = {row["unit"]: timeline_of(row["moments"], row["states"]) for row in rows}
    points = [one for one in registry.point.values() if one.unit in found]
    heard = await heard_until(connection, points, end)
    return found | {
        unit: silent_from(found[unit], milliseconds(moment)) for unit, moment in heard.items()
    }


def timeline_of(moments: Sequence[int], states: Iterable[str]) -> Timeline:
    """Return the timeline of moments (ms), oldest first, and of the names of states from each."""
    return Timeline(
        np.array(moments, np.int64), np.array([_STATES[state] for state in states], np.int8)
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


async def load_told(
    connection: Connection, firms: Collection[str], since: datetime, until: datetime
) -> list[Case]:
    """Return the cases of firms' alarms that were raised in a span, or stood at its end.

    Raises:
        StorageError: The database is away.
    """
    with errors("reading alarms"):
        numbers = await connection.fetch(
            "SELECT id FROM alarm WHERE enterprise = ANY($1) AND raised < $3"
            " AND (raised >= $2 OR ended IS NULL OR ended > $3)"
            " AND suppressed_by IS NULL AND NOT withdrawn",
            sorted(firms),
            since,
            until,
        )
    chosen = Chosen(numbers=[row["id"] for row in numbers])
    return await load_cases(connection, chosen, now=until)


async def load_numbers(connection: Connection, registry: Registry) -> dict[str, int]:
    """Return the number of each meter of a registry's points that ever spoke, by its name.

    Raises:
        StorageError: The database is away.
    """
    with errors("reading meters"):
        rows = await connection.fetch(
            "SELECT codec || ':' || address AS name, id FROM meter"
            " WHERE codec || ':' || address = ANY($1)",
            sorted({point.meter for point in registry.point.values()}),
        )
    return {row["name"]: row["id"] for row in rows}


def _heard(numbers: Mapping[str, int], points: Iterable[Point]) -> Mapping[str, Heard]:
    return {
        point.id: Heard(numbers[point.meter], point.channel, bool(point.factor))
        for point in points
        if point.meter in numbers
    }


def _enterprise(registry: Registry, listened: Listened) -> Enterprise:
    return registry.enterprise[registry.unit[listened.unit].enterprise]
