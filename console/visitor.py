"""Who asks: the one place where a cookie or a token becomes a person.

Cookie ww_session            a browser that signed in
Authorization: Bearer ww_…   a program; where this header is, no cookie counts
"""

import base64
import hashlib
import hmac
from dataclasses import dataclass
from secrets import token_bytes
from typing import Final

from aiohttp import web

from wattwarden.alarms.acting.rights import SYSTEM
from wattwarden.alarms.registry.nouns import Person
from wattwarden.storage.database import Connection
from wattwarden.storage.people.sessions import find_session
from wattwarden.storage.people.tokens import Scope, find_token
from wattwarden.storage.registry.records import load_record

SESSION_COOKIE: Final = "ww_session"
# What forms of pages are tied to before anybody signed in.
DOOR_COOKIE: Final = "ww_door"
CSRF_FIELD: Final = "csrf"
CSRF_HEADER: Final = "X-CSRF-Token"
# What is longer is none of ours, and not looked for.
MAX_SECRET_LETTERS: Final = 128

_EVERYTHING: Final = frozenset(Scope)
_MARK_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class Visitor:
    """A person, and by what they are known: a session or a token, by its number."""

    person: Person
    session: int | None
    token: int | None
    scopes: frozenset[Scope]
    must_change: bool = False


async def visitor_of(connection: Connection, request: web.Request) -> Visitor | None:
    """Return who asks; None where nobody we know does.

    Raises:
        StorageError: The database is away.
    """
    said = request.headers.get("Authorization")
    if said is not None:
        return await _by_token(connection, said)
    secret = cookie_of(request, SESSION_COOKIE)
    if not secret:
        return None
    found = await find_session(connection, secret)
    if found is None:
        return None
    person = await _person(connection, found.person)
    if person is None:
        return None
    return Visitor(person, found.id, None, _EVERYTHING, found.must_change)


def secret_of(request: web.Request) -> str | None:
    """Return by what a browser's forms are known; None where it has nothing yet."""
    return cookie_of(request, SESSION_COOKIE) or cookie_of(request, DOOR_COOKIE) or None


def cookie_of(request: web.Request, name: str) -> str:
    """Return a secret that a browser keeps; "" where it has none that could be ours."""
    secret = request.cookies.get(name, "")
    return secret if secret.isascii() and len(secret) <= MAX_SECRET_LETTERS else ""


def form_mark(secret: str) -> str:
    """Return what forms on a page carry for the browser with this secret.

    It reads otherwise each time, so that compression betrays nothing of it.
    """
    mask = token_bytes(_MARK_BYTES)
    hidden = bytes(a ^ b for a, b in zip(mask, _mark(secret), strict=True))
    return base64.urlsafe_b64encode(mask + hidden).decode()


def is_form_mark(request: web.Request, said: str) -> bool:
    """Tell whether a form came from a page of ours in this very browser."""
    secret = secret_of(request)
    if secret is None:
        return False
    try:
        raw = base64.urlsafe_b64decode(said.encode())
    except ValueError:
        return False
    if len(raw) != 2 * _MARK_BYTES:
        return False
    told = bytes(a ^ b for a, b in zip(raw[:_MARK_BYTES], raw[_MARK_BYTES:], strict=True))
    return hmac.compare_digest(told, _mark(secret))


async def _by_token(connection: Connection, said: str) -> Visitor | None:
    kind, _, secret = said.partition(" ")
    if kind.lower() != "bearer" or len(secret) > MAX_SECRET_LETTERS or not secret.isascii():
        return None
    found = await find_token(connection, secret.strip())
    if found is None:
        return None
    person = await _person(connection, found[1])
    return None if person is None else Visitor(person, None, found[0], found[2])


async def _person(connection: Connection, identity: str) -> Person | None:
    """Return a person of the registry; what is named as the system itself is nobody."""
    return None if identity == SYSTEM else await load_record(connection, Person, identity)


def _mark(secret: str) -> bytes:
    return hmac.digest(secret.encode(), b"form", hashlib.sha256)
