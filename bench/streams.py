"""Two hundred pages that stand open while cases change: what that costs the console.

A stream says that something changed; its page then fetches its part anew, as ``live.js`` does.
Both are measured: the streams alone, and with what their pages fetch.
"""

import asyncio
import contextlib
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

import aiohttp
from bench.looking import Looker
from bench.processes import tree_cpu_s

from wattwarden.alarms.registry.nouns import Role
from wattwarden.storage.database import Connection

STREAMS: Final = 200
SHARE_LIMIT: Final = 0.10
# A city's two hundred alarms a day, each with some five deeds, within ten hours: one in 36 s.
CHANGES_A_MINUTE: Final = 2.0
# So many that nobody's firm is left out: what the streams alone have to bear.
BUSY_CHANGES_A_MINUTE: Final = 60.0
SPAN_S: Final = 60.0
# As js/live.js waits before it fetches.
SETTLE_S: Final = (0.7, 1.5)
AGAIN_S: Final = 2.0
ATTEMPTS: Final = 60
# Who has pages open: officers of the city, of districts, firms' people.
OPEN: Final = ((Role.CITY_OFFICER, 10), (Role.LEADER, 5), (Role.DISTRICT_OFFICER, 35))


@dataclass(frozen=True, slots=True)
class Cost:
    """What streams cost: shares of a core, how often they were told and fetched."""

    share: float
    told: int
    fetched: int
    changes: int


class Page:
    """A page that stands open."""

    def __init__(self, session: aiohttp.ClientSession, looker: Looker, *, fetches: bool) -> None:
        self.told = self.fetched = 0
        self._session = session
        self._headers = {"Cookie": looker.cookie, "Accept-Encoding": "gzip"}
        self._path = "/day?part=live" if looker.enterprise else "/board?part=live"
        self._fetches = fetches
        self._due: asyncio.Task[None] | None = None

    async def stand(self, hello: asyncio.Semaphore) -> None:
        """Stand open until cancelled; releases ``hello`` once the stream stands."""
        # A page that was closed before is noticed when something is said to it.
        for _ in range(ATTEMPTS):
            if await self._stood(hello):
                return
            await asyncio.sleep(AGAIN_S)

    async def _stood(self, hello: asyncio.Semaphore) -> bool:
        limit = aiohttp.ClientTimeout(total=None)
        async with self._session.get("/live", headers=self._headers, timeout=limit) as answer:
            if answer.status == HTTPStatus.TOO_MANY_REQUESTS:
                return False
            answer.raise_for_status()
            async for line in answer.content:
                if line.startswith(b"event: hello"):
                    hello.release()
                elif line.startswith(b"event: changed"):
                    self.told += 1
                    if self._fetches and (self._due is None or self._due.done()):
                        self._due = asyncio.create_task(self._fetch())
        return True

    async def _fetch(self) -> None:
        await asyncio.sleep(random.uniform(*SETTLE_S))
        async with self._session.get(self._path, headers=self._headers) as answer:
            await answer.read()
            self.fetched += answer.status == 200


async def measure_streams(
    url: str, pid: int, store: Connection, lookers: dict[Role, list[Looker]], *, fetches: bool
) -> Cost:
    """Open the pages, let cases change, return what that took of a core."""
    connector = aiohttp.TCPConnector(limit=0)
    a_minute = CHANGES_A_MINUTE if fetches else BUSY_CHANGES_A_MINUTE
    async with aiohttp.ClientSession(
        url, connector=connector, cookie_jar=aiohttp.DummyCookieJar()
    ) as session:
        pages = [Page(session, one, fetches=fetches) for one in _who(lookers)]
        hello = asyncio.Semaphore(0)
        standing = [asyncio.create_task(one.stand(hello)) for one in pages]
        for _ in pages:
            await hello.acquire()
        # What is told as the listening begins is no change.
        await asyncio.sleep(2 * SETTLE_S[1] + 1)
        told, fetched = sum(one.told for one in pages), sum(one.fetched for one in pages)
        before, began = tree_cpu_s([pid]), time.monotonic()
        changes = await _change(store, a_minute)
        share = (tree_cpu_s([pid]) - before) / (time.monotonic() - began)
        for task in standing:
            task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.gather(*standing)
        return Cost(
            share,
            sum(one.told for one in pages) - told,
            sum(one.fetched for one in pages) - fetched,
            changes,
        )


def _who(lookers: dict[Role, list[Looker]]) -> Sequence[Looker]:
    """Return who has the pages open; nobody has more than ten."""
    found = [
        lookers[role][place // 10 % len(lookers[role])] if role is not Role.DISTRICT_OFFICER
        else lookers[role][place % len(lookers[role])]
        for role, many in OPEN
        for place in range(many)
    ]  # fmt: skip
    firms = [*lookers[Role.DUTY], *lookers[Role.HEAD]]
    return [*found, *(firms[place % len(firms)] for place in range(STREAMS - len(found)))]


async def _change(store: Connection, a_minute: float) -> int:
    """Let cases change for the span, evenly; return how many did."""
    rows = await store.fetch(
        "SELECT alarm FROM alarm_case WHERE state <> 'closed' ORDER BY md5(alarm::text) LIMIT 500"
    )
    until, changes = time.monotonic() + SPAN_S, 0
    while time.monotonic() < until:
        await store.execute(
            "UPDATE alarm_case SET level = level WHERE alarm = $1", rows[changes % len(rows)][0]
        )
        changes += 1
        await asyncio.sleep(60 / a_minute)
    return changes
