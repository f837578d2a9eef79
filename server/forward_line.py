"""A TCP line to a platform above us: uploads go out, answers come in, what waits for one is known.

send ─► unanswered, in order ── hear ──► answered, refused
             │ none within the time: all of them again, in order, under the same QNs
             └ so often in vain, or the peer is gone: LineLostError
"""

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from wattwarden.codecs.hj212.client import Answer, Answers

CONNECT_S: Final = 10.0
# What a platform that does not read may leave in our memory.
MOST_UNWRITTEN_BYTES: Final = 1_048_576
_READ_BYTES: Final = 65_536


class LineLostError(Exception):
    """The line cannot be used any more.  The message says why."""


@dataclass(slots=True)
class Outgoing:
    """An upload that waits for its answer."""

    number: int
    qn: str
    frame: bytes
    mn: str = ""
    sent_at: float = 0.0


class ForwardLine:
    """One connection.  Times are seconds of the loop."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, overtime_s: float
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._overtime_s = overtime_s
        self._answers = Answers()
        self._waiting: dict[str, Outgoing] = {}
        self._sent_at = 0.0
        self.resent = 0

    @classmethod
    async def open(cls, endpoint: tuple[str, int], overtime_s: float) -> "ForwardLine":
        """Connect.

        Raises:
            LineLostError: The platform is not reached.
        """
        try:
            async with asyncio.timeout(CONNECT_S):
                reader, writer = await asyncio.open_connection(*endpoint)
        except (OSError, TimeoutError) as error:
            reason = str(error) or f"no answer within {CONNECT_S:.0f} s"
            message = f"not reached: {reason}"
            raise LineLostError(message) from error
        writer.transport.set_write_buffer_limits(high=MOST_UNWRITTEN_BYTES)
        return cls(reader, writer, overtime_s)

    @property
    def unanswered(self) -> int:
        """How many uploads wait for their answer."""
        return len(self._waiting)

    @property
    def last(self) -> int:
        """The greatest number among them, 0 for none."""
        return max((one.number for one in self._waiting.values()), default=0)

    @property
    def outgoing(self) -> tuple[Outgoing, ...]:
        """They themselves, in order."""
        return tuple(self._waiting.values())

    @property
    def oldest(self) -> Outgoing | None:
        """The first of them."""
        return next(iter(self._waiting.values()), None)

    @property
    def others(self) -> int:
        """How many frames came that are no answers."""
        return self._answers.others

    async def send(self, uploads: Sequence[Outgoing], now: float) -> None:
        """Send uploads behind those that wait.

        Raises:
            LineLostError: The peer is gone, or does not read.
        """
        if not self._waiting:
            self._sent_at = now
        for upload in uploads:
            upload.sent_at = now
            self._waiting[upload.qn] = upload
        await self._write(b"".join(upload.frame for upload in uploads))

    async def send_again(self, now: float) -> None:
        """Send what waits again, in order.

        Raises:
            LineLostError: As ``send``.
        """
        self._sent_at = now
        self.resent += 1
        for upload in self._waiting.values():
            upload.sent_at = now
        await self._write(b"".join(upload.frame for upload in self._waiting.values()))

    def is_overdue(self, now: float, *, passed: bool) -> bool:
        """Whether no answer has come for too long, while some wait for one.

        ``passed``: what was sent behind the oldest has been answered; then its own time counts.
        """
        oldest = self.oldest
        if oldest is None:
            return False
        return now - (oldest.sent_at if passed else self._sent_at) > self._overtime_s

    async def hear(self, seconds: float) -> list[tuple[Outgoing, Answer]]:
        """Wait for answers, so long at most; return those that belong to what waits.

        Raises:
            LineLostError: The peer is gone.
        """
        data = None
        try:
            async with asyncio.timeout(seconds):
                data = await self._reader.read(_READ_BYTES)
        except TimeoutError:
            return []
        except OSError as error:
            raise LineLostError(str(error)) from error
        if not data:
            raise LineLostError("the platform closed the connection")
        heard = [
            (self._waiting.pop(answer.qn), answer)
            for answer in self._answers.feed(data)
            if answer.qn in self._waiting
        ]
        if heard:
            self._sent_at = asyncio.get_running_loop().time()
            self.resent = 0
        return heard

    async def close(self) -> None:
        """End the connection."""
        self._writer.close()
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(1.0):
                await self._writer.wait_closed()

    async def _write(self, data: bytes) -> None:
        try:
            self._writer.write(data)
            async with asyncio.timeout(self._overtime_s):
                await self._writer.drain()
        except TimeoutError as error:
            raise LineLostError("the platform does not read") from error
        except (OSError, RuntimeError) as error:
            raise LineLostError(str(error)) from error
