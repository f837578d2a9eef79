"""What roles wait for before they work."""

import asyncio

from wattwarden.protocol.codec import Profile
from wattwarden.server.roles import take_when_known
from wattwarden.storage.profiles import ProfileBook


class Shards:
    """Notes what was known when it was to run."""

    def __init__(self, book: ProfileBook) -> None:
        self.met: list[Profile] = []
        self._profile_of = book.of("hj212")

    async def run(self, stop: asyncio.Event) -> None:
        self.met.append(self._profile_of("m1"))
        await stop.wait()


async def test_a_writer_takes_no_shard_before_it_knows_the_profiles() -> None:
    """Else the first readings behind a restart have no key, and the zone and scales of nobody."""
    book, stop = ProfileBook(), asyncio.Event()
    shards, mine = Shards(book), Profile(version=7)
    working = asyncio.create_task(take_when_known(shards, book, stop))
    for _ in range(5):
        await asyncio.sleep(0)
    assert shards.met == []

    book.replace({("hj212", "m1"): mine})
    async with asyncio.timeout(10):
        while not shards.met:  # noqa: ASYNC110  # the task tells nobody
            await asyncio.sleep(0)
    assert shards.met == [mine]
    stop.set()
    await working


async def test_a_writer_that_never_knew_the_profiles_ends_when_it_is_told_to() -> None:
    book, stop = ProfileBook(), asyncio.Event()
    shards = Shards(book)
    stop.set()
    await take_when_known(shards, book, stop)
    assert shards.met == []
