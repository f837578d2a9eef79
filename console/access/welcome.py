"""The one-time link: somebody chooses a password, and is in.

GET  /welcome/INVITATION     asks; changes nothing, whoever fetches it
POST /welcome/INVITATION     uses the link up, keeps the password, ends older sessions, lets in
"""

import re
from http import HTTPStatus
from typing import Final

from aiohttp import web

from wattwarden.alarms.acting.rights import SYSTEM
from wattwarden.alarms.registry.changes import Change
from wattwarden.alarms.registry.nouns import Person, Role
from wattwarden.console.access.entering import Onward, enter
from wattwarden.console.access.parts import PASSWORDS
from wattwarden.console.access.passwords import against
from wattwarden.console.doors import DOORS, PageError
from wattwarden.console.drawing.said import Said
from wattwarden.console.visit import Visit
from wattwarden.storage.database import Connection
from wattwarden.storage.people.accounts import find_account, has_any_account, set_password
from wattwarden.storage.people.invitations import (
    Invitation,
    find_invitation,
    use_invitation,
)
from wattwarden.storage.people.log import Deed, note_event
from wattwarden.storage.people.sessions import end_sessions
from wattwarden.storage.registry.records import load_record
from wattwarden.storage.registry.registry import save_registry
from wattwarden.storage.system_time import system_now

MAX_SECRET_LETTERS: Final = 128
NAME_LETTERS: Final = 40

_IDENTITY: Final = re.compile(r"[A-Za-z][A-Za-z0-9._-]{1,39}")


async def show(visit: Visit) -> web.StreamResponse:
    """Ask for a password."""
    async with visit.parts.store.connection() as connection:
        _, person = await _invited(visit, connection)
    return _page(visit, person, None)


async def accept(visit: Visit) -> web.StreamResponse:
    """Keep a password and let its owner in; of the first administrator, enter them as well."""
    password, again = (str(visit.form.get(name, "")) for name in ("password", "again"))
    async with visit.parts.store.connection() as connection:
        _, known = await _invited(visit, connection)
        new = None if known is not None else _administrator(visit)
        if isinstance(new, Said):
            return _page(visit, None, new)
        person = known or new
        if person is None:
            raise _GONE
        wrong = against(password, again, person.id)
        if wrong is None and new is not None and await load_record(connection, Person, new.id):
            wrong = Said("这个账号名已被使用。", "This account name is taken.")
        if wrong is not None:
            return _page(visit, known, wrong)
    hashed = await visit.request.app[PASSWORDS].hashed(password)
    async with visit.parts.store.connection() as connection:
        async with connection.transaction():
            if not await use_invitation(connection, visit.parameter("invitation")):
                raise _GONE
            if new is not None:
                await _enter_administrator(connection, new)
            await set_password(connection, person.id, hashed)
            await end_sessions(connection, person.id)
            await note_event(connection, person.id, person.id, Deed.JOINED, visit.address)
        account = await find_account(connection, person.id)
        if account is None:
            raise _GONE
        # A link stands in for the password alone: who has a second factor shows that as well.
        return await enter(visit, connection, account, Onward("/", keep=False))


async def _invited(visit: Visit, connection: Connection) -> tuple[Invitation, Person | None]:
    """Return what the link says, and whom it is for; nobody yet, for the first administrator.

    Raises:
        PageError: It does not hold.
    """
    doors = visit.request.app[DOORS]
    doors.patient(visit.request)
    secret = visit.parameter("invitation")
    found = await find_invitation(connection, secret[:MAX_SECRET_LETTERS])
    if found is None:
        doors.wrong(visit.request)
        raise _GONE
    if found.person is None:
        if await has_any_account(connection):
            raise _GONE
        return found, None
    person = await load_record(connection, Person, found.person)
    account = await find_account(connection, found.person)
    if person is None or (account is not None and account.locked is not None):
        raise _GONE
    return found, person


def _administrator(visit: Visit) -> Person | Said:
    """Return the first administrator as the form has them, or what is wrong with it."""
    identity, name = visit.field("user"), visit.field("name")
    if _IDENTITY.fullmatch(identity) is None or identity == SYSTEM:
        return Said(
            "账号用 2 至 40 个字母、数字、点、横线，以字母开头。",
            "An account name has 2 to 40 letters, digits, dots or dashes, a letter first.",
        )
    if not name or len(name) > NAME_LETTERS or not name.isprintable():
        return Said(
            f"请填写姓名，最多 {NAME_LETTERS} 字。", "Say your name, in 40 letters at most."
        )
    return Person(id=identity, name=name, role=Role.ADMINISTRATOR)


async def _enter_administrator(connection: Connection, person: Person) -> None:
    """Put the first administrator into the registry, as the system's own decision."""
    change = Change("person", person.id, person)
    await save_registry(connection, [change], SYSTEM, now=await system_now(connection))


def _page(visit: Visit, person: Person | None, said: Said | None) -> web.Response:
    status = HTTPStatus.OK if said is None else HTTPStatus.UNPROCESSABLE_ENTITY
    shown = {
        "person": person,
        "said": said,
        "typed": {"user": visit.field("user"), "name": visit.field("name")},
    }
    return visit.page("access/welcome.html", shown, status)


_GONE: Final = PageError(
    HTTPStatus.GONE,
    "invitation gone",
    "此链接已用过、已过期或已被新的代替，或账号已停用，请联系管理员。",
    "This link was used, expired or was replaced, or the account is locked; ask the administrator.",
)
