"""What a given load takes of this machine, role by role: from nothing to 10,000 frames a second.

At few frames a second most of the cost is not the frames': ticks, looking for work, envelopes of a
few frames.  Capacity is computed from these points, not from the cost of a frame at full speed.
"""

import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from bench.errors import BenchError
from bench.figures import Section, Series, Table, rounded
from bench.gateway import clock_starts
from bench.load import run_load
from bench.processes import settle, tree_cpu_s, tree_mib
from bench.servers import Server, build, wattwarden

# Connections, and seconds between two frames of each.  2,700 meters at one a minute are a city;
# 100,000 meters at one a minute are 10,000 that send ten times as often.
STEPS: Final = ((0, 0.0), (2_700, 60.0), (10_000, 6.0), (10_000, 1.0))
BEGIN_S: Final = 6.0  # all are logged in and their first envelopes are written
SAMPLE_S: Final = 8.0
LEEWAY_S: Final = 3.0  # the load goes on for as long behind the sample


class UnevenError(BenchError):
    """The load was over before its sample was."""


@dataclass(frozen=True, slots=True)
class Step:
    """Frames a second, shares of a core by role, resident MiB by role."""

    connections: int
    per_s: float
    shares: Mapping[str, float]
    mib: Mapping[str, float]


def measure_curve(program: Path) -> Section:
    """CPU and memory by role at each step of load."""
    build()
    starts = clock_starts(datetime.now(UTC))
    with wattwarden(program) as under_test:
        most = max(connections for connections, _ in STEPS)
        # Enrolling is none of the steps' work.
        options = ("--protocol", "acrel", "--connections", str(most), "--count", str(2 * most))
        run_load(under_test, *options, "--step", "1", "--start", next(starts))
        steps = [_step(under_test, *step, next(starts)) for step in STEPS]
    return Section((), (_table(steps),), _facts(steps))


def _step(under_test: Server, connections: int, interval_s: float, start: str) -> Step:
    settle(under_test.all_pids)
    if not connections:
        return Step(0, 0.0, _sample(under_test), _memory(under_test))
    options = (
        *("--protocol", "acrel", "--connections", str(connections), "--mode", "paced"),
        *("--interval", str(1000 * interval_s), "--step", "1", "--start", start),
        *("--warmup", str(BEGIN_S), "--seconds", str(SAMPLE_S + LEEWAY_S)),
    )
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(run_load, under_test, *options)
        time.sleep(BEGIN_S)
        shares = _sample(under_test)
        mib = _memory(under_test)
        if running.done():
            message = f"a load of {connections} connections was over before its sample"
            raise UnevenError(message)
        per_s = running.result().acked_per_s
    return Step(connections, per_s, shares, mib)


def _sample(under_test: Server) -> Mapping[str, float]:
    before_s, began = _cpu(under_test), time.monotonic()
    time.sleep(SAMPLE_S)
    after_s, took_s = _cpu(under_test), time.monotonic() - began
    return {role: (after_s[role] - before_s[role]) / took_s for role in after_s}


def _cpu(under_test: Server) -> dict[str, float]:
    return {role: tree_cpu_s(pids) for role, pids in under_test.pids.items()}


def _memory(under_test: Server) -> Mapping[str, float]:
    return {role: tree_mib(pids) for role, pids in under_test.pids.items()}


def _table(steps: list[Step]) -> Table:
    roles = tuple(steps[0].shares)
    heading = ("Acrel, connections", "frames/s", *(f"{role} %" for role in roles), "µs a frame")
    rows = tuple(
        (
            f"{step.connections:,}",
            rounded(step.per_s),
            *(f"{100 * step.shares[role]:.1f}" for role in roles),
            rounded(1e6 * sum(step.shares.values()) / step.per_s) if step.per_s else "",
        )
        for step in steps
    )
    return Table(
        (*heading, "MiB of all"),
        tuple(
            (*row, rounded(sum(step.mib.values()))) for row, step in zip(rows, steps, strict=True)
        ),
    )


def _facts(steps: list[Step]) -> Mapping[str, Series]:
    facts: dict[str, Series] = {}
    for number, step in enumerate(steps):
        facts[f"curve.{number}.frames_per_s"] = Series((step.per_s,))
        facts[f"curve.{number}.connections"] = Series((step.connections,))
        for role, share in step.shares.items():
            facts[f"curve.{number}.{role}.cores"] = Series((share,))
            facts[f"curve.{number}.{role}.mib"] = Series((step.mib[role],))
    return facts
