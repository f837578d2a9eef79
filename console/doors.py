"""What every request passes: bounds, headers, counts; and what went wrong, as a page.

asked ─► handler ─► page     PageError, StorageError, a mistake ─► a page that says so
"""

import asyncio
import json
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from ipaddress import ip_address, ip_network
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, TypeVar

import structlog
from aiohttp import web

from wattwarden.alarms.registry.problems import RefusedError
from wattwarden.console.forms import FORM, read_form, read_text
from wattwarden.console.gateways import Gateways
from wattwarden.console.keys import KeyRing
from wattwarden.console.limiter import Limiter
from wattwarden.console.oidc.registration import Registration
from wattwarden.console.pages import Pages
from wattwarden.console.store import Store
from wattwarden.console.words import LANGUAGE_COOKIE, Language, chosen
from wattwarden.storage.errors import StorageError
from wattwarden.storage.journal.journal import Journal
from wattwarden.storage.people.attempts import place_of

# A report has 4,000 letters of three bytes, each three letters as forms are sent.
MAX_BODY_BYTES: Final = 40_960
# Whoever sends a form of that size more slowly has no network, or bad intentions.
BODY_S: Final = 10.0
# Sites and their reverse proxies: more hops are somebody's invention.
MAX_HOPS: Final = 8
# Nobody mistypes a link; somebody who follows twenty wrong ones in a minute is guessing.
WRONG_LINKS: Final = 20
# A person looks, acts and looks again; previews fetch a link some three times.
USES_OF_A_LINK: Final = 60
WINDOW_S: Final = 60.0
POLICY: Final = "Content-Security-Policy"
HEADERS: Final[Mapping[str, str]] = {
    POLICY: (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:;"
        " connect-src 'self'; font-src 'self'; form-action 'self'; base-uri 'none';"
        " frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "noindex, nofollow",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Server": "Wattwarden",
}
NOT_KEPT: Final = "no-store"
NO_HEADERS: Final[Mapping[str, str]] = MappingProxyType({})
PROBLEM: Final = "application/problem+json"

_log: Final = structlog.get_logger(__name__)

T = TypeVar("T")
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
OpenJournal = Callable[[], Awaitable[Journal]]
"""Joins the journal as it stands; whoever gets it closes it."""
MakePackage = Callable[[int], Awaitable[bytes | None]]
"""Makes the package of evidence about an alarm by its number; None where there is none."""


class PageError(Exception):
    """Something that cannot be shown or done; told on a page.  ``name`` is what is counted."""

    def __init__(
        self,
        status: HTTPStatus,
        name: str,
        zh: str,
        en: str,
        headers: Mapping[str, str] = NO_HEADERS,
    ) -> None:
        super().__init__(en)
        self.headers = headers
        self.status = status
        self.name = name
        self.zh = zh
        self.en = en


@dataclass(frozen=True, slots=True)
class Parts:
    """What handlers share."""

    store: Store
    keys: KeyRing
    pages: Pages
    gateways: Gateways
    public_url: str = ""
    proxies: tuple[str, ...] = ()
    counts: Counter[str] = field(default_factory=Counter)
    # Where files with secrets stand, such as those of second factors.
    secrets: Path = Path("secrets")
    # None where pages do not look into the journal.
    journal: OpenJournal | None = None
    # Who else may say who somebody is; None: passwords of ours alone.
    registration: Registration | None = None
    # None where no packages of evidence are made.
    packages: MakePackage | None = None

    @property
    def is_secure(self) -> bool:
        """Whether browsers come by TLS, and cookies go by nothing else."""
        return self.public_url.startswith("https:")

    def set_cookie(
        self, response: web.StreamResponse, name: str, value: str, max_age_s: int | None = None
    ) -> None:
        """Give a browser a cookie that no script sees and no other site's form sends along.

        ``max_age_s`` None: until the browser is closed.
        """
        response.set_cookie(
            name,
            value,
            max_age=max_age_s,
            path=f"{self.pages.root}/",
            httponly=True,
            samesite="Lax",
            secure=self.is_secure,
        )


class Doors:
    """The middleware of the application, and what handlers ask of requests."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._proxies = tuple(map(ip_network, parts.proxies))
        self._strangers = Limiter(WRONG_LINKS, WINDOW_S)
        self._uses = Limiter(USES_OF_A_LINK, WINDOW_S)

    @property
    def middleware(self) -> Any:
        """What the application calls around each handler."""

        @web.middleware
        async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
            try:
                return await handler(request)
            except (RefusedError, PageError) as error:
                told = error if isinstance(error, PageError) else _refused(error)
                return self._say(request, told)
            except StorageError as error:
                _log.warning("page without a database", reason=error.message)
                return self._instead(request, _AWAY)
            except web.HTTPException as error:
                if error.status < HTTPStatus.BAD_REQUEST:
                    raise
                return self._say(request, plain(HTTPStatus(error.status)))
            # Whatever it is, people get a page and we a line.
            except Exception as error:
                if isinstance(error, ConnectionError) and not _is_there(request):
                    self._parts.counts["left early"] += 1
                    _log.info("somebody left before all was sent", path=_room_of(request))
                    raise
                _log.error("page failed", path=_room_of(request), exc_info=error)
                return self._instead(request, _MISTAKE)

        return guard

    def address(self, request: web.Request) -> str:
        """Return who asks: the nearest hop that is no proxy of ours."""
        at = request.remote or ""
        said = ",".join(request.headers.getall("X-Forwarded-For", [])).split(",")
        hops = [one.strip() for one in said if one.strip()]
        for hop in reversed(hops[-MAX_HOPS:]):
            if not self._is_proxy(at):
                break
            at = hop
        return at

    def use(self, link: str) -> None:
        """Count that a right link was used.

        Raises:
            PageError: Too often.
        """
        if not self._uses.lets(link, time.monotonic()):
            raise _LIMITED

    def wrong(self, request: web.Request) -> None:
        """Count that an address asked with what is wrong.

        Raises:
            PageError: Too often.
        """
        if not self._strangers.lets(place_of(self.address(request)), time.monotonic()):
            raise _LIMITED

    def patient(self, request: web.Request) -> None:
        """Turn away an address that asked with what is wrong too often, before any work is done.

        Raises:
            PageError: It did.
        """
        if self._strangers.is_over(place_of(self.address(request)), time.monotonic()):
            raise _LIMITED

    def page(
        self,
        request: web.Request,
        name: str,
        parts: Mapping[str, Any],
        status: HTTPStatus = HTTPStatus.OK,
    ) -> web.Response:
        """Return a page."""
        text = self._parts.pages.make(name, language_of(request), parts)
        return web.Response(text=text, status=status, content_type="text/html")

    def _is_proxy(self, host: str) -> bool:
        try:
            address = ip_address(host)
        except ValueError:
            return False
        return any(address in network for network in self._proxies)

    def _instead(self, request: web.Request, error: PageError) -> web.Response:
        """Say what went wrong in the place of an answer.

        Raises:
            ConnectionAbortedError: The answer has begun: cut off, nobody takes it for a whole one.
        """
        if request.writer.output_size:
            self._parts.counts["cut off"] += 1
            raise ConnectionAbortedError("the answer cannot be finished")
        return self._say(request, error)

    def _say(self, request: web.Request, error: PageError) -> web.Response:
        self._parts.counts[error.name] += 1
        if request.path.startswith("/api/") or "Authorization" in request.headers:
            return problem(error, language_of(request))
        parts = {"zh": error.zh, "en": error.en, "status": error.status.value}
        response = self.page(request, "notice.html", parts, error.status)
        response.headers.update(error.headers)
        return response


def _is_there(request: web.Request) -> bool:
    """Tell whether whoever asked waits for the answer still."""
    return request.transport is not None and not request.transport.is_closing()


def _room_of(request: web.Request) -> str:
    """Return what of a path may be logged: links stand behind it."""
    return request.path.split("/")[1]


def language_of(request: web.Request) -> Language:
    """Return the language of a request's page."""
    asked = request.query.get("lang") or request.cookies.get(LANGUAGE_COOKIE)
    return chosen(asked, request.headers.get("Accept-Language", ""))


DOORS: Final = web.AppKey("doors", Doors)
PARTS: Final = web.AppKey("parts", Parts)


async def form_of(request: web.Request) -> Mapping[str, str]:
    """Return the fields of a form that came from a page of ours.

    Raises:
        PageError: It is none, too big, too slow, or another site's.
    """
    # Browsers say where a form came from; those too old for it have the form's own mark alone.
    if request.headers.get("Sec-Fetch-Site", "same-origin") not in {"same-origin", "none"}:
        raise _FOREIGN_FORM
    if request.content_type != FORM:
        raise plain(HTTPStatus.UNSUPPORTED_MEDIA_TYPE)
    posted = await within(BODY_S, read_form(request))
    return {name: value for name, value in posted.items() if isinstance(value, str)}


async def body_of(request: web.Request) -> str:
    """Return the body of a request that is no form.

    Raises:
        PageError: It is too big, too slow, or no text.
    """
    return await within(BODY_S, read_text(request))


async def within(patience_s: float, reading: Awaitable[T]) -> T:
    """Return what is read of a request.

    Raises:
        PageError: It came too slowly, or is none of what is taken.
    """
    try:
        async with asyncio.timeout(patience_s):
            return await reading
    except TimeoutError as error:
        raise plain(HTTPStatus.REQUEST_TIMEOUT) from error
    except ValueError as error:
        raise plain(HTTPStatus.BAD_REQUEST) from error


async def add_headers(request: web.Request, response: web.StreamResponse) -> None:
    """Give a response what every response has."""
    del request
    # A handler's own policy is narrower: a file that is somebody's gets no rights at all.
    policy = response.headers.get(POLICY, HEADERS[POLICY])
    response.headers.update(HEADERS)
    response.headers[POLICY] = policy
    response.headers.setdefault("Cache-Control", NOT_KEPT)


def told(errors: Iterable[tuple[str, str]]) -> list[dict[str, str]]:
    """Return sentences in both languages as templates take them."""
    return [{"zh": zh, "en": en} for zh, en in errors]


def problem(error: PageError, language: Language) -> web.Response:
    """Return an error as programs are told it (RFC 9457)."""
    told_in = error.zh if language is Language.CHINESE else error.en
    said = {
        "type": "about:blank",
        "title": error.status.phrase,
        "status": error.status.value,
        "detail": told_in,
        "code": error.name.replace(" ", "_"),
    }
    return web.Response(
        # Of what was asked, bytes that are no letter are quoted at times.
        body=json.dumps(said, ensure_ascii=False).encode(errors="replace"),
        status=error.status,
        content_type=PROBLEM,
        headers=dict(error.headers),
    )


def plain(status: HTTPStatus) -> PageError:
    """Return the error of a status that needs no more words."""
    zh, en = _STATUSES.get(status, ("无法处理此请求", "This cannot be done"))
    return PageError(status, f"status {status.value}", zh, en)


def _refused(error: RefusedError) -> PageError:
    """Return what stands against a decision, every problem of it."""
    return PageError(
        HTTPStatus.CONFLICT,
        "refused",
        "；".join(one.zh for one in error.problems),
        "; ".join(one.en for one in error.problems),
    )


_STATUSES: Final[Mapping[HTTPStatus, tuple[str, str]]] = {
    HTTPStatus.NOT_FOUND: ("没有此页面", "There is no such page"),
    HTTPStatus.METHOD_NOT_ALLOWED: ("此页面不接受该操作", "This page takes no such request"),
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: ("提交内容过长", "What was sent is too long"),
    HTTPStatus.REQUEST_TIMEOUT: ("提交超时,请重试", "Sending took too long; please try again"),
}
NOT_FOUND: Final = plain(HTTPStatus.NOT_FOUND)
_LIMITED: Final = PageError(
    HTTPStatus.TOO_MANY_REQUESTS,
    "limited",
    "打开过于频繁,请一分钟后再试。",
    "Too many requests; please try again in a minute.",
)
_AWAY: Final = PageError(
    HTTPStatus.SERVICE_UNAVAILABLE,
    "unavailable",
    "平台暂时无法读取数据,请稍后再试。您的操作没有提交。",
    "The data cannot be read at the moment; please try again later. Nothing was submitted.",
)
_MISTAKE: Final = PageError(
    HTTPStatus.INTERNAL_SERVER_ERROR,
    "failed",
    "平台出错,已记录。请稍后再试,或电话联系值班人员。",
    "Something went wrong here and was noted. Please try again later, or call whoever is on duty.",
)
_FOREIGN_FORM: Final = PageError(
    HTTPStatus.FORBIDDEN,
    "foreign form",
    "提交来自其他网站,已拒绝。请从通知中的链接打开页面办理。",
    "This was sent from another site and refused. Open the link of the notice to act.",
)
