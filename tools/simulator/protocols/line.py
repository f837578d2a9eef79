"""Dialling in to the meter port: again and again, with longer pauses, until somebody listens."""

import asyncio
from collections.abc import Callable
from typing import Final

from wattwarden.tools.simulator.protocols.stage import Stage

# A connection that lasted so long was a good one: the next is dialled at once.
LASTING_S: Final = 5.0


class Line:
    """The way of one meter to the port; ``failures`` counts the tries since the last good one."""

    def __init__(self, name: str, stage: Stage, made: Callable[[], asyncio.Protocol]) -> None:
        self._name = name
        self._stage = stage
        self._made = made
        self._failures = 0
        self._dialling: asyncio.Task[None] | None = None
        self._transport: asyncio.Transport | None = None
        self._since_s = 0.0
        self._is_given_up = False

    @property
    def is_open(self) -> bool:
        """Whether something can be said."""
        return self._transport is not None and not self._transport.is_closing()

    def dial(self) -> None:
        """Dial in, at once after a good connection, unless there is one or it was given up."""
        if self._transport is None and self._dialling is None and not self._is_given_up:
            self._dialling = asyncio.create_task(self._dial())

    def opened(self, transport: asyncio.BaseTransport) -> None:
        """Take the connection that was made."""
        self._transport = transport  # type: ignore[assignment]  # a stream, by create_connection
        self._since_s = asyncio.get_running_loop().time()
        self._stage.tally.connections += 1

    def lost(self) -> None:
        """Forget the connection."""
        self._transport = None
        if self.age_s(asyncio.get_running_loop().time()) > LASTING_S:
            self.succeeded()

    def succeeded(self) -> None:
        """Take note that the other end is well."""
        self._failures = 0

    def age_s(self, now_s: float) -> float:
        """Return for how long the connection has been there."""
        return now_s - self._since_s

    def write(self, data: bytes) -> None:
        """Send, unless there is nobody or nothing."""
        if data and self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)

    def abort(self) -> None:
        """Break the connection, whatever is on its way."""
        if self._transport is not None:
            self._transport.abort()

    def close(self) -> None:
        """Hang up once what was written has gone out."""
        if self._transport is not None:
            self._transport.close()

    async def give_up(self) -> None:
        """End for good: the connection that is lost by it is not dialled anew."""
        self._is_given_up = True
        if self._dialling is not None:
            self._dialling.cancel()
            await asyncio.gather(self._dialling, return_exceptions=True)
        self.close()

    async def _dial(self) -> None:
        loop, stage = asyncio.get_running_loop(), self._stage
        try:
            while self._transport is None:
                if self._failures:
                    await asyncio.sleep(stage.pause_s(self._name, self._failures - 1))
                self._failures += 1
                try:
                    await loop.create_connection(self._made, *stage.target)
                except OSError:
                    stage.tally.refused_dials += 1
        finally:
            self._dialling = None
