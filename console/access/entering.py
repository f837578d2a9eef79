"""The last steps of signing in, whichever way somebody came: second factor, then session."""

import time
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from aiohttp import web

from wattwarden.console.access.parts import let_in, local_path
from wattwarden.console.drawing.said import Said
from wattwarden.console.seals import seal, unseal
from wattwarden.console.visit import Visit
from wattwarden.storage.database import Connection
from wattwarden.storage.people.accounts import Account

# For how long a first proof waits for its code.
CODE_WITHIN_S: Final = 300
_PURPOSE: Final = b"second factor"


@dataclass(frozen=True, slots=True)
class Onward:
    """Where somebody goes on to once they are in, and whether they stay signed in for the day."""

    to: str
    keep: bool


async def enter(
    visit: Visit, connection: Connection, account: Account, onward: Onward, by: str = ""
) -> web.Response:
    """Let somebody in who has proven who they are; who has a second factor is asked for it."""
    if account.totp is not None:
        return code_page(visit, half_of(visit, account.person), onward)
    return await go_in(visit, connection, account.person, onward, by)


async def go_in(
    visit: Visit, connection: Connection, person: str, onward: Onward, by: str = ""
) -> web.Response:
    """Let somebody in of whom nothing more is asked."""
    visit.parts.counts["signed in"] += 1
    to = local_path(visit.parts.pages.root, onward.to)
    return await let_in(visit, connection, person, to, keep=onward.keep, by=by)


def onward_of(visit: Visit) -> Onward:
    """Return where the form of a sign-in leads on to."""
    return Onward(visit.field("next"), visit.field("keep") == "yes")


def half_of(visit: Visit, person: str) -> str:
    """Return what says that a person lacks nothing but the code, until soon."""
    until_s = int(time.time()) + CODE_WITHIN_S
    return seal(visit.parts.keys.sealing(), _PURPOSE, f"{until_s} {person}".encode())


def person_of(visit: Visit, half: str) -> str | None:
    """Return who lacks nothing but the code; None for what was not said, or long ago."""
    body = unseal(visit.parts.keys, _PURPOSE, half)
    if body is None:
        return None
    until_s, _, person = body.decode().partition(" ")
    return person if time.time() < int(until_s) else None


def code_page(visit: Visit, half: str, onward: Onward, said: Said | None = None) -> web.Response:
    """Ask for the second factor."""
    status = HTTPStatus.OK if said is None else HTTPStatus.UNPROCESSABLE_ENTITY
    keep = "yes" if onward.keep else ""
    shown = {"half": half, "said": said, "next": onward.to, "keep": keep}
    return visit.page("access/code.html", shown, status)
