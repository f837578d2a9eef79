"""Browsers that keep cookies as browsers do, and people who sign in with them."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Final

import asyncpg
from argon2 import PasswordHasher
from tests.console.desk import Desk, Page
from tests.storage.acting.two_firms import PEOPLE

PASSWORD: Final = "Kestrel-over-9-fields"  # noqa: S105  of a test's own accounts
# A hash as ours, of a strength that tests can wait for.
_HASH: Final = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)
_MARK: Final = re.compile(r'name="csrf" value="([^"]+)"')
_TABLES: Final = (
    "console_session",
    "api_token",
    "sign_in_attempt",
    "invitation",
    "access_event",
    "identity",
    "leave",
    "account",
)


class Browser:
    """One browser before a console."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.cookies: dict[str, str] = {}
        self.mark = ""

    async def get(self, path: str, **headers: str) -> Page:
        """Fetch a page, and remember the mark of its forms."""
        page = await self.desk.get(path, **self._with_cookies(headers))
        self._keep(page)
        return page

    async def post(self, path: str, form: dict[str, str] | None = None, **headers: str) -> Page:
        """Send a form of the page that was fetched last."""
        whole = {"csrf": self.mark, **(form or {})}
        page = await self.desk.post(path, whole, **self._with_cookies(headers))
        self._keep(page)
        return page

    async def sign_in(self, person: str, password: str = PASSWORD, **more: str) -> Page:
        """Sign in as people do: by the page."""
        await self.get("/sign-in")
        return await self.post("/sign-in", {"user": person, "password": password, **more})

    def _with_cookies(self, headers: dict[str, str]) -> dict[str, str]:
        said = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        return {**({"Cookie": said} if said else {}), **headers}

    def _keep(self, page: Page) -> None:
        for line in page.headers.getall("Set-Cookie", []):
            for name, morsel in SimpleCookie(line).items():
                if morsel["max-age"] == "0" or not morsel.value:
                    self.cookies.pop(name, None)
                else:
                    self.cookies[name] = morsel.value
        found = _MARK.search(page.html)
        if found is not None:
            self.mark = found[1]


@asynccontextmanager
async def inhabited(dsn: str, secrets: Path) -> AsyncIterator[Desk]:
    """Lend a console before a store, in which everybody has an account."""
    await with_accounts(dsn, *(one.id for one in PEOPLE))
    made = Desk(dsn, secrets)
    await made.start()
    yield made
    await made.stop()


async def with_accounts(dsn: str, *people: str) -> None:
    """Give people accounts with the same password, and nobody else any."""
    connection = await asyncpg.connect(dsn)
    try:
        for table in _TABLES:
            await connection.execute(f"DELETE FROM {table}")  # noqa: S608  names of this module
        await connection.executemany(
            "INSERT INTO account (person, password) VALUES ($1, $2)",
            [(one, _HASH) for one in people],
        )
    finally:
        await connection.close()
