"""Off-peak calendars: when an industry, or one firm, produces less or not at all."""

from datetime import timedelta
from typing import Any, Final

import msgspec
from aiohttp import web

from wattwarden.alarms.decisions.bodies import Measure
from wattwarden.alarms.decisions.body import NEW, Scope
from wattwarden.alarms.registry.problems import RefusedError
from wattwarden.alarms.registry.registry import Registry
from wattwarden.alarms.responses.bodies import Calendar, Span, Weekday
from wattwarden.console.able import may
from wattwarden.console.board.kept import KNOWN
from wattwarden.console.doors import NOT_FOUND
from wattwarden.console.firms.words import order_of
from wattwarden.console.plans.ordering import hours_in
from wattwarden.console.plans.seen import subject_name
from wattwarden.console.plans.words import WEEKDAYS
from wattwarden.console.visit import Visit
from wattwarden.console.written import (
    answer,
    local_field,
    needed_moment,
    needed_word,
    share_in,
)
from wattwarden.storage.registry.decisions import told
from wattwarden.storage.responses.load import calendars_for

# A season of heating, as such calendars are published.
_SEASON: Final = timedelta(days=120)


async def show_calendars(visit: Visit) -> web.Response:
    """List the calendars that are for somebody."""
    return await _page(visit, None)


async def keep_calendar(visit: Visit) -> web.Response:
    """Keep a new calendar of an industry or of one firm."""
    try:
        measure = needed_word(visit, "measure", Measure)
        firm = visit.field("enterprise")
        days = visit.many("weekday")
        body = Calendar(
            id=NEW,
            name=visit.field("name"),
            spans=(Span(start=needed_moment(visit, "start"), end=needed_moment(visit, "end")),),
            measure=measure,
            reduction=share_in(visit, "reduction") if measure is Measure.LIMIT else None,
            industry="" if firm else visit.field("industry"),
            scope=Scope.ENTERPRISE if firm else None,
            subject=firm,
            weekdays=tuple(one for one in Weekday if one in days),
            **hours_in(visit),
        )
        await visit.act(body)
    except RefusedError as error:
        return await _page(visit, error)
    return visit.go(visit.url("calendars"))


async def withdraw_calendar(visit: Visit) -> web.Response:
    """Take a calendar back: its orders end now."""
    async with visit.reading() as (connection, _):
        where = {"id": visit.parameter("calendar")}
        found = await told(connection, [Calendar.kind_name], where=where)
    body = found[-1].body if found else None
    if not isinstance(body, Calendar):
        raise NOT_FOUND
    try:
        await visit.act(msgspec.structs.replace(body, enabled=False))
    except RefusedError as error:
        return await _page(visit, error)
    return visit.go(visit.url("calendars"))


async def _page(visit: Visit, refused: RefusedError | None) -> web.Response:
    async with visit.reading() as (connection, reader):
        registry = await visit.request.app[KNOWN].registry(connection)
        listed = [one for one in await calendars_for(connection, reader) if one.enabled]
    firms = [one for one in registry.enterprise.values() if reader.sees(one.id)]

    def ends(one: Calendar) -> Any:
        return max(span.end for span in one.spans)

    def withdraws(one: Calendar) -> bool:
        firm = None if one.scope is None else _firm_of(one, registry)
        return may(visit, registry, "calendar", firm)

    parts = {
        "calendars": sorted(listed, key=ends, reverse=True),
        "standing": sum(ends(one) > reader.now for one in listed),
        "ends": ends,
        "withdraws": withdraws,
        "order_of": order_of,
        "subject_of": lambda one: subject_name(one.scope, one.subject, registry),
        "firm_of": lambda one: getattr(
            registry.enterprise.get(_firm_of(one, registry)), "name", ""
        ),
        "weekdays": WEEKDAYS,
        "firms": sorted(firms, key=lambda one: one.name),
        "industries": sorted({one.industry for one in registry.enterprise.values()}),
        "can_city": may(visit, registry, "calendar"),
        "can_keep": any(may(visit, registry, "calendar", one.id) for one in firms[:1]),
        "start": visit.field("start") or local_field(reader.now),
        "end": visit.field("end") or local_field(reader.now + _SEASON),
        "now": reader.now,
    }
    return answer(visit, "plans/calendars.html", parts, refused)


def _firm_of(one: Calendar, registry: Registry) -> str:
    """Return whose the subject of a calendar is."""
    if one.scope is None or one.scope is Scope.ENTERPRISE:
        return one.subject
    record = getattr(registry, one.scope.value).get(one.subject)
    return "" if record is None else str(record.enterprise)
