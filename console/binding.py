"""Binding an address of WeChat or WeCom to a person: a code that is scanned, once, within minutes.

GET  /b/INVITATION              a page; inside the app it leads on to who they are, and back
GET  /b/INVITATION?code=CODE    asks whether to bind; changes nothing
POST /b/INVITATION              the gateway says whose the code is, and a decision is made
"""

from http import HTTPStatus
from typing import Any, Final

from aiohttp import web

from wattwarden.alarms.channels.consent import MAX_CODE_LETTERS
from wattwarden.alarms.registry.nouns import Enterprise, Person
from wattwarden.alarms.registry.problems import RefusedError
from wattwarden.console.doors import Doors, PageError, Parts, form_of
from wattwarden.console.gateways import Bindable, UnknownVisitorError
from wattwarden.console.links import Invitation, Trouble, read_invitation
from wattwarden.console.seals import form_mark, is_form_mark
from wattwarden.storage.database import Connection
from wattwarden.storage.outbox.answers import Binding, bind, reach_number
from wattwarden.storage.registry.records import load_record
from wattwarden.storage.system_time import system_now

# Both apps call their browser so.
_APP: Final = "MicroMessenger"


class Inviting:
    """Handlers of invitations."""

    def __init__(self, parts: Parts, doors: Doors) -> None:
        self._parts = parts
        self._doors = doors

    def routes(self) -> list[web.RouteDef]:
        """Return what is served."""
        return [web.get("/b/{link}", self._show), web.post("/b/{link}", self._bind)]

    async def _show(self, request: web.Request) -> web.Response:
        invitation = self._invitation(request)
        way = await self._way(request, invitation)
        async with self._parts.store.connection() as connection:
            person = await self._person(connection, invitation)
            firm = await load_record(connection, Enterprise, person.enterprise or "")
        code = request.query.get("code", "")
        if not code and _APP in request.headers.get("User-Agent", ""):
            raise web.HTTPFound(way.consent)
        parts = {
            "person": person.name,
            "firm": "" if firm is None else firm.name,
            "consent": way.consent,
            "code": code[:MAX_CODE_LETTERS],
            "done": False,
        }
        return self._page(request, parts)

    async def _bind(self, request: web.Request) -> web.Response:
        invitation = self._invitation(request)
        form = await form_of(request)
        code = form.get("code", "")
        marked = is_form_mark(self._parts.keys, request.match_info["link"], form.get("mark", ""))
        if not marked or not 0 < len(code) <= MAX_CODE_LETTERS:
            raise _NO_FORM
        way = await self._way(request, invitation)
        try:
            address = await self._parts.gateways.identify(invitation.endpoint, code)
        except UnknownVisitorError as error:
            raise _unknown(error) from error
        async with self._parts.store.connection() as connection:
            person = await self._person(connection, invitation)
            binding = Binding(person.id, way.kind, address, invitation.number)
            try:
                await bind(connection, binding, await system_now(connection))
            except RefusedError as error:
                raise _refused(error) from error
        self._parts.counts["bound"] += 1
        return self._page(request, {"person": person.name, "done": True})

    def _page(self, request: web.Request, parts: dict[str, Any]) -> web.Response:
        link = request.match_info["link"]
        more = {
            "here": f"{self._parts.pages.root}/b/{link}",
            "mark": form_mark(self._parts.keys, link),
        }
        return self._doors.page(request, "bind.html", parts | more)

    def _invitation(self, request: web.Request) -> Invitation:
        """Return what a code says.

        Raises:
            PageError: It is forged or expired, or somebody guesses.
        """
        invitation = read_invitation(self._parts.keys, request.match_info["link"])
        if isinstance(invitation, Invitation):
            self._doors.use(request.match_info["link"])
            return invitation
        if invitation is Trouble.EXPIRED:
            raise _EXPIRED
        self._doors.wrong(request)
        raise _FORGED

    async def _way(self, request: web.Request, invitation: Invitation) -> Bindable:
        link = request.match_info["link"]
        back = f"{self._parts.public_url}/b/{link}"
        way = await self._parts.gateways.bindable(invitation.endpoint, back)
        if way is None:
            raise _NO_WAY
        return way

    async def _person(self, connection: Connection, invitation: Invitation) -> Person:
        """Return whose address it will be.

        Raises:
            PageError: There is no such person, or the invitation is used.
        """
        person = await load_record(connection, Person, invitation.person)
        if person is None or await reach_number(connection, person.id) != invitation.number:
            raise _USED
        return person


def _refused(error: RefusedError) -> PageError:
    one = error.problems[0]
    return PageError(HTTPStatus.CONFLICT, "refused", one.zh, one.en)


def _unknown(error: UnknownVisitorError) -> PageError:
    zh = "无法确认您的身份,没有绑定。请重新扫描二维码。"
    en = f"Who you are could not be learnt; nothing was bound. Scan the code again. ({error})"
    return PageError(HTTPStatus.BAD_GATEWAY, "unknown visitor", zh, en)


_FORGED: Final = PageError(
    HTTPStatus.FORBIDDEN,
    "forged",
    "此二维码无效,请向管理员索取新的二维码。",
    "This code is not valid: ask the administrator for another.",
)
_EXPIRED: Final = PageError(
    HTTPStatus.GONE,
    "expired",
    "此二维码已过期,请向管理员索取新的二维码。",
    "This code has expired: ask the administrator for another.",
)
_USED: Final = PageError(
    HTTPStatus.GONE,
    "used",
    "此二维码已使用或已失效,请向管理员索取新的二维码。",
    "This code was used, or holds no more: ask the administrator for another.",
)
_NO_WAY: Final = PageError(
    HTTPStatus.NOT_FOUND,
    "no way",
    "此通知方式已停用,无法绑定。",
    "This way of notices is not in use any more.",
)
_NO_FORM: Final = PageError(
    HTTPStatus.FORBIDDEN,
    "foreign form",
    "提交未来自本页面,没有绑定。请重新扫描二维码。",
    "This did not come from the page of the code; nothing was bound. Scan the code again.",
)
