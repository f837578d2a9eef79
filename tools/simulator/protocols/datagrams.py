"""A meter on NB-IoT that sends datagrams: each report again until its answer has come."""

import asyncio
from datetime import datetime
from typing import Final

from wattwarden.protocol.errors import ProtocolError
from wattwarden.tools.simulator.protocols.dialect import Dialect
from wattwarden.tools.simulator.protocols.rows import ACKED
from wattwarden.tools.simulator.protocols.stage import Memory, Stage

# Modules send again after some seconds, and less and less often.
FIRST_WAIT_S: Final = 3.0


class Sender(asyncio.DatagramProtocol):
    """One meter; one report is on its way at a time."""

    def __init__(self, dialect: Dialect, stage: Stage, target: tuple[str, int]) -> None:
        self.name = f"{dialect.codec.name}:{dialect.address}"
        self.dialect = dialect
        self.memory = Memory(stage)
        self._stage = stage
        self._target = target
        self._transport: asyncio.DatagramTransport | None = None
        self._tries = 0
        self._due_s = 0.0

    async def open(self) -> None:
        """Open its socket."""
        await asyncio.get_running_loop().create_datagram_endpoint(
            lambda: self, remote_addr=self._target
        )

    def say(self, turn: int, at: datetime) -> None:
        """Make the report of a turn, and send it when those before it are taken."""
        self.memory.keep(self.dialect.report(turn, at))
        if len(self.memory.kept) == 1:
            self._send()

    def look(self, now_s: float) -> None:
        """Send again what was not answered in time."""
        if self.memory.kept and now_s > self._due_s:
            self._stage.tally.resent += 1
            self._send()

    async def give_up(self) -> None:
        """End for good."""
        if self._transport is not None:
            self._transport.close()
        self.memory.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the socket."""
        self._transport = transport  # type: ignore[assignment]  # datagrams, by ``open``
        self._stage.tally.connections += 1

    def datagram_received(self, data: bytes, addr: object) -> None:  # noqa: ARG002  # asyncio's seam
        """Take the report off its hands that an answer acknowledges, and send the next."""
        number = next(iter(self.memory.kept), None)
        if number is None:
            return
        report = self.memory.kept[number].report
        try:
            acked = self.dialect.hear(data, [report], self._stage.now()).acked
        except ProtocolError:
            self._stage.tally.misunderstood += 1
            return
        if acked:
            self.memory.forget(number, ACKED)
            self._tries = 0
            if self.memory.kept:
                self._send()

    def error_received(self, exc: Exception) -> None:  # noqa: ARG002  # asyncio's seam
        """Nobody listens there now."""
        self._stage.tally.refused_dials += 1

    def _send(self) -> None:
        now_s = asyncio.get_running_loop().time()
        self._due_s = now_s + FIRST_WAIT_S + self._stage.pause_s(self.name, self._tries)
        self._tries += 1
        if self._transport is not None:
            self._transport.sendto(next(iter(self.memory.kept.values())).report.frame)
