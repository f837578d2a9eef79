"""Meters of every protocol on one gateway and one port: what they said is what is stored, exactly.

    .venv/bin/python bench/mixed.py --record            1,000 meters, 10 minutes
    .venv/bin/python bench/mixed.py --meters 200 --minutes 1

Half of the meters push, by TCP, datagrams and the platforms' HTTP, half are polled behind DTUs;
lines break, answers are lost, and some connections say what no meter says.  The exit status is 1
when a row is lost, doubled, invented or other than what was said.
"""

import argparse
import asyncio
import os
import platform
import random
import shutil
import sys
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

# Behind everything else: the rooms in the repository root must shadow no library.
sys.path.append(str(Path(__file__).resolve().parents[1]))

from bench.endurance import RECORD, add_record
from bench.processes import tree_cpu_s
from tests.integration.mixed import Comparison, compare, open_doors, simulate
from tests.integration.system import System

METERS: Final = 1_000
MINUTES: Final = 10.0
CYCLE_S: Final = 10.0
GARBAGE_PERCENT: Final = 1.0
CATCH_UP_LIMIT_S: Final = 30.0  # without a single row more
# All dial in from one address here, which limits meant for a stranger's address would stop.
LIFTED_LIMITS: Final = {"WRITER__ENROLMENTS_PER_PEER_HOUR": "1000000"}
ROLES: Final = ("gateway", "writer", "side", "nats", "postgres")


def main(arguments: Sequence[str]) -> int:
    """Runs it, prints the record and puts it into a file where one is asked for."""
    options = _parse(arguments)
    began = datetime.now(UTC).replace(microsecond=0)
    with open_doors(LIFTED_LIMITS) as system:
        truth = system.folder / "truth.jsonl"
        before = _used(system)
        summary = simulate(
            system, truth, options.meters, options.cycle, options.minutes,
            options.garbage, options.seed,
        )  # fmt: skip
        after = _used(system)
        found = asyncio.run(compare(system, truth, CATCH_UP_LIMIT_S))
        if found.faults:
            kept = Path(tempfile.mkdtemp(prefix="wattwarden-mixed-"))
            for evidence in (truth, system.log):
                shutil.copy(evidence, kept)
            print(f"the truth and the system's log are kept in {kept}", file=sys.stderr)
    text = _render(options, began, summary, found, (before, after))
    print(text)
    if options.record:
        add_record(options.record, text)
    for fault in found.faults:
        print(fault[:2000], file=sys.stderr)
    is_whole = not found.faults and not summary["unacked"]
    return 0 if is_whole and found.said == found.stored == found.equal else 1


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--meters", type=int, default=METERS)
    parser.add_argument("--minutes", type=float, default=MINUTES)
    parser.add_argument("--cycle", type=float, default=CYCLE_S, help="seconds between reports")
    parser.add_argument("--garbage", type=float, default=GARBAGE_PERCENT, help="percent")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().getrandbits(31))
    parser.add_argument(
        "--record", type=Path, nargs="?", const=RECORD, help="also add it to docs/soak.md"
    )
    return parser.parse_args(arguments)


Used = dict[str, tuple[float, float]]
"""CPU seconds and resident MiB by role."""


def _used(system: System) -> Used:
    pids = system.pids()
    return {role: (tree_cpu_s(pids[role]), _mib(pids[role])) for role in ROLES if role in pids}


def _mib(pids: Sequence[int]) -> float:
    pages = (int(Path(f"/proc/{pid}/statm").read_text().split()[1]) for pid in pids)
    return sum(pages) * os.sysconf("SC_PAGE_SIZE") / 2**20


def _render(
    options: argparse.Namespace,
    began: datetime,
    summary: dict[str, Any],
    found: Comparison,
    used: tuple[Used, Used],
) -> str:
    before, after = used
    seconds = 60 * options.minutes
    frames = summary["reports"] + summary["answers"]
    cpu = {role: after[role][0] - before[role][0] for role in after}
    lines = {
        "machine": f"{os.cpu_count()} cores, Linux {platform.release()}, simulators included",
        "seed": options.seed,
        "meters, minutes, cycle": (
            f"{summary['meters']:,}, {options.minutes:g}, {options.cycle:g} s:"
            " half push, half are polled"
        ),
        "connections, garbage among them": (
            f"{summary['connections'] + summary['garbage']:,}, {summary['garbage']:,}"
        ),
        "reports, sent again, unacknowledged": (
            f"{summary['reports']:,}, {summary['resent']:,}, {summary['unacked']}"
        ),
        "answers to polls": f"{summary['answers']:,}",
        "reports and answers a second": f"{frames / seconds:,.0f}",
        "rows said, stored, equal": f"{found.said:,}, {found.stored:,}, {found.equal:,}",
        "rows by codec": ", ".join(f"{name} {n:,}" for name, n in sorted(found.by_codec.items())),
        "faults": len(found.faults),
        "CPU, of one core": ", ".join(
            f"{role} {100 * cpu_s / summary['seconds']:.1f} %" for role, cpu_s in cpu.items()
        ),
        "CPU of the gateway for each report or answer": f"{1e6 * cpu['gateway'] / frames:,.0f} µs",
        "resident memory": ", ".join(
            f"{role} {before[role][1]:.0f} → {after[role][1]:.0f} MiB" for role in after
        ),
    }
    table = "\n".join(f"| {name} | {text} |" for name, text in lines.items())
    return f"## {began:%Y-%m-%d %H:%M} UTC, meters of every kind\n\n| | |\n|---|---|\n{table}\n"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
