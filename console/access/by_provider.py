"""Signing in by a provider of identities (OpenID Connect, authorization code with PKCE).

POST /sign-in/provider         leaves for the provider, with a cookie that lasts until it is back
GET  /sign-in/provider/back    state ─► code ─► ID token ─► whoever is bound to it ─► in

Only the browser that left comes back, and once: an address that somebody else sends opens nothing.
Nobody gets an account by this; administrators bind persons of the registry to identities.
"""

from http import HTTPStatus
from typing import Final

import structlog
from aiohttp import web

from wattwarden.alarms.registry.nouns import Person
from wattwarden.console.access.entering import Onward, enter, onward_of
from wattwarden.console.access.parts import PROVIDER
from wattwarden.console.access.sign_in import LOCKED_OUT, not_in
from wattwarden.console.doors import DOORS, NOT_FOUND, PageError
from wattwarden.console.oidc.errors import AwayError, NoWordError
from wattwarden.console.oidc.leaving import Ties
from wattwarden.console.oidc.provider import Provider
from wattwarden.console.oidc.registration import Registration
from wattwarden.console.visit import Visit
from wattwarden.console.visitor import cookie_of
from wattwarden.storage.database import Connection
from wattwarden.storage.people.accounts import Account, find_account
from wattwarden.storage.people.attempts import LOCKED, TOLD, UNBOUND, note_attempt, place_of
from wattwarden.storage.people.identities import Source, person_bound
from wattwarden.storage.people.leaves import LASTS, Leave, come_back, leave
from wattwarden.storage.people.secret import new_secret
from wattwarden.storage.registry.records import load_record

LEAVE_COOKIE: Final = "ww_leave"
# Codes have some 40 letters, those of a few providers a token's 2,000.
MAX_CODE_LETTERS: Final = 4096

_log: Final = structlog.get_logger(__name__)


async def leave_for(visit: Visit) -> web.StreamResponse:
    """Send a browser to the provider."""
    provider = _provider(visit)
    try:
        return await _sent(visit, provider)
    except PageError as error:
        return not_in(visit, error)


async def back(visit: Visit) -> web.StreamResponse:
    """Let somebody in of whom the provider says who they are, and whom an administrator bound."""
    provider = _provider(visit)
    try:
        return await _let_in(visit, provider)
    except PageError as error:
        return not_in(visit, error)


def source_of(registration: Registration) -> Source:
    """Return where identities of a provider come from."""
    return Source(registration.issuer, registration.claim)


async def _sent(visit: Visit, provider: Provider) -> web.Response:
    visit.request.app[DOORS].use(f"provider {place_of(visit.address)}")
    secret, onward = new_secret(), onward_of(visit)
    try:
        address = await provider.leave_for(Ties.of(secret))
    except AwayError as error:
        raise _away(error) from error
    async with visit.parts.store.connection() as connection:
        await leave(connection, secret, onward.to, keep=onward.keep)
    response = visit.page("access/leave.html", {"address": address, "to": provider.registration})
    # Browsers that keep forms to this site hold redirects of forms to it as well.
    response.headers["Refresh"] = f"0; url={address}"
    visit.parts.set_cookie(response, LEAVE_COOKIE, secret, int(LASTS.total_seconds()))
    return response


async def _let_in(visit: Visit, provider: Provider) -> web.Response:
    secret = cookie_of(visit.request, LEAVE_COOKIE)
    left = await _left(visit, secret)
    subject = await _told(visit, provider, Ties.of(secret))
    async with visit.parts.store.connection() as connection:
        account = await _account(connection, visit, provider.registration, subject)
        await note_attempt(connection, account.person, visit.address, TOLD)
        onward = Onward(left.onward, left.keep)
        response = await enter(visit, connection, account, onward, provider.registration.issuer)
    response.del_cookie(LEAVE_COOKIE, path=f"{visit.parts.pages.root}/")
    return response


async def _left(visit: Visit, secret: str) -> Leave:
    """Take what was noted as this browser left.

    Raises:
        PageError: It did not, or not for this; or it was back before.
    """
    doors = visit.request.app[DOORS]
    doors.patient(visit.request)
    found: Leave | None = None
    if secret and Ties.of(secret).is_state(visit.asked("state")):
        async with visit.parts.store.connection() as connection:
            found = await come_back(connection, secret)
    if found is None:
        doors.wrong(visit.request)
        raise _NOT_LEFT
    return found


async def _told(visit: Visit, provider: Provider, ties: Ties) -> str:
    """Return who the provider says it is.

    Raises:
        PageError: It says nothing, or nothing that holds.
    """
    code = visit.asked("code")
    if visit.asked("error") or not 0 < len(code) <= MAX_CODE_LETTERS:
        raise _REFUSED
    try:
        return await provider.subject(code, ties, visit.asked("iss"))
    except AwayError as error:
        raise _away(error) from error
    except NoWordError as error:
        _log.warning("a provider's word does not hold", reason=str(error))
        raise _NO_WORD from error


async def _account(
    connection: Connection, visit: Visit, registration: Registration, subject: str
) -> Account:
    """Return the account of whoever is bound to an identity.

    Raises:
        PageError: Nobody is, or they are locked out.
    """
    person = await person_bound(connection, source_of(registration), subject)
    account = None if person is None else await find_account(connection, person)
    known = None if person is None else await load_record(connection, Person, person)
    if account is None or known is None:
        await note_attempt(connection, subject, visit.address, UNBOUND)
        raise _unbound(subject)
    if account.locked is not None:
        await note_attempt(connection, account.person, visit.address, LOCKED)
        raise _LOCKED
    return account


def _provider(visit: Visit) -> Provider:
    provider = visit.request.app[PROVIDER]
    if provider is None:
        raise NOT_FOUND
    return provider


def _away(error: AwayError) -> PageError:
    _log.warning("the provider of identities is away", reason=str(error))
    return _AWAY


def _unbound(subject: str) -> PageError:
    return PageError(
        HTTPStatus.FORBIDDEN,
        "provider unbound",
        f"统一认证已通过，但身份“{subject}”还没有绑定本平台的人员。请把它告诉管理员。",
        f"You are known there as “{subject}”, which is bound to nobody here."
        " Tell it to the administrator.",
    )


_AWAY: Final = PageError(
    HTTPStatus.SERVICE_UNAVAILABLE,
    "provider away",
    "统一认证暂时无法使用，请稍后再试，或用账号和密码登录。",
    "Sign-in by your organisation is away at the moment; try again later, or use a password.",
    {"Retry-After": "30"},
)
_NOT_LEFT: Final = PageError(
    HTTPStatus.FORBIDDEN,
    "provider foreign",
    "此登录不是从本浏览器开始的，或已用过、已超时，请重新登录。",
    "This sign-in was not begun in this browser, or was used, or took too long. Begin again.",
)
_REFUSED: Final = PageError(
    HTTPStatus.FORBIDDEN,
    "provider refused",
    "统一认证没有通过，请重新登录。",
    "Your organisation did not let you in; sign in again.",
)
_NO_WORD: Final = PageError(
    HTTPStatus.FORBIDDEN,
    "provider no word",
    "统一认证返回的内容无法核实，没有登录。请重试；仍然如此请联系管理员。",
    "What your organisation said could not be verified; you are not signed in."
    " Try again, and tell the administrator if it stays so.",
)
_LOCKED: Final = PageError(HTTPStatus.FORBIDDEN, "provider locked", LOCKED_OUT.zh, LOCKED_OUT.en)
