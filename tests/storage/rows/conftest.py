from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from tests.storage.fakes import MemoryJournal, readers
from tests.storage.rows.written import FAST

from wattwarden.storage.rows.writer import Writer


@pytest.fixture
def journal() -> MemoryJournal:
    return MemoryJournal()


@pytest_asyncio.fixture(loop_scope="session")
async def writer(store_dsn: str, journal: MemoryJournal) -> AsyncIterator[Writer]:
    writer = Writer(0, journal, store_dsn, readers(), FAST)
    yield writer
    await writer.close()
