"""A writer on its own: until it is stopped, while the database is away."""

import asyncio
import gc
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import asyncpg
import pytest
from tests.storage.fakes import MemoryJournal, readers, reading
from tests.storage.rows.written import FAST

from wattwarden.storage.database import Connection
from wattwarden.storage.errors import StorageError
from wattwarden.storage.journal.entry import Entry
from wattwarden.storage.rows.round import Work
from wattwarden.storage.rows.writer import Writer


async def run_until(writer: Writer, done: Callable[[], bool]) -> None:
    """Run a writer until something holds, then stop it."""
    stop = asyncio.Event()
    running = asyncio.create_task(writer.run(stop))
    async with asyncio.timeout(60):
        while not done() and not running.done():  # noqa: ASYNC110  # a counter tells nobody
            await asyncio.sleep(0.005)
    stop.set()
    await running


async def test_it_runs_until_it_is_stopped_and_leaves_no_connection(
    writer: Writer, journal: MemoryJournal, store: Connection
) -> None:
    for number in range(3):
        journal.frames(reading(f"m{number}"))

    await run_until(writer, lambda: journal.waits > 0)

    assert writer.counters.rows == 3
    async with asyncio.timeout(60):
        while await store.fetchval(  # noqa: ASYNC110  # the server tells nobody
            "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'wattwarden writer 0'"
        ):
            await asyncio.sleep(0.005)


async def test_nothing_of_what_is_stored_is_kept_while_there_is_no_more(
    writer: Writer, journal: MemoryJournal
) -> None:
    for number in range(3):
        journal.frames(reading(f"m{number}"))

    assert await writer.round() == 3
    assert works_of(journal) == 1
    assert await writer.round() == 0
    await nothing_is_kept(journal)


async def test_nothing_of_what_is_stored_is_kept_by_a_writer_that_is_closed(
    writer: Writer, journal: MemoryJournal
) -> None:
    journal.frames(reading("m"))

    assert await writer.round() == 1
    await writer.close()
    await nothing_is_kept(journal)


async def nothing_is_kept(journal: MemoryJournal) -> None:
    """Wait until no round is in memory; a thread that decoded drops what it handed over soon."""
    async with asyncio.timeout(60):
        while works_of(journal):  # noqa: ASYNC110  # a thread tells nobody
            await asyncio.sleep(0.005)


def works_of(journal: MemoryJournal) -> int:
    """Count the rounds of a journal whose entries and rows are in memory."""
    gc.collect()
    works = [one for one in gc.get_objects() if isinstance(one, Work)]
    return sum(any(work.entries[0] is entry for entry in journal.entries) for work in works)


async def test_it_waits_for_a_database_that_is_away(
    writer: Writer, journal: MemoryJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = asyncpg.connect
    away = [ConnectionRefusedError("away"), asyncpg.CannotConnectNowError("starting up")]

    async def connect(*arguments: Any, **settings: Any) -> Any:
        if away:
            raise away.pop()
        return await real(*arguments, **settings)

    monkeypatch.setattr(asyncpg, "connect", connect)
    journal.frames(reading("m1"))

    await run_until(writer, lambda: writer.counters.rows == 1)

    assert writer.counters.failures == 2


async def test_a_database_without_our_schema_is_no_reason_to_wait(
    store_dsn: str, journal: MemoryJournal
) -> None:
    writer = Writer(0, journal, f"{store_dsn}&search_path=nowhere", readers(), FAST)

    with pytest.raises(StorageError, match="journal_position") as caught:
        await asyncio.wait_for(writer.run(asyncio.Event()), 60)

    assert not caught.value.retryable


class OneByOne(MemoryJournal):
    """Gives one entry a read, and remembers how many bytes were asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[int] = []

    async def read(self, shard: int, after: int, *, most: int, most_bytes: int) -> list[Entry]:
        assert most
        self.asked.append(most_bytes)
        return await super().read(shard, after, most=1, most_bytes=most_bytes)


async def test_rounds_grow_while_there_is_more_to_take(store_dsn: str) -> None:
    journal = OneByOne()
    for number in range(5):
        journal.frames(reading(f"m{number}"))
    limits = replace(FAST, first_bytes=1, round_bytes=4)

    await run_until(Writer(0, journal, store_dsn, readers(), limits), lambda: journal.waits > 0)

    # The fifth is the last; nothing follows it, whoever asks.
    assert journal.asked[:7] == [1, 2, 4, 4, 4, 4, 1]
