"""The console's connections: a pool that is opened when it is first needed."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final, cast

from wattwarden.storage.database import Connection, Pool, errors, open_pool

# A page holds a connection for milliseconds, a long list for seconds: who waits longer is told.
LENDING_S: Final = 15.0


class Store:
    """Where pages read and act; ``lending_s`` is how long somebody waits for a connection."""

    def __init__(self, dsn: str) -> None:
        self.lending_s = LENDING_S
        self._dsn = dsn
        self._pool: Pool | None = None
        self._opening = asyncio.Lock()

    @property
    def dsn(self) -> str:
        """Where the store is, for a process that connects by itself."""
        return self._dsn

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """Lend a connection.

        Raises:
            StorageError: The database is away, or all connections are lent for too long.
        """
        async with self._opening:
            if self._pool is None:
                self._pool = await open_pool(self._dsn, name="console")
        with errors("taking a connection"):
            lent = await self._pool.acquire(timeout=self.lending_s)
        try:
            # A pool's own proxy, which has all that a connection has.
            yield cast("Connection", lent)
        finally:
            await self._pool.release(lent)

    async def close(self) -> None:
        """Close all connections."""
        pool, self._pool = self._pool, None
        if pool is not None:
            await pool.close()
