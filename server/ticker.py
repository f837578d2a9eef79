"""Ticks: one a second, numbered without gaps, in every shard, from the gateway with the lease.

number 7, 8, 9 … in every shard;  a new holder first completes the last number in every shard
missed seconds are never invented: the next tick says how many it covers
at clock rate N each real second brings one tick, which covers N of the clock's
"""

import asyncio
import time
from collections.abc import Callable
from typing import Final

import structlog

from wattwarden.protocol.envelope import FORMAT, Tick, decode_tick, encode
from wattwarden.protocol.microseconds import SECOND_US
from wattwarden.storage.errors import StorageError
from wattwarden.storage.journal.journal import Journal, JournalAway, JournalFull, Kind
from wattwarden.storage.journal.lease import Lease, Verdict

# A clock this far behind the last tick is no drift: it was set wrongly, now or before.
MOST_BEHIND_S: Final = 60
RETRY_PAUSE_S: Final = 0.5

_log: Final = structlog.get_logger(__name__)


class ClockRefusedError(Exception):
    """This machine's clock contradicts the journal.  The message says what to do."""


def check_clock(last_second: int, now_us: int, rate: int = 1) -> None:
    """Refuse to start with a clock that is behind what the journal has seen.

    Raises:
        ClockRefusedError: by more than a minute, a real one of a clock that runs at ``rate``.
    """
    behind = last_second - now_us // SECOND_US
    if behind > MOST_BEHIND_S * rate:
        message = (
            f"the clock of this machine is {behind} s behind the last tick of the journal: "
            "correct it (`timedatectl`, or chrony), then start again"
        )
        raise ClockRefusedError(message)


class Ticker:
    """Publishes ticks while this process holds the lease."""

    def __init__(
        self, journal: Journal, lease: Lease, now_us: Callable[[], int], rate: int = 1
    ) -> None:
        self.ticks = 0
        self._rate = rate
        self._journal = journal
        self._lease = lease
        self._now_us = now_us
        self._number: int | None = None
        self._second = 0

    async def run(self) -> None:
        """Tick until cancelled."""
        while True:
            try:
                pause = await self._round()
            except (JournalAway, JournalFull):
                # The number is published again under the same id until every shard has it.
                pause = RETRY_PAUSE_S
            except StorageError as error:
                _log.error("ticks are refused", reason=str(error))
                pause = RETRY_PAUSE_S
            await asyncio.sleep(pause)

    async def last(self) -> Tick | None:
        """Return the furthest tick of any shard."""
        ticks = [await self._last_of(shard) for shard in range(self._journal.shards)]
        return max((tick for tick in ticks if tick), key=lambda tick: tick.number, default=None)

    async def _round(self) -> float:
        verdict = await self._lease.acquire_or_renew(time.monotonic())
        if verdict is not Verdict.HELD and not self._lease.is_held(time.monotonic()):
            self._number = None
            return 1.0
        if self._number is None:
            await self._catch_up()
        interval_us = self._rate * SECOND_US
        second = self._now_us() // interval_us * self._rate
        if second > self._second:
            covers = second - self._second if self._second else self._rate
            await self._publish(Tick(FORMAT, (self._number or 0) + 1, second, covers))
        return (interval_us - self._now_us() % interval_us) / interval_us + 0.001

    async def _catch_up(self) -> None:
        """Take over: bring every shard to the furthest number."""
        last = await self.last()
        if last is not None:
            await self._publish(last)
        self._number = last.number if last else 0
        self._second = last.second if last else 0

    async def _publish(self, tick: Tick) -> None:
        payload = encode(tick)
        for shard in range(self._journal.shards):
            mine = await self._last_of(shard) if self._number is None else None
            if mine is None or mine.number < tick.number:
                await self._journal.append(shard, Kind.TICK, payload, f"tick:{shard}:{tick.number}")
        self._number, self._second = tick.number, tick.second
        self.ticks += 1

    async def _last_of(self, shard: int) -> Tick | None:
        entry = await self._journal.last(shard, Kind.TICK)
        return decode_tick(entry.payload) if entry is not None else None
