"""Lists of alarms under names of one's own: kept, and forgotten again."""

from http import HTTPStatus
from typing import Final
from urllib.parse import parse_qsl

from aiohttp import web

from wattwarden.alarms.acting.scope import Read
from wattwarden.console.alarms.chosen import wanted_of
from wattwarden.console.doors import PageError
from wattwarden.console.routes import Route
from wattwarden.console.visit import Visit
from wattwarden.storage.views.saved import (
    MOST_SAVED,
    NAME_LETTERS,
    QUERY_LETTERS,
    SavedView,
    drop_view,
    save_view,
)


async def save(visit: Visit) -> web.Response:
    """Keep the list that a form stands on under a name."""
    name = " ".join(visit.field("name").split())
    # Read and written again: nothing is kept but what lists know.
    query = wanted_of(dict(parse_qsl(visit.field("query")[:QUERY_LETTERS]))).query
    if not name or len(name) > NAME_LETTERS or not name.isprintable() or len(query) > QUERY_LETTERS:
        raise _NO_NAME
    async with visit.reading() as (connection, reader):
        view = SavedView(name, query)
        if not await save_view(connection, visit.person.id, view, reader.now):
            raise _TOO_MANY
    return visit.go(f"{visit.url('alarms')}?{query}")


async def drop(visit: Visit) -> web.Response:
    """Forget a list."""
    async with visit.reading() as (connection, _reader):
        await drop_view(connection, visit.person.id, visit.field("name"))
    return visit.go(visit.url("alarms"))


_NO_NAME: Final = PageError(
    HTTPStatus.BAD_REQUEST,
    "no view name",
    f"视图名称须为 1 至 {NAME_LETTERS} 个字",
    f"a view's name has 1 to {NAME_LETTERS} letters",
)
_TOO_MANY: Final = PageError(
    HTTPStatus.CONFLICT,
    "too many views",
    f"最多保存 {MOST_SAVED} 个视图，请先删除不用的",
    f"{MOST_SAVED} views are kept at most; forget one first",
)
ROUTES: Final = (
    Route("POST", "/alarms/views", save, Read.ALARMS, "save_view"),
    Route("POST", "/alarms/views/drop", drop, Read.ALARMS, "drop_view"),
)
