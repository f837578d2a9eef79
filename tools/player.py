"""Plays shots against a meter port.

shots ─► one queue a group ─► one connection a group ─► the meter port
"""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from wattwarden.protocol.codec import Codec, ProfileOf
from wattwarden.tools.errors import CommandError
from wattwarden.tools.link import Link, Tally
from wattwarden.tools.mirror import Mirror
from wattwarden.tools.shots import Group, Shot
from wattwarden.tools.times import to_us

# A connection in hand may have this many shots waiting; more would only hide who is slow.
QUEUE_SHOTS: Final = 64
# A port that is restarted is back within a second; three attempts a quarter apart are no flood.
CONNECT_ATTEMPTS: Final = 3
CONNECT_PAUSE_S: Final = 0.25
CONNECT_TIMEOUT_S: Final = 5.0
# Connections in a row that were closed without a word, after which a group is given up.
MAX_STRIKES: Final = 3
# Shots between two looks at the loop: answers on other connections wait no longer than this.
BURST_SHOTS: Final = 16

_MICROSECONDS: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast to play.

    ``speed`` scales the gaps of shots that know their time, None ignores them; ``window`` shots may
    await replies on a connection; one is given up after ``timeout_s``; at most ``connections`` are
    open at a time.
    """

    speed: float | None
    window: int
    timeout_s: float
    connections: int


class Player:
    """Sends shots to ``host``:``port`` and keeps the tally."""

    def __init__(
        self,
        target: tuple[str, int],
        codecs: tuple[Codec, ...],
        profile_of: ProfileOf,
        pace: Pace,
    ) -> None:
        self.tally = Tally()
        self._host, self._port = target
        self._codecs = codecs
        self._profile_of = profile_of
        self._pace = pace
        self._open: OrderedDict[Group, tuple[asyncio.Queue[Shot | None], asyncio.Task[None]]]
        self._open = OrderedDict()
        self._ending: dict[Group, asyncio.Task[None]] = {}

    async def play(
        self, shots: AsyncIterator[Shot], seen: Callable[[int], object] = lambda _sent: None
    ) -> None:
        """Send all shots and wait for what is owed for them; ``seen`` hears how many were sent.

        Raises:
            CommandError: nothing listens there.
        """
        await self._probe()
        try:
            async with asyncio.TaskGroup() as tasks:
                await self._dispatch(shots, tasks, seen)
                for group in list(self._open):
                    await self._end(group)
        except ExceptionGroup as errors:
            # The first is what happened; the others were cancelled for it.
            raise errors.exceptions[0] from None
        seen(self.tally.sent)

    async def _dispatch(
        self,
        shots: AsyncIterator[Shot],
        tasks: asyncio.TaskGroup,
        seen: Callable[[int], object],
    ) -> None:
        loop = asyncio.get_running_loop()
        started, first, count = loop.time(), None, 0
        async for shot in shots:
            if self._pace.speed is not None and shot.at is not None:
                first = shot.at if first is None else first
                due = started + (shot.at - first) / _MICROSECONDS / self._pace.speed
                await asyncio.sleep(max(0.0, due - loop.time()))
            queue = await self._queue(shot.group, tasks)
            await queue.put(shot)
            count += 1
            if count % BURST_SHOTS == 0:
                seen(self.tally.sent)
                await asyncio.sleep(0)

    async def _queue(self, group: Group, tasks: asyncio.TaskGroup) -> asyncio.Queue[Shot | None]:
        """Return the queue of a group, whose connection is opened if need be."""
        if group not in self._open:
            if group in self._ending:
                await self._ending.pop(group)
            while len(self._open) + len(self._ending) >= self._pace.connections:
                await self._make_room()
            queue: asyncio.Queue[Shot | None] = asyncio.Queue(QUEUE_SHOTS)
            self._open[group] = queue, tasks.create_task(self._work(queue))
        self._open.move_to_end(group)
        return self._open[group][0]

    async def _make_room(self) -> None:
        """End the connection that was idle for longest; return when some connection has ended."""
        if not self._ending:
            await self._end(next(iter(self._open)))
        await asyncio.wait(self._ending.values(), return_when=asyncio.FIRST_COMPLETED)
        for group in [group for group, task in self._ending.items() if task.done()]:
            await self._ending.pop(group)

    async def _end(self, group: Group) -> None:
        queue, task = self._open.pop(group)
        self._ending[group] = task
        await queue.put(None)

    async def _work(self, queue: asyncio.Queue[Shot | None]) -> None:
        """Send one group's shots in order; a connection that is lost is made anew."""
        timeout_s = self._pace.timeout_s
        link = await self._connect()
        strikes = 0
        while (shot := await queue.get()) is not None:
            if link is not None:
                await link.wait_until(at_most=self._pace.window - 1, timeout_s=timeout_s)
            if link is not None and link.closed:
                strikes = 0 if link.heard else strikes + 1
                link = await self._connect() if strikes < MAX_STRIKES else None
            if link is None:
                self.tally.refused += 1
            else:
                link.send(shot)
        if link is not None:
            await link.wait_until(at_most=0, timeout_s=timeout_s)
            await link.finish()

    async def _connect(self) -> Link | None:
        for attempt in range(CONNECT_ATTEMPTS):
            if attempt:
                await asyncio.sleep(CONNECT_PAUSE_S)
            try:
                return await self._connect_once()
            except (OSError, TimeoutError):
                continue
        return None

    async def _connect_once(self) -> Link:
        mirror = Mirror(self._codecs, self._profile_of, to_us(datetime.now(UTC)))
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(CONNECT_TIMEOUT_S):
            _, link = await loop.create_connection(
                lambda: Link(mirror, self.tally), self._host, self._port
            )
        self.tally.connections += 1
        return link

    async def _probe(self) -> None:
        """Make sure that somebody listens before anything is read."""
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                _, writer = await asyncio.open_connection(self._host, self._port)
        except (OSError, TimeoutError) as error:
            message = f"nothing accepts connections at {self._host}:{self._port}"
            cure = "start `wattwarden up`, whose ready line names the meter port, or check --to"
            raise CommandError(message, cure) from error
        writer.close()
        await writer.wait_closed()
