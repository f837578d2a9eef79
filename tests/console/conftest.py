"""Two firms in a real store, and the console before it, by a clock that one moves."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from tests.console.browser import Browser, inhabited
from tests.console.desk import Desk
from tests.storage.acting.two_firms import with_two_firms
from tests.storage.store import EMPTY_STORE, Hand

from wattwarden.storage.database import Connection

# Other tests of the same worker have the same store: what they left is not ours.
LOOK = """
SELECT md5(concat(
    (SELECT string_agg(body::text || entered_at, ' ' ORDER BY id) FROM decision),
    (SELECT string_agg(body::text, ' ' ORDER BY kind, id, version) FROM registry_entry),
    (SELECT string_agg(a::text, ' ' ORDER BY id) FROM alarm AS a),
    (SELECT string_agg(t::text, ' ') FROM tick AS t),
    (SELECT count(*) FROM outbox)))
"""


class City:
    """A store with two firms, each with an alarm, and people of every role; filled when needed."""

    def __init__(self, dsn: str, hand: Hand) -> None:
        self.dsn = dsn
        self._hand = hand
        self._looks = ""

    def fill(self) -> None:
        self._hand.do(self._fill)

    async def _fill(self, connection: Connection) -> None:
        if not self._looks or await connection.fetchval(LOOK) != self._looks:
            await connection.execute(EMPTY_STORE)
            await with_two_firms(connection)
            self._looks = await connection.fetchval(LOOK)


@pytest.fixture(scope="session")
def city(store_server: str, hand: Hand) -> City:
    return City(store_server, hand)


@pytest.fixture
def city_dsn(city: City) -> str:
    """Address of the store as it was filled."""
    city.fill()
    return city.dsn


@pytest_asyncio.fixture
async def desk(city_dsn: str, tmp_path: Path) -> AsyncIterator[Desk]:
    """The console, listening, and a browser before it."""
    made = Desk(city_dsn, tmp_path / "secrets")
    await made.start()
    yield made
    await made.stop()


@pytest_asyncio.fixture
async def house(city_dsn: str, tmp_path: Path) -> AsyncIterator[Desk]:
    """The console; everybody has an account."""
    async with inhabited(city_dsn, tmp_path / "secrets") as made:
        yield made


@pytest_asyncio.fixture
async def admin(house: Desk) -> Browser:
    """The administrator's browser, signed in."""
    made = Browser(house)
    await made.sign_in("admin")
    return made


@pytest_asyncio.fixture
async def window(city_dsn: str, tmp_path: Path) -> AsyncIterator[Desk]:
    """The same for who only looks; leaving it, nothing was decided."""
    made = Desk(city_dsn, tmp_path / "secrets")
    await made.start()
    before = await made.decided()
    yield made
    assert await made.decided() == before
    await made.stop()
