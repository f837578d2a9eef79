"""A DTU on a connection: it registers, answers what its meters are asked, and dials again."""

import asyncio
from typing import Final

from wattwarden.protocol.framer import Framer
from wattwarden.tools.simulator.chance import share
from wattwarden.tools.simulator.protocols.dtu import Site
from wattwarden.tools.simulator.protocols.line import Line
from wattwarden.tools.simulator.protocols.rows import SENT, us_of
from wattwarden.tools.simulator.protocols.stage import PATIENCE_S, Stage

# A frame of fifty bytes takes 20 ms at 19,200 baud and 200 ms at 2,400.
LEAST_ANSWER_S: Final = 0.02
MOST_ANSWER_S: Final = 0.2
HEARTBEAT_S: Final = 30.0
# Who is asked nothing for so many periods dials anew: it may not have been configured before.
QUIET_PERIODS: Final = 3


class Answerer(asyncio.Protocol):
    """One DTU with its meters."""

    def __init__(self, site: Site, stage: Stage) -> None:
        self.name = f"dtu:{site.address}"
        self.line = Line(self.name, stage, lambda: self)
        self._site = site
        self._stage = stage
        self._framer = Framer(site.codec.outline)
        self._connection = self._asked = 0
        self._asked_at = self._spoke_at = 0.0
        self._quiet_s = max(PATIENCE_S, QUIET_PERIODS * site.period_s)

    def look(self, now_s: float) -> None:
        """Dial anew when nobody asks; say a word when nothing was said for long."""
        if not self.line.is_open:
            return
        if now_s - self._asked_at > self._quiet_s:
            self.line.abort()
        elif now_s - self._spoke_at > HEARTBEAT_S:
            self._write(self._site.heartbeat)

    async def give_up(self) -> None:
        """End for good; what was answered is on its way."""
        await self.line.give_up()

    # --- asyncio's side

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Register."""
        self.line.opened(transport)
        self._connection += 1
        self._framer = Framer(self._site.codec.outline)
        self._asked_at = asyncio.get_running_loop().time()
        self._write(self._site.opening)

    def data_received(self, data: bytes) -> None:
        """Answer requests, each in its time."""
        loop = asyncio.get_running_loop()
        for frame in self._framer.feed(data):
            if self._stage.ended:
                return
            self._asked += 1
            self._asked_at = loop.time()
            self.line.succeeded()
            if self._stage.breaks(self.name, self._asked):
                self.line.abort()
                return
            lot = share(self._stage.seed, "answer", self.name, self._asked)
            delay_s = LEAST_ANSWER_S + lot * (MOST_ANSWER_S - LEAST_ANSWER_S)
            loop.call_later(delay_s, self._answer, frame, self._connection)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  # asyncio's seam
        """Dial again."""
        self.line.lost()
        if not self._stage.ended:
            self.line.dial()

    # --- inside

    def _answer(self, frame: bytes, connection: int) -> None:
        """Answer on the connection that asked, as long as it is there."""
        if self._stage.ended or connection != self._connection or not self.line.is_open:
            return
        heard = self._site.hear(frame)
        if heard.reply:
            self._write(heard.reply)
            self._stage.tally.answers += 1
            self._stage.truth.tell(heard.rows, SENT, us_of(self._stage.now()))

    def _write(self, data: bytes) -> None:
        self.line.write(data)
        self._spoke_at = asyncio.get_running_loop().time()
