"""A small city in a real store, and the console before it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from tests.console.pages.helped import with_help, with_orders
from tests.console.pages.town import Drawn, Town


@pytest.fixture(scope="session")
def drawn() -> Drawn:
    """What is known of the city from one test to the next."""
    return Drawn()


@pytest_asyncio.fixture
async def town(store_server: str, tmp_path: Path, drawn: Drawn) -> AsyncIterator[Town]:
    """The city as it was drawn up, and the console, listening."""
    made = Town(store_server, tmp_path / "secrets", drawn)
    await made.start()
    yield made
    await made.stop()


@pytest.fixture(scope="session")
def ordered() -> Drawn:
    """What is known of the city with orders and help entered over it."""
    return Drawn(more=(with_orders, with_help))


@pytest_asyncio.fixture
async def helped(store_server: str, tmp_path: Path, ordered: Drawn) -> AsyncIterator[Town]:
    """The city whose firms are ordered something and helped, and the console, listening."""
    made = Town(store_server, tmp_path / "secrets", ordered)
    await made.start()
    yield made
    await made.stop()
