"""What pages share while the application lives: the registry, and the city counted a while ago."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from typing import Final

from aiohttp import web

from wattwarden.alarms.registry.registry import Registry
from wattwarden.console.store import Store
from wattwarden.storage.errors import StorageError
from wattwarden.storage.system_time import system_now
from wattwarden.storage.views.city import City, load_city
from wattwarden.storage.views.known import Known

# Meters report once a minute: what is younger says the same.
FRESH: Final = timedelta(minutes=1)
# After a quiet night the first visitor waits for a new count rather than read an old one.
STALE: Final = timedelta(minutes=10)
# Where the system's clock runs faster than the wall, counting goes by the wall.
LEAST_S: Final = 2.0


class CityKept:
    """The city as it was counted last; counted anew behind the back of whoever looks."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._held: City | None = None
        self._counted_s = 0.0
        self._known = Registry()
        self._counting = asyncio.Lock()
        self._behind: asyncio.Task[None] | None = None

    async def city(self, store: Store, registry: Registry) -> City:
        """Return the city of a moment ago, or of a minute where it is being counted anew.

        Raises:
            StorageError: The database is away.
        """
        async with store.connection() as connection:
            now = await system_now(connection)
        held = self._held
        changed = registry is not self._known
        if held is None or changed or now - held.at > STALE:
            return await self._count(store, registry)
        resting = self._clock() - self._counted_s < LEAST_S
        if now - held.at > FRESH and not resting and (self._behind is None or self._behind.done()):
            self._behind = asyncio.create_task(self._again(store, registry))
        return held

    async def close(self) -> None:
        """Count no more."""
        if self._behind is not None:
            self._behind.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._behind

    async def _again(self, store: Store, registry: Registry) -> None:
        # Whoever looks next tells of a database that is away.
        with contextlib.suppress(StorageError):
            await self._count(store, registry)

    async def _count(self, store: Store, registry: Registry) -> City:
        asked_s = self._clock()
        async with self._counting:
            held = self._held
            if held is not None and self._counted_s >= asked_s and registry is self._known:
                return held
            async with store.connection() as connection:
                counted = await load_city(connection, registry, await system_now(connection))
            self._held, self._known, self._counted_s = counted, registry, self._clock()
            return counted


KNOWN: Final = web.AppKey("known registry", Known)
CITY: Final = web.AppKey("kept city", CityKept)


async def keep(app: web.Application) -> AsyncIterator[None]:
    """Hold what pages share while the application lives."""
    app[KNOWN], app[CITY] = Known(), CityKept()
    yield
    await app[CITY].close()
