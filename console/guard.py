"""What stands before every handler: who asks, may they, is it theirs, did they mean it.

visitor ─► needs ─► whose ─► form and its mark ─► handler(visit)
   │         │        └ as if it were not there   └ another site's: 403
   │         └ role: 403
   └ nobody: to the sign-in page, 401 for programs
"""

from http import HTTPStatus
from typing import Final

from aiohttp import web
from yarl import URL

from wattwarden.alarms.acting.roles import ROLES_ZH, roles_zh
from wattwarden.alarms.acting.scope import Reader
from wattwarden.alarms.registry.nouns import Person
from wattwarden.console.doors import (
    BODY_S,
    NOT_FOUND,
    Doors,
    Handler,
    PageError,
    Parts,
    plain,
    within,
)
from wattwarden.console.forms import MULTIPART, Form, close_files, read_form
from wattwarden.console.routes import OPEN, Route, roles_of
from wattwarden.console.visit import HTMX_HEADER, Visit
from wattwarden.console.visitor import (
    CSRF_FIELD,
    CSRF_HEADER,
    DOOR_COOKIE,
    Visitor,
    form_mark,
    is_form_mark,
    secret_of,
    visitor_of,
)
from wattwarden.console.whose import OWNERS
from wattwarden.console.words import (
    LANGUAGE_COOKIE,
    THEME_COOKIE,
    Language,
    Theme,
    chosen,
    theme_of,
)
from wattwarden.storage.acting.reading import reader_for
from wattwarden.storage.database import Connection
from wattwarden.storage.people.secret import new_secret
from wattwarden.storage.people.tokens import Scope

# Where whoever must change their password may go with the old one.
_WITH_OLD_PASSWORD: Final = frozenset({"me", "change_password", "sign_out"})
# A year: whoever chose a language or a theme means it.
PREFERENCE_S: Final = 366 * 86_400
# A file of the largest size by a phone's network in the field.
UPLOAD_S: Final = 120.0


class Guard:
    """Makes what the application calls of routes."""

    def __init__(self, parts: Parts, doors: Doors) -> None:
        self._parts = parts
        self._doors = doors

    def of(self, route: Route) -> Handler:
        """Return the handler of a route with all that stands before it."""

        async def guarded(request: web.Request) -> web.StreamResponse:
            if route.changes:
                request = request.clone(client_max_size=route.body_bytes)
            _check_text(request)
            # Who comes with nothing gets what ties forms to this very browser.
            known = secret_of(request)
            secret = known or new_secret()
            visit = await self._admitted(route, request, form_mark(secret))
            if route.changes:
                visit.form = await _meant(visit)
            try:
                response = await route.handler(visit)
            finally:
                close_files(visit.form)
            if not response.prepared:
                self._remember(request, response)
                if known is None and route.needs is OPEN:
                    self._parts.set_cookie(response, DOOR_COOKIE, secret)
            return response

        return guarded

    async def _admitted(self, route: Route, request: web.Request, mark: str) -> Visit:
        """Return the visit of somebody who may.

        Raises:
            PageError: They may not, or what is named is not theirs.
            HTTPSeeOther: To the sign-in page.
        """
        reader: Reader | None = None
        async with self._parts.store.connection() as connection:
            visitor = await visitor_of(connection, request)
            if visitor is None and route.needs is not OPEN:
                raise self._unknown(request)
            if visitor is not None:
                _check_role(route, visitor)
                if visitor.must_change and route.name not in _WITH_OLD_PASSWORD:
                    mine = f"{self._parts.pages.root}/me"
                    raise web.HTTPSeeOther(mine)
                reader = await reader_for(connection, visitor.person)
                await _check_whose(connection, request, route, reader)
        return Visit(
            request,
            route,
            self._parts,
            visitor,
            reader,
            chosen(_preferred(request, "lang", LANGUAGE_COOKIE), _accepted(request, visitor)),
            theme_of(_preferred(request, "theme", THEME_COOKIE)),
            mark,
            self._doors.address(request),
        )

    def _unknown(self, request: web.Request) -> Exception:
        """Return what leads somebody we do not know to the sign-in page."""
        if is_for_programs(request):
            return UNKNOWN
        root = self._parts.pages.root
        if HTMX_HEADER in request.headers:
            return web.HTTPNoContent(headers={"HX-Redirect": f"{root}/sign-in"})
        back = request.raw_path if request.method == "GET" else "/"
        return web.HTTPSeeOther(URL(f"{root}/sign-in").with_query(next=back))

    def _remember(self, request: web.Request, response: web.StreamResponse) -> None:
        """Keep a language and a theme that were asked for."""
        for name, cookie, known in (
            ("lang", LANGUAGE_COOKIE, tuple(Language)),
            ("theme", THEME_COOKIE, tuple(Theme)),
        ):
            asked = request.query.get(name)
            if asked in known:
                self._parts.set_cookie(response, cookie, str(asked), PREFERENCE_S)


def is_for_programs(request: web.Request) -> bool:
    """Tell whether a program is answered, in JSON."""
    return is_api(request.path) or "Authorization" in request.headers


def is_api(path: str) -> bool:
    """Tell whether something is served to programs."""
    return path.startswith("/api/")


def _check_text(request: web.Request) -> None:
    """Refuse a path or query with what no column takes.

    Raises:
        PageError: It has a NUL.
    """
    if "\0" in request.path or any("\0" in one for one in request.query.values()):
        raise plain(HTTPStatus.BAD_REQUEST)


def _check_role(route: Route, visitor: Visitor) -> None:
    """Refuse whose role or token is not enough.

    Raises:
        PageError: It is not.
    """
    if route.changes and route.needs is not OPEN and Scope.ACT not in visitor.scopes:
        raise _READS_ONLY
    if route.changes and visitor.token is not None and not is_api(route.path):
        raise _PAGES_ALONE
    able = roles_of(route.needs)
    if able is None or visitor.person.role in able:
        return
    raise _not_for(visitor.person, roles_zh(able), ", ".join(sorted(able)))


async def _check_whose(
    connection: Connection, request: web.Request, route: Route, reader: Reader
) -> None:
    """Refuse what is somebody else's, as if it were not there.

    Raises:
        PageError: It is, or it is not there.
    """
    for name in route.parameters:
        owner = OWNERS.get(name)
        if owner is None:
            continue
        owned = await owner(connection, request.match_info[name])
        if owned is None or not reader.sees(owned.enterprise):
            raise NOT_FOUND


async def _meant(visit: Visit) -> Form:
    """Return the fields of what was sent, from a page of ours or by a program with a token.

    Raises:
        PageError: It came from elsewhere, or is too big or too slow.
    """
    request = visit.request
    if request.headers.get("Sec-Fetch-Site", "same-origin") not in {"same-origin", "none"}:
        raise FOREIGN_FORM
    form = await _form(request)
    if visit.visitor is not None and visit.visitor.token is not None:
        return form
    said = request.headers.get(CSRF_HEADER) or form.get(CSRF_FIELD, "")
    if not isinstance(said, str) or not is_form_mark(request, said):
        raise FOREIGN_FORM
    return form


async def _form(request: web.Request) -> Form:
    """Return the fields of a form; none of a body that is no form, which its handler reads."""
    patience_s = UPLOAD_S if request.content_type == MULTIPART else BODY_S
    form = await within(patience_s, read_form(request))
    if any(isinstance(value, str) and "\0" in value for value in form.values()):
        raise plain(HTTPStatus.BAD_REQUEST)
    return form


def _preferred(request: web.Request, name: str, cookie: str) -> str | None:
    return request.query.get(name) or request.cookies.get(cookie)


def _accepted(request: web.Request, visitor: Visitor | None) -> str:
    """Return which languages are liked: the browser's, behind what the registry says of people."""
    said = request.headers.get("Accept-Language", "")
    return said if visitor is None else f"{visitor.person.language},{said}"


def _not_for(person: Person, able_zh: str, able: str) -> PageError:
    return PageError(
        HTTPStatus.FORBIDDEN,
        "role",
        f"{ROLES_ZH[person.role]}不能使用此功能，仅限{able_zh}。",
        f"This is not for your role; it takes {able}.",
    )


_READS_ONLY: Final = PageError(
    HTTPStatus.FORBIDDEN,
    "token reads only",
    "此令牌只能读取，不能办理。",
    "This token reads only.",
)
# A token that got out makes no other tokens, lets nobody in, and takes no second factor away.
_PAGES_ALONE: Final = PageError(
    HTTPStatus.FORBIDDEN,
    "token on a page",
    "令牌只能通过 /api/ 办理；此操作须登录后在页面上进行。",
    "A token acts under /api/ alone; this is done by whoever signed in, on its page.",
)
UNKNOWN: Final = PageError(
    HTTPStatus.UNAUTHORIZED,
    "unknown visitor",
    "请先登录，或提供有效的令牌。",
    "Sign in, or give a valid token.",
    {"WWW-Authenticate": "Bearer"},
)
FOREIGN_FORM: Final = PageError(
    HTTPStatus.FORBIDDEN,
    "foreign form",
    "提交未来自本平台的页面，或页面已过期，没有办理。请刷新后重试。",
    "This did not come from a page of ours, or from one too old; nothing was done."
    " Reload it and try again.",
)
