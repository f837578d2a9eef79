"""One connection of a replay: what was sent, which replies are due, what became of them."""

import asyncio
from array import array
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from wattwarden.tools.mirror import Mirror
from wattwarden.tools.shots import Shot
from wattwarden.tools.times import to_us

# After the last answer the peer is told that nothing more comes, and may finish reading.
LINGER_S: Final = 2.0
# How long a shot that must stay unanswered is listened to.
SILENCE_S: Final = 0.3


@dataclass(slots=True)
class Tally:
    """What became of the shots.

    ``sent`` = ``acked`` + ``unanswered`` + ``silent`` (no answer is due) + those of ``refused``
    that could be sent; ``unexpected`` counts replies that nobody was owed.
    """

    sent: int = 0
    sent_bytes: int = 0
    acked: int = 0
    unanswered: int = 0
    refused: int = 0
    silent: int = 0
    unexpected: int = 0
    connections: int = 0
    latencies_s: "array[float]" = field(default_factory=lambda: array("d"))


@dataclass(slots=True)
class _Awaited:
    """A shot whose replies have not all come."""

    sent_at: float
    replies: list[bytes]


class Link(asyncio.Protocol):
    """A connection to the meter port.

    A reply is crossed off when its bytes are the foretold ones, else when its kind is: replies
    carry clocks, and what is configured on the other side.
    """

    def __init__(self, mirror: Mirror, tally: Tally) -> None:
        self.closed = False
        self.heard = 0
        self._mirror = mirror
        self._tally = tally
        self._awaiting: list[_Awaited] = []
        self._last_silent = False
        self._changed = asyncio.Event()
        self._clock = asyncio.get_running_loop().time
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = transport  # type: ignore[assignment]  # a stream, by create_connection

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  # asyncio's seam
        """What was not answered by now never will be."""
        self.closed = True
        self._tally.refused += len(self._awaiting)
        self._awaiting.clear()
        self._changed.set()

    def data_received(self, data: bytes) -> None:
        """Cross off the replies that came."""
        for frame in self._mirror.hear(data):
            self.heard += 1
            if not self._cross_off(frame):
                self._tally.unexpected += 1
        self._changed.set()

    def send(self, shot: Shot) -> None:
        """Send a shot, and note which replies it will have."""
        replies = self._mirror.foretell(shot.raw, to_us(datetime.now(UTC)))
        self._tally.sent += 1
        self._tally.sent_bytes += len(shot.raw)
        self._last_silent = shot.silent or not replies
        if self._last_silent:
            self._tally.silent += 1
        else:
            self._awaiting.append(_Awaited(self._clock(), replies))
        self._transport.write(shot.raw)

    async def wait_until(self, *, at_most: int, timeout_s: float) -> None:
        """Wait until at most so many shots await replies; give each up after ``timeout_s``."""
        while len(self._awaiting) > at_most and not self.closed:
            left = self._awaiting[0].sent_at + timeout_s - self._clock()
            if left > 0:
                await self._wait_for(lambda: len(self._awaiting) <= at_most, left)
            else:
                self._tally.unanswered += 1
                del self._awaiting[0]

    async def finish(self) -> None:
        """Listen to the silence that is due, say that nothing more comes, and hang up."""
        if self._last_silent:
            await self._wait_for(lambda: False, SILENCE_S)
        if not self.closed and self._transport.can_write_eof():
            self._transport.write_eof()
            await self._wait_for(lambda: False, LINGER_S)
        self._transport.abort()

    async def _wait_for(self, reached: Callable[[], bool], timeout_s: float) -> None:
        """Wait until ``reached``, the connection is lost, or the time is over."""
        try:
            async with asyncio.timeout(timeout_s):
                while not self.closed and not reached():
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            return

    def _cross_off(self, frame: bytes) -> bool:
        for awaited in self._awaiting:
            if frame in awaited.replies:
                self._took(awaited, frame)
                return True
        kind = self._mirror.kind(frame)
        for awaited in self._awaiting if kind is not None else ():
            for reply in awaited.replies:
                if self._mirror.kind(reply) == kind:
                    self._took(awaited, reply)
                    return True
        return False

    def _took(self, awaited: _Awaited, reply: bytes) -> None:
        awaited.replies.remove(reply)
        if not awaited.replies:
            self._awaiting.remove(awaited)
            self._tally.acked += 1
            self._tally.latencies_s.append(self._clock() - awaited.sent_at)
