"""People and their accounts, for whoever runs the system; roles and scopes are the registry's."""

from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Any, Final, TypeAlias

from aiohttp import web

from wattwarden.alarms.registry.nouns import Agency, Enterprise, Person, Role
from wattwarden.console.access import second
from wattwarden.console.doors import NOT_FOUND, PageError
from wattwarden.console.visit import Visit
from wattwarden.storage.database import Connection
from wattwarden.storage.people.accounts import (
    demand_change,
    drop_totp,
    find_account,
    lock,
    standings,
    unlock,
)
from wattwarden.storage.people.identities import Identity, Source, identity_of
from wattwarden.storage.people.invitations import LASTS, invite
from wattwarden.storage.people.listing import PAGE, People, find_people
from wattwarden.storage.people.log import Deed, note_event
from wattwarden.storage.people.sessions import end_sessions
from wattwarden.storage.registry.records import load_record

SEARCH_LETTERS: Final = 60

Change: TypeAlias = Callable[[Connection, str], Awaitable[bool]]


async def show(visit: Visit) -> web.StreamResponse:
    """List people, found by name, id or telephone, with how their accounts stand."""
    said, role = visit.asked("q")[:SEARCH_LETTERS], visit.asked("role")
    chosen = Role(role) if role in tuple(Role) else None
    async with visit.reading() as (connection, _reader):
        found: People = await find_people(connection, said, chosen, visit.asked("after"))
        known = await standings(connection, [one.person.id for one in found.people])
    shown = {
        "found": found,
        "standings": known,
        "said": said,
        "role": chosen,
        "roles": list(Role),
        "page": PAGE,
        "able": visit.person.role is Role.ADMINISTRATOR,
    }
    return visit.page("access/users.html", shown)


async def show_one(visit: Visit) -> web.StreamResponse:
    """Show one person and what can be done about their account."""
    return await _page(visit)


async def send_invitation(visit: Visit) -> web.StreamResponse:
    """Make a one-time link and show it this once; whoever opens it chooses the password."""
    return await _page(visit, HTTPStatus.CREATED, link=await invited(visit))


async def invited(visit: Visit) -> str:
    """Make a one-time link for the person of the path, and return it.

    A token lets in who never was: with it alone nobody takes over what somebody else has.

    Raises:
        PageError: There is no such person, or a token asks and they have a password.
        StorageError: The database is away.
    """
    async with visit.reading() as (connection, _reader), connection.transaction():
        person = await person_of(visit, connection)
        account = await find_account(connection, person.id)
        known = account is not None and account.password is not None
        if known and visit.known.token is not None:
            raise _NOT_BY_TOKEN
        secret = await invite(connection, person.id)
        actor = visit.person.id
        await note_event(connection, person.id, actor, Deed.INVITED, visit.address)
    base = visit.parts.public_url or f"{visit.request.url.origin()}{visit.parts.pages.root}"
    return f"{base}/welcome/{secret}"


async def lock_out(visit: Visit) -> web.StreamResponse:
    """Keep somebody out, also where they are signed in; nobody locks themselves out."""
    return _back(visit, await locked(visit))


async def locked(visit: Visit) -> Person:
    """Lock the account of the person of the path, and return them.

    Raises:
        PageError: It is one's own, or there is none.
        StorageError: The database is away.
    """
    if visit.parameter("person") == visit.person.id:
        raise _ONESELF
    return await changed(visit, lock, Deed.LOCKED, ends=True)


async def let_in_again(visit: Visit) -> web.StreamResponse:
    """Let somebody in again."""
    return _back(visit, await changed(visit, unlock, Deed.UNLOCKED, ends=False))


async def demand_password(visit: Visit) -> web.StreamResponse:
    """Let somebody do nothing until they have chosen a new password."""
    return _back(visit, await changed(visit, demand_change, Deed.CHANGE_DEMANDED, ends=False))


async def end_all(visit: Visit) -> web.StreamResponse:
    """End all sessions of somebody."""

    async def end(connection: Connection, person: str) -> bool:
        await end_sessions(connection, person)
        return True

    return _back(visit, await changed(visit, end, Deed.SESSIONS_ENDED, ends=False))


async def drop_second(visit: Visit) -> web.StreamResponse:
    """Ask somebody who lost their telephone for no second factor any more.

    One's own is dropped where the password is asked for: a screen left open does not do it.
    """
    if visit.parameter("person") == visit.person.id:
        raise _OWN_SECOND
    async with visit.reading() as (connection, _reader):
        account = await find_account(connection, visit.parameter("person"))
    person = await changed(visit, drop_totp, Deed.TOTP_OFF, ends=True)
    if account is not None:
        second.forget(visit.parts, account.totp)
    return _back(visit, person)


async def person_of(visit: Visit, connection: Connection) -> Person:
    """Return whom the path names.

    Raises:
        PageError: There is no such person.
    """
    person = await load_record(connection, Person, visit.parameter("person"))
    if person is None:
        raise NOT_FOUND
    return person


async def changed(visit: Visit, change: Change, deed: Deed, *, ends: bool) -> Person:
    """Do something about the account of the person of the path, and return them.

    Raises:
        PageError: There is none.
        StorageError: The database is away.
    """
    async with visit.reading() as (connection, _reader), connection.transaction():
        person = await person_of(visit, connection)
        if not await change(connection, person.id):
            raise NOT_FOUND
        if ends:
            await end_sessions(connection, person.id)
        await note_event(connection, person.id, visit.person.id, deed, visit.address)
    return person


def _back(visit: Visit, person: Person) -> web.Response:
    return visit.go(visit.url("user", person=person.id))


async def _page(
    visit: Visit, status: HTTPStatus = HTTPStatus.OK, link: str | None = None
) -> web.Response:
    async with visit.reading() as (connection, _reader):
        person = await person_of(visit, connection)
        standing = (await standings(connection, [person.id])).get(person.id)
        scope = await _scope(connection, person)
        identity = await _identity(visit, connection, person)
    shown: Mapping[str, Any] = {
        "person": person,
        "standing": standing,
        "scope": scope,
        "link": link,
        "provider": visit.parts.registration,
        "identity": identity,
        "days": LASTS.days,
        "able": visit.person.role is Role.ADMINISTRATOR,
    }
    return visit.page("access/user.html", shown, status)


async def _identity(visit: Visit, connection: Connection, person: Person) -> Identity | None:
    registration = visit.parts.registration
    if registration is None:
        return None
    source = Source(registration.issuer, registration.claim)
    return await identity_of(connection, source, person.id)


async def _scope(connection: Connection, person: Person) -> str:
    """Name what bounds a person; "" where nothing does."""
    if person.enterprise is not None:
        firm = await load_record(connection, Enterprise, person.enterprise)
        return person.enterprise if firm is None else firm.name
    if person.agency is not None:
        agency = await load_record(connection, Agency, person.agency)
        return person.agency if agency is None else agency.name
    return ""


_NOT_BY_TOKEN: Final = PageError(
    HTTPStatus.FORBIDDEN,
    "link by token",
    "此人已有密码；重新发放登录链接须登录后在页面上进行。",
    "They have a password; another link is made by whoever signed in, on the page.",
)
_OWN_SECOND: Final = PageError(
    HTTPStatus.CONFLICT,
    "dropping one's own",
    "取消自己的两步验证请到“我的”页面，需要输入密码。",
    "Your own second factor is dropped on your own page, with the password.",
)
_ONESELF: Final = PageError(
    HTTPStatus.CONFLICT,
    "locking oneself",
    "不能停用自己的账号。",
    "Nobody locks their own account.",
)
