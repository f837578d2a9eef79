"""The courier role: notices of the outbox to people and machines, in order, paced, until told.

ready ─► choose ─► begin ─► errands (tasks) ─► finish         one connection, many on their way
              └► put off        └► asking ─► receipt
sweep: expired, next way         orphans: what a courier that ended had in hand

While some are kept and others are looked for, the rest are on their way: the database is never
waited for by whoever sends.  One courier sends at a time: paces are counted in its memory, and read
back from the attempts when another takes over.  What was taken is in the database before anything
is sent, so whatever ends this process leaves at most one message of each in doubt, which is sent
again under the same id.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import structlog

from wattwarden.alarms.channels.channel import SECOND_US
from wattwarden.alarms.routing.bundle import Bundle, Link
from wattwarden.server.backoff import Backoff
from wattwarden.server.carrying import ANSWER_S
from wattwarden.server.choosing import choose
from wattwarden.server.clock import Clock
from wattwarden.server.errands import Errands, set_within
from wattwarden.server.judging import Judge
from wattwarden.server.post import Post
from wattwarden.server.reports import Reports
from wattwarden.server.switchboard import Switchboard
from wattwarden.storage.database import Connection
from wattwarden.storage.errors import StorageError
from wattwarden.storage.moments import moment_of, us_of
from wattwarden.storage.outbox import queue

# Looked through at a time of what may be merged: a burst for some readers, or all of a big one.
MERGING_ROWS: Final = 1000
# What falls due by time alone is seen this soon; what is written wakes the courier.
POLL_S: Final = 0.25
# What comes back within this is kept together, unless there is enough of it before, or no more.
GATHER_S: Final = 0.05
SWEEP_INTERVAL_S: Final = 1.0
REPORT_INTERVAL_S: Final = 60.0
# How soon another courier takes over from one that ended.
STANDBY_S: Final = 1.0

_log: Final = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a courier works: the database, the folder of secrets, who makes links for answers.

    For ``answer_s`` answers are waited for.
    """

    dsn: str
    secrets: Path
    link: Link
    answer_s: float = ANSWER_S


def wall_us() -> int:
    """Return the wall's time, by which gateways judge, in microseconds UTC."""
    return time.time_ns() // 1000


class Courier:
    """Sends what waits.  ``clock`` is the system's, which may run faster than the wall."""

    def __init__(self, place: Place, clock: Clock, *, wall: Callable[[], int] = wall_us) -> None:
        self._judge = Judge(clock, wall)
        self._board = Switchboard(place.secrets, place.answer_s, wall, clock.rate)
        self._errands = Errands(self._board, self._judge, place.link)
        self._reports = Reports(self._board, self._judge, self._errands)
        self._post = Post(place.dsn, self._adopt, self._errands.came.set)
        self._swept = self._reported = float("-inf")
        self._failing = ""

    @property
    def outcomes(self) -> Counter[str]:
        """What it did since it started."""
        return self._errands.outcomes

    @property
    def failing(self) -> str:
        """Why it waits for the database; empty while it need not."""
        return self._failing

    async def run(self, stop: asyncio.Event) -> None:
        """Send until ``stop`` is set; a database that is away is waited for.

        Raises:
            StorageError: What does not pass by itself.
        """
        loop = asyncio.get_running_loop()
        backoff = Backoff(loop.time())
        stopping = asyncio.create_task(self._awake(stop))
        try:
            while not stop.is_set():
                if await self._went_round():
                    self._report()
                    await self._gather()
                else:
                    await self._pause(backoff.ended(loop.time()))
                    backoff.started(loop.time())
        finally:
            stopping.cancel()
            await self.leave()

    async def round(self) -> None:
        """Keep what came back, and send what may go.

        Raises:
            StorageError: The database is away; what came back is kept in memory.
        """
        connection = await self.take_over()
        if connection is None:
            await self._pause(STANDBY_S)
            return
        await self._keep(connection)
        await self._board.renew(connection)
        await self._sweep(connection)
        await self._ask(connection)
        await self._send(connection)

    async def take_over(self) -> "Connection | None":
        """Return the connection once it is us who send, None while another does.

        Raises:
            StorageError: The database is away.
        """
        return await self._post.take_over()

    async def leave(self) -> None:
        """Wait for what is on its way, keep what came of it, and let another courier send."""
        await self._errands.leave()
        await self._post.leave(self._keep)
        await self._board.close()

    async def _adopt(self, connection: Connection) -> None:
        """Take over what another courier, or this one before it was cut off, had in hand."""
        left = await queue.orphans(connection, self._errands.in_hand)
        self._board.forget()
        await self._board.renew(connection)
        for item in left:
            started_us = us_of(item.started or self._judge.now())
            doubtful = self._errands.lost(item, started_us, "the courier ended while it was sent")
            if doubtful.state == "waiting":
                # Nothing is wrong with its gateway.
                doubtful = replace(doubtful, not_before=self._judge.now())
            self._errands.finished.append(doubtful)
        if left:
            _log.warning("notices in doubt", count=len(left))

    async def _sweep(self, connection: Connection) -> None:
        now = self._judge.wall_us()
        if now < self._swept + SWEEP_INTERVAL_S * SECOND_US:
            return
        self._swept = now
        expired, again = await queue.sweep(connection, self._judge.now())
        self.outcomes["expired"] += expired
        self.outcomes["next way"] += again
        await self._reports.settle(connection)

    async def _ask(self, connection: Connection) -> None:
        """Ask for receipts of what may have been accepted."""
        able, table = self._board.receipts(), self._board.table
        if table is None or not able:
            return
        now, room = self._judge.now(), self._errands.room
        held = self._errands.in_hand
        for item in await queue.asking(connection, now, endpoints=able, limit=room):
            if item.id not in held:
                self._errands.ask(item, able[item.endpoint], table)

    async def _send(self, connection: Connection) -> None:
        """Take what may go now, and send it."""
        table, free, room = self._board.table, self._errands.free(), self._errands.room
        ways = self._board.ways(free)
        if table is None or room <= 0 or not (ways.endpoints or ways.grave):
            return
        now = self._judge.now()
        single = min(room, sum(free.values()))
        items = await queue.ready(connection, now, ways, single=single, merging=MERGING_ROWS)
        choice = choose(items, self._board, table, self._judge, free, room)
        if choice.later:
            await queue.put_off(connection, list(choice.later), list(choice.later.values()))
        if not choice.chosen:
            return
        for one in await self._taken(connection, choice.chosen):
            self._errands.send(one, table, now)

    async def _taken(self, connection: Connection, chosen: list[Bundle]) -> list[Bundle]:
        """Take messages in the database; return those that nobody else took, as they were once."""
        retried = [one.head.id for one in chosen if one.head.attempts]
        along = await queue.members_of(connection, retried)
        bundles = [
            Bundle(one.head, tuple(along.get(one.head.id, ()))) if one.head.attempts else one
            for one in chosen
        ]
        started = moment_of(self._judge.wall_us())
        pairs = [(one.head, one.members) for one in bundles]
        taken = await queue.begin(connection, pairs, started)
        return [one for one in bundles if one.head.id in taken]

    async def _keep(self, connection: Connection) -> None:
        """Write what came back; it is forgotten only once it is kept."""
        kept = list(self._errands.finished)
        await queue.finish(connection, kept, self._judge.now())
        self._errands.kept(len(kept))

    async def _went_round(self) -> bool:
        """Go round once; False while the database is away, which is told once."""
        try:
            await self.round()
        except StorageError as error:
            if not error.retryable:
                raise
            if error.message != self._failing:
                _log.warning("courier waits", reason=error.message)
            self._failing = error.message
            self._post.lose()
            return False
        if self._failing:
            _log.info("courier goes on")
            self._failing = ""
        return True

    async def _gather(self) -> None:
        """Wait until there is something to do, and then a little for more of it."""
        await self._pause(POLL_S)
        await set_within(self._errands.gathered, GATHER_S)

    async def _pause(self, seconds: float) -> None:
        await set_within(self._errands.came, seconds)

    async def _awake(self, stop: asyncio.Event) -> None:
        await stop.wait()
        self._errands.came.set()

    def _report(self) -> None:
        """Tell what was done, now and then."""
        now = asyncio.get_running_loop().time()
        if now < self._reported + REPORT_INTERVAL_S or not any(self.outcomes.values()):
            return
        self._reported = now
        counts = {name: count for name, count in self.outcomes.items() if count}
        _log.info("couriered", **{name.replace(" ", "_"): count for name, count in counts.items()})
