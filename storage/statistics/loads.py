"""How hard production units worked: mean power while running, beside their reference (负荷率).

run stretches ─┬─ whole quarters of an hour ─► rollup_15min: mean × rows
               └─ their ends ────────────────► readings
reference: the learned power of the unit, else its nameplate
"""

from collections.abc import Iterable, Mapping
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
from wattwarden.storage.cases.load import load_basis
from wattwarden.storage.database import Connection, errors
from wattwarden.storage.moments import moment_of
from wattwarden.storage.warden.kept import load_states

QUARTER_MS: Final = 900_000
# A statement's share: a city's stretches of a month are half a million.
STRETCHES_PER_STATEMENT: Final = 20_000

_POWER: Final = (
    "coalesce(r.power_total, CASE WHEN coalesce(r.power_a, r.power_b, r.power_c) IS NOT NULL THEN"
    " coalesce(r.power_a, 0) + coalesce(r.power_b, 0) + coalesce(r.power_c, 0) END)"
)
_WANTED: Final = (
    "FROM unnest($1::text[], $2::text[], $3::text[], $4::float8[], $5::timestamptz[],"
    " $6::timestamptz[]) AS w (unit, meter, channel, ratio, since, until)"
    " JOIN meter AS m ON m.codec || ':' || m.address = w.meter"
)
_QUARTERS: Final = (
    f"SELECT w.unit, sum(q.power_mean::float8 * q.received * w.ratio) AS total,"
    f" sum(q.received) AS samples {_WANTED} JOIN rollup_15min AS q ON q.meter = m.id"
    " AND q.channel = w.channel AND q.start >= w.since AND q.start < w.until"
    " WHERE q.power_mean IS NOT NULL GROUP BY w.unit"
)
# As the rollups do: averages that the meter made count where an hour has nothing else.
_ENDS: Final = (
    f"SELECT w.unit, sum(p.power::float8 * w.ratio) AS total, count(p.power) AS samples {_WANTED}"  # noqa: S608  words of ours
    f" CROSS JOIN LATERAL (SELECT {_POWER} AS power FROM reading AS r WHERE r.meter = m.id"
    " AND r.channel = w.channel AND r.at >= w.since AND r.at < w.until AND (r.period = 'i'"
    " OR r.period = 'm' AND NOT EXISTS (SELECT FROM reading AS i WHERE i.meter = r.meter"
    " AND i.channel = r.channel AND i.period = 'i' AND i.at >= date_trunc('hour', r.at)"
    " AND i.at < date_trunc('hour', r.at) + interval '1 hour'))) AS p GROUP BY w.unit"
)


class Stretch(NamedTuple):
    """A unit ran from one moment to another (ms), and where its power is read."""

    unit: str
    meter: str
    channel: str
    ratio: float
    since: int
    until: int


async def load_loads(
    connection: Connection,
    registry: Registry,
    timelines: Mapping[str, Timeline],
    span: Span,
) -> dict[str, Rate]:
    """Return (sum of W, samples × reference) of production units while they ran in a span.

    Raises:
        StorageError: The database is away.
    """
    whole: list[Stretch] = []
    ends: list[Stretch] = []
    for stretch in _stretches(registry, timelines, span):
        inner, outer = cut_at_quarters(stretch)
        whole += inner
        ends += outer
    sums: dict[str, tuple[float, int]] = {}
    for query, stretches in ((_QUARTERS, whole), (_ENDS, ends)):
        for unit, total, samples in await _summed(connection, query, stretches):
            before = sums.get(unit, (0.0, 0))
            sums[unit] = (before[0] + total, before[1] + samples)
    firms = {registry.unit[unit].enterprise for unit in sums}
    references = await load_references(connection, registry, firms)
    return {
        unit: Rate(total, samples * references[unit]) for unit, (total, samples) in sums.items()
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
    rules = (await load_basis(connection)).rules
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
    found = []
    with errors("reading the power of units"):
        for begin in range(0, len(stretches), STRETCHES_PER_STATEMENT):
            part = stretches[begin : begin + STRETCHES_PER_STATEMENT]
            rows = await connection.fetch(
                query,
                [one.unit for one in part],
                [one.meter for one in part],
                [one.channel for one in part],
                [one.ratio for one in part],
                [moment_of(1000 * one.since) for one in part],
                [moment_of(1000 * one.until) for one in part],
            )
            found += [(row["unit"], row["total"] or 0.0, row["samples"]) for row in rows]
    return found
