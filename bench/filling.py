"""Loads timed until their rows are in the database, and what they took of all processes."""

import asyncio
import resource
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from bench.errors import BenchError
from bench.load import Report
from bench.processes import settle, tree_cpu_s
from bench.servers import Server

from wattwarden.storage.database import Connection

PATIENCE_S: Final = 120.0
SHORTEST_WAIT_S: Final = 0.05  # between two looks, each of which costs the database a count
LONGEST_WAIT_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class Turn:
    """Frames a second until all are rows, CPU µs a frame by process, bytes a frame by place."""

    per_s: float
    us: Mapping[str, float]
    taken: Mapping[str, float]


async def filled(
    place: tuple[Server, Connection, str], frames: int, load: Callable[[], Report]
) -> Turn:
    """Load, wait until so many more rows are there, then until all processes idle."""
    server, store, count = place
    before = await store.fetchval(count)
    cpu_s = {role: tree_cpu_s(pids) for role, pids in server.pids.items()}
    loadgen_s, began = _loadgen_s(), time.monotonic()
    await asyncio.to_thread(load)
    seconds = await _rows_are_there(store, count, before + frames, began)
    loadgen_s = _loadgen_s() - loadgen_s
    settle(server.all_pids)
    us = {
        role: 1e6 * (tree_cpu_s(pids) - cpu_s[role]) / frames for role, pids in server.pids.items()
    }
    return Turn(frames / seconds, {**us, "loadgen": 1e6 * loadgen_s / frames}, {})


async def _rows_are_there(store: Connection, count: str, wanted: int, began: float) -> float:
    """Return the seconds since ``began``; looks more often as the end comes near."""
    while True:
        at = time.monotonic()
        missing = wanted - await store.fetchval(count)
        took_s = at - began
        if missing <= 0:
            return took_s
        if took_s > PATIENCE_S:
            message = f"{missing} of the last {wanted} rows are not there after {took_s:.0f} s"
            raise BenchError(message)
        left_s = took_s * missing / max(wanted - missing, 1)
        await asyncio.sleep(min(max(left_s / 2, SHORTEST_WAIT_S), LONGEST_WAIT_S))


def _loadgen_s() -> float:
    """CPU of the loadgens that have ended; servers have not."""
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    return ended.ru_utime + ended.ru_stime
