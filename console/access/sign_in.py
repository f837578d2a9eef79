"""Signing in and out.

GET  /sign-in          asks for account and password
POST /sign-in          counted ─► compared ─► in, or asked for a code
POST /sign-in/code     the second factor, within minutes of the first
POST /sign-out
"""

import math
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Final

from aiohttp import web

from wattwarden.console.access import second
from wattwarden.console.access.entering import (
    Onward,
    code_page,
    enter,
    go_in,
    onward_of,
    person_of,
)
from wattwarden.console.access.parts import PASSWORDS, PROVIDER, local_path
from wattwarden.console.doors import PageError
from wattwarden.console.drawing.said import Said
from wattwarden.console.visit import Visit
from wattwarden.console.visitor import SESSION_COOKIE
from wattwarden.storage.database import Connection
from wattwarden.storage.people.accounts import Account, find_account, person_called, use_step
from wattwarden.storage.people.attempts import (
    HALF,
    LOCKED,
    PASSED,
    Hold,
    begin_attempt,
    end_attempt,
)
from wattwarden.storage.people.log import Deed, note_event
from wattwarden.storage.people.sessions import end_sessions


async def show(visit: Visit) -> web.StreamResponse:
    """Ask who somebody is; who is known goes on."""
    to = visit.asked("next")
    if visit.visitor is not None:
        return visit.go(local_path(visit.parts.pages.root, to))
    return _page(visit, Onward(to, keep=False))


async def sign_in(visit: Visit) -> web.StreamResponse:
    """Let somebody in who knows their password; the same is said of what is wrong with it."""
    typed, password = visit.field("user"), str(visit.form.get("password", ""))
    onward = onward_of(visit)
    async with visit.parts.store.connection() as connection:
        person = await person_called(connection, typed)
        begun = await begin_attempt(connection, person or typed, visit.address)
        if isinstance(begun, Hold):
            return _held(visit, begun)
        # Asked for in either case: how long it takes tells nothing.
        account = await find_account(connection, person or typed)
    known = None if account is None or person is None else account.password
    # No connection is held while it is compared.
    if not await visit.request.app[PASSWORDS].are_same(known, password) or account is None:
        visit.parts.counts["sign-in wrong"] += 1
        return _page(visit, onward, _wrong(begun.left), typed)
    async with visit.parts.store.connection() as connection:
        if account.locked is not None:
            await end_attempt(connection, begun.id, LOCKED)
            return _page(visit, onward, LOCKED_OUT, typed)
        await end_attempt(connection, begun.id, PASSED if account.totp is None else HALF)
        return await enter(visit, connection, account, onward)


async def check_code(visit: Visit) -> web.StreamResponse:
    """Let somebody in whose password was right a moment ago, by a code that was never used."""
    half, onward = visit.field("half"), onward_of(visit)
    person = person_of(visit, half)
    if person is None:
        return _page(visit, onward, _TOO_LATE)
    async with visit.parts.store.connection() as connection:
        begun = await begin_attempt(connection, person, visit.address)
        if isinstance(begun, Hold):
            return _held(visit, begun)
        account = await find_account(connection, person)
        if not await _is_code(visit, connection, account):
            visit.parts.counts["sign-in wrong"] += 1
            return code_page(visit, half, onward, _wrong_code(begun.left))
        await end_attempt(connection, begun.id, PASSED)
        return await go_in(visit, connection, person, onward)


async def sign_out(visit: Visit) -> web.StreamResponse:
    """Sign this browser out."""
    known = visit.known
    if known.session is not None:
        async with visit.reading() as (connection, _reader), connection.transaction():
            await end_sessions(connection, visit.person.id, known.session)
            who = visit.person.id
            await note_event(connection, who, who, Deed.SIGNED_OUT, visit.address)
    response = visit.go(visit.url("sign_in"))
    response.del_cookie(SESSION_COOKIE, path=f"{visit.parts.pages.root}/")
    return response


def not_in(visit: Visit, error: PageError) -> web.Response:
    """Say on the sign-in page why another way of signing in let nobody in."""
    visit.parts.counts[error.name] += 1
    response = _form(visit, "", Said(error.zh, error.en), "", error.status, by_password=False)
    response.headers.update(error.headers)
    return response


async def _is_code(visit: Visit, connection: Connection, account: Account | None) -> bool:
    """Tell whether the code that was sent is the account's, and use it up."""
    if account is None or account.totp is None or account.locked is not None:
        return False
    secret = second.secret_in(visit.parts, account.totp)
    step = None if secret is None else second.step_of(secret, visit.field("code"))
    return step is not None and await use_step(connection, account.person, step)


def _page(visit: Visit, onward: Onward, said: Said | None = None, typed: str = "") -> web.Response:
    status = HTTPStatus.OK if said is None else HTTPStatus.UNPROCESSABLE_ENTITY
    return _form(visit, onward.to, said, typed, status)


def _held(visit: Visit, hold: Hold) -> web.Response:
    visit.parts.counts["sign-in held"] += 1
    seconds = (hold.until - datetime.now(UTC)).total_seconds()
    minutes = max(1, math.ceil(seconds / 60))
    said = Said(
        f"错误次数太多，请 {minutes} 分钟后再试。忘记密码请联系管理员重新发放登录链接。",
        f"Too many were wrong; try again in {minutes} min."
        " Who forgot their password asks the administrator for a new link.",
    )
    status = HTTPStatus.TOO_MANY_REQUESTS
    response = _form(visit, visit.field("next"), said, visit.field("user"), status)
    response.headers["Retry-After"] = str(minutes * 60)
    return response


def _form(
    visit: Visit,
    to: str,
    said: Said | None,
    typed: str,
    status: HTTPStatus,
    *,
    by_password: bool = True,
) -> web.Response:
    provider = visit.request.app[PROVIDER]
    shown = {
        "next": to,
        "said": said if by_password else None,
        "notice": None if by_password else said,
        "typed": typed,
        "held": by_password and status is HTTPStatus.TOO_MANY_REQUESTS,
        "provider": None if provider is None else provider.registration,
    }
    return visit.page("access/sign_in.html", shown, status)


def _wrong(left: int) -> Said:
    return Said(
        f"账号或密码不对，还可以试 {left} 次。",
        f"Account or password is wrong; {left} tries left.",
    )


def _wrong_code(left: int) -> Said:
    return Said(
        f"验证码不对或已用过，还可以试 {left} 次。",
        f"The code is wrong or was used; {left} tries left.",
    )


LOCKED_OUT: Final = Said(
    "此账号已停用，请联系管理员。",
    "This account is locked; ask the administrator.",
)
_TOO_LATE: Final = Said(
    "验证码输入超时，请重新登录。",
    "The code came too late; sign in again.",
)
