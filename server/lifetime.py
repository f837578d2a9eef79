"""How the process of a role begins and ends: it reports that it is ready, and obeys SIGTERM."""

import asyncio
import os
import signal
import sys
from collections.abc import Coroutine
from typing import Any, Final, TypeVar

import orjson

from wattwarden.server.notify_systemd import READY, STOPPING, ourselves

# Python 3.11's wait_for loses a cancellation that comes together with the end of what it waits for.
# Another one must not come while the first still has connections to close.
CANCEL_INTERVAL_S: Final = 1.0

_T = TypeVar("_T")


def report_ready(role: str, **facts: object) -> None:
    """Tell whoever started this process that it is ready: in one line of JSON, and to systemd."""
    sys.stdout.write(orjson.dumps({"ready": role, "pid": os.getpid(), **facts}).decode() + "\n")
    sys.stdout.flush()
    ourselves().tell(READY)


def stop_event() -> asyncio.Event:
    """Return an event that SIGTERM and SIGINT set; systemd is told of it."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def obey() -> None:
        stop.set()
        ourselves().tell(STOPPING)

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, obey)
    return stop


async def unless(stop: asyncio.Event, work: Coroutine[Any, Any, _T]) -> _T | None:
    """Do ``work`` and return its result; given up as soon as ``stop`` is set, it has none.

    Work that ended at that very moment has its result nevertheless.
    """
    task = asyncio.ensure_future(work)
    waiting = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait((task, waiting), return_when=asyncio.FIRST_COMPLETED)
    finally:
        waiting.cancel()
        await give_up(task)
    return None if task.cancelled() else task.result()


async def give_up(*tasks: asyncio.Future[Any]) -> None:
    """Cancel tasks until all have ended; what became of them is not raised."""
    while left := [task for task in tasks if not task.done()]:
        for task in left:
            task.cancel()
        await asyncio.wait(left, timeout=CANCEL_INTERVAL_S)
    for task in tasks:
        if not task.cancelled():
            # Looked at: else it would be told as lost.
            task.exception()


async def until(stop: asyncio.Event, *work: asyncio.Task[None]) -> None:
    """Wait for the order to stop, or for the first part of the work that fails."""
    waiting = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait((waiting, *work), return_when=asyncio.FIRST_COMPLETED)
        for task in work:
            if task.done():
                task.result()
    finally:
        waiting.cancel()
