"""One's own account: password, second factor, where one is signed in, tokens for programs."""

from http import HTTPStatus
from typing import Any, Final

import segno
from aiohttp import web
from markupsafe import Markup

from wattwarden.console.access import second
from wattwarden.console.access.own import end_own_session, make_own_token, revoke_own_token
from wattwarden.console.access.parts import PASSWORDS
from wattwarden.console.access.passwords import against
from wattwarden.console.doors import NOT_FOUND
from wattwarden.console.drawing.said import Said
from wattwarden.console.visit import Visit
from wattwarden.storage.people.accounts import (
    begin_totp,
    drop_totp,
    find_account,
    keep_totp,
    set_password,
)
from wattwarden.storage.people.attempts import PASSED, Hold, begin_attempt, end_attempt
from wattwarden.storage.people.log import Deed, note_event
from wattwarden.storage.people.sessions import end_sessions, open_sessions
from wattwarden.storage.people.tokens import MOST_DAYS, NAME_LETTERS, tokens_of

# What a token may last, in days; whoever wants longer renews it.
TOKEN_DAYS: Final = (7, 30, 90, MOST_DAYS)

# Of each the first that is found: most call themselves by others' names as well.
_SIGNS: Final = (
    (
        ("MicroMessenger", "微信"),
        ("wxwork", "企业微信"),
        ("Edg", "Edge"),
        ("Firefox", "Firefox"),
        ("Chrome", "Chrome"),
        ("Safari", "Safari"),
    ),
    (
        ("HarmonyOS", "HarmonyOS"),
        ("Android", "Android"),
        ("iPhone", "iPhone"),
        ("iPad", "iPad"),
        ("Windows", "Windows"),
        ("Mac OS", "macOS"),
        ("Linux", "Linux"),
    ),
)


async def show(visit: Visit) -> web.StreamResponse:
    """Show whoever asks by what they are known."""
    return await _page(visit)


async def change_password(visit: Visit) -> web.StreamResponse:
    """Put a new password in the place of the old one, and end all other sessions."""
    old, new, again = (str(visit.form.get(name, "")) for name in ("password", "new", "again"))
    person = visit.person.id
    wrong = await _unproven(visit, old) or against(new, again, person)
    if wrong is None and new == old:
        wrong = Said("新密码与旧密码相同。", "The new password is the old one.")
    if wrong is not None:
        return await _page(visit, HTTPStatus.UNPROCESSABLE_ENTITY, password_said=wrong)
    hashed = await visit.request.app[PASSWORDS].hashed(new)
    async with visit.reading() as (connection, _reader), connection.transaction():
        await set_password(connection, person, hashed)
        await end_sessions(connection, person, but=_here(visit))
        await note_event(connection, person, person, Deed.PASSWORD, visit.address)
    return visit.go(visit.url("me"))


async def end_session(visit: Visit) -> web.StreamResponse:
    """End one of one's own sessions; another's is as if it were not there."""
    await end_own_session(visit)
    return visit.go(visit.url("me"))


async def end_others(visit: Visit) -> web.StreamResponse:
    """End all of one's own sessions but this one."""
    person = visit.person.id
    async with visit.reading() as (connection, _reader), connection.transaction():
        await end_sessions(connection, person, but=_here(visit))
        await note_event(connection, person, person, Deed.SESSIONS_ENDED, visit.address)
    return visit.go(visit.url("me"))


async def begin_second(visit: Visit) -> web.StreamResponse:
    """Show the code that an app scans; it is asked for only once it was proven to work."""
    wrong = await _unproven(visit, str(visit.form.get("password", "")))
    if wrong is not None:
        return await _page(visit, HTTPStatus.UNPROCESSABLE_ENTITY, totp_said=wrong)
    file = second.new_file(visit.parts)
    async with visit.reading() as (connection, _reader):
        account = await find_account(connection, visit.person.id)
        await begin_totp(connection, visit.person.id, file)
    if account is not None:
        second.forget(visit.parts, account.totp_begun)
    return await _page(visit, drawn=_drawn(visit, file))


async def prove_second(visit: Visit) -> web.StreamResponse:
    """Ask for the second factor from now on, if its first code is right."""
    person = visit.person.id
    async with visit.reading() as (connection, _reader):
        account = await find_account(connection, person)
        begun = None if account is None else account.totp_begun
        secret = None if begun is None else second.secret_in(visit.parts, begun)
        if account is None or begun is None or secret is None:
            raise NOT_FOUND
        step = second.step_of(secret, visit.field("code"))
        if step is not None:
            async with connection.transaction():
                await keep_totp(connection, person, step)
                await note_event(connection, person, person, Deed.TOTP_ON, visit.address)
    if step is None:
        wrong = Said(
            "验证码不对，请看一下手机时间是否准确。", "Wrong; is your phone's clock right?"
        )
        status = HTTPStatus.UNPROCESSABLE_ENTITY
        return await _page(visit, status, totp_said=wrong, drawn=_drawn(visit, begun))
    second.forget(visit.parts, account.totp)
    return visit.go(visit.url("me"))


async def drop_second(visit: Visit) -> web.StreamResponse:
    """Ask for no second factor any more, where the password is known."""
    person = visit.person.id
    wrong = await _unproven(visit, str(visit.form.get("password", "")))
    if wrong is not None:
        return await _page(visit, HTTPStatus.UNPROCESSABLE_ENTITY, totp_said=wrong)
    async with visit.reading() as (connection, _reader), connection.transaction():
        account = await find_account(connection, person)
        await drop_totp(connection, person)
        await note_event(connection, person, person, Deed.TOTP_OFF, visit.address)
    if account is not None:
        second.forget(visit.parts, account.totp)
    return visit.go(visit.url("me"))


async def new_token(visit: Visit) -> web.StreamResponse:
    """Make a token for a program, and tell its secret this once."""
    name, days = visit.field("name"), visit.field("days")
    wrong: Said | None = None
    if not name or len(name) > NAME_LETTERS or not name.isprintable():
        wrong = Said(
            f"请写明用途，最多 {NAME_LETTERS} 字。",
            f"Say what it is for, in {NAME_LETTERS} letters at most.",
        )
    elif days not in map(str, TOKEN_DAYS):
        wrong = Said("请选择有效期。", "Choose how long it lasts.")
    if wrong is not None:
        return await _page(visit, HTTPStatus.UNPROCESSABLE_ENTITY, token_said=wrong)
    may_act = visit.field("act") == "yes"
    secret = await make_own_token(visit, name, int(days), may_act=may_act)
    if secret is None:
        wrong = Said("令牌太多，请先停用不用的。", "Too many tokens; revoke some first.")
        return await _page(visit, HTTPStatus.CONFLICT, token_said=wrong)
    return await _page(visit, HTTPStatus.CREATED, secret=secret)


async def end_token(visit: Visit) -> web.StreamResponse:
    """Revoke one of one's own tokens; another's is as if it were not there."""
    await revoke_own_token(visit)
    return visit.go(visit.url("me"))


async def _unproven(visit: Visit, password: str) -> Said | None:
    """Return what is wrong with the present password, which whoever sits there has to know."""
    async with visit.reading() as (connection, _reader):
        begun = await begin_attempt(connection, visit.person.id, visit.address)
        account = await find_account(connection, visit.person.id)
    if isinstance(begun, Hold):
        return Said("错误次数太多，请稍后再试。", "Too many were wrong; try again later.")
    known = None if account is None else account.password
    if not await visit.request.app[PASSWORDS].are_same(known, password):
        left = begun.left
        return Said(f"当前密码不对，还可以试 {left} 次。", f"Wrong password; {left} tries left.")
    async with visit.reading() as (connection, _reader):
        await end_attempt(connection, begun.id, PASSED)
    return None


async def _page(visit: Visit, status: HTTPStatus = HTTPStatus.OK, **more: Any) -> web.Response:
    async with visit.reading() as (connection, _reader):
        sessions = await open_sessions(connection, visit.person.id)
        tokens = await tokens_of(connection, visit.person.id)
        account = await find_account(connection, visit.person.id)
    shown = {
        "called": called,
        "sessions": sessions,
        "tokens": tokens,
        "account": account,
        "days": TOKEN_DAYS,
        "name_letters": NAME_LETTERS,
        "secret": None,
        "drawn": None,
        "password_said": None,
        "totp_said": None,
        "token_said": None,
    }
    return visit.page("access/mine.html", shown | more, status)


def called(agent: str) -> str:
    """Name a browser and its system as people do, from how it calls itself; "" for neither.

    >>> called("Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/120.0 Safari/537.36")
    'Chrome Windows'
    """
    names = (next((name for sign, name in signs if sign in agent), "") for signs in _SIGNS)
    return " ".join(filter(None, names))


def _drawn(visit: Visit, file: str) -> dict[str, Any] | None:
    """Return the picture that an app scans, and the letters for whoever types them."""
    secret = second.secret_in(visit.parts, file)
    if secret is None:
        return None
    address = second.address_for(secret, visit.person.id)
    picture = segno.make(address, micro=False).svg_inline(omitsize=True, dark="#000", light="#fff")
    # Made of squares here, with nothing of anybody's in it but their position.
    return {"picture": Markup(picture), "secret": secret}  # noqa: S704  # drawn by us


def _here(visit: Visit) -> list[int]:
    here = visit.known.session
    return [] if here is None else [here]
