"""What the rooms of access share: passwords, the provider, and where a visitor may be led to."""

from collections.abc import AsyncIterator
from typing import Final

from aiohttp import web

from wattwarden.console.access.passwords import Passwords
from wattwarden.console.doors import PARTS
from wattwarden.console.oidc.provider import Provider
from wattwarden.console.visit import Visit
from wattwarden.console.visitor import SESSION_COOKIE
from wattwarden.storage.database import Connection
from wattwarden.storage.people.log import Deed, note_event
from wattwarden.storage.people.sessions import (
    MOST_AGE,
    MOST_IDLE,
    begin_session,
    end_sessions,
)

PASSWORDS: Final = web.AppKey("passwords", Passwords)
PROVIDER: Final[web.AppKey[Provider | None]] = web.AppKey("provider")
# What is longer is no page of ours.
MAX_PATH_LETTERS: Final = 1024


async def with_passwords(app: web.Application) -> AsyncIterator[None]:
    """Keep what hashes passwords as long as the application lives."""
    app[PASSWORDS] = Passwords()
    yield


async def with_provider(app: web.Application) -> AsyncIterator[None]:
    """Keep the provider of identities, if there is one, as long as the application lives."""
    registration = app[PARTS].registration
    provider = None if registration is None else Provider(registration)
    app[PROVIDER] = provider
    yield
    if provider is not None:
        await provider.close()


def local_path(root: str, asked: str) -> str:
    r"""Return a path of ours that somebody wanted to go on to; the first page where it is none.

    ``root`` is the path before ours.  "//host", "/\host" and whatever has a scheme or control
    characters lead elsewhere.
    """
    home = f"{root}/"
    if not asked.startswith("/") or asked[1:2] in {"/", "\\"} or len(asked) > MAX_PATH_LETTERS:
        return home
    if "\\" in asked or not asked.isascii() or not asked.isprintable():
        return home
    return f"{root}{asked}"


async def let_in(
    visit: Visit, connection: Connection, person: str, to: str, *, keep: bool, by: str = ""
) -> web.Response:
    """Begin a session under a new secret, whatever the browser had before, and lead on.

    ``by`` names who said who it is, where that was not a password of ours.
    """
    idle = MOST_AGE if keep else MOST_IDLE
    # Whatever bytes a browser calls itself by, as letters that columns take.
    agent = visit.request.headers.get("User-Agent", "").encode(errors="replace").decode()
    async with connection.transaction():
        before = visit.visitor
        if before is not None and before.session is not None:
            await end_sessions(connection, before.person.id, before.session)
        secret = await begin_session(connection, person, visit.address, agent, idle)
        await note_event(connection, person, person, Deed.SIGNED_IN, visit.address, by)
    response = visit.go(to)
    age_s = int(MOST_AGE.total_seconds()) if keep else None
    visit.parts.set_cookie(response, SESSION_COOKIE, secret, age_s)
    return response
