"""Responses to heavy-pollution warnings: issued, seen as they are answered, changed, lifted."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from aiohttp import web

from wattwarden.alarms.decisions.bodies import WarningLevel
from wattwarden.alarms.decisions.body import NEW
from wattwarden.alarms.registry.problems import RefusedError
from wattwarden.alarms.registry.registry import Registry
from wattwarden.alarms.responses.activation import in_area
from wattwarden.alarms.responses.bodies import Response, ResponseStep, ResponseVerb
from wattwarden.alarms.responses.course import Course, ResponseState
from wattwarden.alarms.responses.numbers import default_numbers
from wattwarden.alarms.statistics.compliance import Standing
from wattwarden.console.able import may
from wattwarden.console.board.kept import KNOWN
from wattwarden.console.board.rows import person_of
from wattwarden.console.doors import NOT_FOUND
from wattwarden.console.plans.beside import course_row, load_beside
from wattwarden.console.plans.words import NUMBERED, STANDINGS, STATES, WARNINGS
from wattwarden.console.visit import Visit
from wattwarden.console.written import (
    answer,
    local_field,
    moment_in,
    needed_moment,
    needed_word,
    word_in,
)
from wattwarden.storage.database import Connection
from wattwarden.storage.responses.assess import FirmAnswer, assess_response
from wattwarden.storage.responses.load import load_responses, plans_of

# What a warning lasts where nobody says otherwise: it is issued for days, and lifted before.
_USUAL: Final = timedelta(days=2)
_HOUR: Final = timedelta(hours=1)
# Firms that a page shows; those that did not obey stand first.
MOST_FIRMS: Final = 400
# The worst of answers first, as people ask for them.
_WORST: Final = tuple(Standing)


@dataclass(frozen=True, slots=True)
class FirmRow:
    """How a firm answered: units that responded of those judged, and how much less energy.

    ``answer`` is None while nothing was asked of it yet.
    """

    id: str
    name: str
    answer: Standing | None
    exempt: bool
    responded: int
    judged: int
    cut: float | None


async def show_response(visit: Visit) -> web.Response:
    """Show a response, and how it is answered."""
    return await _page(visit, None)


async def ask_to_issue(visit: Visit) -> web.Response:
    """Show the form by which a response is issued."""
    return await _form(visit, None)


async def issue(visit: Visit) -> web.Response:
    """Issue a response: the presets of its level become orders."""
    try:
        body = Response(
            id=NEW,
            level=needed_word(visit, "level", WarningLevel),
            start=needed_moment(visit, "start"),
            end=needed_moment(visit, "end"),
            regions=visit.many("region"),
            number=visit.field("number"),
            reason=visit.field("reason"),
        )
        entered = await visit.act(body)
    except RefusedError as error:
        return await _form(visit, error)
    return visit.go(visit.url("response", response=getattr(entered.body, "id", "")))


async def change(visit: Visit) -> web.Response:
    """Change a response: its orders become those of the new level, area and end, from now on."""
    try:
        regions = visit.many("region")
        await visit.act(
            ResponseStep(
                id=NEW,
                response=visit.parameter("response"),
                verb=ResponseVerb.CHANGE,
                level=word_in(visit, "level", WarningLevel),
                regions=regions if visit.field("area") else None,
                end=moment_in(visit, "end"),
                reason=visit.field("reason"),
            )
        )
    except RefusedError as error:
        return await _page(visit, error)
    return visit.go(visit.url("response", response=visit.parameter("response")))


async def lift(visit: Visit) -> web.Response:
    """Lift a response: its orders end now."""
    try:
        await visit.act(
            ResponseStep(
                id=NEW,
                response=visit.parameter("response"),
                verb=ResponseVerb.CLOSE,
                reason=visit.field("reason"),
            )
        )
    except RefusedError as error:
        return await _page(visit, error)
    return visit.go(visit.url("response", response=visit.parameter("response")))


async def _page(visit: Visit, refused: RefusedError | None) -> web.Response:
    identity = visit.parameter("response")
    async with visit.reading() as (connection, reader):
        registry = await visit.request.app[KNOWN].registry(connection)
        course = await _course(connection, identity)
        plans = await plans_of(connection, identity, reader.enterprises)
        assessed = await assess_response(connection, course, reader.now, reader.enterprises)
    answered = sorted(assessed.firms, key=lambda one: (_rank(one), one.enterprise))
    firms = [_firm_row(one, registry) for one in answered]
    planned = {firm for plan, firm in plans if plan.enabled}
    asked = {firm for plan, firm in plans if plan.enabled and not plan.exempt}
    firms += [
        _to_come(one, registry, exempt=one not in asked)
        for one in sorted(planned - {firm.id for firm in firms})
    ]
    area = in_area(registry.enterprise.values(), course.regions, registry.region)
    row = course_row(course, registry, reader.now, plans)
    parts = {
        "row": row,
        "course": course,
        "state": STATES[row.state],
        "stands": row.state is ResponseState.ISSUED,
        "whole": assessed.whole,
        "firms": firms[:MOST_FIRMS],
        "standings": STANDINGS,
        "bad": [Standing.STOP_IGNORED, Standing.LIMIT_IGNORED, Standing.TREATMENT_OFF],
        "unprepared": [one for one in area if one.id not in planned and reader.sees(one.id)],
        "asked": row.firms,
        "exempt": row.exempt,
        "issued_by": person_of(course.issued_by, registry) or course.issued_by,
        "last_by": "" if course.last is None else person_of(course.last.actor, registry),
        "can_change": row.state is ResponseState.ISSUED and may(visit, registry, "response_step"),
        "own": visit.person.enterprise is not None,
        "now": reader.now,
        **_choices(registry),
    }
    return answer(visit, "plans/response.html", parts, refused)


async def _form(visit: Visit, refused: RefusedError | None) -> web.Response:
    async with visit.reading() as (connection, reader):
        registry = await visit.request.app[KNOWN].registry(connection)
        beside = await load_beside(connection, registry, reader)
    start = _whole_hour(reader.now)
    return answer(
        visit,
        "plans/issue.html",
        {
            "prepared": beside["prepared"],
            "unprepared": beside["unprepared"],
            "start": visit.field("start") or local_field(start),
            "end": visit.field("end") or local_field(start + _USUAL),
            "level": visit.field("level"),
            **_choices(registry),
        },
        refused,
    )


async def _course(connection: Connection, identity: str) -> Course:
    found = await load_responses(connection, identity)
    if not found:
        raise NOT_FOUND
    return found[0]


def _choices(registry: Registry) -> dict[str, Any]:
    """Return what a response may be chosen of: levels, and districts with firms in them."""
    above = {one.parent for one in registry.region.values()}
    districts = [one for one in registry.region.values() if one.parent and one.id not in above]
    return {
        "levels": list(WarningLevel),
        "warnings": WARNINGS,
        "numbered": NUMBERED,
        "districts": sorted(districts, key=lambda one: one.name),
    }


def _firm_row(one: FirmAnswer, registry: Registry) -> FirmRow:
    told = [unit.responded(default_numbers()) for unit in one.obeyed]
    judged = [found for found in told if found is not None]
    known = [(energy.used, energy.base) for energy in one.energies]
    pairs = [(used, base) for used, base in known if used is not None and base]
    base = sum(base for _, base in pairs)
    return FirmRow(
        id=one.enterprise,
        name=_name_of(one.enterprise, registry),
        answer=one.answer,
        exempt=one.exempt,
        responded=sum(judged),
        judged=len(judged),
        cut=1 - sum(used for used, _ in pairs) / base if base else None,
    )


def _to_come(firm: str, registry: Registry, *, exempt: bool) -> FirmRow:
    return FirmRow(firm, _name_of(firm, registry), None, exempt, 0, 0, None)


def _name_of(firm: str, registry: Registry) -> str:
    return registry.enterprise[firm].name if firm in registry.enterprise else firm


def _rank(one: FirmAnswer) -> tuple[bool, int]:
    return one.exempt, _WORST.index(one.answer)


def _whole_hour(now: datetime) -> datetime:
    return now.replace(minute=0, second=0, microsecond=0) + _HOUR
