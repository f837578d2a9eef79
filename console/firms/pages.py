"""Pages of firms: the list, one with its lines and curves, and a firm's own day."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from aiohttp import web

from wattwarden.alarms.acting.roles import CITY_WIDE, ENTERPRISE, MAINTENANCE, OFFICERS
from wattwarden.alarms.acting.scope import Read
from wattwarden.alarms.cases.bodies import Verb
from wattwarden.alarms.cases.case import Case, Level
from wattwarden.alarms.decisions.bodies import Plan
from wattwarden.alarms.registry.nouns import Enterprise, Region, UnitKind
from wattwarden.alarms.service.matters import Matter
from wattwarden.alarms.statistics.durations import milliseconds
from wattwarden.console.board.figures import percent
from wattwarden.console.board.kept import CITY, KNOWN
from wattwarden.console.board.rows import Around, next_step, person_of, place_of, rows_of
from wattwarden.console.drawing.ladder import ladder_of
from wattwarden.console.drawing.said import shortened
from wattwarden.console.firms.seen import FirmSeen, look_at
from wattwarden.console.firms.words import WATCHED, WORN, order_of, part_name
from wattwarden.console.routes import Only, Route
from wattwarden.console.visit import Visit
from wattwarden.console.written import place_in
from wattwarden.storage.cases.gradings import load_gradings
from wattwarden.storage.cases.listing import look_over
from wattwarden.storage.registry.decisions import Entered, told
from wattwarden.storage.responses.load import newest_plans
from wattwarden.storage.service.firm import load_matters
from wattwarden.storage.views.city import FirmNow, midnight_of
from wattwarden.storage.views.curves import load_curves
from wattwarden.storage.views.day import load_told

SPANS: Final[Mapping[str, timedelta]] = {
    "hour": timedelta(hours=1),
    "day": timedelta(hours=24),
    "week": timedelta(days=7),
    "month": timedelta(days=31),
}
# Firms of a page: more take longer to write than to find by a search.
PAGE_FIRMS: Final = 80


@dataclass(frozen=True, slots=True)
class FirmRow:
    """A firm in the list: what it does now, how much is open there, the gravest of it."""

    firm: Enterprise
    now: FirmNow | None
    district: Region | None
    open: int
    worst: Level | None


async def show_firms(visit: Visit) -> web.Response:
    """List firms."""
    app = visit.request.app
    async with visit.reading() as (connection, reader):
        registry = await app[KNOWN].registry(connection)
        whole = await look_over(connection, reader.enterprises, now=reader.now, turns=(), limit=1)
    city = await app[CITY].city(visit.parts.store, registry)
    text, district = visit.asked("q").casefold(), visit.asked("district")
    levels: dict[str, Counter[Level]] = defaultdict(Counter)
    for (firm, level), count in whole.firms.items():
        levels[firm][level] += count
    seen = [one for one in registry.enterprise.values() if reader.sees(one.id)]
    found = [
        one
        for one in seen
        if text in f"{one.name} {one.id} {one.credit_code}".casefold()
        and district in ("", one.region)
    ]
    rows = [
        FirmRow(
            one,
            city.firms.get(one.id),
            registry.region.get(one.region),
            levels[one.id].total(),
            max(levels[one.id], default=None),
        )
        for one in found
    ]
    rows.sort(key=lambda row: (-(row.worst or 0), row.firm.name))
    regions = sorted({one.region for one in seen})
    first = place_in(visit, len(rows), PAGE_FIRMS)
    return visit.page(
        "firms/list.html",
        {
            "rows": rows[first : first + PAGE_FIRMS],
            "next": first + PAGE_FIRMS if first + PAGE_FIRMS < len(rows) else None,
            "count": len(rows),
            "q": visit.asked("q"),
            "district": district,
            "districts": [registry.region[one] for one in regions if one in registry.region],
            "percent": percent,
            "watched": WATCHED,
        },
    )


async def show_firm(visit: Visit) -> web.Response:
    """Show one firm."""
    enterprise = visit.parameter("enterprise")
    async with visit.reading() as (connection, reader):
        seen = await look_at(visit.request.app, connection, reader, enterprise)
        gradings = await load_gradings(connection)
        times = await load_told(connection, [case.id for case in seen.open])
        entered = await told(connection, [Plan.kind_name], enterprises=[enterprise])
    around = Around(seen.registry, gradings, times, visit.person, seen.now)
    parts = _shared(seen) | {
        "rows": rows_of(seen.open, around),
        "plans": _standing(entered, seen.now),
        "people": [one for one in seen.registry.person.values() if one.enterprise == enterprise],
        "spans": SPANS,
        "watched": WATCHED,
        "can_day": visit.person.enterprise == enterprise,
    }
    live = visit.asked("part") == "live"
    return visit.page(f"firms/{'firm_live' if live else 'firm'}.html", parts)


async def show_line_curves(visit: Visit) -> web.Response:
    """Return the power of a line's units over a day, a week or a month, as the chart draws it."""
    length = SPANS.get(visit.asked("span"), SPANS["day"])
    line = visit.parameter("line")
    async with visit.reading() as (connection, reader):
        registry = await visit.request.app[KNOWN].registry(connection)
        linked = sorted(one.unit for one in registry.link.values() if one.line == line)
        units = [registry.unit[one] for one in linked if one in registry.unit]
        names = {one.id for one in units}
        points = [one for one in registry.point.values() if one.unit in names]
        since, until = reader.now - length, reader.now
        curves = {one.unit: one for one in await load_curves(connection, points, since, until)}
    return web.json_response(
        {
            "from": milliseconds(since) // 1000,
            "to": milliseconds(until) // 1000,
            "offence": None,
            "units": [
                {
                    "id": one.id,
                    "name": one.name,
                    "kind": "treat" if one.kind is UnitKind.TREATMENT else "prod",
                    "at": curves[one.id].at if one.id in curves else [],
                    "watts": curves[one.id].watts if one.id in curves else [],
                }
                for one in units
            ],
        }
    )


async def show_day(visit: Visit) -> web.Response:
    """Show whoever is of a firm its own day."""
    enterprise = visit.person.enterprise or ""
    async with visit.reading() as (connection, reader):
        seen = await look_at(visit.request.app, connection, reader, enterprise)
        gradings = await load_gradings(connection)
        matters = await load_matters(connection, seen.firm, seen.now)
        entered = await told(connection, [Plan.kind_name], enterprises=[enterprise])
    mine = [case for case in seen.open if next_step(case, visit.person) is not None]
    first = mine[0] if mine else seen.open[0] if seen.open else None
    officer = seen.registry.person.get(seen.firm.officer or "")
    parts = _shared(seen) | {
        "worst": first,
        "is_mine": first in mine,
        "first_place": "" if first is None else place_of(first, seen.registry),
        "first_said": None if first is None else shortened(first.episode.zh, first.episode.en),
        "first_ladder": None
        if first is None
        else ladder_of(first, gradings.of(first.episode), seen.now),
        "first_acked": None if first is None else _acked(first),
        "acked_by": "" if first is None else person_of(first.acked_by, seen.registry),
        "me": visit.person.id,
        "step": None if first is None else next_step(first, visit.person),
        "others": [case for case in seen.open if case is not first],
        "place_of": lambda case: place_of(case, seen.registry),
        "matters": [one for one in matters if one.kind in ("declaration", "equipment")],
        "plans": _standing(entered, seen.now),
        "officer": officer,
        "soon": _soon(matters, seen.now),
        "shortened": shortened,
    }
    live = visit.asked("part") == "live"
    return visit.page(f"firms/{'day_live' if live else 'day'}.html", parts)


def _standing(entered: Sequence[Entered], now: datetime) -> list[Plan]:
    """Return the plans that are in force or to come, the first to begin first."""
    plans = [one for one, _ in newest_plans(entered)]
    held = [one for one in plans if one.enabled and not one.exempt and one.end > now]
    return sorted(held, key=lambda one: one.start)


def _acked(case: Case) -> str | None:
    """Return what somebody said as they acknowledged a case; None where nobody did."""
    by = [one for one in case.history if one.counts and one.deed == Verb.ACK]
    if not by:
        return None
    action = by[-1].action
    return "" if action is None else action.reason


def _soon(matters: list[Matter], now: datetime) -> int:
    """Count what is due within a day."""
    return sum(one.due is not None and one.due < now + SPANS["day"] for one in matters)


def _shared(seen: FirmSeen) -> dict[str, Any]:
    region = seen.registry.region.get(seen.firm.region)
    return {
        "seen": seen,
        "firm": seen.firm,
        "district": "" if region is None else region.name,
        "lines": seen.lines,
        "worn": sorted(seen.worn, key=lambda one: -one.wear.share),
        "part_name": part_name,
        "worn_said": WORN,
        "unit_of": lambda name: seen.part.unit[name].name if name in seen.part.unit else name,
        "subject_of": lambda plan: _subject(seen, plan),
        "order_of": order_of,
        "percent": percent,
        "now": seen.now,
        "midnight": midnight_of(seen.now),
    }


def _subject(seen: FirmSeen, plan: Plan) -> str:
    """Name what a plan orders to stop or to limit."""
    record = getattr(seen.part, plan.scope.value, {}).get(plan.subject)
    return plan.subject if record is None else str(record.name)


ROUTES: Final = (
    Route("GET", "/enterprises", show_firms, Only(OFFICERS | CITY_WIDE), "enterprises"),
    Route("GET", "/enterprises/{enterprise}", show_firm, Read.STATES, "enterprise"),
    Route("GET", "/lines/{line}/curves", show_line_curves, Read.STATES, "line_curves"),
    Route("GET", "/day", show_day, Only(ENTERPRISE | MAINTENANCE), "day"),
)
