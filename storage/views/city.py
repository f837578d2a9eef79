"""The city at a moment: what every firm's lines and meters do, today and in the last 24 hours.

states of units since yesterday's midnight ─► firm by firm ─► added up for whoever may see them

Counting a city takes longer than a page may: whoever shows it keeps it for a while.
"""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import numpy as np

from wattwarden.alarms.plant.table import I64
from wattwarden.alarms.registry.registry import Registry
from wattwarden.alarms.states.codes import UnitState
from wattwarden.alarms.statistics.course import Courses, course_of, together
from wattwarden.alarms.statistics.durations import milliseconds
from wattwarden.alarms.statistics.figures import last_states
from wattwarden.alarms.statistics.rates import Rate, added
from wattwarden.alarms.statistics.running import LinePlan, line_plans, synchronous
from wattwarden.alarms.statistics.timelines import Span, Timeline
from wattwarden.protocol.codec import DEFAULT_ZONE
from wattwarden.storage.database import Connection
from wattwarden.storage.statistics.load import load_timelines

DAY_MS: Final = 86_400_000
# A quarter of an hour is as fine as a curve of a day shows.
STEP_MS: Final = 900_000
STEPS: Final = DAY_MS // STEP_MS + 1
_AWAY: Final = (UnitState.NEVER, UnitState.DECLARED)


@dataclass(frozen=True, slots=True)
class FirmNow:
    """A firm: 同步率 of today so far and of yesterday up to the same time, its units and lines.

    ``course`` counts its lines at each quarter of the last 24 hours, now the last of them;
    ``unmet`` are those lines that produce now while their treatment does not run.
    """

    today: Rate
    yesterday: Rate
    online: Rate
    lines: int
    course: Courses
    unmet: frozenset[str]
    making: frozenset[str]


@dataclass(frozen=True, slots=True)
class City:
    """All firms at a moment."""

    at: datetime
    firms: Mapping[str, FirmNow]
    now: Mapping[str, UnitState]

    def part(self, firms: Iterable[str]) -> FirmNow:
        """Return what some firms come to together."""
        chosen = [self.firms[one] for one in firms if one in self.firms]
        courses = [one.course for one in chosen]
        return FirmNow(
            today=added(one.today for one in chosen),
            yesterday=added(one.yesterday for one in chosen),
            online=added(one.online for one in chosen),
            lines=sum(one.lines for one in chosen),
            course=Courses(
                np.sum([one.making for one in courses], axis=0, dtype=np.int32),
                np.sum([one.unmet for one in courses], axis=0, dtype=np.int32),
            )
            if courses
            else together((), STEPS),
            unmet=frozenset().union(*(one.unmet for one in chosen)),
            making=frozenset().union(*(one.making for one in chosen)),
        )


async def load_city(connection: Connection, registry: Registry, now: datetime) -> City:
    """Return all firms of a registry at a moment.

    Raises:
        StorageError: The database is away.
    """
    end = milliseconds(now)
    midnight = milliseconds(midnight_of(now))
    span = Span(min(midnight, end - DAY_MS) - DAY_MS, end)
    timelines = await load_timelines(connection, registry, span)
    # Some hundred milliseconds of a large city, in which pages are served on.
    return await asyncio.to_thread(_counted, registry, timelines, now, midnight)


def midnight_of(now: datetime) -> datetime:
    """Return when the local day began."""
    local = now.astimezone(DEFAULT_ZONE)
    return local.replace(hour=0, minute=0, second=0, microsecond=0).astimezone(UTC)


def moments_of(now: datetime) -> I64:
    """Return the quarters of the last 24 hours, ms, now the last of them."""
    end = milliseconds(now) - 1
    return end - STEP_MS * np.arange(STEPS - 1, -1, -1, dtype=np.int64)


def _counted(
    registry: Registry, timelines: Mapping[str, Timeline], now: datetime, midnight: int
) -> City:
    end = milliseconds(now)
    states = last_states(timelines, end)
    plans = line_plans(registry)
    units: dict[str, list[str]] = {firm: [] for firm in registry.enterprise}
    for unit in registry.unit.values():
        units[unit.enterprise].append(unit.id)
    lines: dict[str, int] = dict.fromkeys(registry.enterprise, 0)
    for line in registry.line.values():
        lines[line.enterprise] += 1
    moments = moments_of(now)
    spans = (Span(midnight, end), Span(midnight - DAY_MS, end - DAY_MS))
    firms = {}
    for firm in registry.enterprise:
        heard = [states.get(unit, UnitState.NEVER) for unit in units[firm]]
        connected = sum(one not in _AWAY for one in heard)
        offline = sum(one is UnitState.OFFLINE for one in heard)
        firms[firm] = _firm(
            plans.get(firm, ()),
            timelines,
            moments,
            spans,
            Rate(connected - offline, connected),
            lines[firm],
        )
    return City(now, firms, states)


def _firm(
    plans: tuple[LinePlan, ...],
    timelines: Mapping[str, Timeline],
    moments: I64,
    spans: tuple[Span, Span],
    online: Rate,
    lines: int,
) -> FirmNow:
    courses = {plan.line: course_of(plan, timelines, moments) for plan in plans}
    today, yesterday = (
        added(synchronous(plan, timelines, span) for plan in plans) for span in spans
    )
    return FirmNow(
        today=today,
        yesterday=yesterday,
        online=online,
        lines=lines,
        course=together(courses.values(), STEPS),
        unmet=frozenset(line for line, one in courses.items() if one.unmet[-1]),
        making=frozenset(line for line, one in courses.items() if one.making[-1]),
    )
