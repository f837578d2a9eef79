"""What a firm's people find of help: what waits for them, asking in two taps, weak points."""

from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

from aiohttp import web

from wattwarden.alarms.decisions.body import Scope
from wattwarden.alarms.registry.problems import RefusedError
from wattwarden.alarms.registry.registry import Registry
from wattwarden.alarms.service.bodies import ReminderRead, Topic
from wattwarden.alarms.service.matters import Matter
from wattwarden.alarms.service.requests import State
from wattwarden.alarms.service.weak_points import WeakPoint
from wattwarden.alarms.statistics.response import Period
from wattwarden.console.alarms.words import CAUSES
from wattwarden.console.board.kept import KNOWN
from wattwarden.console.doors import NOT_FOUND
from wattwarden.console.drawing.said import Said
from wattwarden.console.service.words import ICONS, STATES, TOPICS
from wattwarden.console.visit import Visit
from wattwarden.console.written import answer
from wattwarden.storage.service.firm import load_matters, load_weak_points
from wattwarden.storage.service.load import load_reminders, load_requests

# As far back as a machine's troubles say something of it.
LOOKED_BACK: Final = timedelta(days=90)
# The worst of a firm's machines; a list of all would hide them.
MOST_WEAK: Final = 5
MOST_OVER: Final = 20
_OPEN: Final = (State.ASKED, State.ACCEPTED, State.SOLVED)


async def own_page(visit: Visit, firm: str, refused: RefusedError | None) -> web.Response:
    """Show a firm's people what is for them, with what stood against what they sent."""
    async with visit.reading() as (connection, reader):
        registry = await visit.request.app[KNOWN].registry(connection)
        record = registry.enterprise.get(firm)
        if record is None:
            raise NOT_FOUND
        requests = await load_requests(connection, enterprises=[firm])
        reminders = await load_reminders(connection, record)
        matters = await load_matters(connection, record, reader.now)
        period = Period(reader.now - LOOKED_BACK, reader.now)
        weak = await load_weak_points(connection, firm, period)
    standing = [one for one in requests if one.state in _OPEN]
    parts = {
        "firm": record,
        "solved": [one for one in standing if one.state is State.SOLVED],
        "visits": [one for one in standing if one.appointment and one.state is State.ACCEPTED],
        "waiting": [
            one
            for one in standing
            if one.state is State.ASKED or (one.state is State.ACCEPTED and not one.appointment)
        ],
        "over": [one for one in reversed(requests) if one.state not in _OPEN][:MOST_OVER],
        "unread": [one for one in reversed(reminders) if one.read_at is None],
        "read": [one for one in reversed(reminders) if one.read_at is not None][:MOST_OVER],
        "matters": matter_rows([one for one in matters if one.kind != "case"], registry),
        "weak": weak_rows(weak, registry),
        "topics": {one: (TOPICS[one], ICONS[one]) for one in Topic},
        "topic": visit.field("topic") or visit.asked("topic"),
        "text": visit.field("text") or visit.asked("about"),
        "officer": registry.person.get(record.officer or ""),
        "people": registry.person,
        "topic_of": TOPICS,
        "state_of": STATES,
        "contact": visit.person.phone or record.phone,
        "now": reader.now,
    }
    return answer(visit, "service/own.html", parts, refused)


async def read_reminder(visit: Visit) -> web.Response:
    """Say that a reminder was read, as the firm."""
    async with visit.reading() as (connection, _):
        registry = await visit.request.app[KNOWN].registry(connection)
        firm = registry.enterprise.get(visit.person.enterprise or "")
        if firm is None:
            raise NOT_FOUND
        known = await load_reminders(connection, firm)
    reminder = visit.parameter("reminder")
    if reminder not in {one.body.id for one in known}:
        raise NOT_FOUND
    await visit.act(ReminderRead(enterprise=firm.id, reminder=reminder))
    return visit.go(visit.url("requests"))


def weak_rows(points: list[WeakPoint], registry: Registry) -> list[dict[str, Any]]:
    """Return a firm's weak points by names, the worst first."""
    worst = max((one.open_ms for one in points), default=0) or 1
    return [
        {
            "name": _named(one.subject, registry),
            "alarms": one.alarms,
            "lasted": timedelta(milliseconds=one.open_ms),
            "share": one.open_ms / worst,
            "causes": [
                (CAUSES.get(cause, Said(cause, cause)), n) for cause, n in one.causes.items()
            ],
            "parts": "、".join(one.parts),
        }
        for one in points[:MOST_WEAK]
    ]


def matter_rows(matters: list[Matter], registry: Registry) -> list[Matter]:
    """Return what a firm should see to with the names of its lines and units, not their ids."""
    return [_renamed(one, registry) for one in matters]


def _renamed(matter: Matter, registry: Registry) -> Matter:
    kind, _, identity = matter.subject.partition(":")
    name = _named(matter.subject, registry)
    if kind not in tuple(Scope) or not identity:
        return matter
    return replace(
        matter,
        zh=matter.zh.replace(identity, name.zh),
        en=matter.en.replace(identity, name.en),
    )


def _named(subject: str, registry: Registry) -> Said:
    kind, _, name = subject.partition(":")
    record = getattr(registry, kind, {}).get(name)
    if kind == "enterprise" or record is None:
        return Said("全厂", "the whole firm") if kind == "enterprise" else Said(name, name)
    return Said(record.name, record.name)
