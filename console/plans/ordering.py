"""Single orders: a firm is chosen, something of it is stopped or limited; an order ends."""

from datetime import timedelta
from typing import Any, Final

import msgspec
from aiohttp import web

from wattwarden.alarms.decisions.bodies import Cycle, Measure, Plan
from wattwarden.alarms.decisions.body import NEW, Scope
from wattwarden.alarms.registry.nouns import UnitKind
from wattwarden.alarms.registry.problems import RefusedError
from wattwarden.alarms.registry.registry import Registry
from wattwarden.console.board.kept import KNOWN
from wattwarden.console.doors import NOT_FOUND
from wattwarden.console.visit import Visit
from wattwarden.console.written import (
    answer,
    local_field,
    needed_moment,
    needed_word,
    refused,
    share_in,
)
from wattwarden.storage.registry.decisions import told
from wattwarden.storage.responses.load import newest_plans

# A list that one looks through; a search finds the others.
MOST_FIRMS: Final = 100
_DAY: Final = timedelta(days=1)
_MAKERS: Final = (UnitKind.PRODUCTION, UnitKind.BOTH)


async def choose_firm(visit: Visit) -> web.Response:
    """List firms, for one to be ordered something."""
    async with visit.reading() as (connection, reader):
        registry = await visit.request.app[KNOWN].registry(connection)
    text = visit.asked("q").casefold()
    found = [
        one
        for one in registry.enterprise.values()
        if reader.sees(one.id) and text in f"{one.name} {one.id} {one.credit_code}".casefold()
    ]
    found.sort(key=lambda one: one.name)
    return visit.page("plans/choose.html", {"firms": found[:MOST_FIRMS], "q": visit.asked("q")})


async def ask_to_order(visit: Visit) -> web.Response:
    """Show the form by which a firm is ordered something."""
    return await _page(visit, None)


async def order(visit: Visit) -> web.Response:
    """Order a stop, or a limit, of a firm, a line or a unit."""
    try:
        scope, subject = _subject(visit)
        measure = needed_word(visit, "measure", Measure)
        body = Plan(
            id=NEW,
            scope=scope,
            subject=subject,
            measure=measure,
            reduction=share_in(visit, "reduction") if measure is Measure.LIMIT else None,
            start=needed_moment(visit, "start"),
            end=needed_moment(visit, "end"),
            reason=visit.field("reason"),
            **hours_in(visit),
        )
        async with visit.reading() as (connection, _):
            registry = await visit.request.app[KNOWN].registry(connection)
        if owner_of(scope, subject, registry) != visit.parameter("enterprise"):
            raise NOT_FOUND
        await visit.act(body)
    except RefusedError as error:
        return await _page(visit, error)
    return visit.go(visit.url("plans"))


async def end_order(visit: Visit) -> web.Response:
    """End an order now; one that has not begun is taken back."""
    async with visit.reading() as (connection, reader):
        where = {"id": visit.parameter("plan")}
        found = newest_plans(await told(connection, [Plan.kind_name], where=where))
    if not found:
        raise NOT_FOUND
    plan = found[0][0]
    begun = plan.start < reader.now
    changed = {"end": reader.now} if begun else {"enabled": False}
    await visit.act(msgspec.structs.replace(plan, **changed))
    return visit.go(visit.url("plans"))


def hours_in(visit: Visit) -> dict[str, Any]:
    """Return when each day something holds; all the time where no hours were written.

    Raises:
        RefusedError: One of the two hours is missing.
    """
    since, until = visit.field("from_hour"), visit.field("to_hour")
    if not since and not until:
        return {"cycle": Cycle.CONTINUOUS, "from_hour": None, "to_hour": None}
    if not since or not until:
        raise refused("from_hour", "每日起止时刻须同时填写", "write both hours of the day")
    return {"cycle": Cycle.DAILY, "from_hour": since, "to_hour": until}


def owner_of(scope: Scope, subject: str, registry: Registry) -> str | None:
    """Return whose a firm, line or unit is; None where there is none."""
    if scope is Scope.ENTERPRISE:
        return subject if subject in registry.enterprise else None
    record = getattr(registry, scope.value).get(subject)
    return None if record is None else str(record.enterprise)


def subjects_of(firm: str, registry: Registry) -> list[tuple[str, str, Scope]]:
    """Return what of a firm may be stopped or limited: its lines and its production units.

    Each as forms name it, as people call it, and what it is.
    """
    lines = [one for one in registry.line.values() if one.enterprise == firm]
    units = [
        one for one in registry.unit.values() if one.enterprise == firm and one.kind in _MAKERS
    ]
    return [
        *((f"line:{one.id}", one.name, Scope.LINE) for one in sorted(lines, key=lambda x: x.name)),
        *((f"unit:{one.id}", one.name, Scope.UNIT) for one in sorted(units, key=lambda x: x.name)),
    ]


async def _page(visit: Visit, error: RefusedError | None) -> web.Response:
    firm = visit.parameter("enterprise")
    async with visit.reading() as (connection, reader):
        registry = await visit.request.app[KNOWN].registry(connection)
    parts = {
        "firm": registry.enterprise[firm],
        "subjects": subjects_of(firm, registry),
        "start": visit.field("start") or local_field(reader.now),
        "end": visit.field("end") or local_field(reader.now + _DAY),
    }
    return answer(visit, "plans/order.html", parts, error)


def _subject(visit: Visit) -> tuple[Scope, str]:
    """Return what is ordered something.

    Raises:
        RefusedError: Nothing is chosen.
    """
    scope, _, identity = visit.field("subject").partition(":")
    if scope not in tuple(Scope) or not identity:
        raise refused("subject", "请选择对象", "choose what is to stop or to produce less")
    return Scope(scope), identity
