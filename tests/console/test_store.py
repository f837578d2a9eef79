"""The console's connections: lent, given back, and waited for only so long."""

from contextlib import AsyncExitStack

import pytest

from wattwarden.console.store import Store
from wattwarden.storage.database import POOL_CONNECTIONS
from wattwarden.storage.errors import StorageError


async def test_who_waits_for_a_connection_in_vain_is_told(store_server: str) -> None:
    store = Store(store_server)
    try:
        async with AsyncExitStack() as lent:
            for _ in range(POOL_CONNECTIONS):
                await lent.enter_async_context(store.connection())
            store.lending_s = 0.01
            with pytest.raises(StorageError, match="taking a connection") as told:
                async with store.connection():
                    pass
            assert told.value.retryable
        async with store.connection() as connection:
            assert await connection.fetchval("SELECT 1") == 1
    finally:
        await store.close()
