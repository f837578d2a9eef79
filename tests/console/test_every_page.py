"""Every page there is: opened in a browser nobody is kept out, and a city twice as large costs no
query more."""

import asyncio
import re
import shutil
import socket
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import aiohttp
import asyncpg
import pytest
from aiohttp import web
from playwright.async_api import BrowserContext, Page, async_playwright
from tests.console.conftest import City
from tests.console.desk import Gateways, Time
from tests.console.pages.test_browser import AXE, DESK, GRAVE, RUN
from tests.console.pages.town import CountingStore
from tests.console.test_matrix import COOKIES, WHO, is_let_in, with_everybody
from tests.console.twice import double, with_rows
from tests.storage.store import EMPTY_STORE, Hand

from wattwarden.console.app import make_app
from wattwarden.console.doors import Parts
from wattwarden.console.keys import KeyRing
from wattwarden.console.pages import Pages
from wattwarden.console.rooms import ROUTES
from wattwarden.console.routes import OPEN, Route
from wattwarden.console.visitor import SESSION_COOKIE

CHROMIUM: Final = shutil.which("chromium")
# Whoever sees the most, and who has pages that they do not.
LOOKERS: Final = ("city", "admin", "duty1")
# What lasts as long as its page stands open is asked for, and not read to its end.
STREAM: Final = "text/event-stream"
# What is asked for a connection's sake, not for a page's: types, settings, open pages' ends.
DRIVERS_OWN: Final = re.compile(r"typeinfo_tree|LISTEN|_(config|setting)\('jit'")
# A page, or one that leads on to another.
THERE: Final = frozenset({200, 303})
# Files and what the journal holds: there is neither here.
ELSEWHERE: Final = frozenset({"alarm_file", "alarm_package", "document_paper", "meter_frames"})
# What is around all pages is looked at with the pages of each kind.
RUN_INSIDE: Final = RUN.replace("(document,", "(document.querySelector('main') ?? document,")
# As many tabs of one browser as two cores keep busy.
TABS: Final = 2


@dataclass(frozen=True, slots=True)
class House:
    """The console before two firms, everybody signed in, and things of each firm by parameter."""

    url: str
    store: CountingStore
    things: Mapping[str, str]

    def path(self, route: Route) -> str:
        return re.sub(r"{(\w+)[^}]*}", lambda one: self.things.get(one[1], "1"), route.path)


@pytest.fixture(scope="module")
def known(city: City, hand: Hand) -> Iterator[Mapping[str, str]]:
    """Two firms with something of everything; return things of the first."""
    city.fill()

    async def fill() -> Mapping[str, str]:
        things = await with_everybody(city.dsn)
        connection = await asyncpg.connect(city.dsn)
        await with_rows(connection)
        await connection.execute(
            'UPDATE command SET body = \'{"verb": "ask", "items": [], "values": {}}\''
        )
        await connection.execute("UPDATE backtest SET state = 'cancelled'")
        held = await connection.fetchval("SELECT max(id) FROM quarantine")
        await connection.close()
        return {**things["E1"], "held": str(held), "person": "duty1", **OTHERS}

    yield asyncio.run(fill())
    # More was done to it than its other tests look at.
    hand.do(lambda connection: connection.execute(EMPTY_STORE))


ASKED: Final = '{"verb": "ask", "items": ["minute"], "values": {}}'
# What things of firms do not name.
OTHERS: Final = {"kind": "unit", "record": "U1", "response": "RE1", "document": "DM-cement"}


@asynccontextmanager
async def house(city: City, known: Mapping[str, str], secrets: Path) -> AsyncIterator[House]:
    store = CountingStore(city.dsn)
    parts = Parts(store, KeyRing(secrets, Time()), Pages(""), Gateways(), secrets=secrets)
    runner = web.AppRunner(make_app(parts), access_log=None)
    await runner.setup()
    door = socket.create_server(("127.0.0.1", 0))
    await web.SockSite(runner, door).start()
    try:
        yield House(f"http://127.0.0.1:{door.getsockname()[1]}", store, known)
    finally:
        await runner.cleanup()
        await store.close()


def looks() -> list[tuple[Route, str]]:
    """Return every page, with the first who may see it, and one of a firm."""
    found = []
    for route in ROUTES:
        if route.method == "GET" and not route.path.startswith("/api/v") and route.needs != OPEN:
            able = [one for one in LOOKERS if is_let_in(route, WHO[one])]
            found += [(route, one) for one in dict.fromkeys((able[0], able[-1]))]
    return found


BOARD: Final = next(one for one in looks() if one[0].name == "board")


async def counted(
    house: House, session: aiohttp.ClientSession
) -> dict[tuple[str, str], tuple[int, list[str]]]:
    """Return the status of every page, and what the database was asked for it."""
    found = {}
    # The first fetches what is read once for all.
    for route, person in (BOARD, *looks()):
        before = len(house.store.asked)
        headers = {"Cookie": f"{SESSION_COOKIE}={COOKIES[person]}"}
        async with session.get(
            house.url + house.path(route), headers=headers, allow_redirects=False
        ) as answer:
            if answer.content_type != STREAM:
                await answer.read()
        asked = [one for one in house.store.asked[before:] if not DRIVERS_OWN.search(one)]
        found[route.name, person] = (answer.status, asked)
    return found


async def test_every_page_asks_as_often_in_a_city_twice_as_large(
    city: City, known: Mapping[str, str], tmp_path: Path
) -> None:
    async with (
        house(city, known, tmp_path) as one,
        aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session,
    ):
        few = await counted(one, session)
        connection = await asyncpg.connect(city.dsn)
        await double(connection)
        await connection.close()
        many = await counted(one, session)
    more = {
        name: (Counter(many[name][1]) - Counter(asked), Counter(asked) - Counter(many[name][1]))
        for name, (_, asked) in few.items()
        if len(many[name][1]) != len(asked)
    }
    assert not more
    missing = {name for (name, _), (status, _) in few.items() if status not in THERE}
    assert missing <= ELSEWHERE


@pytest.mark.skipif(CHROMIUM is None, reason="no chromium is installed")
async def test_nobody_is_kept_out_of_any_page(
    city: City, known: Mapping[str, str], tmp_path: Path
) -> None:
    first = {route.name: (route, person) for route, person in reversed(looks())}
    waiting = list(first.values())
    faults: list[Any] = []
    async with (
        house(city, known, tmp_path) as one,
        aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session,
        async_playwright() as playwright,
    ):
        browser = await playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"]
        )
        contexts = {person: await _context(browser, one, person) for person in LOOKERS}

        async def tab() -> None:
            # A page that is gone to anew costs half of a new one.
            pages = {person: await contexts[person].new_page() for person in LOOKERS}
            while waiting:
                route, person = waiting.pop()
                if await is_page(session, one, route, person):
                    faults.extend(await _looked(pages[person], one, route, len(waiting)))

        await asyncio.gather(*(tab() for _ in range(TABS)))
        await browser.close()
    assert not faults


async def _context(browser: Any, house: House, person: str) -> BrowserContext:
    context: BrowserContext = await browser.new_context(
        locale="zh-CN", timezone_id="Asia/Shanghai", **DESK
    )
    await context.add_cookies(
        [{"name": SESSION_COOKIE, "value": COOKIES[person], "url": house.url}]
    )
    await context.add_init_script(AXE)
    return context


async def is_page(session: aiohttp.ClientSession, house: House, route: Route, person: str) -> bool:
    headers = {"Cookie": f"{SESSION_COOKIE}={COOKIES[person]}"}
    async with session.get(house.url + house.path(route), headers=headers) as answer:
        return answer.content_type == "text/html"


async def _looked(page: Page, house: House, route: Route, place: int) -> list[Any]:
    """Return what keeps somebody out of a page; every second one is dark, every third English."""
    how = f"theme={'dark' if place % 2 else 'light'}&lang={'zh' if place % 3 else 'en'}"
    await page.goto(f"{house.url}{house.path(route)}?{how}")
    found = await page.evaluate(RUN_INSIDE)
    return [
        (route.path, one["id"], node["target"], node["failureSummary"])
        for one in found["violations"]
        if one["impact"] in GRAVE
        for node in one["nodes"]
    ]
