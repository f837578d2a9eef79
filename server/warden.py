"""The warden role: rows and decisions into states and alarms, step by step, by slices.

    share slices ─► those furthest behind: passes until they are with the others ─► all, each second

Any number of wardens share the city.  What one keeps is enough for another to go on; a failure
throws away what was in memory and begins again from there.
"""

import asyncio
import contextlib
import time
from collections.abc import Iterable
from secrets import token_hex
from typing import Final

import structlog

from wattwarden.server.backoff import Backoff
from wattwarden.server.lifetime import give_up
from wattwarden.server.memory import Memory, SliceLostError, WardenCounters
from wattwarden.server.passes import (
    DEFAULT_LIMITS,
    Claim,
    PassLimits,
    keep_all,
    remember,
    take_pass,
)
from wattwarden.storage.database import Connection, connect, errors
from wattwarden.storage.errors import StorageError
from wattwarden.storage.presence import TTL_S
from wattwarden.storage.warden.slices import Held, release_slices, renew_slices, share_slices
from wattwarden.storage.warden.steps import last_complete_step

# Ticks come once a second; leases are renewed as often.
PASS_INTERVAL_S: Final = 1.0
SEEN_INTERVAL_S: Final = 1.0
# Two that fail leave the lease in force.
SEEN_TIMEOUT_S: Final = 2.0
# Counts are told at most so often while there is something to tell.
REPORT_INTERVAL_S: Final = 60.0

_log: Final = structlog.get_logger(__name__)


class Warden:
    """Folds the slices that it gets.  One coroutine at a time; ``held`` is what it has."""

    def __init__(
        self,
        dsn: str,
        shards: int,
        limits: PassLimits = DEFAULT_LIMITS,
        interval_s: float = PASS_INTERVAL_S,
    ) -> None:
        self.counters = WardenCounters()
        self.holder = f"warden-{token_hex(6)}"
        self.held: dict[int, Held] = {}
        self._dsn = dsn
        self._shards = shards
        self._limits = limits
        self.interval_s = interval_s
        self._connection: Connection | None = None
        self._memories: list[Memory] = []
        self._reported_at = 0.0
        self._told = WardenCounters()

    async def run(self, stop: asyncio.Event) -> None:
        """Work until ``stop`` is set; the pass in hand is finished and all states are kept.

        A database that is away is waited for, logged once and counted.

        Raises:
            StorageError: What does not pass by itself: no schema, a missing tick, a newer program.
        """
        backoff = Backoff(time.monotonic())
        failing = ""
        seen = asyncio.create_task(self._be_seen())
        try:
            while not stop.is_set():
                try:
                    behind = await self.round()
                except StorageError as error:
                    failing = await self._failed(error, failing)
                    await _pause(stop, backoff.ended(time.monotonic()))
                    backoff.started(time.monotonic())
                    continue
                if failing:
                    _log.info("warden goes on")
                    failing = ""
                self._report()
                if not behind:
                    await _pause(stop, self.interval_s)
        finally:
            await give_up(seen)
            await self._leave()

    async def round(self) -> bool:
        """Share slices and fold what is complete; return whether there is more to fold at once.

        Raises:
            StorageError: The database is away; begin again.
        """
        connection = await self._ready()
        with errors("sharing slices"):
            held = await share_slices(connection, self.holder)
        await self._recall(connection, held)
        with errors("looking for complete steps"):
            ready = await last_complete_step(connection, self._shards)
        if not self._memories:
            return False
        last = min(self._memories, key=lambda memory: memory.step)
        others = [memory.step for memory in self._memories if memory.step > last.step]
        if last.step < ready:
            await self._pass(connection, last, min([*others, ready]))
        if any(memory.step == last.step for memory in self._memories if memory is not last):
            # They go on together: each other's equals, they cost little more than one.
            self._memories = []
        return last.step < ready

    async def _be_seen(self) -> None:
        """Renew what we hold, for ever, on a connection of its own: passes take long.

        Where that does not succeed, others have our slices by now: the pass in hand is given up.
        """
        seen_s = time.monotonic()
        while True:
            try:
                connection = await connect(
                    self._dsn, name=self.holder, command_timeout_s=SEEN_TIMEOUT_S
                )
                try:
                    while True:
                        with errors("renewing slices"):
                            await renew_slices(connection, self.holder)
                        seen_s = time.monotonic()
                        await asyncio.sleep(SEEN_INTERVAL_S)
                finally:
                    connection.terminate()
            except StorageError:
                # Rounds meet the same, and tell it.
                if self._connection is not None and time.monotonic() - seen_s > TTL_S:
                    self._connection.terminate()
            await asyncio.sleep(SEEN_INTERVAL_S)

    async def _pass(self, connection: Connection, memory: Memory, upto: int) -> None:
        held = {number: self.held[number] for number in memory.slices}
        try:
            with errors("folding"):
                await take_pass(
                    connection, memory, Claim(self.holder, held), upto, self._limits, self.counters
                )
        except SliceLostError:
            self.counters.lost += 1
            self._memories, self.held = [], {}
        except BaseException:
            # Memory is ahead of what was stored.
            self._memories, self.held = [], {}
            raise
        else:
            for number in memory.slices:
                self.held[number] = Held(self.held[number].epoch, memory.step)

    async def _recall(self, connection: Connection, held: dict[int, Held]) -> None:
        """Build what must be known of the slices now held, unless it is."""
        if held == self.held and (self._memories or not held):
            return
        with errors("recalling states"):
            by_step: dict[int, list[int]] = {}
            for number, one in held.items():
                by_step.setdefault(one.step, []).append(number)
            self._memories = [
                await remember(connection, numbers, step) for step, numbers in by_step.items()
            ]
        if held.keys() != self.held.keys():
            _log.info("slices held", slices=len(held), steps=sorted(by_step))
        self.held = dict(held)

    async def _ready(self) -> Connection:
        if self._connection is None or self._connection.is_closed():
            # Passes take as long as they take; the server ends what is idle in a transaction.
            self._connection = await connect(self._dsn, name=self.holder, command_timeout_s=None)
            self._memories, self.held = [], {}
        return self._connection

    async def _failed(self, error: StorageError, failing: str) -> str:
        if not error.retryable:
            raise error
        self.counters.failures += 1
        if error.message != failing:
            _log.warning("warden waits", reason=error.message)
        if self._connection is not None:
            self._connection.terminate()
        self._connection, self._memories, self.held = None, [], {}
        return error.message

    async def _leave(self) -> None:
        """Keep what is known and let others have the slices."""
        connection, self._connection = self._connection, None
        if connection is None or connection.is_closed():
            return
        with contextlib.suppress(StorageError), errors("leaving the slices"):
            # Empty between two passes, where slices that stood apart go on together.
            await self._recall(connection, self.held)
            for memory in self._memories:
                held = {number: self.held[number] for number in memory.slices}
                await keep_all(connection, memory, Claim(self.holder, held))
            await release_slices(connection, self.holder)
            await connection.close(timeout=1.0)

    def _report(self) -> None:
        """Tell what was found, now and then."""
        now = time.monotonic()
        counters, told = self.counters, self._told
        if now < self._reported_at + REPORT_INTERVAL_S or counters.passes == told.passes:
            return
        self._reported_at = now
        news = dict(_news(counters, told))
        if set(news) - {"passes", "steps", "rows", "states_kept"}:
            _log.info("folded", **news)
        self._told = WardenCounters(**dict(_all(counters)))


def _all(counters: WardenCounters) -> Iterable[tuple[str, int]]:
    return ((name, getattr(counters, name)) for name in WardenCounters.__slots__)


def _news(counters: WardenCounters, told: WardenCounters) -> Iterable[tuple[str, int]]:
    return (
        (name, value - getattr(told, name))
        for name, value in _all(counters)
        if value != getattr(told, name)
    )


async def _pause(stop: asyncio.Event, seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await stop.wait()
