"""The console before the small city, people who are signed in, and how much each page asks."""

import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import aiohttp
import asyncpg
from tests.console.browser import with_accounts
from tests.console.desk import Gateways, Page, Time
from tests.console.pages.city import PEOPLE
from tests.console.pages.happened import with_city
from tests.storage.store import EMPTY_STORE

from wattwarden.console.app import Console
from wattwarden.console.doors import Parts
from wattwarden.console.keys import KeyRing
from wattwarden.console.pages import Pages
from wattwarden.console.store import Store
from wattwarden.console.visitor import CSRF_HEADER, SESSION_COOKIE, form_mark
from wattwarden.storage.database import Connection
from wattwarden.storage.people.secret import digest

LOOK: Final = """
SELECT md5(concat(
    (SELECT string_agg(body::text || entered_at, ' ' ORDER BY id) FROM decision),
    (SELECT string_agg(a::text, ' ' ORDER BY id) FROM alarm AS a),
    (SELECT count(*) FROM unit_transition), (SELECT max(second) FROM tick),
    (SELECT count(*) FROM ledger)))
"""


class CountingStore(Store):
    """A store that remembers what it was asked."""

    def __init__(self, dsn: str) -> None:
        super().__init__(dsn)
        self.asked: list[str] = []

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        async with super().connection() as connection:
            with connection.query_logger(self._note):
                yield connection

    def _note(self, record: Any) -> None:
        self.asked.append(record.query)


@dataclass
class Drawn:
    """How the store looked when the city was drawn up: tests that only look share it."""

    looks: str = ""
    alarms: dict[str, int] = field(default_factory=dict)
    # What is entered over the city as it is.
    more: tuple[Callable[[Connection], Awaitable[None]], ...] = ()


class Town:
    """The console, listening, and its visitors."""

    def __init__(self, dsn: str, secrets: Path, drawn: Drawn) -> None:
        self.dsn = dsn
        self._drawn = drawn
        self.alarms: dict[str, int] = {}
        self.store = CountingStore(dsn)
        parts = Parts(self.store, KeyRing(secrets, Time()), Pages(""), Gateways())
        self.console = Console(parts)
        self.url = ""
        self.cookies = {one.id: f"session-of-{one.id}" for one in PEOPLE}
        self._session: aiohttp.ClientSession | None = None

    async def start(self) -> None:
        connection = await asyncpg.connect(self.dsn)
        if await connection.fetchval(LOOK) != self._drawn.looks:
            await connection.execute(EMPTY_STORE)
            self._drawn.alarms = await with_city(connection)
            for enter in self._drawn.more:
                await enter(connection)
            self._drawn.looks = await connection.fetchval(LOOK)
        self.alarms = self._drawn.alarms
        await with_accounts(self.dsn, *self.cookies)
        await connection.executemany(
            "INSERT INTO console_session (token, person, idle, expires, address, agent)"
            " VALUES ($1, $2, interval '1 hour', now() + interval '1 hour', '', '')",
            [(digest(secret), person) for person, secret in self.cookies.items()],
        )
        await connection.close()
        door = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{door.getsockname()[1]}"
        await self.console.start(door)
        self._session = aiohttp.ClientSession(
            cookie_jar=aiohttp.DummyCookieJar(), connector=aiohttp.TCPConnector(force_close=True)
        )

    async def stop(self) -> None:
        assert self._session is not None
        await self._session.close()
        await self.console.close()

    @asynccontextmanager
    async def asking(
        self, method: str, person: str, path: str, form: Any = None
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """Ask for a path as somebody."""
        assert self._session is not None
        secret = self.cookies[person]
        headers = {"Cookie": f"{SESSION_COOKIE}={secret}", CSRF_HEADER: form_mark(secret)}
        async with self._session.request(
            method, self.url + path, headers=headers, data=form, allow_redirects=False
        ) as response:
            yield response

    async def get(self, person: str, path: str) -> Page:
        async with self.asking("GET", person, path) as response:
            return Page(response, await response.text())

    async def fetch(self, person: str, path: str) -> Any:
        """Ask for JSON."""
        async with self.asking("GET", person, path) as response:
            return json.loads(await response.text())

    async def post(self, person: str, path: str, form: Any = None) -> Page:
        async with self.asking("POST", person, path, form or {"x": ""}) as response:
            return Page(response, await response.text())

    async def queries(self, person: str, path: str) -> int:
        """Return how often the database is asked for a page."""
        before = len(self.store.asked)
        page = await self.get(person, path)
        assert page.status == 200, page.text
        return len(self.store.asked) - before

    async def run(self, query: str, *values: object) -> Any:
        """Ask the store for one value."""
        connection = await asyncpg.connect(self.dsn)
        try:
            return await connection.fetchval(query, *values)
        finally:
            await connection.close()

    def path(self, unit: str) -> str:
        """The address of a unit's alarm."""
        return f"/alarms/{self.alarms[unit]}"
