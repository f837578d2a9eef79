"""Programs of people: each with a token of theirs."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

import aiohttp
import asyncpg
from tests.console.browser import with_accounts
from tests.console.desk import Desk
from tests.storage.acting.two_firms import PEOPLE

from wattwarden.storage.people.tokens import Scope, make_token

EVERYBODY: Final = tuple(one.id for one in PEOPLE)
BOTH: Final = frozenset(Scope)


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: Any
    body: bytes

    @property
    def told(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)

    @property
    def items(self) -> list[dict[str, Any]]:
        """The rows of a list."""
        assert self.status == 200, self.body
        rows: list[dict[str, Any]] = self.told["items"]
        return rows


class Caller:
    """Asks the console as people's programs do."""

    def __init__(self, desk: Desk, tokens: dict[str, str], session: aiohttp.ClientSession) -> None:
        self.desk = desk
        self.tokens = tokens
        self._session = session

    async def get(self, path: str, person: str | None, **headers: str) -> Answer:
        return await self.ask("GET", path, person, None, **headers)

    async def post(self, path: str, person: str | None, body: Any, **headers: str) -> Answer:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        kind = headers.pop("Content_Type", "application/json")
        return await self.ask("POST", path, person, data, Content_Type=kind, **headers)

    async def ask(
        self, method: str, path: str, person: str | None, data: bytes | None = None, **headers: str
    ) -> Answer:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        if person is not None:
            named["Authorization"] = f"Bearer {self.tokens.get(person, person)}"
        url = path if path.startswith("http") else f"{self.desk.url}/api/v1/{path}"
        async with self._session.request(
            method, url, headers=named, data=data, allow_redirects=False
        ) as answer:
            return Answer(answer.status, answer.headers, await answer.read())


@asynccontextmanager
async def calling(desk: Desk) -> AsyncIterator[Caller]:
    """Give everybody a token, and somebody one that only reads."""
    await with_accounts(desk.dsn, *EVERYBODY)
    connection = await asyncpg.connect(desk.dsn)
    tokens: dict[str, str] = {}
    for person in EVERYBODY:
        tokens[person] = await make_token(connection, person, "t", BOTH, timedelta(days=1)) or ""
    reads = frozenset({Scope.READ})
    lasts = timedelta(days=1)
    tokens["reads only"] = await make_token(connection, "duty1", "r", reads, lasts) or ""
    await connection.execute("DELETE FROM api_answer")
    await connection.close()
    jar = aiohttp.DummyCookieJar()
    async with aiohttp.ClientSession(cookie_jar=jar) as session:
        yield Caller(desk, tokens, session)
