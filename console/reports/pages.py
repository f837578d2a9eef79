"""The statistics page: a sentence, the figures of all, and a row for each part."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Final
from urllib.parse import urlencode

from aiohttp import web

from wattwarden.alarms.acting.scope import Read, Reader
from wattwarden.alarms.registry.registry import Registry
from wattwarden.alarms.statistics.figures import By
from wattwarden.alarms.statistics.response import Period
from wattwarden.console.board.figures import percent
from wattwarden.console.board.kept import KNOWN
from wattwarden.console.drawing.said import Said
from wattwarden.console.routes import Route
from wattwarden.console.visit import Visit
from wattwarden.protocol.codec import DEFAULT_ZONE
from wattwarden.storage.statistics.report import Row, load_report

# A month is what authorities count by; kept days make it quick.
USUAL: Final = timedelta(days=30)
LONGEST: Final = timedelta(days=92)
BYS: Final[Mapping[By, Said]] = {
    By.DISTRICT: Said("按区县", "By district"),
    By.INDUSTRY: Said("按行业", "By industry"),
    By.ENTERPRISE: Said("按企业", "By firm"),
}
_MINUTE_MS: Final = 60_000


@dataclass(frozen=True, slots=True)
class Wanted:
    """What an address asks for: which part of the city, a row for what, from when to when."""

    by: By
    district: str
    industry: str
    first: date
    last: date

    def address(self, path: str, **changes: str) -> str:
        """Return the address of the same figures with some things otherwise."""
        values = {
            "by": self.by.value,
            "district": self.district,
            "industry": self.industry,
            "from": str(self.first),
            "to": str(self.last),
            **changes,
        }
        return f"{path}?{urlencode({name: value for name, value in values.items() if value})}"


async def show_statistics(visit: Visit) -> web.Response:
    """Show the figures of a span."""
    async with visit.reading() as (connection, reader):
        registry = await visit.request.app[KNOWN].registry(connection)
        wanted = _wanted(visit, reader)
        firms = _firms(registry, reader, wanted)
        until = min(_midnight(wanted.last + timedelta(days=1)), reader.now)
        period = Period(_midnight(wanted.first), until)
        report = await load_report(connection, registry, firms, period, wanted.by)
        whole = await load_report(connection, registry, firms, period, By.ALL)
    rows = sorted(report.rows, key=lambda row: (_share(row), row.name))
    return visit.page(
        "reports/statistics.html",
        {
            "wanted": wanted,
            "bys": BYS,
            "rows": [(row, _name(registry, wanted.by, row.name)) for row in rows],
            "whole": whole.rows[0] if whole.rows else None,
            "firms": len(firms),
            "percent": percent,
            "minutes": _minutes,
            "until": until,
            "district": registry.region.get(wanted.district),
            "By": By,
        },
    )


def _wanted(visit: Visit, reader: Reader) -> Wanted:
    today = reader.now.astimezone(DEFAULT_ZONE).date()
    last = min(_day(visit.asked("to")) or today, today)
    first = min(_day(visit.asked("from")) or last - USUAL, last)
    asked = visit.asked("by")
    return Wanted(
        by=By(asked) if asked in {one.value for one in BYS} else By.DISTRICT,
        district=visit.asked("district"),
        industry=visit.asked("industry"),
        first=max(first, last - LONGEST),
        last=last,
    )


def _firms(registry: Registry, reader: Reader, wanted: Wanted) -> list[str]:
    return sorted(
        one.id
        for one in registry.enterprise.values()
        if reader.sees(one.id)
        and wanted.district in ("", one.region)
        and wanted.industry in ("", one.industry)
    )


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
    return "" if milliseconds is None else f"{milliseconds / _MINUTE_MS:,.0f}"


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time.min, DEFAULT_ZONE)


ROUTES: Final = (Route("GET", "/statistics", show_statistics, Read.STATISTICS, "statistics"),)
