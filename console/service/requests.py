"""Requests for help and appointments: asked for by firms in two taps, answered by officers."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from aiohttp import web

from wattwarden.alarms.acting.rights import RIGHTS, reaches
from wattwarden.alarms.acting.roles import OFFICERS
from wattwarden.alarms.decisions.body import NEW
from wattwarden.alarms.registry.nouns import Person
from wattwarden.alarms.registry.problems import RefusedError
from wattwarden.alarms.registry.registry import Registry
from wattwarden.alarms.service.bodies import OF_FIRMS, Assistance, AssistanceStep, Deed, Topic
from wattwarden.alarms.service.requests import TRANSITIONS, Request, State
from wattwarden.alarms.service.solved import helped
from wattwarden.console.board.kept import KNOWN
from wattwarden.console.board.rows import person_of
from wattwarden.console.doors import NOT_FOUND
from wattwarden.console.drawing.said import Said
from wattwarden.console.service.own import own_page
from wattwarden.console.service.words import BUTTONS, DEEDS, ICONS, STATES, TOPICS
from wattwarden.console.visit import Visit
from wattwarden.console.written import answer, local_field, moment_in, needed_moment, needed_word
from wattwarden.protocol.codec import DEFAULT_ZONE
from wattwarden.storage.service.load import load_requests

# A list that one reads to its end.
MOST_SHOWN: Final = 200
# Visits are agreed on for another day; the field begins with tomorrow at this hour.
_VISITED_AT: Final = 9
_DAY: Final = timedelta(days=1)
_WAITS: Final = (State.ASKED, State.ACCEPTED)


@dataclass(frozen=True, slots=True)
class RequestRow:
    """A request by its names; ``next`` is what this visitor does next, None: another's turn."""

    request: Request
    firm: str
    topic: Said
    icon: str
    state: Said
    visitor: str
    next: Said | None


async def show_requests(visit: Visit) -> web.Response:
    """List requests as officers have them; or show a firm's people all that is for them."""
    if visit.person.enterprise is not None:
        return await own_page(visit, visit.person.enterprise, None)
    async with visit.reading() as (connection, reader):
        registry = await visit.request.app[KNOWN].registry(connection)
        requests = await load_requests(connection, enterprises=reader.enterprises)
    rows = [row_of(one, registry, visit.person) for one in requests]
    visits = [row for row in rows if row.request.state in _WAITS and row.request.appointment]
    visits.sort(key=lambda row: row.request.appointment or reader.now)
    over = [row for row in reversed(rows) if row.request.state not in (*_WAITS, State.SOLVED)]
    return visit.page(
        "service/requests.html",
        {
            "asked": [row for row in rows if row.request.state is State.ASKED],
            "visits": visits,
            "accepted": [
                row
                for row in rows
                if row.request.state is State.ACCEPTED and not row.request.appointment
            ],
            "solved": [row for row in rows if row.request.state is State.SOLVED],
            "over": over[:MOST_SHOWN],
            "helped": helped(requests),
            "today": _day(reader.now),
            "day_of": _day,
            "now": reader.now,
        },
    )


async def show_request(visit: Visit) -> web.Response:
    """Show one request, with what may be done about it."""
    return await _page(visit, None)


async def ask(visit: Visit) -> web.Response:
    """Ask for help, as a firm: a topic is enough, whoever comes asks the rest."""
    firm = visit.person.enterprise or ""
    try:
        topic = needed_word(visit, "topic", Topic)
        body = Assistance(
            id=NEW,
            enterprise=firm,
            topic=topic,
            problem_text=visit.field("text") or f"{TOPICS[topic].zh}：请与我们联系",
            wanted_at=moment_in(visit, "wanted"),
            contact=visit.field("contact"),
        )
        entered = await visit.act(body)
    except RefusedError as error:
        return await own_page(visit, firm, error)
    return visit.go(visit.url("request", assistance=getattr(entered.body, "id", "")))


async def step(visit: Visit) -> web.Response:
    """Take a request a step further."""
    deed = Deed(visit.route.path.rpartition("/")[2])
    identity = visit.parameter("assistance")
    try:
        body = AssistanceStep(
            assistance=identity,
            deed=deed,
            at=needed_moment(visit, "at") if deed is Deed.SCHEDULE else None,
            person=(visit.field("person") or None) if deed is Deed.SCHEDULE else None,
            text=visit.field("text"),
        )
        await visit.act(body)
    except RefusedError as error:
        return await _page(visit, error)
    return visit.go(visit.url("request", assistance=identity))


def row_of(request: Request, registry: Registry, person: Person) -> RequestRow:
    """Return a request by its names."""
    firm = registry.enterprise.get(request.body.enterprise)
    able = _able(request, person)
    return RequestRow(
        request=request,
        firm=request.body.enterprise if firm is None else firm.name,
        topic=TOPICS[request.body.topic],
        icon=ICONS[request.body.topic],
        state=STATES[request.state],
        visitor=person_of(request.visitor, registry),
        next=BUTTONS[able[0]] if able and able[0] is not Deed.WITHDRAW else None,
    )


async def _page(visit: Visit, refused: RefusedError | None) -> web.Response:
    identity = visit.parameter("assistance")
    async with visit.reading() as (connection, reader):
        registry = await visit.request.app[KNOWN].registry(connection)
        found = await load_requests(connection, enterprises=reader.enterprises, identity=identity)
    if not found:
        raise NOT_FOUND
    request = found[-1]
    able = _able(request, visit.person)
    parts = {
        "row": row_of(request, registry, visit.person),
        "request": request,
        "firm": registry.enterprise.get(request.body.enterprise),
        "able": able,
        "buttons": BUTTONS,
        "deeds": DEEDS,
        "needs_text": {Deed.DECLINE, Deed.SOLVE, Deed.REOPEN},
        "officers": _officers(registry, request.body.enterprise),
        "visitor": visit.field("person") or request.visitor or visit.person.id,
        "at": visit.field("at") or local_field(_suggested(request, reader.now)),
        "text": visit.field("text"),
        "name_of": lambda who: person_of(who, registry) or who,
        "own": visit.person.enterprise is not None,
        "now": reader.now,
    }
    return answer(visit, "service/request.html", parts, refused)


def _able(request: Request, person: Person) -> list[Deed]:
    """Return what somebody may do about a request as it stands, what is likeliest first."""
    usual = (
        (Deed.SCHEDULE, Deed.ACCEPT, Deed.SOLVE, Deed.DECLINE)
        if request.appointment is None
        else (Deed.SOLVE, Deed.SCHEDULE, Deed.DECLINE)
    )
    order = (*usual, Deed.CONFIRM, Deed.REOPEN, Deed.WITHDRAW)
    return [
        deed
        for deed in order
        if (request.state, deed) in TRANSITIONS
        and person.role in RIGHTS["assistance" if deed in OF_FIRMS else "assistance.serve"]
    ]


def _officers(registry: Registry, enterprise: str) -> list[Person]:
    """Return who may come to a firm."""
    firm = registry.enterprise.get(enterprise)
    able = [
        one
        for one in registry.person.values()
        if one.role in OFFICERS and firm is not None and reaches(one, firm, registry.agency)
    ]
    return sorted(able, key=lambda one: one.name)


def _suggested(request: Request, now: datetime) -> datetime:
    """Return the time of a visit that the form begins with."""
    wanted = request.appointment or request.body.wanted_at
    if wanted is not None and wanted > now:
        return wanted
    tomorrow = (now + _DAY).astimezone(DEFAULT_ZONE)
    return tomorrow.replace(hour=_VISITED_AT, minute=0, second=0, microsecond=0)


def _day(at: datetime) -> str:
    return f"{at.astimezone(DEFAULT_ZONE):%Y-%m-%d}"
