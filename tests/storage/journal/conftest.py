from collections.abc import AsyncIterator

import pytest
from tests.storage.journal.feeding import SMALL, Server

from wattwarden.storage.journal.journal import Journal


@pytest.fixture
async def journal(nats_url: str, prefix: str) -> AsyncIterator[Journal]:
    journal = await Journal.connect(nats_url, prefix=prefix, shards=2, limits=SMALL)
    yield journal
    await journal.close()


@pytest.fixture
async def mortal_journal(mortal_nats: Server) -> AsyncIterator[Journal]:
    journal = await Journal.connect(mortal_nats.url, shards=1, limits=SMALL)
    yield journal
    await journal.close()
