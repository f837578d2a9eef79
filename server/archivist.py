"""The archivist role: chores done one after another, by one archivist at a time.

    lease ──► held ──► chore, chore, chore … ──► pause ──► chore, …
              lost ──► the chore in hand is given up; whoever has the lease begins anew

A chore is safe to give up anywhere and to do again.  One that fails stops no other.
"""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum
from typing import Final, Protocol

import structlog

from wattwarden.server.clock import Clock
from wattwarden.server.lifetime import give_up
from wattwarden.storage.errors import StorageError
from wattwarden.storage.journal.lease import Verdict
from wattwarden.storage.moments import moment_of

# A fifth of a lease's time to live: four renewals may fail.
LEASE_INTERVAL_S: Final = 1.0
# What failed is tried again as soon: who was away for a moment is no fault for an hour.
RETRY_INTERVAL: Final = timedelta(minutes=1)

_log: Final = structlog.get_logger(__name__)


class Rested(Enum):
    """Why a chore had nothing done: that says neither that it is well nor that it fails."""

    NOT_DUE = "it was done, or tried, a while ago"


class Due:
    """When something is to be done next: every so often, sooner where it failed."""

    def __init__(self, every: timedelta) -> None:
        self._every = every
        self._next: datetime | None = None

    def begins(self, now: datetime) -> bool:
        """Whether it is due now; then it counts as tried."""
        if self._next is not None and now < self._next:
            return False
        self._next = now + min(self._every, RETRY_INTERVAL)
        return True

    def done(self, now: datetime) -> None:
        """Take note that it was done."""
        self._next = now + self._every

    def goes_on(self) -> None:
        """Take note that there is more of it: it is due at once."""
        self._next = None


@dataclass(frozen=True, slots=True)
class Chore:
    """Something to be done now and then: ``do(now)``, and a name for the log."""

    name: str
    do: Callable[[datetime], Awaitable[Rested | None]]


@dataclass(slots=True)
class ArchivistCounters:
    """What was done since the process started, by the chore's name."""

    rounds: int = 0
    done: dict[str, int] = field(default_factory=dict)
    failed: dict[str, int] = field(default_factory=dict)


class Holder(Protocol):
    """The part of a lease that is needed here."""

    async def acquire_or_renew(self, now: float) -> Verdict:
        """Try once to become or to remain the holder."""

    def is_held(self, now: float) -> bool:
        """Whether it may be counted on."""

    async def release(self) -> None:
        """Let another have it."""


class Archivist:
    """Does its chores in order, every ``interval_s``, while it holds the lease."""

    def __init__(
        self, lease: Holder, chores: Sequence[Chore], interval_s: float, clock: Clock
    ) -> None:
        self.counters = ArchivistCounters()
        self._lease = lease
        self._chores = chores
        self.interval_s = interval_s
        self._clock = clock
        self._told: dict[str, str] = {}

    @property
    def failing(self) -> dict[str, str]:
        """Why chores failed when they were last tried, by their names."""
        return dict(self._told)

    async def run(self, stop: asyncio.Event) -> None:
        """Work until ``stop`` is set; the chore in hand is given up.

        Raises:
            JournalRefused: the lease can never be had.
        """
        working: asyncio.Task[None] | None = None
        try:
            while not stop.is_set():
                await self._lease.acquire_or_renew(time.monotonic())
                self._clock.steer()
                held = self._lease.is_held(time.monotonic())
                if working is not None and working.done():
                    working.result()
                if working is not None and not held:
                    await give_up(working)
                    working = None
                if working is None and held:
                    working = asyncio.create_task(self._work())
                await _pause(stop, LEASE_INTERVAL_S)
        finally:
            if working is not None:
                await give_up(working)
            await self._lease.release()

    async def _work(self) -> None:
        while True:
            await self.round(moment_of(self._clock.now_us()))
            await asyncio.sleep(self.interval_s)

    async def round(self, now: datetime) -> None:
        """Do each chore once."""
        self.counters.rounds += 1
        for chore in self._chores:
            try:
                rested = await chore.do(now)
            except StorageError as error:
                self._failed(chore.name, error.message)
            # The journal would fill if a fault in one chore kept the others from being done.
            except Exception as error:  # noqa: BLE001  logged, counted, and tried again
                self._failed(chore.name, f"{type(error).__name__}: {error}")
            else:
                if rested is not None:
                    continue
                self.counters.done[chore.name] = self.counters.done.get(chore.name, 0) + 1
                if self._told.pop(chore.name, None) is not None:
                    _log.info("chore is done again", chore=chore.name)

    def _failed(self, name: str, reason: str) -> None:
        """Count it; tell it once, until it changes."""
        self.counters.failed[name] = self.counters.failed.get(name, 0) + 1
        if self._told.get(name) != reason:
            self._told[name] = reason
            _log.error("chore failed", chore=name, reason=reason)


async def _pause(stop: asyncio.Event, seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await stop.wait()
