"""The console with people who have accounts."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio
from tests.console.browser import Browser, with_accounts
from tests.console.desk import Desk
from tests.storage.acting.two_firms import PEOPLE


@pytest_asyncio.fixture
async def house(city_dsn: str, tmp_path: Path) -> AsyncIterator[Desk]:
    """The console; everybody has an account."""
    await with_accounts(city_dsn, *(one.id for one in PEOPLE))
    made = Desk(city_dsn, tmp_path / "secrets")
    await made.start()
    yield made
    await made.stop()


@pytest_asyncio.fixture
async def browser(house: Desk) -> Browser:
    """A browser that nobody has used."""
    return Browser(house)


@pytest_asyncio.fixture
async def admin(house: Desk) -> Browser:
    """The administrator's, signed in."""
    made = Browser(house)
    await made.sign_in("admin")
    return made
