"""Runs of loadgen against one server, and what they report."""

import json
import math
import subprocess
from dataclasses import dataclass
from typing import Final

import msgspec
from bench.errors import BenchError
from bench.servers import BUILD, Server

LIMIT_S: Final = 120.0  # for one run: three times what loadgen allows itself by its own bounds


class LoadError(BenchError):
    """loadgen counted faults, or could not begin."""


@dataclass(frozen=True, slots=True)
class Report:
    """What the table needs of loadgen's line; NaN where the run did not measure it."""

    registered: int
    connect_per_s: float
    register_p99_ms: float
    acked: int
    acked_per_s: float
    latency_p50_ms: float
    latency_p99_ms: float
    loadgen_cpu_percent: float
    server_cpu_us_per_frame: float
    server_rss_kib_per_connection: float
    errors: int
    resets: int
    missing_acks: int
    duplicate_acks: int
    noise_bytes: int


def run_load(server: Server, *options: str) -> Report:
    """Plays meters against a server's gateway processes.

    Raises:
        LoadError: Something was lost, doubled or refused.
    """
    report, status = try_load(server, *options)
    if status != 0:
        message = f"loadgen {' '.join(options)} left with {status}: {report}"
        raise LoadError(message)
    return report


def try_load(server: Server, *options: str) -> tuple[Report, int]:
    """As run_load, for runs in which faults are a result: returns the exit status as well."""
    pids = ",".join(map(str, server.pids["gateway"]))
    command = [str(BUILD / "loadgen"), "--port", str(server.port), "--server-pids", pids]
    done = subprocess.run(
        [*command, *options], capture_output=True, text=True, timeout=LIMIT_S, check=False
    )
    if not done.stdout:
        raise LoadError(done.stderr.strip() or f"loadgen left with {done.returncode}")
    line = json.loads(done.stdout)
    # Whole numbers are never null.
    known = {name: math.nan if value is None else value for name, value in line.items()}
    return msgspec.convert(known, Report), done.returncode
