"""Binding persons to identities of the provider: by administrators, one identity a person."""

from http import HTTPStatus
from typing import Final

from aiohttp import web

from wattwarden.console.access.by_provider import source_of
from wattwarden.console.access.users import person_of
from wattwarden.console.doors import NOT_FOUND, PageError
from wattwarden.console.oidc.registration import Registration, subject_of
from wattwarden.console.visit import Visit
from wattwarden.storage.people.identities import bind_identity, unbind_identity
from wattwarden.storage.people.log import Deed, note_event
from wattwarden.storage.people.sessions import end_sessions


async def bind(visit: Visit) -> web.StreamResponse:
    """Let a person in by an identity from now on, and by another one no more."""
    registration = _registration(visit)
    subject = subject_of(registration.claim, visit.field("subject"))
    if subject is None:
        raise _NO_IDENTITY
    source = source_of(registration)
    async with visit.reading() as (connection, _reader), connection.transaction():
        person = await person_of(visit, connection)
        if not await bind_identity(connection, source, subject, person.id, visit.person.id):
            raise _TAKEN
        await end_sessions(connection, person.id)
        actor = visit.person.id
        await note_event(connection, person.id, actor, Deed.BOUND, visit.address, subject)
    return visit.go(visit.url("user", person=person.id))


async def unbind(visit: Visit) -> web.StreamResponse:
    """Let a person in by no identity any more, and end what was begun by it."""
    source = source_of(_registration(visit))
    async with visit.reading() as (connection, _reader), connection.transaction():
        person = await person_of(visit, connection)
        if not await unbind_identity(connection, source, person.id):
            raise NOT_FOUND
        await end_sessions(connection, person.id)
        actor = visit.person.id
        await note_event(connection, person.id, actor, Deed.UNBOUND, visit.address)
    return visit.go(visit.url("user", person=person.id))


def _registration(visit: Visit) -> Registration:
    registration = visit.parts.registration
    if registration is None:
        raise NOT_FOUND
    return registration


_NO_IDENTITY: Final = PageError(
    HTTPStatus.UNPROCESSABLE_ENTITY,
    "no identity",
    "请填写统一认证给出的身份：1 至 255 个字符；按邮箱绑定时为邮箱地址。",
    "Give the identity as the provider has it: 1 to 255 letters; an address where mail counts.",
)
_TAKEN: Final = PageError(
    HTTPStatus.CONFLICT,
    "identity taken",
    "此身份已绑定其他人员，请先解除。",
    "This identity is bound to somebody else; unbind it there first.",
)
