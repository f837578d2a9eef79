"""Processes of a system: found, killed, made to stand still, kept from coming up."""

import asyncio
import contextlib
import os
import random
import signal
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final, NamedTuple

from tests.integration.system import System

TARGETS: Final = ("gateway", "writer", "archivist", "postgres", "nats")
RETURN_LIMIT_S: Final = 120.0
POLL_S: Final = 0.02
STANDSTILL_S: Final = 0.3  # every meter has sent something meanwhile
# A look through /proc costs milliseconds; a start of PostgreSQL takes longer than this.
HUNT_INTERVAL_S: Final = 0.1


class Kill(NamedTuple):
    """A process that was killed: when (seconds since the first), which role, its id."""

    at_s: float
    role: str
    pid: int

    def __str__(self) -> str:
        return f"{self.at_s:.2f} s {self.role} ({self.pid})"


def plan(seed: int, rounds: int) -> list[str]:
    """Each target once a round, in random order."""
    chance = random.Random(seed)
    return [role for _ in range(rounds) for role in chance.sample(TARGETS, len(TARGETS))]


async def storm(
    system: System, seed: int, roles: Sequence[str], pauses_s: tuple[float, float]
) -> list[Kill]:
    """Kill these roles one after another, a random pause before each; see that all come back."""
    chance = random.Random(seed)
    killed: dict[str, int] = {}
    kills: list[Kill] = []
    began = time.monotonic()
    for role in roles:
        await asyncio.sleep(chance.uniform(*pauses_s))
        pid = await successor(system, role, killed.get(role, 0))
        os.kill(pid, signal.SIGKILL)
        killed[role] = pid
        kills.append(Kill(time.monotonic() - began, role, pid))
    for role, pid in killed.items():
        await successor(system, role, pid)
    return kills


async def replaced(system: System, role: str, gone: Sequence[int]) -> None:
    """Wait until as many others have a role, once these are gone."""
    limit = time.monotonic() + RETURN_LIMIT_S
    while True:
        living = [pid for pid in system.pids()[role] if pid not in gone and is_alive(pid)]
        if len(living) >= len(gone):
            return
        assert time.monotonic() < limit, system.tail(f"no {role} after {gone} were killed")
        await asyncio.sleep(POLL_S)


async def double_fault(system: System) -> None:
    """The journal stands still for a moment, then the gateway dies, and the journal with it.

    Whatever the gateway had not been promised is gone for ever: it must not have been answered.
    """
    nats, gateway = [await successor(system, role, 0) for role in ("nats", "gateway")]
    os.kill(nats, signal.SIGSTOP)
    await asyncio.sleep(STANDSTILL_S)
    os.kill(gateway, signal.SIGKILL)
    os.kill(nats, signal.SIGKILL)
    await successor(system, "nats", nats)
    await successor(system, "gateway", gateway)


async def successor(system: System, role: str, killed: int) -> int:
    """The process that has a role now, after the killed one; waits for it."""
    limit = time.monotonic() + RETURN_LIMIT_S
    while True:
        for pid in system.pids()[role]:
            if pid not in {0, killed} and is_alive(pid):
                return pid
        assert time.monotonic() < limit, system.tail(f"no {role} after {killed} was killed")
        await asyncio.sleep(POLL_S)


def is_alive(pid: int) -> bool:
    """Whether a process exists and is no zombie."""
    with contextlib.suppress(OSError):
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        return state not in {"Z", "X"}
    return False


def processes(system: System, role: str) -> list[int]:
    """The processes of a role or an engine, parents first."""
    known = [pid for pid in system.pids().get(role, []) if is_alive(pid)]
    return [*known, *_forked(system)] if role == "postgres" else known


def _forked(system: System) -> Iterator[int]:
    """The postmaster and everything it forked: all that work in its folder."""
    folder = system.data / "postgres"
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                at_work = (entry / "cwd").readlink().is_relative_to(folder)
                if at_work and (entry / "exe").readlink().name.startswith("postgres"):
                    yield int(entry.name)


@asynccontextmanager
async def standing_still(stopped: Sequence[int]) -> AsyncIterator[None]:
    """Processes that answer nothing at all, their connections stay open."""
    # Parents first, so that they fork nothing behind our back.
    _signal(stopped, signal.SIGSTOP)
    try:
        yield
    finally:
        _signal(stopped, signal.SIGCONT)


@asynccontextmanager
async def kept_down(system: System, role: str) -> AsyncIterator[None]:
    """An engine is killed whenever it comes up."""
    task = asyncio.create_task(_keep_down(lambda: processes(system, role)))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _keep_down(hunted: Callable[[], Sequence[int]]) -> None:
    while True:
        _signal(hunted(), signal.SIGKILL)
        await asyncio.sleep(HUNT_INTERVAL_S)


def _signal(pids: Sequence[int], number: signal.Signals) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
