"""A meter that dials in and reports: admission, a window of frames on their way, redialling.

say ─► kept ─ connected and admitted? ─► in flight ─ acknowledged ─► forgotten
                 └ no: dial ◄─ line broken, or nobody answered in time
"""

import asyncio
from datetime import datetime
from typing import Final

from wattwarden.protocol.errors import ProtocolError
from wattwarden.protocol.framer import Framer
from wattwarden.tools.simulator.protocols.dialect import Dialect, Heard
from wattwarden.tools.simulator.protocols.line import Line
from wattwarden.tools.simulator.protocols.past import Remembering
from wattwarden.tools.simulator.protocols.rows import ACKED, SENT, us_of
from wattwarden.tools.simulator.protocols.stage import PATIENCE_S, Memory, Stage

# Frames on their way at once: a quarter of what the shortest counter of a protocol tells apart.
WINDOW: Final = 4
HEARTBEAT_EVERY: Final = 3
"""Every so many reports, one has a heartbeat before it in the same segment."""
# Operators of mobile networks forget a connection that says nothing for minutes.
HEARTBEAT_S: Final = 45.0


class Caller(asyncio.Protocol):
    """One meter on a connection, and what it keeps when there is none."""

    def __init__(self, dialect: Dialect, stage: Stage) -> None:
        self.name = f"{dialect.codec.name}:{dialect.address}"
        self.dialect = dialect
        self.memory = Memory(stage)
        self.line = Line(self.name, stage, lambda: self)
        self._stage = stage
        self._framer = Framer(dialect.codec.outline)
        self._is_admitted = False
        # Numbers in memory, and when each was sent on this connection.
        self._flight: dict[int, float] = {}
        self._sent: set[int] = set()
        self._said = 0
        self._spoke_at = 0.0

    def say(self, turn: int, at: datetime) -> None:
        """Make the report of a turn, and send it as soon as somebody listens.

        One that is lost is remembered by its meter alone.
        """
        self._said += 1
        if isinstance(self.dialect, Remembering) and self._stage.loses(self.name, self._said):
            self.dialect.report(turn, at)
            self._stage.tally.lost += 1
            return
        breaks = self._stage.breaks(self.name, self._said)
        if breaks and not self.dialect.is_answered:
            # What nobody acknowledges is not said into a line that breaks.
            self._is_admitted = False
            self.line.close()
        self.memory.keep(self.dialect.report(turn, at))
        self._send()
        if breaks and self.dialect.is_answered:
            self.line.abort()

    def look(self, now_s: float) -> None:
        """Hang up when an admission or an answer is overdue."""
        waits_s = [now_s - begun for begun in self._flight.values()]
        if self.line.is_open and not self._is_admitted:
            waits_s.append(self.line.age_s(now_s))
        if max(waits_s, default=0.0) > PATIENCE_S:
            self.line.abort()
        elif self._is_admitted and now_s - self._spoke_at > HEARTBEAT_S:
            self._write(self.dialect.heartbeat(self._stage.now()))

    async def give_up(self) -> None:
        """End for good."""
        await self.line.give_up()
        self.memory.close()

    # --- asyncio's side

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Say who it is, or begin at once."""
        self.line.opened(transport)
        self._framer = Framer(self.dialect.codec.outline)
        opening = self.dialect.opening(self._stage.now())
        self._is_admitted = not opening
        self._write(opening)
        self._send()

    def data_received(self, data: bytes) -> None:
        """Understand what the server says."""
        for frame in self._framer.feed(data):
            numbers = list(self._flight)
            flight = [self.memory.kept[number].report for number in numbers]
            try:
                heard = self.dialect.hear(frame, flight, self._stage.now())
            except ProtocolError:
                self._stage.tally.misunderstood += 1
                continue
            self._act(heard, numbers)
        self._send()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  # asyncio's seam
        """Dial again."""
        self.line.lost()
        self._is_admitted = False
        self._flight.clear()
        if not self._stage.ended or self.memory.kept:
            self.line.dial()

    # --- inside

    def _act(self, heard: Heard, numbers: list[int]) -> None:
        if heard.admitted:
            self._is_admitted = True
            self.line.succeeded()
        for report in heard.acked:
            number = next(one for one in numbers if self.memory.kept[one].report is report)
            del self._flight[number]
            self._sent.discard(number)
            self.memory.forget(number, ACKED)
        # Who has ended speaks no more of readings: what came of it would not be waited for.
        if heard.reply and not (heard.rows and self._stage.ended):
            self._write(heard.reply)
            self._stage.tally.answers += bool(heard.rows)
            self._stage.truth.tell(heard.rows, SENT, us_of(self._stage.now()))

    def _send(self) -> None:
        """Send what is kept, as far as the window goes."""
        if not self.line.is_open or not self._is_admitted:
            return
        waiting = [number for number in self.memory.kept if number not in self._flight]
        free = WINDOW - len(self._flight) if self.dialect.is_answered else len(waiting)
        out = b""
        for number in waiting[:free]:
            if number % HEARTBEAT_EVERY == 0:
                out += self.dialect.heartbeat(self._stage.now())
            out += self.memory.kept[number].report.frame
            self._go(number)
        if out:
            self._write(out)

    def _write(self, data: bytes) -> None:
        self.line.write(data)
        self._spoke_at = asyncio.get_running_loop().time()

    def _go(self, number: int) -> None:
        """Take note that a report goes out."""
        if not self.dialect.is_answered:
            self.memory.forget(number, SENT)
            return
        self._stage.tally.resent += number in self._sent
        self._sent.add(number)
        self._flight[number] = asyncio.get_running_loop().time()
