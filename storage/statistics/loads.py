"""How hard production units worked: mean power while running, beside their reference (负荷率).

run stretches ─┬─ whole quarters of an hour ─► rollup_15min: mean × rows
               └─ their ends ────────────────► readings
reference: the learned power of the unit, else its nameplate
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

import msgspec

from wattwarden.alarms.decisions.slices import slice_of
from wattwarden.alarms.folding.groups import make_groups
from wattwarden.alarms.folding.stamped import Kept
from wattwarden.alarms.registry.registry import Registry
from wattwarden.alarms.states.codes import RUN_STATES
from wattwarden.alarms.statistics.durations import milliseconds
from wattwarden.alarms.statistics.rates import Rate
from wattwarden.alarms.statistics.running import PRODUCES
from wattwarden.alarms.statistics.timelines import Span, Timeline, spans_in
from wattwarden.storage.archive.across import across, holding
from wattwarden.storage.archive.catalogue import archived
from wattwarden.storage.database import Connection, errors
from wattwarden.storage.moments import moment_of
from wattwarden.storage.registry.rules import rules_now
from wattwarden.storage.warden.kept import load_states
from wattwarden.storage.warden.steps import meter_ids

QUARTER_MS: Final = 900_000
HOUR_MS: Final = 3_600_000
# A statement's share: a city's stretches of a month are half a million.
STRETCHES_PER_STATEMENT: Final = 20_000

_POWER: Final = (
    "coalesce(r.power_total, CASE WHEN coalesce(r.power_a, r.power_b, r.power_c) IS NOT NULL THEN"
    " coalesce(r.power_a, 0) + coalesce(r.power_b, 0) + coalesce(r.power_c, 0) END)"
)
# A stretch after another is sought through the key: a plan that follows from statistics reads the
# rollups of all time for some thousand stretches.
_WANTED: Final = (
    "FROM unnest($1::text[], $2::text[], $3::text[], $4::float8[], $5::timestamptz[],"
    " $6::timestamptz[]) AS w (unit, meter, channel, ratio, since, until)"
    " JOIN meter AS m ON m.codec = split_part(w.meter, ':', 1)"
    " AND m.address = substr(w.meter, strpos(w.meter, ':') + 1)"
)
_SUMS: Final = "SELECT w.unit, sum(p.total * w.ratio) AS total, sum(p.samples)::bigint AS samples"
_QUARTERS: Final = (
    f"{_SUMS} {_WANTED} CROSS JOIN LATERAL (SELECT"  # noqa: S608  words of ours
    " sum(q.power_mean::float8 * q.received) AS total,"
    " sum(q.received) AS samples FROM rollup_15min AS q WHERE q.meter = m.id"
    " AND q.channel = w.channel AND q.start >= w.since AND q.start < w.until"
    " AND q.start >= $7 AND q.start < $8 AND q.power_mean IS NOT NULL) AS p"
    " WHERE p.samples > 0 GROUP BY w.unit"
)
# As the rollups do: averages that the meter made count where an hour has nothing else.
_ENDS: Final = (
    f"{_SUMS} {_WANTED} CROSS JOIN LATERAL (SELECT sum(({_POWER})::float8) AS total,"  # noqa: S608  words of ours
    f" count({_POWER}) AS samples FROM reading AS r WHERE r.meter = m.id"
    " AND r.channel = w.channel AND r.at >= w.since AND r.at < w.until"
    " AND r.at >= $7 AND r.at < $8 AND (r.period = 'i'"
    " OR r.period = 'm' AND NOT EXISTS (SELECT FROM reading AS i WHERE i.meter = r.meter"
    " AND i.channel = r.channel AND i.period = 'i' AND i.at >= date_trunc('hour', r.at)"
    " AND i.at < date_trunc('hour', r.at) + interval '1 hour'"
    " AND i.at >= date_trunc('hour', $7) AND i.at < date_trunc('hour', $8) + interval '1 hour'"
    ")) AND r.period IN ('i', 'm')) AS p WHERE p.samples > 0 GROUP BY w.unit"
)


class Stretch(NamedTuple):
    """A unit ran from one moment to another (ms), and where its power is read."""

    unit: str
    meter: str
    channel: str
    ratio: float
    since: int
    until: int


Samples = tuple[float, int]
"""The sum of a unit's power (W) while it ran, and how many rows that is of."""


async def load_samples(
    connection: Connection,
    registry: Registry,
    timelines: Mapping[str, Timeline],
    span: Span,
) -> dict[str, Samples]:
    """Return what production units drew while they ran in a span.

    Raises:
        StorageError: The database is away.
    """
    whole: list[Stretch] = []
    ends: list[Stretch] = []
    for stretch in _stretches(registry, timelines, span):
        inner, outer = cut_at_quarters(stretch)
        whole += inner
        ends += outer
    sums: dict[str, Samples] = {}
    for query, stretches in ((_QUARTERS, whole), (_ENDS, ends)):
        for unit, total, samples in await _summed(connection, query, stretches):
            before = sums.get(unit, (0.0, 0))
            sums[unit] = (before[0] + total, before[1] + samples)
    return sums


def rates_of(samples: Mapping[str, Samples], references: Mapping[str, float]) -> dict[str, Rate]:
    """Return (sum of W, samples × reference) of those units that a reference is known of."""
    return {
        unit: Rate(total, count * references[unit])
        for unit, (total, count) in samples.items()
        if unit in references
    }


async def load_references(
    connection: Connection, registry: Registry, firms: Iterable[str]
) -> dict[str, float]:
    """Return the power (W) that each unit of some firms is compared with: learned, or rated.

    Raises:
        StorageError: The database is away.
    """
    chosen = sorted(firms)
    found = {one.id: one.rated_power for one in registry.unit.values()}
    kept = await load_states(connection, {slice_of(firm) for firm in chosen})
    packs = {
        firm: msgspec.msgpack.decode(kept[firm].body, type=Kept).fold
        for firm in chosen
        if firm in kept
    }
    rules = await rules_now(connection)
    for group in make_groups(registry, rules, [], sorted(packs), {}, packs):
        learned = group.state.learned.power.tolist()
        found |= dict(zip(group.plant.units, learned, strict=True))
    return found


def cut_at_quarters(stretch: Stretch) -> tuple[list[Stretch], list[Stretch]]:
    """Cut a stretch into its whole quarters of an hour, and what is left before and behind."""
    first = -(-stretch.since // QUARTER_MS) * QUARTER_MS
    last = stretch.until // QUARTER_MS * QUARTER_MS
    if first >= last:
        return [], [stretch]
    ends = [stretch._replace(until=first), stretch._replace(since=last)]
    return [stretch._replace(since=first, until=last)], [
        one for one in ends if one.since < one.until
    ]


def _stretches(
    registry: Registry, timelines: Mapping[str, Timeline], span: Span
) -> Iterable[Stretch]:
    for point in registry.point.values():
        unit = registry.unit.get(point.unit or "")
        if unit is None or point.factor or unit.kind not in PRODUCES or unit.id not in timelines:
            continue
        start = max(span.start, milliseconds(point.valid_from))
        end = span.end if point.valid_to is None else min(span.end, milliseconds(point.valid_to))
        ran = spans_in(timelines[unit.id], RUN_STATES, Span(start, end))
        for since, until in ran.tolist():
            yield Stretch(unit.id, point.meter, point.channel, point.ct * point.pt, since, until)


async def _summed(
    connection: Connection, query: str, stretches: list[Stretch]
) -> list[tuple[str, float, int]]:
    found: list[tuple[str, float, int]] = []
    with errors("reading the power of units"):
        async with holding(connection):
            hot, days = stretches, list[list[Stretch]]()
            if query is _ENDS and stretches:
                hot, days = await _by_place(connection, stretches)
            for begin in range(0, len(hot), STRETCHES_PER_STATEMENT):
                part = hot[begin : begin + STRETCHES_PER_STATEMENT]
                found += await _sums(connection, query, part)
            for part in days:
                ids = await meter_ids(connection, sorted({one.meter for one in part}))
                first = min(one.since for one in part) // HOUR_MS * HOUR_MS
                last = max(one.until for one in part) + HOUR_MS
                moments = moment_of(1000 * first), moment_of(1000 * last)
                async with across(connection, ids.values(), *moments):
                    found += await _sums(connection, query, part)
    return found


async def _by_place(
    connection: Connection, stretches: list[Stretch]
) -> tuple[list[Stretch], list[list[Stretch]]]:
    """Return the stretches whose rows are in the database, and the others, one list a UTC day."""
    first, last = min(one.since for one in stretches), max(one.until for one in stretches)
    files = await archived(connection, moment_of(1000 * first), moment_of(1000 * last))
    days = {file.day for file in files}
    hot: list[Stretch] = []
    by_day: dict[object, list[Stretch]] = defaultdict(list)
    for one in stretches:
        # Less than two quarters: it begins and ends in days that are next to each other.
        touched = {moment_of(1000 * at).date() for at in (one.since, one.until)} & days
        if touched:
            by_day[min(touched)].append(one)
        else:
            hot.append(one)
    return hot, list(by_day.values())


async def _sums(
    connection: Connection, query: str, part: Sequence[Stretch]
) -> list[tuple[str, float, int]]:
    first, last = min(one.since for one in part), max(one.until for one in part)
    rows = await connection.fetch(
        query,
        [one.unit for one in part],
        [one.meter for one in part],
        [one.channel for one in part],
        [one.ratio for one in part],
        [moment_of(1000 * one.since) for one in part],
        [moment_of(1000 * one.until) for one in part],
        # No other day's rows are planned for.
        moment_of(1000 * first),
        moment_of(1000 * last),
    )
    return [(row["unit"], row["total"], row["samples"]) for row in rows]
