"""Offences from the meter port to the first push, as many as it takes to know the slowest of them.

    .venv/bin/python bench/courier_latency.py                  220 offences in real time, 10 minutes
    .venv/bin/python bench/courier_latency.py --rate 60        a minute in a second: a first look

Meters dial in over TCP, and all of `wattwarden up` runs: gateway, journal, writer, warden, outbox,
courier; the receiver is this process.  A latency begins when the reading arrived with which the
line's fold time passed the rule's delay.  The exit status is 1 when the slowest hundredth took
longer than it may.
"""

import argparse
import asyncio
import os
import platform
import statistics
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

# Behind everything else: the rooms in the repository root must shadow no library.
sys.path.append(str(Path(__file__).resolve().parents[1]))

from bench.endurance import RECORD, add_record
from tests.integration.latency import Plan, measure, percentile

OFFENCES: Final = 220
MOST_S: Final = 5.0
SHARE: Final = 0.99
# At another rate a cycle is as many real seconds as it is tens of simulated ones.
CYCLE_S: Final = 10
QUICK_CYCLE_S: Final = 60


def main(arguments: Sequence[str]) -> int:
    """Runs it, prints the record and puts it into a file where one is asked for."""
    options = _parse(arguments)
    began = datetime.now(UTC).replace(microsecond=0)
    cycle_s = CYCLE_S if options.rate == 1 else QUICK_CYCLE_S
    plan = Plan(options.offences, options.rate, cycle_s, 9 * cycle_s, 6 * cycle_s)
    latencies = asyncio.run(measure(plan))
    text = _render(began, plan, latencies)
    print(text)
    if options.record:
        add_record(options.record, text)
    return 0 if percentile(latencies, SHARE) <= MOST_S else 1


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--offences", type=int, default=OFFENCES)
    parser.add_argument("--rate", type=int, default=1, help="simulated seconds in a real one")
    parser.add_argument(
        "--record", type=Path, nargs="?", const=RECORD, help="also add it to docs/soak.md"
    )
    return parser.parse_args(arguments)


def _render(began: datetime, plan: Plan, latencies: Sequence[float]) -> str:
    found = list(latencies)
    lines = {
        "machine": f"{os.cpu_count()} cores, Linux {platform.release()}",
        "offences, meters, clock rate": (
            f"{len(found)}, {2 * plan.offences} every {plan.cycle_s} s, {plan.rate}"
        ),
        "from the proving reading at the meter port to the first push, median": (
            f"{statistics.median(found):.2f} s"
        ),
        "P90, P99, the slowest": (
            f"{percentile(found, 0.9):.2f} s, {percentile(found, SHARE):.2f} s"
            f" (≤ {MOST_S:.0f} s), {max(found):.2f} s"
        ),
    }
    table = "\n".join(f"| {name} | {text} |" for name, text in lines.items())
    return f"## {began:%Y-%m-%d %H:%M} UTC, offences told\n\n| | |\n|---|---|\n{table}\n"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
