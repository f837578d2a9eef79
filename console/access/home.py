"""The first page, and what is behind "more"."""

from typing import Final

from aiohttp import web

from wattwarden.alarms.acting.roles import ENTERPRISE, MAINTENANCE
from wattwarden.console.rail import route_of
from wattwarden.console.routes import roles_of
from wattwarden.console.visit import Visit

# Where a day begins: at what one's own firm does now, at the city's board, or at what runs.
_OF_A_FIRM: Final = ("day", "alarms", "me")
_OF_THE_CITY: Final = ("board", "alarms", "me")


async def show(visit: Visit) -> web.StreamResponse:
    """Lead everybody to where their day begins."""
    role = visit.person.role
    for name in _OF_A_FIRM if role in ENTERPRISE | MAINTENANCE else _OF_THE_CITY:
        route = route_of(visit.request.app, name)
        able = None if route is None else roles_of(route.needs)
        if route is not None and (able is None or role in able):
            return visit.go(visit.url(name))
    return visit.go(visit.url("me"))


async def more(visit: Visit) -> web.StreamResponse:
    """Show everything that has no place on the rail itself, or none on a phone's."""
    return visit.page("access/more.html", {})
