"""CPU time of processes and of all they started, read from /proc."""

import os
import re
import time
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from bench.errors import BenchError

TICKS_PER_S: Final = os.sysconf("SC_CLK_TCK")
PROPORTIONAL: Final = re.compile(r"^Pss: +(\d+) kB", re.MULTILINE)
SETTLED_SHARE: Final = 0.10  # of one core; ticks and polling of an idle tree stay below it
SETTLE_SPAN_S: Final = 0.5  # fifty clock ticks: fine enough to see a tenth of a core
SETTLE_LIMIT_S: Final = 60.0  # a writer that needs longer for a round's backlog does not keep up


class UnsettledError(BenchError):
    """Processes went on working long after their load had ended."""


def tree_cpu_s(roots: Iterable[int]) -> float:
    """User and system time of these processes and their descendants, ended ones included.

    A child that has ended and been waited for is in its parent's account, so the sum only grows.
    """
    return sum(sum(map(int, fields[11:15])) for fields in _tree(roots).values()) / TICKS_PER_S


def tree_mib(roots: Iterable[int]) -> float:
    """Resident memory of these processes and their descendants, what they share counted once."""
    return sum(_kib_of(pid) for pid in _tree(roots)) / 1024


def _tree(roots: Iterable[int]) -> dict[int, list[str]]:
    """Process id to what /proc/PID/stat says behind the name."""
    children: dict[int, list[int]] = defaultdict(list)
    found: dict[int, list[str]] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue  # ended between the listing and now
        pid = int(folder.name)
        children[int(fields[1])].append(pid)
        found[pid] = fields
    waiting, seen = list(roots), set[int]()
    while waiting:
        pid = waiting.pop()
        if pid not in seen:
            seen.add(pid)
            waiting += children[pid]
    return {pid: fields for pid, fields in found.items() if pid in seen}


def _kib_of(pid: int) -> float:
    """A process's share of the pages that it has."""
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii")
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    found = PROPORTIONAL.search(text)
    return float(found[1]) if found else 0.0


def settle(roots: Iterable[int]) -> None:
    """Waits until these trees idle, so that they take nothing from what is measured next.

    Raises:
        UnsettledError: They still worked when the limit was over.
    """
    roots = tuple(roots)
    stop_s = time.monotonic() + SETTLE_LIMIT_S
    before_s = tree_cpu_s(roots)
    while time.monotonic() < stop_s:
        time.sleep(SETTLE_SPAN_S)
        after_s = tree_cpu_s(roots)
        if after_s - before_s < SETTLED_SHARE * SETTLE_SPAN_S:
            return
        before_s = after_s
    message = f"processes {roots} still work {SETTLE_LIMIT_S:.0f} s after their load"
    raise UnsettledError(message)
