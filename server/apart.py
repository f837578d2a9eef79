"""Work in a loop and a thread of its own, inside a process that does other things as well.

A pass of the warden computes for as long as it takes; whoever answers people cannot wait for it.
"""

import asyncio
import contextlib
from collections.abc import Callable, Coroutine
from typing import Any

import uvloop


async def run_apart(
    work: Callable[[asyncio.Event], Coroutine[Any, Any, None]], stop: asyncio.Event
) -> None:
    """Do ``work``, which gets its own event to stop by, until it ends or ``stop`` is set.

    Raises:
        Exception: Whatever the work raises.
    """
    here = asyncio.get_running_loop()
    begun: asyncio.Future[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = here.create_future()

    async def whole() -> None:
        own = asyncio.Event()
        here.call_soon_threadsafe(begun.set_result, (asyncio.get_running_loop(), own))
        await work(own)

    def body() -> None:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(whole())

    thread = asyncio.create_task(asyncio.to_thread(body))
    stopping = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait((thread, stopping), return_when=asyncio.FIRST_COMPLETED)
    finally:
        stopping.cancel()
        loop, own = await begun
        # The loop is closed once the work has ended by itself.
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(own.set)
        await thread
