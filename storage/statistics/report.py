"""A report: the figures of a span for the city, its districts, industries or firms."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from wattwarden.alarms.cases.case import Case
from wattwarden.alarms.decisions.body import Body
from wattwarden.alarms.enforcement.lives import InspectionLife, TaskLife
from wattwarden.alarms.registry.nouns import Supervision
from wattwarden.alarms.registry.registry import Registry
from wattwarden.alarms.service.bodies import RoundTable, Solution, Training
from wattwarden.alarms.service.requests import Request
from wattwarden.alarms.states.codes import UnitState
from wattwarden.alarms.statistics.durations import milliseconds
from wattwarden.alarms.statistics.durations import told as told_of
from wattwarden.alarms.statistics.figures import (
    By,
    Figures,
    Sources,
    figures,
    groups,
    prepared_of,
)
from wattwarden.alarms.statistics.health import Health, health
from wattwarden.alarms.statistics.numbers import default_numbers
from wattwarden.alarms.statistics.response import Enforced, Period, Served, enforced, served
from wattwarden.alarms.statistics.timelines import Span
from wattwarden.storage.database import Connection
from wattwarden.storage.enforcement.lives import INSPECTION, TASK, load_lives
from wattwarden.storage.ledgers.ledger import count_backfilled
from wattwarden.storage.registry.decisions import told
from wattwarden.storage.service.load import load_requests
from wattwarden.storage.statistics.days import load_times
from wattwarden.storage.statistics.load import load_told, part_of

_B = TypeVar("_B", bound=Body)


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a report; ``name`` is "" for all together.

    ``backfilled`` counts the entries that people made in ledgers long after the fact (补录).
    """

    name: str
    figures: Figures
    enforced: Enforced
    served: Served
    backfilled: int


@dataclass(frozen=True, slots=True)
class Report:
    """Rows in order of their names, the health of the alarm system, and what they are of.

    ``cases`` were raised in the span, or stood at its end; ``now`` is what units did there.
    """

    since: datetime
    until: datetime
    rows: tuple[Row, ...]
    health: Health
    cases: tuple[Case, ...]
    now: Mapping[str, UnitState]


@dataclass(frozen=True, slots=True)
class _Done:
    """What people did within a span."""

    cases: tuple[Case, ...]
    inspections: tuple[InspectionLife, ...]
    tasks: tuple[TaskLife, ...]
    requests: tuple[Request, ...]
    solutions: tuple[Solution, ...]
    trainings: tuple[Training, ...]
    tables: tuple[RoundTable, ...]


async def load_report(
    connection: Connection, registry: Registry, firms: Collection[str], period: Period, by: By
) -> Report:
    """Return the report of some firms over a span; raises as ``load_reports``."""
    return (await load_reports(connection, registry, firms, period, (by,)))[by]


async def load_reports(
    connection: Connection,
    registry: Registry,
    firms: Collection[str],
    period: Period,
    bys: Collection[By],
) -> dict[By, Report]:
    """Return reports of some firms over a span, read once and grouped in several ways.

    What was done about the span's alarms counts as it stood at its end; inspections, tasks and help
    count where they began.

    Raises:
        StorageError: The database is away.
    """
    part, span = part_of(registry, firms), Span(*map(milliseconds, (period.since, period.until)))
    cases = tuple(await load_told(connection, firms, period.since, period.until))
    found, alarms = await load_times(connection, part, span), tuple(map(told_of, cases))
    sources = Sources(part, span, {}, {}, {}, {}, alarms, found.uncounted)
    prepared = prepared_of(part, alarms, found.times, found.now)
    done = await _done(connection, cases, period)
    backfilled = await count_backfilled(connection, period.since, period.until)
    rows = {
        by: tuple(
            Row(
                name,
                figures(sources, prepared, chosen),
                _enforced(done, registry, frozenset(chosen)),
                _served(done, registry, frozenset(chosen)),
                sum(backfilled.get(firm, 0) for firm in chosen),
            )
            for name, chosen in groups(registry, by, firms).items()
        )
        for by in bys
    }
    operators = {
        firm.id: firm.officer or firm.agency
        for firm in registry.enterprise.values()
        if firm.id in part.enterprise
    }
    whole = health(alarms, operators, span, default_numbers())
    return {
        by: Report(period.since, period.until, found_by, whole, cases, found.now)
        for by, found_by in rows.items()
    }


async def _done(connection: Connection, cases: Iterable[Case], period: Period) -> _Done:
    inspections = await load_lives(connection, INSPECTION)
    tasks = await load_lives(connection, TASK)
    requests = await load_requests(connection, upto=period.until)
    return _Done(
        cases=tuple(one for one in cases if one.raised in period),
        inspections=tuple(one for one in inspections if one.told.body.at in period),
        tasks=tuple(one for one in tasks if one.told.at in period),
        requests=tuple(one for one in requests if one.asked_at in period),
        solutions=await _held(connection, Solution, period),
        trainings=tuple(one for one in await _held(connection, Training, None) if one.at in period),
        tables=tuple(one for one in await _held(connection, RoundTable, None) if one.at in period),
    )


async def _held(connection: Connection, kind: type[_B], period: Period | None) -> tuple[_B, ...]:
    """Return bodies of a kind that were entered within a period (None: ever)."""
    entered = await told(connection, [kind.kind_name])
    return tuple(
        one.body
        for one in entered
        if isinstance(one.body, kind) and (period is None or one.entered_at in period)
    )


def _enforced(done: _Done, registry: Registry, firms: frozenset[str]) -> Enforced:
    positive = {
        firm for firm in firms if registry.enterprise[firm].supervision is Supervision.POSITIVE
    }
    return enforced(
        (one for one in done.inspections if one.told.body.enterprise in firms),
        (one for one in done.tasks if one.told.body.enterprise in firms),
        (one for one in done.cases if one.enterprise in firms),
        positive,
    )


def _served(done: _Done, registry: Registry, firms: frozenset[str]) -> Served:
    industries = {registry.enterprise[firm].industry for firm in firms}
    return served(
        (one for one in done.requests if one.body.enterprise in firms),
        (one for one in done.solutions if one.enterprise in firms),
        (
            one
            for one in done.trainings
            if firms.intersection(one.enterprises) or one.industry in industries
        ),
        (one for one in done.tables if firms.intersection(one.enterprises)),
    )
