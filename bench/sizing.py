"""What a fleet of meters takes by what was measured, and the machines that carry it."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Final

from bench.figures import Series

Facts = Mapping[str, tuple[Series, datetime]]
"""What runs measured, by name, and when."""

FRAMES_PER_MINUTE: Final = 1.0
DAY_S: Final = 86_400
# A city that comes back from an outage sends what it kept besides: half is left free.
MOST_CPU: Final = 0.5
# Page cache for the day's partitions is what the rest is for.
MOST_MEMORY: Final = 0.5
# PostgreSQL needs room for an index that is built, a disk for its own wear.
MOST_DISK: Final = 0.7
# Days in PostgreSQL; older ones are columns in files.
HOT_DAYS: Final = 30
# [gateway] max_sessions of a process, of which a machine may run as many as it has cores.
CONNECTIONS_OF_A_PROCESS: Final = 50_000
# Of more than one machine: the journal on three nodes, the database with one replica.
JOURNAL_COPIES: Final = 3
ROW_COPIES: Final = 2
GIB: Final = 2**30


@dataclass(frozen=True, slots=True)
class Machine:
    """A kind of machine; the price is assumed, in yuan a month."""

    name: str
    cores: int
    memory_gib: float
    disk_tb: float
    writes_mb_s: float
    network_mbit_s: float
    yuan_a_month: float


# Round assumptions in the order of what virtual machines with local disks are let for; put the
# offers that you have in their place.
SMALL: Final = Machine("2 cores, 8 GiB, 0.5 TB", 2, 8, 0.5, 100, 100, 300)
MIDDLE: Final = Machine("4 cores, 16 GiB, 2 TB", 4, 16, 2, 200, 200, 900)
LARGE: Final = Machine("16 cores, 64 GiB, 8 TB", 16, 64, 8, 1_000, 1_000, 4_000)


@dataclass(frozen=True, slots=True)
class Costs:
    """What frames and connections take, as measured.

    ``curve`` holds frames a second and cores of all roles; ``full_us`` is the CPU time of all
    roles for one frame at full speed, by which the curve goes on.
    """

    curve: tuple[tuple[float, float], ...]
    full_us: float
    base_mib: float
    connection_kib: float
    rows_bytes: float
    log_bytes: float
    journal_bytes: float
    wire_bytes: float

    def cores(self, per_s: float) -> float:
        """Return the cores that so many frames a second take; never fewer than the first point."""
        if per_s <= self.curve[0][0]:
            return self.curve[0][1]
        for (low, at_low), (high, at_high) in pairwise(self.curve):
            if per_s <= high:
                return at_low + (at_high - at_low) * (per_s - low) / (high - low)
        last, at_last = self.curve[-1]
        return at_last + (per_s - last) * self.full_us / 1e6


@dataclass(frozen=True, slots=True)
class Needs:
    """What a fleet takes, before any room is left free."""

    meters: int
    per_s: float
    cores: float
    memory_gib: float
    rows_gb_day: float
    journal_gb_day: float
    writes_mb_s: float
    network_mbit_s: float

    def shares_of(self, machine: Machine, copies: tuple[int, int]) -> Mapping[str, float]:
        """Return how many machines of a kind each resource alone would fill."""
        rows, journal = copies
        disk_tb = (HOT_DAYS * self.rows_gb_day * rows + self.journal_gb_day * journal) / 1000
        writes = self.writes_mb_s * max(copies)
        return {
            "CPU": self.cores / machine.cores / MOST_CPU,
            "memory": self.memory_gib / machine.memory_gib / MOST_MEMORY,
            "connections": self.meters / (CONNECTIONS_OF_A_PROCESS * machine.cores),
            "disk": disk_tb / machine.disk_tb / MOST_DISK,
            "writes": writes / machine.writes_mb_s / MOST_DISK,
            "network": self.network_mbit_s / machine.network_mbit_s / MOST_CPU,
        }


@dataclass(frozen=True, slots=True)
class Plan:
    """Machines for a fleet, and what fills the first of them."""

    machine: Machine
    count: int
    shares: Mapping[str, float]

    @property
    def first(self) -> str:
        """The resource that runs out first."""
        return max(self.shares, key=lambda name: self.shares[name])


def costs_of(facts: Facts) -> Costs:
    """Return the costs by what was last measured.

    Raises:
        KeyError: A fact was never measured.
    """

    def value(name: str) -> float:
        return facts[name][0].median

    steps = sorted({name.split(".")[1] for name in facts if name.startswith("curve.")})
    curve = sorted(
        (value(f"curve.{n}.frames_per_s"), _sum(facts, f"curve.{n}.", ".cores")) for n in steps
    )
    return Costs(
        tuple(curve),
        _sum(facts, "acrel.c1000.w1g1.", "_us") - value("acrel.c1000.w1g1.reference_us"),
        _sum(facts, "curve.0.", ".mib"),
        value("idle.rss_kib") + value("idle.kernel_kib"),
        value("endtoend.acrel.rows_bytes"),
        value("endtoend.acrel.log_bytes"),
        value("endtoend.acrel.journal_bytes"),
        value("wire.acrel.bytes"),
    )


def needs_of(meters: int, costs: Costs) -> Needs:
    """Return what so many meters take that send a frame a minute each."""
    per_s = meters * FRAMES_PER_MINUTE / 60
    written = costs.rows_bytes + costs.log_bytes + costs.journal_bytes
    return Needs(
        meters,
        per_s,
        costs.cores(per_s),
        (costs.base_mib * 1024 + meters * costs.connection_kib) * 1024 / GIB,
        per_s * DAY_S * costs.rows_bytes / 1e9,
        per_s * DAY_S * costs.journal_bytes / 1e9,
        per_s * written / 1e6,
        per_s * costs.wire_bytes * 8 / 1e6,
    )


def plan_for(needs: Needs) -> Plan:
    """Return the machines that carry a fleet: the smallest one that does, or several large ones."""
    for machine in (SMALL, MIDDLE, LARGE):
        shares = needs.shares_of(machine, (1, 1))
        if max(shares.values()) <= 1:
            return Plan(machine, 1, shares)
    shares = needs.shares_of(LARGE, (ROW_COPIES, JOURNAL_COPIES))
    return Plan(LARGE, max(JOURNAL_COPIES, math.ceil(max(shares.values()))), shares)


def _sum(facts: Facts, begin: str, end: str) -> float:
    return sum(
        found.median
        for name, (found, _) in facts.items()
        if name.startswith(begin) and name.endswith(end)
    )
