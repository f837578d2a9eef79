"""Reports that pages share: counted in a thread of their own, and kept for some minutes.

Counting a month of a city takes seconds: whoever looks again, or groups the same firms otherwise,
sees what was counted, and until when.  What is old is counted anew behind the back of who looks.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final, TypeAlias

from aiohttp import web

from wattwarden.alarms.registry.registry import Registry
from wattwarden.alarms.statistics.figures import By
from wattwarden.alarms.statistics.response import Period
from wattwarden.console.store import Store
from wattwarden.storage.database import connect
from wattwarden.storage.errors import StorageError
from wattwarden.storage.statistics.beginning import heard_since
from wattwarden.storage.statistics.report import Report, load_reports

# A month's share moves by less than what is written of it.
FRESH_S: Final = 300.0
# Whoever comes first in the morning waits, rather than read last night's.
STALE_S: Final = 1_800.0
# Officers of some districts, each with a few spans; one of a city takes some megabytes.
MOST_KEPT: Final = 24

Key: TypeAlias = tuple[frozenset[str], datetime, datetime | None]


@dataclass(frozen=True, slots=True)
class Counted:
    """Reports by what their rows are, the span that they are of, and when they were counted.

    ``heard`` is when something was first heard of these firms; None: never.
    """

    reports: Mapping[By, Report]
    heard: datetime | None
    period: Period
    registry: Registry
    at_s: float


class ReportsKept:
    """Reports as they were counted last."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._held: dict[Key, Counted] = {}
        self._counting: dict[Key, asyncio.Task[Counted]] = {}

    async def of(
        self,
        store: Store,
        registry: Registry,
        firms: Collection[str],
        period: Period,
        now: datetime,
    ) -> Counted:
        """Return the reports of some firms over a span, where it ends now as of some minutes ago.

        Raises:
            StorageError: The database is away.
        """
        # A span that ends now ends later each second, and is asked for as the same.
        key = (frozenset(firms), period.since, period.until if period.until < now else None)
        held = self._held.get(key)
        age_s = None if held is None else self._clock() - held.at_s
        if held is None or age_s is None or age_s > STALE_S or held.registry is not registry:
            return await asyncio.shield(self._count(key, store, registry, period))
        if age_s > FRESH_S:
            self._count(key, store, registry, period).add_done_callback(_heard)
        return held

    async def close(self) -> None:
        """Count no more; what is being counted in a thread ends by itself."""
        for task in list(self._counting.values()):
            with contextlib.suppress(StorageError):
                await task

    def _count(
        self, key: Key, store: Store, registry: Registry, period: Period
    ) -> asyncio.Task[Counted]:
        """Return the one task that counts this."""
        if key not in self._counting:
            self._counting[key] = asyncio.create_task(self._counted(key, store, registry, period))
        return self._counting[key]

    async def _counted(self, key: Key, store: Store, registry: Registry, period: Period) -> Counted:
        try:
            loaded = await asyncio.to_thread(_loaded, store.dsn, registry, sorted(key[0]), period)
        finally:
            del self._counting[key]
        counted = Counted(*loaded, period, registry, self._clock())
        self._held.pop(key, None)
        self._held[key] = counted
        while len(self._held) > MOST_KEPT:
            del self._held[next(iter(self._held))]
        return counted


def _heard(task: asyncio.Task[Counted]) -> None:
    """Whoever looks next tells of a database that is away."""
    if not task.cancelled():
        task.exception()


def _loaded(
    dsn: str, registry: Registry, firms: Collection[str], period: Period
) -> tuple[Mapping[By, Report], datetime | None]:
    """Count with a loop and a connection of one's own: pages are served on meanwhile."""

    async def load() -> tuple[Mapping[By, Report], datetime | None]:
        connection = await connect(dsn, name="console reports")
        try:
            reports = await load_reports(connection, registry, firms, period, tuple(By))
            return reports, await heard_since(connection, registry, firms)
        finally:
            await connection.close()

    return asyncio.run(load())


REPORTS: Final = web.AppKey("kept reports", ReportsKept)


async def keep_reports(app: web.Application) -> AsyncIterator[None]:
    """Hold reports while the application lives."""
    app[REPORTS] = ReportsKept()
    yield
    await app[REPORTS].close()
