"""A run: everybody dials in, says what is due, and what is unanswered at the end is waited for."""

import asyncio
import contextlib
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol

from wattwarden.server.lifetime import unless
from wattwarden.tools.simulator.chance import share
from wattwarden.tools.simulator.protocols.answering import Answerer
from wattwarden.tools.simulator.protocols.calling import Caller
from wattwarden.tools.simulator.protocols.cast import Cast, Doors
from wattwarden.tools.simulator.protocols.datagrams import Sender
from wattwarden.tools.simulator.protocols.garbage import disturb
from wattwarden.tools.simulator.protocols.platforms import Platform
from wattwarden.tools.simulator.protocols.stage import Memory, Schedule, Stage

SWEEP_S: Final = 0.25
# What is on its way at the end has this long to be answered, longer than the longest pause.
LAST_ANSWERS_S: Final = 45.0
# Whoever pressed Ctrl-C waits for what a healthy system answers at once.
HURRIED_S: Final = 2.0
# Nobody waits longer than that before the first word, however slow the cycle.
FIRST_WITHIN_S: Final = 10.0

Say = Callable[[int, datetime], None]


class Actor(Protocol):
    """Whoever is looked after: a caller, a sender, a DTU."""

    def look(self, now_s: float) -> None:
        """Do what is overdue."""

    async def give_up(self) -> None:
        """End for good."""


@dataclass(frozen=True, slots=True)
class Plan:
    """When what is said: ``cycle_s`` seconds between reports, so many ``turns`` of each meter.

    ``garbage`` connections are no meters'.
    """

    cycle_s: float
    turns: int
    garbage: int


class Show:
    """One run of a cast against a gateway."""

    def __init__(self, cast: Cast, stage: Stage, doors: Doors, plan: Plan) -> None:
        self._cast = cast
        self._stage = stage
        self._doors = doors
        self._plan = plan
        self._actors: list[Actor] = []
        self._memories: list[Memory] = []
        self._speaking: list[Coroutine[None, None, None]] = []
        self._begun_s = time.monotonic()
        self._schedule = Schedule(stage.now(), plan.cycle_s, plan.turns)

    @property
    def unacked(self) -> int:
        """How many reports nobody has acknowledged yet."""
        return sum(len(memory.kept) for memory in self._memories)

    async def play(self, seen: Callable[[int], object], stop: asyncio.Event) -> int:
        """Play to the end, or until ``stop``; return how many reports stayed unanswered."""
        platform = await self._gather()
        others = [asyncio.create_task(self._sweep(seen))]
        garbage = range(self._plan.garbage)
        others += [asyncio.create_task(disturb(self._stage, number)) for number in garbage]
        try:
            await unless(stop, self._speak_all())
            self._stage.ended = True
            await self._last_answers(HURRIED_S if stop.is_set() else LAST_ANSWERS_S)
        finally:
            self._stage.ended = True
            await _ended(*others)
            unacked = self.unacked
            await asyncio.gather(*(actor.give_up() for actor in self._actors))
            if platform is not None:
                await platform.give_up()
            # What was closed goes out with the loop's next turns.
            await asyncio.sleep(SWEEP_S)
        return unacked

    async def _speak_all(self) -> None:
        async with asyncio.TaskGroup() as speaking:
            for one in self._speaking:
                speaking.create_task(one)
            # Those who are asked are heard to the end, too.
            speaking.create_task(self._wait(self._plan.turns, 0.0))

    async def _gather(self) -> Platform | None:
        """Bring everybody on, each with a phase of its own."""
        cast, stage = self._cast, self._stage
        for dialect in cast.callers:
            caller = Caller(dialect, stage)
            self._enter(caller, caller.memory)
            self._speak(caller.name, dialect.step_s, caller.say, caller.line.dial)
        for polled in cast.polled:
            caller = Caller(polled.dialect, stage)
            self._actors.append(caller)
            self._speaking.append(self._dial(caller))
        for dialect in cast.senders:
            sender = Sender(dialect, stage, self._doors.udp or stage.target)
            await sender.open()
            self._enter(sender, sender.memory)
            self._speak(sender.name, dialect.step_s, sender.say)
        for site in cast.sites:
            answerer = Answerer(site, stage)
            self._actors.append(answerer)
            self._speaking.append(self._dial(answerer))
        if not cast.pushed:
            return None
        platform = Platform(stage, self._doors.http or "", self._doors.tokens)
        await platform.open()
        self._memories.append(platform.memory)
        for pushed in cast.pushed:
            name = f"{pushed.codec.name}:{pushed.address}"
            self._speak(name, pushed.step_s, platform.saying(pushed))
        return platform

    def _enter(self, actor: Actor, memory: Memory) -> None:
        self._actors.append(actor)
        self._memories.append(memory)

    def _speak(
        self, name: str, step_s: int, say: Say, before: Callable[[], None] | None = None
    ) -> None:
        self._speaking.append(self._turns(self._phase_s(name), step_s, say, before))

    async def _turns(
        self, phase_s: float, step_s: int, say: Say, before: Callable[[], None] | None
    ) -> None:
        """Let one meter say what is due, turn by turn."""
        for turn in range(self._plan.turns):
            await self._wait(turn, phase_s)
            if before is not None and turn == 0:
                before()
            say(turn, self._schedule.at(turn, phase_s, step_s))

    async def _dial(self, actor: Caller | Answerer) -> None:
        await self._wait(0, min(FIRST_WITHIN_S, self._phase_s(actor.name)))
        actor.line.dial()

    async def _wait(self, turn: int, phase_s: float) -> None:
        due_s = self._begun_s + self._schedule.due_s(turn, phase_s)
        await asyncio.sleep(max(0.0, due_s - time.monotonic()))

    def _phase_s(self, name: str) -> float:
        return self._plan.cycle_s * share(self._stage.seed, "phase", name)

    async def _sweep(self, seen: Callable[[int], object]) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(SWEEP_S)
            now_s = loop.time()
            for actor in self._actors:
                actor.look(now_s)
            seen(self._stage.tally.reports + self._stage.tally.answers)

    async def _last_answers(self, patience_s: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(patience_s):
                while self.unacked:  # noqa: ASYNC110  # once a run, at its end
                    await asyncio.sleep(SWEEP_S)


async def _ended(*tasks: asyncio.Task[None]) -> None:
    """End tasks that may still run; an error of theirs is one of the run."""
    for task in tasks:
        task.cancel()
    for result in await asyncio.gather(*tasks, return_exceptions=True):
        if isinstance(result, Exception):
            raise result
