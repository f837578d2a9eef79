"""What is stopped or limited in the city now, why, and who does not obey."""

from collections.abc import Iterable
from typing import Final

from aiohttp import web

from wattwarden.alarms.acting.rights import RIGHTS
from wattwarden.alarms.acting.scope import Reader
from wattwarden.alarms.cases.case import Case
from wattwarden.alarms.decisions.bodies import Measure
from wattwarden.alarms.registry.registry import Registry
from wattwarden.console.able import may
from wattwarden.console.board.kept import KNOWN
from wattwarden.console.board.rows import Around, Row, rows_of
from wattwarden.console.firms.words import order_of
from wattwarden.console.plans.beside import load_beside, load_courses
from wattwarden.console.plans.own import own_page
from wattwarden.console.plans.seen import Order, Orders, Phase, load_orders
from wattwarden.console.visit import Visit
from wattwarden.storage.cases.gradings import load_gradings
from wattwarden.storage.database import Connection
from wattwarden.storage.views.day import load_told

# A page that one reads to its end; a search finds the rest.
MOST_SHOWN: Final = 200


async def show_plans(visit: Visit) -> web.Response:
    """Show what is stopped or limited: of the city, or of the firm whose people ask."""
    if visit.person.enterprise is not None:
        return await own_page(visit, visit.person.enterprise)
    async with visit.reading() as (connection, reader):
        registry = await visit.request.app[KNOWN].registry(connection)
        orders = await load_orders(connection, registry, reader.enterprises, reader.now)
        alarms = await _rows(connection, orders.disobeyed, registry, visit, reader)
        parts = {
            **await load_beside(connection, registry, reader),
            "courses": await load_courses(connection, registry, reader, orders),
        }
    view, text = visit.asked("view"), visit.asked("q").casefold()
    viewed = _viewed(orders, view)
    listed = [one for one in viewed if text in f"{one.firm_name} {one.firm}".casefold()]
    counts = _counts(orders)
    return visit.page(
        "plans/plans.html",
        {
            **parts,
            "orders": listed[:MOST_SHOWN],
            "more": max(0, len(listed) - MOST_SHOWN),
            "view": view if view in counts else "holds",
            "counts": counts,
            "q": visit.asked("q"),
            "stopped": len(orders.firms(Measure.STOP)),
            "limited": len(orders.firms(Measure.LIMIT)),
            "exempt": len(orders.exempt),
            "offenders": len(orders.offenders),
            "next": _next(orders.listed),
            "alarms": alarms,
            "order_of": order_of,
            "can_issue": may(visit, registry, "response"),
            "can_order": visit.person.role in RIGHTS["plan"],
            "now": reader.now,
        },
    )


async def _rows(
    connection: Connection,
    cases: Iterable[Case],
    registry: Registry,
    visit: Visit,
    reader: Reader,
) -> list[Row]:
    gravest = sorted(cases, key=lambda one: (-one.level, one.raised))[:MOST_SHOWN]
    gradings = await load_gradings(connection)
    told = await load_told(connection, [one.id for one in gravest])
    return rows_of(gravest, Around(registry, gradings, told, visit.person, reader.now))


def _viewed(orders: Orders, view: str) -> list[Order]:
    if view == "exempt":
        return [one for one in orders.listed if one.plan.exempt]
    if view == "coming":
        return [*orders.asked(Phase.PAUSES), *orders.asked(Phase.COMES)]
    return orders.asked(Phase.HOLDS)


def _counts(orders: Orders) -> dict[str, int]:
    return {view: len(_viewed(orders, view)) for view in ("holds", "coming", "exempt")}


def _next(orders: Iterable[Order]) -> Order | None:
    """Return the order that begins first of those that do not hold yet."""
    coming = [one for one in orders if one.phase is not Phase.HOLDS and not one.plan.exempt]
    return min(coming, key=lambda one: one.since, default=None)
