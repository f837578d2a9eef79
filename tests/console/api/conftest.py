"""Programs before a console over two firms."""

from collections.abc import AsyncIterator

import pytest_asyncio
from tests.console.api.caller import Caller, calling
from tests.console.desk import Desk


@pytest_asyncio.fixture
async def caller(desk: Desk) -> AsyncIterator[Caller]:
    async with calling(desk) as made:
        yield made
