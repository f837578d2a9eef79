"""The statistics page: a sentence, the figures of all, a row for each part; and as a file.

Every row leads to what it is made of: the city's districts, a district's firms, a firm's alarms.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from aiohttp import web

from wattwarden.alarms.acting.scope import Read
from wattwarden.alarms.cases.case import Case
from wattwarden.alarms.registry.registry import Registry
from wattwarden.alarms.rulebook import Rule
from wattwarden.alarms.statistics.figures import By
from wattwarden.alarms.statistics.response import Period
from wattwarden.console.api.asked import Form
from wattwarden.console.api.export import send_file
from wattwarden.console.board.figures import percent
from wattwarden.console.board.kept import KNOWN
from wattwarden.console.doors import NOT_FOUND
from wattwarden.console.reports.chosen import BYS, Wanted, wanted_of
from wattwarden.console.reports.kept import REPORTS
from wattwarden.console.reports.sheet import minutes_of, sheet_row
from wattwarden.console.routes import Handler, Route
from wattwarden.console.visit import Visit
from wattwarden.console.words import Language
from wattwarden.storage.database import Connection
from wattwarden.storage.registry.rules import rules_now
from wattwarden.storage.statistics.report import Report, Row

# A period begins at midnight; what begins within its first day has all of its days.
_FIRST_DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Kind:
    """A rule's alarms in a span: how many there were, how many stand, how long they took, min."""

    rule: Rule
    count: int
    standing: int
    mean: float


async def show_statistics(visit: Visit) -> web.Response:
    """Show the figures of a span."""
    async with visit.reading() as (connection, reader):
        registry = await visit.request.app[KNOWN].registry(connection)
        wanted = wanted_of(visit, reader)
        firms = wanted.firms(registry, reader)
        if wanted.enterprise and not firms:
            raise NOT_FOUND
        period, now = wanted.period(reader), reader.now
    # Counting may take a while: nothing is held meanwhile.
    kept = visit.request.app[REPORTS]
    counted = await kept.of(visit.parts.store, registry, firms, period, now)
    report, whole, period = counted.reports[wanted.by], counted.reports[By.ALL], counted.period
    async with visit.reading() as (connection, reader):
        kinds = await _kinds(connection, whole, period)
    return visit.page(
        "reports/statistics.html",
        {
            "wanted": wanted,
            "bys": BYS,
            "rows": _named(report, registry, wanted),
            "kinds": kinds,
            "whole": whole.rows[0] if whole.rows else None,
            "firms": len(firms),
            "firm": registry.enterprise.get(wanted.enterprise),
            "percent": percent,
            "minutes": _minutes,
            "period": period,
            "heard": counted.heard,
            "is_young": counted.heard is None or counted.heard > period.since + _FIRST_DAY,
            "district": registry.region.get(wanted.district),
            "By": By,
        },
    )


def _as_file(form: Form) -> Handler:
    """Return what gives the rows of the page as a file."""

    async def give(visit: Visit) -> web.StreamResponse:
        async with visit.reading() as (connection, reader):
            registry = await visit.request.app[KNOWN].registry(connection)
            wanted = wanted_of(visit, reader)
            firms = wanted.firms(registry, reader)
            period, now = wanted.period(reader), reader.now
        kept = visit.request.app[REPORTS]
        counted = await kept.of(visit.parts.store, registry, firms, period, now)
        report = counted.reports[wanted.by]
        chinese = visit.language is Language.CHINESE
        named = _named(report, registry, wanted)
        rows = [sheet_row(row, name, chinese=chinese) for row, name in named]

        async def page(_after: object, _most: int) -> tuple[Sequence[Any], None]:
            return rows, None

        name = f"statistics-{wanted.days.first}-{wanted.days.last}"
        return await send_file(visit, form, name, page)

    return give


def _named(report: Report, registry: Registry, wanted: Wanted) -> list[tuple[Row, str]]:
    """Return the rows with what they are called, the least in step first."""
    rows = sorted(report.rows, key=lambda row: (_share(row), row.name))
    return [(row, _name(registry, wanted.by, row.name)) for row in rows]


async def _kinds(connection: Connection, report: Report, period: Period) -> list[Kind]:
    """Return what the alarms of a report were of, the most frequent first."""
    rules = (await rules_now(connection)).rules
    of_rule: dict[str, list[Case]] = defaultdict(list)
    for case in report.cases:
        of_rule[case.rule].append(case)
    found = [
        Kind(
            rules[rule],
            sum(case.raised in period for case in cases),
            sum(case.cleared is None for case in cases),
            _mean_minutes(cases, period),
        )
        for rule, cases in of_rule.items()
        if rule in rules
    ]
    return sorted(found, key=lambda one: -one.count)


def _mean_minutes(cases: Iterable[Case], period: Period) -> float:
    lasted = [
        (min(case.cleared or period.until, period.until) - case.raised).total_seconds() / 60
        for case in cases
    ]
    return sum(lasted) / len(lasted)


def _name(registry: Registry, by: By, name: str) -> str:
    if by is By.DISTRICT and name in registry.region:
        return registry.region[name].name
    if by is By.ENTERPRISE and name in registry.enterprise:
        return registry.enterprise[name].name
    return name


def _share(row: Row) -> float:
    value = row.figures.time.synchronous.value
    return 2.0 if value is None else value


def _minutes(milliseconds: float | None) -> str:
    minutes = minutes_of(milliseconds)
    return "" if minutes is None else f"{minutes:,.0f}"


ROUTES: Final = (
    Route("GET", "/statistics", show_statistics, Read.STATISTICS, "statistics"),
    *(
        Route(
            "GET",
            f"/statistics.{form.value}",
            _as_file(form),
            Read.STATISTICS,
            f"statistics_{form.value}",
        )
        for form in (Form.CSV, Form.EXCEL)
    ),
)
