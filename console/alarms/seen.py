"""One alarm as its page shows it: the case, its units and what they did, who was told."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from aiohttp import web

from wattwarden.alarms.acting.scope import Reader
from wattwarden.alarms.cases.case import Case, State
from wattwarden.alarms.cases.grading import Grading
from wattwarden.alarms.decisions.bodies import Declaration
from wattwarden.alarms.registry.nouns import Point, Unit, UnitKind
from wattwarden.alarms.registry.registry import Registry
from wattwarden.alarms.rulebook import Rule
from wattwarden.alarms.statistics.durations import milliseconds
from wattwarden.alarms.statistics.timelines import Span, Timeline
from wattwarden.console.board.kept import KNOWN
from wattwarden.console.doors import NOT_FOUND
from wattwarden.storage.cases.declared import load_declarations
from wattwarden.storage.cases.gradings import load_gradings
from wattwarden.storage.cases.load import load_case
from wattwarden.storage.database import Connection
from wattwarden.storage.registry.rules import rules_now
from wattwarden.storage.statistics.load import load_timelines
from wattwarden.storage.views.alarm import (
    Event,
    Like,
    SentFile,
    load_events,
    load_files,
    load_like,
)
from wattwarden.storage.warden.listing import ListedAlarm, find_alarm

_USUAL: Final = timedelta(hours=3)
# Before an offence one sees that all was well.
_BEFORE: Final = timedelta(minutes=50)
_AFTER: Final = timedelta(minutes=30)
_LONGEST: Final = timedelta(hours=26)


@dataclass(frozen=True, slots=True)
class Seen:
    """An alarm, as somebody sees it at a moment."""

    case: Case
    alarm: ListedAlarm
    rule: Rule
    grading: Grading
    registry: Registry
    units: tuple[Unit, ...]
    timelines: Mapping[str, Timeline]
    events: tuple[Event, ...]
    files: tuple[SentFile, ...]
    like: Like
    declaration: Declaration | None
    now: datetime

    @property
    def subject(self) -> Unit | None:
        """The unit that it is about, where it is about one."""
        return None if self.case.unit is None else self.registry.unit.get(self.case.unit)

    @property
    def span(self) -> tuple[datetime, datetime]:
        """What is drawn of it."""
        return span_of(self.case, self.now)

    @property
    def offence(self) -> Span:
        """From when to when the condition stood, as far as is known."""
        end = self.case.cleared or self.now
        return Span(milliseconds(self.case.episode.began), milliseconds(end))


async def look(app: web.Application, connection: Connection, reader: Reader, number: int) -> Seen:
    """Return an alarm as somebody sees it.

    Raises:
        PageError: There is none, or it is not theirs.
        StorageError: The database is away.
    """
    registry = await app[KNOWN].registry(connection)
    case = await load_case(connection, number, now=reader.now)
    found = await find_alarm(connection, number)
    if case is None or found is None or not reader.sees(case.enterprise):
        raise NOT_FOUND
    units = units_of(case, registry)
    since, until = span_of(case, reader.now)
    part = Registry(
        unit={one.id: one for one in units},
        point={one.id: one for one in points_of(registry, units)},
    )
    span = Span(milliseconds(since), milliseconds(min(until, reader.now)))
    rules = await rules_now(connection)
    return Seen(
        case=case,
        alarm=found[0],
        rule=rules.rules[case.rule],
        grading=(await load_gradings(connection)).of(case.episode),
        registry=registry,
        units=units,
        timelines=await load_timelines(connection, part, span),
        events=tuple(await load_events(connection, number)),
        files=tuple(await load_files(connection, number, reader)),
        like=await load_like(connection, number, reader.now),
        declaration=await _declared(connection, case),
        now=reader.now,
    )


async def _declared(connection: Connection, case: Case) -> Declaration | None:
    """Return what was declared to explain a case, as long as somebody is to review it."""
    if case.state is not State.DECLARED or case.declaration is None:
        return None
    standing = await load_declarations(connection, declaration=case.declaration)
    return standing[-1].body if standing else None


def span_of(case: Case, now: datetime) -> tuple[datetime, datetime]:
    """Return from when to when an alarm is drawn: its beginning, what was before, the present."""
    end = now if case.cleared is None else min(now, case.cleared + _AFTER)
    since = min(end - _USUAL, case.episode.began - _BEFORE)
    return max(since, end - _LONGEST), end


def units_of(case: Case, registry: Registry) -> tuple[Unit, ...]:
    """Return the units of an alarm's line, production first; else the one that it is about."""
    linked = {one.unit for one in registry.link.values() if one.line == case.line}
    if case.unit is not None:
        linked.add(case.unit)
    found = [registry.unit[one] for one in sorted(linked) if one in registry.unit]
    return tuple(sorted(found, key=lambda one: (one.kind is UnitKind.TREATMENT, one.id)))


def points_of(registry: Registry, units: tuple[Unit, ...]) -> list[Point]:
    """Return the points of some units."""
    names = {one.id for one in units}
    return [one for one in registry.point.values() if one.unit in names]
