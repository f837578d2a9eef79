"""Minutes of kills and outages under load; afterwards every acknowledged frame is counted.

    storm       gateway, writer, PostgreSQL and nats-server get SIGKILL in turn, at random moments;
                then gateway and nats-server together
    standstill  PostgreSQL answers nothing, its connections stay open
    downtime    PostgreSQL is killed whenever it comes up, and the gateway once meanwhile

The exit status is 1 when a frame is lost, doubled or mixed up, or when an outage stops
acknowledgements.
"""

import argparse
import asyncio
import os
import platform
import random
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from tests.integration.audit import Audit, audit
from tests.integration.chaos.killing import (
    Kill,
    double_fault,
    kept_down,
    plan,
    processes,
    standing_still,
    storm,
    successor,
)
from tests.integration.fleet import Fleet, loop_time, mixed_fleet, start_of_yesterday
from tests.integration.system import System

RECORD: Final = Path(__file__).resolve().parents[1] / "docs/soak.md"
HEADING: Final = """# Soak

What `make soak` found, the latest first: meters over real TCP while processes are killed and
PostgreSQL is away; afterwards every acknowledged frame is looked for in the database.

"""
PAUSES_S: Final = (2.0, 8.0)  # between kills: some hit a start, most hit work
ANSWER_LIMIT_S: Final = 20.0  # a gateway that was killed is back, and so is its journal
OUTAGE_ANSWER_LIMIT_S: Final = 5.0  # while PostgreSQL is away nothing else is
CATCH_UP_LIMIT_S: Final = 300.0
PAUSE_S: Final = 1.0  # of a meter after an answer: some 450 frames a second from 200 meters

OUTAGES: Final[Mapping[str, Callable[[System], AbstractAsyncContextManager[None]]]] = {
    "standstill": lambda system: standing_still(processes(system, "postgres")),
    "downtime": lambda system: kept_down(system, "postgres"),
}


@dataclass(slots=True)
class Findings:
    """What happened, in the order of the record."""

    seed: int
    began: datetime
    kills: list[Kill] = field(default_factory=list)
    double_faults: int = 0
    acked_in_outages: dict[str, int] = field(default_factory=dict)
    slowest_round_s: dict[str, float] = field(default_factory=dict)
    rss_mib: list[tuple[int, int]] = field(default_factory=list)
    catch_up_s: float = 0.0


def main(arguments: Sequence[str]) -> int:
    """Runs it, prints the record and puts it into docs/."""
    options = _parse(arguments)
    findings = Findings(options.seed, datetime.now(UTC).replace(microsecond=0))
    try:
        text = asyncio.run(_soak(options, findings))
    except AssertionError as error:
        print(f"seed {options.seed}: {error}")
        return 1
    print(text)
    if options.record:
        add_record(options.record, text)
    return 0


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=8.0, help="of kills, before the outages")
    parser.add_argument("--connections", type=int, default=200)
    parser.add_argument("--outage-s", type=float, default=60.0, help="of each of the two outages")
    parser.add_argument("--seed", type=int, default=random.randrange(2**31))
    parser.add_argument("--record", type=Path, default=RECORD, help="where the record is added")
    return parser.parse_args(arguments)


async def _soak(options: argparse.Namespace, findings: Findings) -> str:
    start = start_of_yesterday()
    with System() as system:
        fleet = mixed_fleet(system.target, start, options.seed, options.connections, PAUSE_S)
        async with fleet:
            await fleet.everybody_is_answered(ANSWER_LIMIT_S)
            findings.rss_mib.append(_rss_mib(system))
            await _storms(system, fleet, options, findings)
            for name, outage in OUTAGES.items():
                async with outage(system):
                    await _outage(system, fleet, options.outage_s, (name, findings))
                await fleet.everybody_is_answered(ANSWER_LIMIT_S)
            findings.rss_mib.append(_rss_mib(system))
            await fleet.finish(ANSWER_LIMIT_S)
        began_s = time.monotonic()
        found = await audit(system, fleet, start, CATCH_UP_LIMIT_S)
        findings.catch_up_s = time.monotonic() - began_s
    return _render(options, findings, fleet, found)


async def _storms(
    system: System, fleet: Fleet, options: argparse.Namespace, findings: Findings
) -> None:
    """Rounds of kills until the time is over; each round ends with everybody being answered."""
    until = loop_time() + 60 * options.minutes
    number = options.seed
    while loop_time() < until:
        findings.kills += await storm(system, number, plan(number, 1), PAUSES_S)
        await fleet.everybody_is_answered(ANSWER_LIMIT_S)
        await double_fault(system)
        await fleet.everybody_is_answered(ANSWER_LIMIT_S)
        findings.double_faults += 1
        number += 1


async def _outage(system: System, fleet: Fleet, seconds: float, into: tuple[str, Findings]) -> None:
    """Insist on answers for everybody, again and again; kill the gateway half-way."""
    name, findings = into
    acked, slowest_s = fleet.acked, 0.0
    began_s = loop_time()
    [gateway] = system.pids()["gateway"]
    while loop_time() < began_s + seconds:
        if gateway and loop_time() > began_s + seconds / 2:
            os.kill(gateway, signal.SIGKILL)
            await successor(system, "gateway", gateway)
            await fleet.everybody_is_answered(ANSWER_LIMIT_S)
            gateway = 0
        round_s = loop_time()
        await fleet.everybody_is_answered(OUTAGE_ANSWER_LIMIT_S)
        slowest_s = max(slowest_s, loop_time() - round_s)
    findings.acked_in_outages[name] = fleet.acked - acked
    findings.slowest_round_s[name] = slowest_s


def _rss_mib(system: System) -> tuple[int, int]:
    """Resident memory of gateway and writer."""
    pages = []
    for role in ("gateway", "writer"):
        [pid] = system.pids()[role]
        pages.append(int(Path(f"/proc/{pid}/statm").read_text().split()[1]))
    gateway, writer = (count * os.sysconf("SC_PAGE_SIZE") >> 20 for count in pages)
    return gateway, writer


def _render(options: argparse.Namespace, findings: Findings, fleet: Fleet, found: Audit) -> str:
    latencies = sorted(taken for meter in fleet.meters for taken in meter.latencies_s)
    kills = Counter(kill.role for kill in findings.kills)
    before, after = findings.rss_mib
    lines = {
        "machine": f"{os.cpu_count()} cores, Linux {platform.release()}, load generator included",
        "seed": findings.seed,
        "minutes of kills": f"{options.minutes:g}",
        "meters": f"{len(fleet.meters)} (a fifth of them HJ 212)",
        "kills": ", ".join(f"{role} {count}" for role, count in sorted(kills.items())),
        "gateway and nats-server at once": findings.double_faults,
        "frames sent, acknowledged, stored": f"{found.sent:,}, {found.acked:,}, {found.stored:,}",
        "frames sent again": f"{sum(meter.resent for meter in fleet.meters):,}",
        "lost, doubled, mixed up": "0, 0, 0",
        "answer after (the last) sending, p50, p99, longest": ", ".join(
            f"{1000 * latencies[round(share * (len(latencies) - 1))]:,.0f} ms"
            for share in (0.5, 0.99, 1)
        ),
        "resident memory of gateway, writer": ", ".join(
            f"{first} → {last} MiB" for first, last in zip(before, after, strict=True)
        ),
        "rows complete after the end": f"{findings.catch_up_s:.1f} s",
    }
    for name, acked in findings.acked_in_outages.items():
        slowest_s = findings.slowest_round_s[name]
        lines[f"{name} of PostgreSQL, {options.outage_s:g} s"] = (
            f"{acked:,} acknowledged, every meter at least each {slowest_s:.1f} s"
        )
    table = "\n".join(f"| {name} | {text} |" for name, text in lines.items())
    return f"## {findings.began:%Y-%m-%d %H:%M} UTC\n\n| | |\n|---|---|\n{table}\n"


def add_record(record: Path, text: str) -> None:
    """Adds a record above those that are there."""
    older = record.read_text(encoding="utf-8").removeprefix(HEADING) if record.exists() else ""
    record.write_text(f"{HEADING}{text}{older and chr(10)}{older}", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
