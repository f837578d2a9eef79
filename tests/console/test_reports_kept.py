"""Reports as pages share them: counted once for all who ask, shown while they are counted anew."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import asyncpg
import pytest_asyncio
from tests.console.pages.test_kept import Clock
from tests.storage.acting.two_firms import NOW

from wattwarden.alarms.registry.nouns import KINDS
from wattwarden.alarms.registry.registry import Registry
from wattwarden.alarms.statistics.figures import By
from wattwarden.alarms.statistics.response import Period
from wattwarden.console.reports.kept import FRESH_S, MOST_KEPT, STALE_S, Counted, ReportsKept
from wattwarden.console.store import Store
from wattwarden.storage.registry.registry import load_registry

DAY = timedelta(days=1)


class Asked:
    """Reports of two firms, and whoever asks for them."""

    def __init__(self, dsn: str, registry: Registry) -> None:
        self.clock = Clock()
        self.kept = ReportsKept(self.clock)
        self.registry = registry
        self._store = Store(dsn)

    async def of(self, *firms: str, days: int = 1, until: timedelta = 0 * DAY) -> Counted:
        period = Period(NOW - days * DAY, NOW + until)
        return await self.kept.of(self._store, self.registry, firms, period, NOW + until)


@pytest_asyncio.fixture
async def asked(city_dsn: str) -> AsyncIterator[Asked]:
    connection = await asyncpg.connect(city_dsn)
    made = Asked(city_dsn, await load_registry(connection))
    await connection.close()
    yield made
    await made.kept.close()


async def test_a_report_is_counted_once_in_all_its_groups(asked: Asked) -> None:
    first, *others = await asyncio.gather(*(asked.of("E1", "E2") for _ in range(3)))
    assert all(one is first for one in others)
    assert set(first.reports) == set(By)
    assert [row.name for row in first.reports[By.ENTERPRISE].rows] == ["E1", "E2"]
    assert (await asked.of("E2")).reports[By.ENTERPRISE].rows[0].name == "E2"


async def test_what_ends_now_is_shown_for_a_while_and_counted_anew_behind(asked: Asked) -> None:
    first = await asked.of("E1")
    assert await asked.of("E1", until=timedelta(seconds=60)) is first
    asked.clock.s += FRESH_S + 1
    later = timedelta(seconds=FRESH_S)
    assert await asked.of("E1", until=later) is first
    await asked.kept.close()  # once it is counted
    second = await asked.of("E1", until=later)
    assert second is not first
    assert second.period.until == NOW + later
    asked.clock.s += STALE_S + 1
    assert (await asked.of("E1", until=2 * later)).period.until == NOW + 2 * later


async def test_another_registry_is_counted_at_once(asked: Asked) -> None:
    first = await asked.of("E1")
    asked.registry = Registry(**{kind: getattr(asked.registry, kind) for kind in KINDS})
    assert await asked.of("E1") is not first


async def test_so_many_are_kept_and_no_more(asked: Asked) -> None:
    first = await asked.of("E1")
    for days in range(2, MOST_KEPT + 2):
        await asked.of("E1", days=days)
    assert await asked.of("E1") is not first
