"""A console over a store, and somebody who opens its links."""

import re
import socket
from dataclasses import replace
from datetime import datetime
from html import unescape
from pathlib import Path
from typing import Any, Final

import aiohttp
import asyncpg
from tests.storage.acting.two_firms import NOW

from wattwarden.alarms.channels.channel import Delivered, Fault, Outcome, Refused
from wattwarden.console.app import Console
from wattwarden.console.doors import MakePackage, OpenJournal, Parts
from wattwarden.console.gateways import Bindable, UnknownVisitorError
from wattwarden.console.keys import KeyRing
from wattwarden.console.links import Answer, answer_address
from wattwarden.console.oidc.registration import Registration
from wattwarden.console.pages import Pages
from wattwarden.console.store import Store
from wattwarden.console.wecom_crypt import Callback
from wattwarden.storage.backtests import Wanted, begin
from wattwarden.storage.books.exchange import Sent, Taken, take_in
from wattwarden.storage.database import Connection
from wattwarden.storage.quarantine import Selection
from wattwarden.storage.retrying import Retried

_MARK: Final = re.compile(r'name="mark" value="([^"]+)"')


class Time:
    """The system's time, in microseconds UTC, as it is set."""

    def __init__(self, at: datetime = NOW) -> None:
        self.us = int(at.timestamp()) * 1_000_000

    def __call__(self) -> int:
        return self.us

    def pass_s(self, seconds: float) -> None:
        self.us += int(seconds * 1_000_000)


class Page:
    """What came back."""

    def __init__(self, response: aiohttp.ClientResponse, text: str) -> None:
        self.status = response.status
        self.headers = response.headers
        self.html = text
        # As people read it: without tags.
        self.text = unescape(re.sub(r"<[^>]+>", "", text))

    @property
    def mark(self) -> str:
        """What its forms carry."""
        found = _MARK.search(self.html)
        assert found is not None, self.text
        return found[1]


class Gateways:
    """Endpoints in the place of real ones: what they say is set."""

    def __init__(self, store: Store | None = None) -> None:
        self.ways: dict[str, Bindable] = {}
        self.visitors: dict[str, str] = {}
        self.callbacks: dict[str, Callback] = {}
        self.retried: list[Selection] = []
        self.tried: list[tuple[str, tuple[str, ...]]] = []
        self.backtests: list[Wanted] = []
        self.store = store

    async def take_book(self, sent: Sent) -> Taken:
        assert self.store is not None
        async with self.store.connection() as connection:
            return await take_in(connection, sent)

    async def begin_backtest(self, wanted: Wanted) -> int:
        assert self.store is not None
        async with self.store.connection() as connection:
            number = await begin(connection, wanted)
        self.backtests.append(wanted)
        return number

    async def close(self) -> None:
        pass

    async def bindable(self, endpoint: str, back: str) -> Bindable | None:
        way = self.ways.get(endpoint)
        return None if way is None else replace(way, consent=f"{way.consent}?back={back}")

    async def identify(self, endpoint: str, code: str) -> str:
        if (endpoint, code) not in {(name, code) for name in self.ways for code in self.visitors}:
            raise UnknownVisitorError("invalid code")
        # A code holds once.
        return self.visitors.pop(code)

    async def retry(self, _connection: Connection, selection: Selection) -> Retried:
        self.retried.append(selection)
        return Retried(tried=1)

    async def try_out(self, endpoint: str, to: tuple[str, ...]) -> Outcome:
        self.tried.append((endpoint, to))
        return Delivered("M1") if "bad" not in to else Refused("<b>40003</b>", Fault.CONTACT)

    async def callback(self, endpoint: str) -> Callback | None:
        return self.callbacks.get(endpoint)


class Desk:
    """The console, and a browser; nothing follows redirects by itself."""

    def __init__(
        self,
        dsn: str,
        secrets: Path,
        registration: Registration | None = None,
        journal: OpenJournal | None = None,
        packages: MakePackage | None = None,
    ) -> None:
        self.time = Time()
        self.keys = KeyRing(secrets, self.time)
        store = Store(dsn)
        self.gateways = Gateways(store)
        parts = Parts(
            store,
            self.keys,
            Pages(""),
            self.gateways,
            "https://ww.example",
            secrets=secrets,
            registration=registration,
            journal=journal,
            packages=packages,
        )
        self.console = Console(parts)
        self.dsn = dsn
        self.url = ""
        self._browser: aiohttp.ClientSession | None = None

    async def start(self) -> None:
        door = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{door.getsockname()[1]}"
        await self.console.start(door)
        self._browser = aiohttp.ClientSession(
            cookie_jar=aiohttp.DummyCookieJar(), connector=aiohttp.TCPConnector(force_close=True)
        )

    async def stop(self) -> None:
        assert self._browser is not None
        await self._browser.close()
        await self.console.close()

    def link(self, alarm: int, person: str, when: datetime = NOW) -> str:
        """The path of a link as messages have it."""
        return answer_address("", self.keys, Answer.of(alarm, person, when))

    async def alarm_of(self, firm: str) -> int:
        """The number of a firm's alarm."""
        return int((await self.fetch("SELECT id FROM alarm WHERE enterprise = $1", firm))[0][0])

    async def fetch(self, query: str, *values: object) -> list[asyncpg.Record]:
        connection = await asyncpg.connect(self.dsn)
        try:
            return await connection.fetch(query, *values)
        finally:
            await connection.close()

    async def decided(self) -> int:
        """How much was decided so far."""
        return int((await self.fetch("SELECT count(*) FROM decision"))[0][0])

    async def get(self, path: str, **headers: str) -> Page:
        return await self._ask("GET", path, headers)

    async def post(self, path: str, form: Any, **headers: str) -> Page:
        return await self._ask("POST", path, headers, form)

    async def ask(self, method: str, path: str) -> Page:
        return await self._ask(method, path, {})

    async def _ask(self, method: str, path: str, headers: dict[str, str], form: Any = None) -> Page:
        assert self._browser is not None
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        async with self._browser.request(
            method, self.url + path, headers=named, data=form, allow_redirects=False
        ) as response:
            return Page(response, await response.text())
