"""All figures of a span, for the city or for parts of it: shares of each firm, added up.

Sources ─► firm_times: each firm's shares, once ─► figures(firms): one row of a report
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np

from wattwarden.alarms.registry.nouns import Enterprise, Equipment, Supervision, Unit, UnitKind
from wattwarden.alarms.registry.registry import Registry
from wattwarden.alarms.states.codes import UnitState
from wattwarden.alarms.statistics.collection import (
    Came,
    Collected,
    Listened,
    collected,
    together,
)
from wattwarden.alarms.statistics.compliance import Standing, standings
from wattwarden.alarms.statistics.coverage import Coverage, Lacking, coverage, lacking
from wattwarden.alarms.statistics.durations import (
    Durations,
    Sort,
    ToldAlarm,
    by_sort,
    in_time,
    verified_in_time,
)
from wattwarden.alarms.statistics.rates import Rate, added
from wattwarden.alarms.statistics.running import (
    PRODUCES,
    SILENT,
    line_plans,
    synchronous,
    unit_time,
)
from wattwarden.alarms.statistics.timelines import (
    NOTHING_HEARD,
    Span,
    Timeline,
    states_at,
)

NO_RATE: Final = Rate(0, 0)


class By(StrEnum):
    """What a report has a row for."""

    ALL = "all"
    DISTRICT = "district"
    INDUSTRY = "industry"
    ENTERPRISE = "enterprise"


@dataclass(frozen=True, slots=True)
class Sources:
    """What figures are counted from.

    ``loads`` are W over the sampled run time of each unit: (sum of P, samples times reference).
    ``alarms`` are those told to people that were raised in the span, or stood in it.
    ``uncounted`` is where the first hour begins, ms, of which rows of a firm came that are not
    counted yet; what came of its meters is told up to there.
    """

    registry: Registry
    span: Span
    timelines: Mapping[str, Timeline]
    listened: Mapping[str, Listened]
    came: Mapping[str, Mapping[int, Came]]
    loads: Mapping[str, Rate]
    alarms: tuple[ToldAlarm, ...]
    uncounted: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class FirmTime:
    """A firm's shares of a span."""

    production: Rate = NO_RATE
    treatment: Rate = NO_RATE
    online: Rate = NO_RATE
    synchronous: Rate = NO_RATE
    load: Rate = NO_RATE
    collected: Collected = Collected()  # noqa: RUF009  frozen


@dataclass(frozen=True, slots=True)
class Prepared:
    """What all rows of a report share: shares of firms, present states, and whose is what."""

    times: Mapping[str, FirmTime]
    now: Mapping[str, UnitState]
    units: dict[str, list[Unit]] = field(default_factory=dict)
    equipment: dict[str, list[Equipment]] = field(default_factory=dict)
    alarms: dict[str, list[ToldAlarm]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Present:
    """How many firms and units are heard at the end of a span, and what the units do."""

    firms_online: int
    firms_silent: int
    units_online: int
    units_offline: int
    units_stopped: int
    units_never: int


@dataclass(frozen=True, slots=True)
class Figures:
    """One row of a report; durations in ms.

    ``durations`` is of abnormal treatment and production; ``lasted`` has the other sorts.
    ``counted_until``: up to when what came of meters is counted, None where to the span's end.
    """

    enterprises: int
    positive: int
    time: FirmTime
    present: Present
    alarms: int
    alarms_open: int
    by_grade: Mapping[str, int]
    in_time: Rate
    verified_in_time: Rate
    durations: Durations
    lasted: Mapping[Sort, Durations]
    standings: Mapping[Standing, int]
    coverage: Coverage
    lacking: tuple[Lacking, ...]
    counted_until: datetime | None


def groups(registry: Registry, by: By, firms: Collection[str]) -> dict[str, list[str]]:
    """Return the firms of each row, by the row's name."""
    found: dict[str, list[str]] = {}
    for identity in sorted(firms):
        found.setdefault(_row(registry.enterprise[identity], by), []).append(identity)
    return {name: found[name] for name in sorted(found)}


def prepare(sources: Sources) -> Prepared:
    """Compute what all rows of a report share."""
    now = last_states(sources.timelines, sources.span.end)
    return prepared_of(sources.registry, sources.alarms, firm_times(sources), now)


def prepared_of(
    registry: Registry,
    alarms: Iterable[ToldAlarm],
    times: Mapping[str, FirmTime],
    now: Mapping[str, UnitState],
) -> Prepared:
    """Sort what all rows of a report share by whose it is."""
    prepared = Prepared(times, now)
    for firm in registry.enterprise:
        prepared.units[firm], prepared.equipment[firm], prepared.alarms[firm] = [], [], []
    for unit in registry.unit.values():
        prepared.units[unit.enterprise].append(unit)
    for one in registry.equipment.values():
        prepared.equipment[one.enterprise].append(one)
    for alarm in alarms:
        prepared.alarms[alarm.enterprise].append(alarm)
    return prepared


def figures(sources: Sources, prepared: Prepared, firms: Collection[str]) -> Figures:
    """Return the figures of some firms."""
    span, chosen = sources.span, sorted(set(firms))
    registry = _part(sources.registry, prepared, chosen)
    alarms = [alarm for firm in chosen for alarm in prepared.alarms[firm]]
    raised = [one for one in alarms if span.start <= one.raised < span.end]
    standing = [one for one in alarms if one.ended is None or one.ended > span.end]
    heard = {unit for unit in registry.unit if _state(prepared, unit) is not UnitState.NEVER}
    does = standings(registry, chosen, prepared.now, standing)
    grades = Counter(one.grade for one in raised)
    lasted = by_sort(raised, span.end)
    behind = sources.uncounted.keys() & set(chosen)
    return Figures(
        enterprises=len(chosen),
        positive=sum(_is_positive(registry.enterprise[one]) for one in chosen),
        time=all_together([prepared.times[one] for one in chosen]),
        present=_present(registry, prepared),
        alarms=len(raised),
        alarms_open=len(standing),
        by_grade=dict(sorted(grades.items())),
        in_time=in_time(raised, span.end),
        verified_in_time=verified_in_time(raised, span.end),
        durations=lasted.pop(Sort.ABNORMAL),
        lasted=lasted,
        standings={one: sum(each is one for each in does.values()) for one in Standing},
        coverage=coverage(registry, chosen, heard),
        lacking=tuple(lacking(registry, chosen)),
        counted_until=_moment(sources.uncounted[firm] for firm in chosen if firm in behind),
    )


def firm_times(sources: Sources) -> dict[str, FirmTime]:
    """Return each firm's shares of the span."""
    registry, span = sources.registry, sources.span
    parts: dict[str, list[FirmTime]] = {one: [] for one in registry.enterprise}
    for unit in registry.unit.values():
        time = unit_time(sources.timelines.get(unit.id, NOTHING_HEARD), span)
        makes, treats = unit.kind in PRODUCES, unit.kind is UnitKind.TREATMENT
        parts[unit.enterprise].append(
            FirmTime(
                production=time.running if makes else NO_RATE,
                treatment=time.running if treats else NO_RATE,
                online=time.online,
                load=sources.loads.get(unit.id, NO_RATE) if makes else NO_RATE,
            )
        )
    for enterprise, plans in line_plans(registry).items():
        rate = added(synchronous(plan, sources.timelines, span) for plan in plans)
        parts[enterprise].append(FirmTime(synchronous=rate))
    for point, listened in sources.listened.items():
        enterprise = registry.unit[listened.unit].enterprise
        offset_ms = zone_offset_ms(registry.enterprise[enterprise], span.start)
        timeline = sources.timelines.get(listened.unit, NOTHING_HEARD)
        share = collected(listened, sources.came.get(point, {}), timeline, offset_ms)
        parts[enterprise].append(FirmTime(collected=share))
    return {enterprise: all_together(times) for enterprise, times in parts.items()}


def last_states(timelines: Mapping[str, Timeline], end: int) -> dict[str, UnitState]:
    """Return what each unit that was ever heard does just before a moment (ms)."""
    before = np.array([end - 1], np.int64)
    return {
        unit: UnitState(int(states_at(timeline, before)[0])) for unit, timeline in timelines.items()
    }


def zone_offset_ms(enterprise: Enterprise, at_ms: int) -> int:
    """Return how far a firm's clocks are ahead of UTC."""
    moment = datetime.fromtimestamp(at_ms / 1000, UTC).astimezone(ZoneInfo(enterprise.zone))
    offset = moment.utcoffset()
    return 0 if offset is None else round(1000 * offset.total_seconds())


def _moment(ms: Iterable[int]) -> datetime | None:
    first = min(ms, default=None)
    return None if first is None else datetime.fromtimestamp(first / 1000, UTC)


def _row(firm: Enterprise, by: By) -> str:
    match by:
        case By.DISTRICT:
            return firm.region
        case By.INDUSTRY:
            return firm.industry
        case By.ENTERPRISE:
            return firm.id
        case By.ALL:
            return ""


def _is_positive(firm: Enterprise) -> bool:
    return firm.supervision is Supervision.POSITIVE


def all_together(times: Iterable[FirmTime]) -> FirmTime:
    """Return the shares of firms, or of a firm's days, added up."""
    listed = list(times)
    return FirmTime(
        added(one.production for one in listed),
        added(one.treatment for one in listed),
        added(one.online for one in listed),
        added(one.synchronous for one in listed),
        added(one.load for one in listed),
        together(one.collected for one in listed),
    )


def _part(registry: Registry, prepared: Prepared, firms: Collection[str]) -> Registry:
    """Return what figures look at of some firms, without searching the whole city for it."""
    return Registry(
        region=registry.region,
        requirement=registry.requirement,
        enterprise={firm: registry.enterprise[firm] for firm in firms},
        unit={one.id: one for firm in firms for one in prepared.units[firm]},
        equipment={one.id: one for firm in firms for one in prepared.equipment[firm]},
    )


def _present(registry: Registry, prepared: Prepared) -> Present:
    state = {unit: _state(prepared, unit) for unit in registry.unit}
    online = {one.enterprise for one in registry.unit.values() if state[one.id] not in SILENT}
    counts = Counter(state.values())
    known = len(state) - counts[UnitState.NEVER]
    return Present(
        firms_online=len(online),
        firms_silent=len(registry.enterprise) - len(online),
        units_online=known - counts[UnitState.OFFLINE],
        units_offline=counts[UnitState.OFFLINE],
        units_stopped=counts[UnitState.OFF],
        units_never=counts[UnitState.NEVER],
    )


def _state(prepared: Prepared, unit: str) -> UnitState:
    return prepared.now.get(unit, UnitState.NEVER)
