"""Signing in and out.

GET  /sign-in          asks for account and password
POST /sign-in          counted ─► compared ─► in, or asked for a code
POST /sign-in/code     the second factor, within minutes of the first
POST /sign-out
"""

import math
import time
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, Final

from aiohttp import web

from wattwarden.console.access import second
from wattwarden.console.access.parts import PASSWORDS, let_in, local_path
from wattwarden.console.drawing.said import Said
from wattwarden.console.seals import seal, unseal
from wattwarden.console.visit import Visit
from wattwarden.console.visitor import SESSION_COOKIE
from wattwarden.storage.database import Connection
from wattwarden.storage.people.accounts import Account, find_account, person_called, use_step
from wattwarden.storage.people.attempts import (
    LOCKED,
    PASSED,
    Hold,
    begin_attempt,
    end_attempt,
)
from wattwarden.storage.people.log import Deed, note_event
from wattwarden.storage.people.sessions import end_sessions

# For how long a right password waits for its code.
CODE_WITHIN_S: Final = 300
_PURPOSE: Final = b"second factor"


async def show(visit: Visit) -> web.StreamResponse:
    """Ask who somebody is; who is known goes on."""
    to = visit.asked("next")
    if visit.visitor is not None:
        return visit.go(local_path(visit.parts.pages.root, to))
    return _page(visit, to)


async def sign_in(visit: Visit) -> web.StreamResponse:
    """Let somebody in who knows their password; the same is said of what is wrong with it."""
    typed, password = visit.field("user"), str(visit.form.get("password", ""))
    async with visit.parts.store.connection() as connection:
        person = await person_called(connection, typed)
        begun = await begin_attempt(connection, person or typed, visit.address)
        if isinstance(begun, Hold):
            return _held(visit, begun)
        account = None if person is None else await find_account(connection, person)
    known = None if account is None else account.password
    # No connection is held while it is compared.
    if not await visit.request.app[PASSWORDS].are_same(known, password) or account is None:
        visit.parts.counts["sign-in wrong"] += 1
        return _page(visit, visit.field("next"), _wrong(begun.left), typed)
    async with visit.parts.store.connection() as connection:
        if account.locked is not None:
            await end_attempt(connection, begun.id, LOCKED)
            return _page(visit, visit.field("next"), _LOCKED, typed)
        await end_attempt(connection, begun.id, PASSED)
        if account.totp is not None:
            return _code_page(visit, _half(visit, account.person))
        return await _enter(visit, connection, account.person)


async def check_code(visit: Visit) -> web.StreamResponse:
    """Let somebody in whose password was right a moment ago, by a code that was never used."""
    half = visit.field("half")
    person = _person_of(visit, half)
    if person is None:
        return _page(visit, visit.field("next"), _TOO_LATE)
    async with visit.parts.store.connection() as connection:
        begun = await begin_attempt(connection, person, visit.address)
        if isinstance(begun, Hold):
            return _held(visit, begun)
        account = await find_account(connection, person)
        if not await _is_code(visit, connection, account):
            visit.parts.counts["sign-in wrong"] += 1
            return _code_page(visit, half, _wrong_code(begun.left))
        await end_attempt(connection, begun.id, PASSED)
        return await _enter(visit, connection, person)


async def sign_out(visit: Visit) -> web.StreamResponse:
    """End this session."""
    known = visit.known
    if known.session is not None:
        async with visit.reading() as (connection, _reader), connection.transaction():
            await end_sessions(connection, visit.person.id, known.session)
            who = visit.person.id
            await note_event(connection, who, who, Deed.SIGNED_OUT, visit.address)
    response = visit.go(visit.url("sign_in"))
    response.del_cookie(SESSION_COOKIE, path=f"{visit.parts.pages.root}/")
    return response


async def _enter(visit: Visit, connection: Connection, person: str) -> web.Response:
    visit.parts.counts["signed in"] += 1
    to = local_path(visit.parts.pages.root, visit.field("next"))
    return await let_in(visit, connection, person, to, keep=visit.field("keep") == "yes")


async def _is_code(visit: Visit, connection: Connection, account: Account | None) -> bool:
    """Tell whether the code that was sent is the account's, and use it up."""
    if account is None or account.totp is None or account.locked is not None:
        return False
    secret = second.secret_in(visit.parts, account.totp)
    step = None if secret is None else second.step_of(secret, visit.field("code"))
    return step is not None and await use_step(connection, account.person, step)


def _half(visit: Visit, person: str) -> str:
    """Return what says that a person's password was right, until soon."""
    until_s = int(time.time()) + CODE_WITHIN_S
    return seal(visit.parts.keys.sealing(), _PURPOSE, f"{until_s} {person}".encode())


def _person_of(visit: Visit, half: str) -> str | None:
    body = unseal(visit.parts.keys, _PURPOSE, half)
    if body is None:
        return None
    until_s, _, person = body.decode().partition(" ")
    return person if time.time() < int(until_s) else None


def _page(
    visit: Visit, to: str, said: Said | None = None, typed: str = "", **more: Any
) -> web.Response:
    status = HTTPStatus.OK if said is None else HTTPStatus.UNPROCESSABLE_ENTITY
    shown = {"next": to, "said": said, "typed": typed, "held": False, **more}
    return visit.page("access/sign_in.html", shown, status)


def _code_page(visit: Visit, half: str, said: Said | None = None) -> web.Response:
    status = HTTPStatus.OK if said is None else HTTPStatus.UNPROCESSABLE_ENTITY
    shown = {"half": half, "said": said, "next": visit.field("next"), "keep": visit.field("keep")}
    return visit.page("access/code.html", shown, status)


def _held(visit: Visit, hold: Hold) -> web.Response:
    visit.parts.counts["sign-in held"] += 1
    seconds = (hold.until - datetime.now(UTC)).total_seconds()
    minutes = max(1, math.ceil(seconds / 60))
    said = Said(
        f"错误次数太多，请 {minutes} 分钟后再试。忘记密码请联系管理员重新发放登录链接。",
        f"Too many were wrong; try again in {minutes} min."
        " Who forgot their password asks the administrator for a new link.",
    )
    response = visit.page(
        "access/sign_in.html",
        {"next": visit.field("next"), "said": said, "typed": visit.field("user"), "held": True},
        HTTPStatus.TOO_MANY_REQUESTS,
    )
    response.headers["Retry-After"] = str(minutes * 60)
    return response


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


_LOCKED: Final = Said(
    "此账号已停用，请联系管理员。",
    "This account is locked; ask the administrator.",
)
_TOO_LATE: Final = Said(
    "验证码输入超时，请重新登录。",
    "The code came too late; sign in again.",
)
