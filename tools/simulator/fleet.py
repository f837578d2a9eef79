"""A city's meters on real connections: they log in, report, keep what is not acknowledged.

    sending due ─► meter: connected? ─ no ─► dial, log in, send again what is kept
                                     └ yes ─► send;  an answer takes the frame off the meter's hands

A meter that has nothing to say for three cycles hangs up, as behind a carrier's outage.
"""

import asyncio
import contextlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from wattwarden.protocol.codec import Codec, default_profile
from wattwarden.protocol.errors import ProtocolError
from wattwarden.protocol.framer import Framer
from wattwarden.tools.simulator.chance import share
from wattwarden.tools.simulator.frames import Frames
from wattwarden.tools.simulator.sendings import Sending
from wattwarden.tools.simulator.site import Speaker
from wattwarden.tools.simulator.world import World

# A journal that syncs answers within milliseconds; a restart takes seconds.  For a connection as
# for an answer: the kernel alone would try again after twice the time, and twice that.
PATIENCE_S: Final = 10.0
REDIAL_S: Final = 1.0
SWEEP_S: Final = 0.5
# What is still on its way at the end has this long to be answered.
LAST_ANSWERS_S: Final = 30.0
# Whoever pressed Ctrl-C waits for what a healthy system answers at once.
HURRIED_S: Final = 2.0
QUIET_CYCLES: Final = 3
# Due sendings between two looks at the loop.
BURST: Final = 64


@dataclass(slots=True)
class Tally:
    """What became of the frames; ``sent`` counts each frame once, however often it went out."""

    sent: int = 0
    acked: int = 0
    resent: int = 0
    connections: int = 0
    refused_dials: int = 0


class _Meter(asyncio.Protocol):
    """One meter and its memory."""

    def __init__(self, fleet: "Fleet", speaker: Speaker, codec: Codec) -> None:
        self.speaker = speaker
        self.kept: list[tuple[float, bytes]] = []
        self.said = 0
        self.said_at = 0.0
        self._fleet = fleet
        self._codec = codec
        self._framer = Framer(codec.outline)
        self._flight: list[tuple[float, bytes]] = []
        self._transport: asyncio.Transport | None = None
        self._dialling: asyncio.Task[None] | None = None

    def say(self, frame: bytes, now: float) -> None:
        """Send a frame as soon as there is a connection."""
        self.said_at = now
        self.said += 1
        self.kept.append((now, frame))
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(frame)
            self._flight.append((now, frame))
        elif self._dialling is None:
            self._dialling = asyncio.create_task(self._dial())

    async def _dial(self) -> None:
        while self._transport is None:
            try:
                async with asyncio.timeout(PATIENCE_S):
                    await asyncio.get_running_loop().create_connection(
                        lambda: self, *self._fleet.target
                    )
            except OSError:
                self._fleet.tally.refused_dials += 1
                await asyncio.sleep(self._fleet.redial_s)
        self._dialling = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Log in, and send all that is kept."""
        self._transport = transport  # type: ignore[assignment]  # a stream, by create_connection
        self._framer = Framer(self._codec.outline)
        now = asyncio.get_running_loop().time()
        again = len(self._flight)
        self._fleet.tally.connections += 1
        self._fleet.tally.resent += again
        frames = [frame for _, frame in self.kept]
        self._flight = [(now, frame) for frame in frames]
        login = self._fleet.frames.login(self.speaker)
        self._transport.write(login + b"".join(frames))  # type: ignore[union-attr]  # just set

    def data_received(self, data: bytes) -> None:
        """Take acknowledged frames off the list."""
        for frame in self._framer.feed(data):
            acked = self._acked(frame)
            if acked is None:
                continue
            if self._fleet.loses_answer(self.speaker):
                self.hang_up()
                return
            self._flight = [one for one in self._flight if one[1] is not acked]
            self.kept = [one for one in self.kept if one[1] is not acked]
            self._fleet.tally.acked += 1

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  # asyncio's seam
        """Dial again when something is kept."""
        self._transport = None
        if self.kept and self._dialling is None and not self._fleet.ended:
            self._dialling = asyncio.create_task(self._dial())

    def look(self, now: float, quiet_s: float) -> None:
        """Hang up when an answer is overdue, or nothing was said for long."""
        overdue = bool(self._flight) and now - self._flight[0][0] > PATIENCE_S
        if overdue or (not self.kept and now - self.said_at > quiet_s):
            self.hang_up()

    def hang_up(self) -> None:
        """Break the connection."""
        if self._transport is not None:
            self._transport.abort()

    async def give_up(self) -> None:
        """Stop for good."""
        if self._dialling is not None:
            self._dialling.cancel()
            await asyncio.gather(self._dialling, return_exceptions=True)
        self.hang_up()

    def _acked(self, frame: bytes) -> bytes | None:
        """Return the frame that an answer acknowledges."""
        try:
            message = self._codec.read(frame, default_profile)
        except ProtocolError:
            return None
        if message.kind == "upload_ack":
            return self._flight[0][1] if self._flight else None
        if message.kind != "data_ack":
            return None
        number = b"QN=" + str(message.fields.get("QN", "")).encode() + b";"
        return next((one for _, one in self._flight if number in one), None)


class Fleet:
    """All meters of a world against one meter port."""

    def __init__(self, world: World, target: tuple[str, int], redial_s: float = REDIAL_S) -> None:
        self.tally = Tally()
        self.target = target
        self.redial_s = redial_s
        self.frames = Frames(world.site)
        self.ended = False
        self._world = world
        self._meters: dict[int, _Meter] = {}
        self._answers = 0

    async def play(
        self,
        due: Iterable[Sending],
        now_ms: Callable[[], float],
        speed: float,
        seen: Callable[[int], object],
        stop: asyncio.Event,
    ) -> None:
        """Send everything when it is due, or what is due until ``stop``; wait for last answers."""
        sweeping = asyncio.create_task(self._sweep(speed))
        try:
            for number, sending in enumerate(due):
                wait_s = (sending.at_ms - now_ms()) / 1000 / speed
                if wait_s > 0:
                    await _wait(stop, wait_s)
                elif number % BURST == 0:
                    await asyncio.sleep(0)
                if stop.is_set():
                    break
                self._meter(sending.column).say(sending.frame, asyncio.get_running_loop().time())
                self.tally.sent += 1
                seen(self.tally.sent)
            await self._last_answers(HURRIED_S if stop.is_set() else LAST_ANSWERS_S)
        finally:
            self.ended = True
            sweeping.cancel()
            await asyncio.gather(sweeping, return_exceptions=True)
            await asyncio.gather(*(meter.give_up() for meter in self._meters.values()))

    @property
    def unacked(self) -> int:
        """How many frames nobody has acknowledged yet."""
        return sum(len(meter.kept) for meter in self._meters.values())

    @property
    def waiting_s(self) -> float:
        """For how long the oldest frame waits that nobody has acknowledged, 0 for none."""
        said = [meter.kept[0][0] for meter in self._meters.values() if meter.kept]
        return asyncio.get_running_loop().time() - min(said) if said else 0.0

    def told(self) -> dict[str, tuple[int, int]]:
        """Return how many frames each meter said, and was told that they are taken, by address."""
        return {
            meter.speaker.address: (meter.said, meter.said - len(meter.kept))
            for meter in self._meters.values()
        }

    def hang_up(self, every: int) -> None:
        """Break the connections of every so manieth meter; they dial again."""
        for meter in list(self._meters.values())[::every]:
            meter.hang_up()

    def loses_answer(self, speaker: Speaker) -> bool:
        """Whether an answer is lost on its way to the meter."""
        self._answers += 1
        rate = self._world.scenario.confounders.ack_loss
        drawn = share(self._world.seed, "answer", speaker.spec.id, self._answers)
        return drawn < rate

    def _meter(self, column: int) -> _Meter:
        meter = self._meters.get(column)
        if meter is None:
            speaker = self._world.site.speakers[column]
            meter = _Meter(self, speaker, self.frames.codec(speaker))
            self._meters[column] = meter
        return meter

    async def _sweep(self, speed: float) -> None:
        while True:
            await asyncio.sleep(SWEEP_S)
            now = asyncio.get_running_loop().time()
            for meter in self._meters.values():
                meter.look(now, max(PATIENCE_S, QUIET_CYCLES * meter.speaker.cycle_s / speed))

    async def _last_answers(self, patience_s: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(patience_s):
                while self.unacked:  # noqa: ASYNC110  # once a run, at its end
                    await asyncio.sleep(SWEEP_S / 5)


async def _wait(stop: asyncio.Event, seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await stop.wait()
