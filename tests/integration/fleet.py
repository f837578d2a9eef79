"""Meters that behave as meters do: what was not acknowledged is sent again after dialling in anew.

Dialect   how frames of a protocol look, and which of them an answer acknowledges
Meter     one connection at a time, a window of frames on their way
Fleet     many meters in this event loop, and what all of them know
"""

import asyncio
import contextlib
import random
import re
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final, Protocol

from tests.integration.system import eventually
from tests.integration.wire import (
    ACREL_LOGIN_ACK,
    ACREL_UPLOAD_ACK,
    acrel_login,
    acrel_upload,
    hj212_realtime,
    qn_of,
)

REDIAL_PAUSE_S: Final = (0.1, 0.4)  # a fleet that dials in at the very same moment is its own test
SWEEP_INTERVAL_S: Final = 0.25


def start_of_yesterday() -> datetime:
    """Where the meters' clocks begin: a minute before a day, so that two partitions are filled."""
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return today - timedelta(days=1, minutes=1)


class Dialect(Protocol):
    """What a meter says and hears.  Its frames are numbered from 0, one a second of its clock."""

    @property
    def codec(self) -> str:
        """The name of the codec that reads it."""

    def login(self, address: str) -> bytes:
        """What is sent first on each connection, b"" for nothing."""

    def frame(self, address: str, number: int) -> bytes:
        """The frame with that number."""

    def hear(self, data: bytes, flight: Sequence[int]) -> tuple[list[int], bytes]:
        """Which frames in flight are acknowledged by these bytes, and the rest of an answer."""


@dataclass(frozen=True, slots=True)
class Acrel:
    """Answers name nothing: the first acknowledges the frame sent first on the connection."""

    start: datetime
    codec: str = "acrel"

    def login(self, address: str) -> bytes:
        return acrel_login(address)

    def frame(self, address: str, number: int) -> bytes:
        return acrel_upload(address, self.start + timedelta(seconds=number), number)

    def hear(self, data: bytes, flight: Sequence[int]) -> tuple[list[int], bytes]:
        whole = len(data) - len(data) % len(ACREL_UPLOAD_ACK)
        answers = [data[at : at + len(ACREL_UPLOAD_ACK)] for at in range(0, whole, 7)]
        assert set(answers) <= {ACREL_UPLOAD_ACK, ACREL_LOGIN_ACK}, answers
        uploads = answers.count(ACREL_UPLOAD_ACK)
        assert uploads <= len(flight), f"{uploads} answers to {len(flight)} frames"
        return list(flight)[:uploads], data[whole:]


@dataclass(frozen=True, slots=True)
class Hj212:
    """Answers name the QN of what they answer."""

    start: datetime
    codec: str = "hj212"

    def login(self, address: str) -> bytes:  # noqa: ARG002  # the first frame names the meter
        return b""

    def frame(self, address: str, number: int) -> bytes:
        at = self.start + timedelta(seconds=number)
        return hj212_realtime(address, number, at, f"w01018-Rtd={number}.5,w01018-Flag=N")

    def hear(self, data: bytes, flight: Sequence[int]) -> tuple[list[int], bytes]:
        whole = data.rfind(b"\r\n") + 2 if b"\r\n" in data else 0
        named = re.findall(rb"QN=(\d{17});ST=91;CN=9014;", data[:whole])
        numbers = {qn_of(number).encode(): number for number in flight}
        assert set(named) <= set(numbers), f"answers to frames that are not on their way: {named}"
        return [numbers[qn] for qn in named], data[whole:]


class Meter(asyncio.Protocol):
    """One meter.  ``acked`` are the numbers of its frames that were acknowledged, ever."""

    def __init__(
        self,
        dialect: Dialect,
        address: str,
        target: tuple[str, int],
        source: str,
        manner: "Manner",
        seed: int,
    ) -> None:
        self.dialect = dialect
        self.address = address
        self.acked: set[int] = set()
        self.sent = 0
        self.resent = 0
        self.refused = 0
        self.last_ack_s = 0.0
        self.latencies_s: list[float] = []
        self.faults: list[str] = []
        self._target = target
        self._source = source
        self._manner = manner
        self._random = random.Random(seed)
        self._unacked: deque[int] = deque()
        self._flight: deque[int] = deque()
        self._sent_at: dict[int, float] = {}
        self._rest = b""
        self._transport: asyncio.Transport | None = None
        self._lost = asyncio.Event()
        self._loop = asyncio.get_running_loop()

    @property
    def name(self) -> tuple[str, str]:
        """Codec and address."""
        return self.dialect.codec, self.address

    @property
    def is_done(self) -> bool:
        """Whether nothing more is to be said."""
        return self._manner.stopped and not self._unacked

    async def live(self) -> None:
        """Dial in, again and again, until everything was said and acknowledged."""
        while not self.is_done:
            self._lost.clear()
            try:
                await self._loop.create_connection(
                    lambda: self, *self._target, local_addr=(self._source, 0)
                )
            except OSError:
                self.refused += 1
                await asyncio.sleep(self._random.uniform(*REDIAL_PAUSE_S))
                continue
            await self._lost.wait()
            if not self.is_done:
                await asyncio.sleep(self._random.uniform(*REDIAL_PAUSE_S))

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]  # a stream, by create_connection
        self._flight.clear()
        self._rest = b""
        again = list(self._unacked)
        self.resent += len(again)
        self._send(self.dialect.login(self.address), again)
        self._say_more()

    def data_received(self, data: bytes) -> None:
        now = self._loop.time()
        try:
            numbers, self._rest = self.dialect.hear(self._rest + data, self._flight)
        except AssertionError as error:
            self.faults.append(str(error))
            self.hang_up()
            return
        for number in numbers:
            self._flight.remove(number)
            self._unacked.remove(number)
            self.acked.add(number)
            self.last_ack_s = now
            self.latencies_s.append(now - self._sent_at.pop(number))
        if numbers:
            pause = self._random.uniform(0.5, 1.5) * self._manner.pause_s
            self._loop.call_later(pause, self._say_more)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  # asyncio's seam
        self._transport = None
        self._lost.set()

    def hang_up(self) -> None:
        """Break the connection, as a meter whose line was cut."""
        if self._transport is not None:
            self._transport.abort()

    def lose_patience(self, now: float) -> None:
        """Dial in anew when an answer is overdue."""
        oldest = min((self._sent_at[number] for number in self._flight), default=now)
        if now - oldest > self._manner.patience_s:
            self.hang_up()

    def _say_more(self) -> None:
        """Fill the window with new frames."""
        if self._transport is None or self._transport.is_closing():
            return
        if self.is_done:
            self._transport.close()
            return
        fresh: list[int] = []
        if not self._manner.stopped:
            free = self._manner.window - len(self._unacked)
            fresh = list(range(self.sent, self.sent + free))
            self.sent += max(0, free)
            self._unacked.extend(fresh)
        if fresh:
            self._send(b"", fresh)

    def _send(self, login: bytes, numbers: Sequence[int]) -> None:
        assert self._transport is not None
        now = self._loop.time()
        self._flight.extend(numbers)
        self._sent_at |= dict.fromkeys(numbers, now)
        frames = (self.dialect.frame(self.address, number) for number in numbers)
        self._transport.write(login + b"".join(frames))


@dataclass(slots=True)
class Manner:
    """How meters talk: frames on their way at most, the pause after an answer, their patience.

    Once ``stopped`` they say nothing new and hang up when everything is acknowledged.
    """

    window: int = 1
    pause_s: float = 0.1
    patience_s: float = 5.0
    stopped: bool = False


@dataclass(slots=True)
class Fleet:
    """Meters that talk as long as the ``async with`` block lasts."""

    meters: list[Meter] = field(default_factory=list)
    manners: list[Manner] = field(default_factory=list)
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)

    def add(self, manner: Manner, make: Callable[[int], Meter], numbers: Iterable[int]) -> None:
        """Add meters that share a manner."""
        self.manners.append(manner)
        self.meters += [make(number) for number in numbers]

    async def __aenter__(self) -> "Fleet":
        self._tasks = [asyncio.create_task(meter.live()) for meter in self.meters]
        self._tasks.append(asyncio.create_task(self._sweep()))
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for meter in self.meters:
            meter.hang_up()

    async def finish(self, within_s: float) -> None:
        """Say nothing new, and wait until everything said is acknowledged."""
        for manner in self.manners:
            manner.stopped = True
        for meter in self.meters:
            meter._say_more()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                await asyncio.gather(*self._tasks[: len(self.meters)])
        waiting = {meter.name: list(meter._unacked) for meter in self.meters if meter._unacked}
        assert not waiting, f"never acknowledged: {waiting}"

    @property
    def acked(self) -> int:
        """How many frames were acknowledged."""
        return sum(len(meter.acked) for meter in self.meters)

    @property
    def faults(self) -> list[str]:
        """Answers that nobody was owed."""
        return [fault for meter in self.meters for fault in meter.faults]

    def said(self, codec: str) -> dict[tuple[str, int], bool]:
        """Each frame sent by the meters of a codec: (address, number), whether acknowledged."""
        return {
            (meter.address, number): number in meter.acked
            for meter in self.meters
            if meter.dialect.codec == codec
            for number in range(meter.sent)
        }

    def silent_since(self, moment_s: float) -> list[tuple[str, str]]:
        """The meters that had no answer after a moment of the loop's clock."""
        return [meter.name for meter in self.meters if meter.last_ack_s <= moment_s]

    async def everybody_is_answered(self, within_s: float) -> None:
        """Wait until every meter has got an answer to something, from now on."""
        moment_s = loop_time()

        async def silent() -> int:
            return len(self.silent_since(moment_s))

        await eventually(silent, lambda count: count == 0, within_s)

    async def acknowledges(self, count: int, within_s: float) -> None:
        """Wait until so many frames were acknowledged, ever."""

        async def acked() -> int:
            return self.acked

        await eventually(acked, lambda acked: acked >= count, within_s)

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_INTERVAL_S)
            now = asyncio.get_running_loop().time()
            for meter in self.meters:
                meter.lose_patience(now)


def loop_time() -> float:
    """The clock of ``Fleet.silent_since``."""
    return asyncio.get_running_loop().time()


def mixed_fleet(
    target: tuple[str, int], start: datetime, seed: int, connections: int, pause_s: float
) -> Fleet:
    """Four Acrel meters with windows of 1 to 4 for each of HJ 212 with a window of 2."""
    fleet = Fleet()

    def meter(dialect: Dialect, number: int) -> Meter:
        address = f"{dialect.codec}{number:05d}".upper()
        # Twenty-five meters an address: a stranger may enrol a hundred within an hour.
        source = f"127.0.0.{2 + number // 25}"
        return Meter(dialect, address, target, source, fleet.manners[-1], seed + number)

    for place, window in enumerate((1, 2, 3, 4)):
        numbers = range(place, connections, 5)
        fleet.add(Manner(window, pause_s), lambda number: meter(Acrel(start), number), numbers)
    numbers = range(4, connections, 5)
    fleet.add(Manner(2, pause_s), lambda number: meter(Hj212(start), number), numbers)
    return fleet
