"""One request, and who makes it: all that a handler gets.

async with visit.reading() as (connection, reader): ...   reads as that person
await visit.act(body)                                      decides as that person
return visit.page("room/name.html", {...})                 a whole page, or with htmx its main part
"""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from aiohttp import web

from wattwarden.alarms.acting.scope import Reader
from wattwarden.alarms.decisions.body import Body
from wattwarden.alarms.registry.nouns import Person
from wattwarden.console.doors import NOT_FOUND, Parts
from wattwarden.console.forms import Form, no_form
from wattwarden.console.visitor import Visitor
from wattwarden.console.words import Language, Theme
from wattwarden.storage.database import Connection
from wattwarden.storage.registry.decisions import Entered
from wattwarden.storage.responses.activate import enact
from wattwarden.storage.system_time import system_now
from wattwarden.storage.text import is_number

if TYPE_CHECKING:
    from wattwarden.console.routes import Route

HTMX_HEADER: Final = "HX-Request"


@dataclass(slots=True)
class Visit:
    """What a handler knows of a request.

    ``visitor`` and ``reader`` are None only where an open page is asked for by nobody we know.
    ``form`` holds the fields of a form that was sent, files among them.
    """

    request: web.Request
    route: "Route"
    parts: Parts
    visitor: Visitor | None
    known_reader: Reader | None
    language: Language
    theme: Theme
    csrf: str
    address: str
    form: Form = field(default_factory=no_form)

    @property
    def person(self) -> Person:
        """Who asks.

        Raises:
            LookupError: Nobody signed in; only open pages are ever asked so.
        """
        return self.known.person

    @property
    def known(self) -> Visitor:
        """Who asks, and by what they are known.

        Raises:
            LookupError: Nobody signed in; only open pages are ever asked so.
        """
        if self.visitor is None:
            raise LookupError("an open page asked who its visitor is")
        return self.visitor

    @property
    def reader(self) -> Reader:
        """What the visitor may see.

        Raises:
            LookupError: Nobody signed in; only open pages are ever asked so.
        """
        if self.known_reader is None:
            raise LookupError("an open page asked what its visitor may see")
        return self.known_reader

    @property
    def wants_fragment(self) -> bool:
        """Whether htmx asks, which puts the answer into a page that stands."""
        return HTMX_HEADER in self.request.headers

    def parameter(self, name: str) -> str:
        """Return a part of the path."""
        return self.request.match_info[name]

    def number(self, name: str) -> int:
        """Return a part of the path that is a number of ours.

        Raises:
            PageError: It is none: there is no such thing.
        """
        text = self.parameter(name)
        if not is_number(text):
            raise NOT_FOUND
        return int(text)

    def asked(self, name: str) -> str:
        """Return what the query says of something; "" where it says nothing."""
        return self.request.query.get(name, "").strip()

    def field(self, name: str) -> str:
        """Return a text of the form that was sent; "" where there is none."""
        value = self.form.get(name, "")
        return value.strip() if isinstance(value, str) else ""

    def many(self, name: str) -> tuple[str, ...]:
        """Return every text of a field of which several may be sent, each once."""
        said = (one for one in self.form.getall(name, ()) if isinstance(one, str))
        return tuple(dict.fromkeys(filter(None, said)))

    def url(self, name: str, /, **parameters: object) -> str:
        """Return the path of a route by its name, as people outside see it."""
        filled = {key: str(value) for key, value in parameters.items()}
        return f"{self.parts.pages.root}{self.request.app.router[name].url_for(**filled)}"

    def here(self, name: str, value: str) -> str:
        """Return this very page with something of its query said otherwise."""
        query = {**self.request.query, name: value}
        return f"{self.parts.pages.root}{self.request.rel_url.with_query(query)}"

    @property
    def places(self) -> object:
        """What this visitor finds on the rail."""
        return self.request.app[RAIL](self)

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[tuple[Connection, Reader]]:
        """Lend a connection, with what this visitor may see.

        Raises:
            StorageError: The database is away.
        """
        async with self.parts.store.connection() as connection:
            yield connection, self.reader

    async def act(
        self,
        body: Body,
        *,
        enterprise: str | None = None,
        effective_at: datetime | None = None,
    ) -> Entered:
        """Decide something as this visitor, as every command does, with all that follows from it.

        Raises:
            RefusedError: They may not, or something stands against it; uncaught, it is told on a
                page (as problem+json under /api) with status 409.
            StorageError: The database is away.
        """
        async with self.parts.store.connection() as connection:
            now = await system_now(connection)
            actor = self.person.id
            return await enact(
                connection, body, actor, now, enterprise=enterprise, effective_at=effective_at
            )

    def page(
        self, name: str, parts: Mapping[str, Any], status: HTTPStatus = HTTPStatus.OK
    ) -> web.Response:
        """Return a page from a template, which extends ``shell.html`` or is a fragment by itself.

        Templates have ``visit``, ``url``, ``say(zh, en)``, ``pick(a thing with zh and en)``.
        """
        shown = {"visit": self, "url": self.url, "here": self.here, **parts}
        text = self.parts.pages.make(name, self.language, shown)
        response = web.Response(text=text, status=status, content_type="text/html")
        response.enable_compression()
        return response

    def go(self, path: str) -> web.Response:
        """Lead on to a path of ours after something was done; ``url`` makes such paths."""
        if self.wants_fragment:
            return web.Response(headers={"HX-Redirect": path})
        return web.Response(status=HTTPStatus.SEE_OTHER, headers={"Location": path})


Rail: TypeAlias = Callable[[Visit], object]
RAIL: Final[web.AppKey[Rail]] = web.AppKey("rail")
