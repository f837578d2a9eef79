"""The city as pages keep it: counted now and then, and behind the back of whoever looks."""

import asyncio

import asyncpg
from tests.console.pages.happened import pass_time
from tests.console.pages.town import Town

from wattwarden.console.board.kept import CityKept
from wattwarden.storage.registry.registry import load_registry


class Clock:
    """A monotonic clock that one moves."""

    def __init__(self) -> None:
        self.s = 100.0

    def __call__(self) -> float:
        return self.s


async def test_a_city_is_counted_once_for_all_who_look_within_a_minute(town: Town) -> None:
    store = await asyncpg.connect(town.dsn)
    registry, clock = await load_registry(store), Clock()
    kept = CityKept(clock)
    first, *others = await asyncio.gather(*[kept.city(town.store, registry) for _ in range(5)])
    assert all(one is first for one in others)
    await pass_time(store, 0.5)
    clock.s += 30
    assert await kept.city(town.store, registry) is first
    await kept.close()
    await store.close()


async def test_an_old_count_is_shown_while_a_new_one_is_made_and_a_stale_one_never(
    town: Town,
) -> None:
    store = await asyncpg.connect(town.dsn)
    registry, clock = await load_registry(store), Clock()
    kept = CityKept(clock)
    first = await kept.city(town.store, registry)
    await pass_time(store, 2)
    # The wall says that it was counted just now, however fast the system's time runs.
    assert await kept.city(town.store, registry) is first
    clock.s += 120
    assert await kept.city(town.store, registry) is first
    async with asyncio.timeout(60):
        second = first
        while second is first:
            second = await kept.city(town.store, registry)
    assert second.at > first.at
    await pass_time(store, 30)
    clock.s += 1800
    assert (await kept.city(town.store, registry)).at > second.at
    await kept.close()
    await store.close()


async def test_another_registry_is_counted_at_once(town: Town) -> None:
    store = await asyncpg.connect(town.dsn)
    kept = CityKept(Clock())
    first = await kept.city(town.store, await load_registry(store))
    assert await kept.city(town.store, await load_registry(store)) is not first
    await kept.close()
    await store.close()
