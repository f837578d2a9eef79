"""The audit log: what was decided, who signed in, what was done about accounts."""

from typing import Any, Final

from aiohttp import web

from wattwarden.alarms.decisions.kinds import BODIES
from wattwarden.console.access.words import DEEDS
from wattwarden.console.visit import Visit
from wattwarden.storage.people.attempts import attempts_before
from wattwarden.storage.people.decided import MOST, decisions_before
from wattwarden.storage.people.log import events_before
from wattwarden.storage.text import is_number

# As many as somebody reads at a time.
PAGE: Final = 100
ACTOR_LETTERS: Final = 64
_VIEWS: Final = ("decisions", "sign-ins", "accounts")


async def show(visit: Visit) -> web.StreamResponse:
    """Show one of the three logs, the newest first, a page at a time."""
    asked = visit.asked("view")
    view = asked if asked in _VIEWS else _VIEWS[0]
    said = visit.asked("before")
    before = int(said) if is_number(said) else MOST
    kind, actor = visit.asked("kind"), visit.asked("actor")[:ACTOR_LETTERS]
    rows: list[Any]
    async with visit.reading() as (connection, _reader):
        if view == "decisions":
            known = kind if kind in BODIES else ""
            rows = list(await decisions_before(connection, before, PAGE + 1, known, actor))
        elif view == "sign-ins":
            rows = list(await attempts_before(connection, before, PAGE + 1))
        else:
            rows = list(await events_before(connection, before, PAGE + 1))
    shown = {
        "view": view,
        "rows": rows[:PAGE],
        "older": rows[PAGE - 1].id if len(rows) > PAGE else None,
        "deeds": DEEDS,
        "kind": kind,
        "actor": actor,
        "kinds": sorted(BODIES),
    }
    return visit.page("access/audit.html", shown)
