"""What a service manager is told by the process it started, and the watch it keeps: sd_notify(3).

    READY=1      serving; `up`: the ready line is printed
    WATCHDOG=1   a look at everything ended well; without one in time the service is started anew
    STOPPING=1   the order to stop was taken
    RELOADING=1  settings are read again, until the next READY=1

Whoever was started by hand tells nobody.
"""

import asyncio
import os
import socket
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import structlog

READY: Final = "READY=1"
STOPPING: Final = "STOPPING=1"
ALIVE: Final = "WATCHDOG=1"
# Meant for the process that was started, and for none that it starts itself.
_VARIABLES: Final = frozenset({"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"})
# A word that is late by a second is no reason to keep meters waiting for longer.
_TELL_S: Final = 1.0
# sd_watchdog_enabled(3) recommends half; a third lets one look fail or be lost.
_LOOKS_A_WATCH: Final = 3

_log: Final = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Notifier:
    """Where to tell it ("": nobody asked), and within how many seconds again (0: no watch)."""

    address: str = ""
    watchdog_s: float = 0.0

    def tell(self, *words: str) -> None:
        """Tell words, each ``NAME=value``; what cannot be told is logged, and stops nothing."""
        if not self.address:
            return
        place = f"\0{self.address[1:]}" if self.address.startswith("@") else self.address
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as door:
                door.settimeout(_TELL_S)
                door.sendto("\n".join(words).encode(), place)
        except OSError as error:
            _log.warning("the service manager was not told", words=words, reason=str(error))

    @contextmanager
    def reloading(self) -> Iterator[None]:
        """Tell that settings are read again while the block runs, and that it serves afterwards."""
        self.tell("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")
        try:
            yield
        finally:
            self.tell(READY)


def notifier_of(environment: Mapping[str, str], pid: int) -> Notifier:
    """Return whom the process ``pid`` tells; a watch that is another's is none."""
    address = environment.get("NOTIFY_SOCKET", "")
    watch_us = environment.get("WATCHDOG_USEC", "")
    meant = environment.get("WATCHDOG_PID", str(pid)) == str(pid)
    return Notifier(address, int(watch_us) / 1e6 if watch_us.isdigit() and meant else 0.0)


def ourselves() -> Notifier:
    """Return whom this process tells."""
    return notifier_of(os.environ, os.getpid())


def untold(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the environment for a process of our own, which is not to speak for us."""
    return {name: text for name, text in environment.items() if name not in _VARIABLES}


async def keep_watch(notifier: Notifier, look: Callable[[], Awaitable[bool]]) -> None:
    """Look again and again, until cancelled; tell of each look that ends well.

    Where nobody keeps watch, nobody looks.
    """
    if not notifier.address or not notifier.watchdog_s:
        await asyncio.get_running_loop().create_future()
    while True:
        if await look():
            notifier.tell(ALIVE)
        await asyncio.sleep(notifier.watchdog_s / _LOOKS_A_WATCH)


async def watched_over(work: Coroutine[Any, Any, None], notifier: Notifier) -> None:
    """Do a role's work, telling all the while that its loop still turns."""

    async def turns() -> bool:
        return True

    watch = asyncio.create_task(keep_watch(notifier, turns))
    try:
        await work
    finally:
        watch.cancel()
        await asyncio.gather(watch, return_exceptions=True)
