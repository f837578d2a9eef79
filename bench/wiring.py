"""What a frame and its answer take of a wire, counted on the loopback."""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from bench.errors import BenchError
from bench.figures import Series
from bench.gateway import CONNECTIONS
from bench.load import run_load
from bench.servers import Server

# Two loads of these lengths differ by frames alone: each connects and logs in as often.
SHORT_S, LONG_S = 0.5, 2.0
# Longer than a peer waits with its TCP acknowledgement for something to send it with: meters that
# send once a minute never have that either.
INTERVAL_MS: Final = 200


def frame_on_wire(protocol: str, first: Server) -> Mapping[str, Series]:
    """Bytes and packets of the loopback for a frame and its answer, each in a packet of its own.

    What else goes over the loopback is counted before, and taken off.
    """
    began, before = time.monotonic(), _loopback()
    time.sleep(SHORT_S)
    others = [
        (now - then) / (time.monotonic() - began)
        for now, then in zip(_loopback(), before, strict=True)
    ]
    short, few = _run(protocol, first, SHORT_S, others)
    long, many = _run(protocol, first, LONG_S, others)
    sizes = [(more - less) / (many - few) for more, less in zip(long, short, strict=True)]
    return {name: Series((size,)) for name, size in zip(("bytes", "packets"), sizes, strict=True)}


def _run(
    protocol: str, first: Server, seconds: float, others: Sequence[float]
) -> tuple[list[float], int]:
    """Bytes and packets of a load, and the frames that it acknowledged."""
    began, before = time.monotonic(), _loopback()
    report = run_load(
        first,
        *("--protocol", protocol, "--connections", str(CONNECTIONS), "--mode", "paced"),
        *("--interval", str(INTERVAL_MS), "--warmup", "0", "--seconds", str(seconds)),
    )
    after, took_s = _loopback(), time.monotonic() - began
    found = [
        now - then - took_s * rate for now, then, rate in zip(after, before, others, strict=True)
    ]
    return found, report.acked


def _loopback() -> tuple[int, int]:
    """Bytes and packets that have come in; each goes out and comes in once."""
    for line in Path("/proc/net/dev").read_text(encoding="ascii").splitlines():
        name, _, counters = line.partition(":")
        if name.strip() == "lo":
            size, packets = counters.split()[:2]
            return int(size), int(packets)
    raise BenchError("this machine has no lo")
