"""A list of things, and one of them: declared once, served as JSON, with tags, and documented.

GET /api/v1/NAME            {"items": […], "next": "…" | null}       or a whole file
GET /api/v1/NAME/{thing}    {…}                                      ETag, 304
"""

import hashlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final, Generic, TypeVar

import msgspec
from aiohttp import web

from wattwarden.alarms.acting.scope import Reader
from wattwarden.console.api.asked import Filters, Form, Key, asked_for, cursor_of, key_of
from wattwarden.console.api.export import send_file
from wattwarden.console.api.sent import JSON
from wattwarden.console.doors import NOT_FOUND
from wattwarden.console.routes import Needs, Route
from wattwarden.console.visit import Visit
from wattwarden.storage.database import Connection

ROOT: Final = "/api/v1"
# What was read may be kept by whoever read it, as long as they ask whether it still holds.
ASK_AGAIN: Final = "private, no-cache"
_TAG_LETTERS: Final = 32

R = TypeVar("R")
F = TypeVar("F", bound=Filters)


@dataclass(frozen=True, slots=True)
class Asked(Generic[F]):
    """What a list is asked for, by whom.

    ``named`` are the parts of the path, ``after`` where the page before ended.
    """

    connection: Connection
    reader: Reader
    filters: F
    named: Mapping[str, str]
    after: Key | None
    limit: int


@dataclass(frozen=True, slots=True)
class Found(Generic[R]):
    """Rows of a list, and after which key there may be more; None: these are the last."""

    rows: Sequence[R]
    next: Key | None


Load = Callable[[Asked[F]], Awaitable[Found[R]]]
Find = Callable[[Connection, Reader, str], Awaitable[R | None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource(Generic[F, R]):
    """Things of a kind.

    ``key`` shows what a key of the list is made of.  ``one`` is the parameter by which one of them
    is named, "" where there is only the list.
    """

    name: str
    zh: str
    en: str
    row: Any
    needs: Needs
    filters: type[F]
    key: Key
    load: Load[F, R]
    one: str = ""
    find: Find[Any] | None = None
    whole: Any = None
    """What one of them is told with, where that is more than its row."""

    @property
    def path(self) -> str:
        """Where the list is."""
        return f"{ROOT}/{self.name}"

    @property
    def one_path(self) -> str:
        """Where one of them is."""
        return f"{self.path}/{{{self.one}}}"

    @property
    def title(self) -> str:
        """What routes are called."""
        return f"api.{self.name.replace('/', '.').replace('{', '').replace('}', '')}"

    def routes(self) -> list[Route]:
        """Return what is served."""
        routes = [Route("GET", self.path, self._list, self.needs, self.title)]
        if self.find is not None:
            routes.append(Route("GET", self.one_path, self._one, self.needs, f"{self.title}.one"))
        return routes

    async def _list(self, visit: Visit) -> web.StreamResponse:
        filters = asked_for(self.filters, visit)
        after = key_of(filters.after, self.key)
        if filters.format is not Form.JSON:
            return await send_file(visit, filters.format, self.name, self._pages(visit, filters))
        found = await self._page(visit, filters, after, filters.limit)
        more = None if found.next is None else cursor_of(found.next)
        return json_of({"items": found.rows, "next": more})

    async def _page(self, visit: Visit, filters: F, after: Key | None, limit: int) -> Found[R]:
        async with visit.reading() as (connection, reader):
            named = dict(visit.request.match_info)
            return await self.load(Asked(connection, reader, filters, named, after, limit))

    def _pages(self, visit: Visit, filters: F) -> Callable[[Any, int], Awaitable[tuple[Any, Any]]]:
        async def page(after: Any, limit: int) -> tuple[Any, Any]:
            found = await self._page(visit, filters, after, limit)
            return found.rows, found.next

        return page

    async def _one(self, visit: Visit) -> web.StreamResponse:
        assert self.find is not None  # noqa: S101  there is a route only where there is a way
        async with visit.reading() as (connection, reader):
            found = await self.find(connection, reader, visit.parameter(self.one))
        if found is None:
            raise NOT_FOUND
        return tagged(visit.request, found)


def numbered(
    name: str, zh: str, en: str, row: Any, needs: Needs, filters: type[Any], load: Load[Any, Any]
) -> Resource[Any, Any]:
    """Return a list that is ordered by numbers, and of which none is named alone."""
    return Resource(
        name=name, zh=zh, en=en, row=row, needs=needs, filters=filters, key=(0,), load=load
    )


def json_of(value: object, status: HTTPStatus = HTTPStatus.OK) -> web.Response:
    """Return something as JSON."""
    body = msgspec.json.encode(value)
    response = web.Response(body=body, status=status, content_type=JSON)
    response.enable_compression()
    return response


def tag_of(value: object) -> str:
    """Return by what a thing is known as it stands: another once anything of it is otherwise."""
    return _tagged(value)[1]


def tagged(request: web.Request, value: object, status: HTTPStatus = HTTPStatus.OK) -> web.Response:
    """Return something as JSON with its tag; without its body to a reader who has just that."""
    body, tag = _tagged(value)
    headers = {"ETag": tag, "Cache-Control": ASK_AGAIN}
    known = request.if_none_match if request.method == "GET" else None
    if any(one.value in {tag.strip('"'), "*"} for one in known or ()):
        return web.Response(status=HTTPStatus.NOT_MODIFIED, headers=headers)
    return web.Response(body=body, status=status, content_type=JSON, headers=headers)


def _tagged(value: object) -> tuple[bytes, str]:
    body = msgspec.json.encode(value)
    return body, f'"{hashlib.sha256(body).hexdigest()[:_TAG_LETTERS]}"'


def sliced(
    rows: Sequence[R], key: Callable[[R], Key], asked: Asked[Any], *, newest: bool = True
) -> Found[R]:
    """Return a page of rows that are all there; by their keys, the greatest first or last."""
    ordered = sorted(rows, key=key, reverse=newest)
    if asked.after is not None:
        last = asked.after
        ordered = [one for one in ordered if (key(one) < last if newest else key(one) > last)]
    return cut(ordered, key, asked.limit)


def by_decision(row: Any) -> Key:
    """Return the key of what is listed by its last decision."""
    return (row.decision,)


def by_id(row: Any) -> Key:
    """Return the key of what is listed by its id."""
    return (str(row.id),)


def cut(ordered: Sequence[R], key: Callable[[R], Key], limit: int) -> Found[R]:
    """Return the first rows of those that follow, which are at least one more if there is one."""
    page = ordered[:limit]
    return Found(page, key(page[-1]) if len(ordered) > limit else None)
