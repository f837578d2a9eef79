"""What a role has to tell, and the numbers for which somebody else must be asked.

counters ───────────────► samples ─► /metrics
database, journal ─ look ─┘    └─► troubles ─► /readyz
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from wattwarden import __version__
from wattwarden.server.metrics.page import Sample
from wattwarden.server.sampling import counted
from wattwarden.storage.database import Connection, connect
from wattwarden.storage.errors import StorageError

# Whoever asks, a monitor or a load balancer, asks every few seconds and waits a few.
LOOK_INTERVAL_S: Final = 5.0
LOOK_S: Final = 2.0


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why a role cannot do its work: a short name, and what is known."""

    check: str
    reason: str


@dataclass(frozen=True, slots=True)
class Seen:
    """What a look found: numbers, and what they mean for the role's work."""

    samples: tuple[Sample, ...] = ()
    troubles: tuple[Trouble, ...] = ()


@dataclass(frozen=True, slots=True)
class Look:
    """Something to be asked of the database or the journal."""

    name: str
    ask: Callable[[], Awaitable[Seen]]


def in_database(dsn: str, name: str, ask: Callable[[Connection], Awaitable[Seen]]) -> Look:
    """Return a look at the database, on a connection of its own each time."""

    async def look() -> Seen:
        connection = await connect(dsn, name=f"watch {name}", command_timeout_s=LOOK_S)
        try:
            return await ask(connection)
        finally:
            connection.terminate()

    return Look(name, look)


@dataclass(slots=True)
class Watch:
    """What one role tells.  ``samples`` and ``troubles`` read what is in memory, now."""

    role: str
    samples: Callable[[], Iterable[Sample]]
    troubles: Callable[[], Iterable[Trouble]]
    looks: Sequence[Look] = ()
    _seen: dict[str, Seen] = field(default_factory=dict)
    _failures: dict[str, int] = field(default_factory=dict)
    _looked_s: float = float("-inf")
    _looking: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def numbers(self) -> list[Sample]:
        """Return everything there is to tell."""
        troubles = await self.unready()
        return [
            Sample("build_info", 1, (__version__,)),
            Sample("ready", int(not troubles)),
            *(Sample("trouble", 1, (one,)) for one in dict.fromkeys(t.check for t in troubles)),
            *(Sample("look_failures_total", n, (look,)) for look, n in self._failures.items()),
            *(Sample("log_events_total", n, (level, event)) for level, event, n in counted()),
            *self.samples(),
            *(sample for seen in self._seen.values() for sample in seen.samples),
        ]

    async def unready(self) -> list[Trouble]:
        """Return why the role cannot do its work; empty when it can."""
        await self._look()
        found = (trouble for seen in self._seen.values() for trouble in seen.troubles)
        return [*self.troubles(), *found]

    async def _look(self) -> None:
        """Ask again what was asked some seconds ago; several who come at once share the answers."""
        async with self._looking:
            now_s = asyncio.get_running_loop().time()
            if now_s < self._looked_s + LOOK_INTERVAL_S:
                return
            answers = await asyncio.gather(*(self._ask(look) for look in self.looks))
            self._seen = dict(zip((one.name for one in self.looks), answers, strict=True))
            self._looked_s = asyncio.get_running_loop().time()

    async def _ask(self, look: Look) -> Seen:
        self._failures.setdefault(look.name, 0)
        try:
            async with asyncio.timeout(LOOK_S):
                return await look.ask()
        except (StorageError, TimeoutError) as error:
            self._failures[look.name] += 1
            reason = error.message if isinstance(error, StorageError) else "no answer in time"
            return Seen(troubles=(Trouble(look.name, reason),))


def side_watch(parts: Sequence[Watch]) -> Watch:
    """Return what several roles tell that run in one process, ``side``."""
    return Watch(
        "side",
        lambda: [sample for part in parts for sample in part.samples()],
        lambda: [trouble for part in parts for trouble in part.troubles()],
        tuple(look for part in parts for look in part.looks),
    )
