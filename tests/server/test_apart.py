"""Work in a loop of its own: this one goes on, stops it, and hears what it raises."""

import asyncio
import threading

import pytest

from wattwarden.server.apart import run_apart


async def test_this_loop_goes_on_while_the_work_computes() -> None:
    computing, over = threading.Event(), threading.Event()

    async def work(stop: asyncio.Event) -> None:
        computing.set()
        # Nothing of its own loop runs meanwhile.
        over.wait(10)
        await stop.wait()

    stop = asyncio.Event()
    running = asyncio.create_task(run_apart(work, stop))
    async with asyncio.timeout(60):
        await asyncio.to_thread(computing.wait, 10)
        assert not running.done()
        over.set()
        stop.set()
        await running


async def test_it_ends_when_the_work_does() -> None:
    async def work(_stop: asyncio.Event) -> None:
        await asyncio.sleep(0)

    async with asyncio.timeout(60):
        await run_apart(work, asyncio.Event())


async def test_what_the_work_raises_is_raised_here() -> None:
    async def work(_stop: asyncio.Event) -> None:
        raise LookupError("no schema")

    async with asyncio.timeout(60):
        with pytest.raises(LookupError, match="no schema"):
            await run_apart(work, asyncio.Event())


async def test_whoever_gives_it_up_stops_the_work_first() -> None:
    stopped = threading.Event()

    async def work(stop: asyncio.Event) -> None:
        await stop.wait()
        stopped.set()

    running = asyncio.create_task(run_apart(work, asyncio.Event()))
    await asyncio.sleep(0)
    running.cancel()
    async with asyncio.timeout(60):
        with pytest.raises(asyncio.CancelledError):
            await running
    assert stopped.is_set()
