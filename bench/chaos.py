"""Faults in random order while a city reports: nothing lost, nothing twice, the same alarms.

    .venv/bin/python bench/chaos.py                           20 minutes, every fault once
    .venv/bin/python bench/chaos.py --minutes 60 --meters 2000 --record
    .venv/bin/python bench/chaos.py --seed 7 --only "disk full" "kill nats"

docs/chaos.md says what the faults are.  The exit status is 1 when an acknowledged frame is lost or
stored twice, when the system was not well again in time, or when an episode differs from those of
a system that nothing happens to.
"""

import argparse
import asyncio
import os
import platform
import random
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Final

# Behind everything else: the rooms in the repository root must shadow no library.
sys.path.append(str(Path(__file__).resolve().parents[1]))

from bench.endurance import RECORD, add_record
from bench.found import SAME
from tests.integration.chaos.faults import STEPS
from tests.integration.chaos.run import RECOVERY_S, WHOLE_MIN, Options, Report, chaos

from wattwarden.server.descriptors import raise_descriptor_limit

METERS: Final = 200
KINDS: Final = 48
# At the most ten days of a city in an hour: what days show is judged, too.
MOST_RATE: Final = 240
CYCLE_S: Final = 1800
# What comes in five minutes without PostgreSQL is stored and folded in some ten seconds on two
# processors: four hours of all firms' cases at 50 times the real speed, beside the load itself.
MOST_FRAMES_PER_S: Final = 56


def main(arguments: Sequence[str]) -> int:
    """Run it, print the record, and put it into docs/ where that is wanted."""
    given = _parse(arguments)
    options = Options(
        given.seed,
        given.minutes,
        given.meters,
        given.rate or rate_of(given.meters, given.cycle),
        given.cycle,
        kinds=given.kinds,
        only=given.only or (),
        keep=given.keep,
    )
    print(f"seed {options.seed}", flush=True)
    raise_descriptor_limit()
    report = asyncio.run(chaos(options, lambda text: print(text, flush=True)))
    text = render(report)
    print(text)
    print("\n".join(report.wrong))
    if given.record is not None:
        add_record(given.record, text)
    return 1 if report.wrong else 0


def rate_of(meters: int, cycle_s: int) -> int:
    """Return how fast time may run for so many meters; above 1."""
    return max(2, min(MOST_RATE, MOST_FRAMES_PER_S * cycle_s // meters))


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seed", type=int, default=random.randrange(2**31))
    parser.add_argument("--minutes", type=float, default=WHOLE_MIN, help="shorter: shorter faults")
    parser.add_argument("--meters", type=int, default=METERS)
    parser.add_argument("--kinds", type=int, default=KINDS, help="meters of all protocols beside")
    parser.add_argument("--rate", type=int, help="seconds of the meters in one; by their number")
    parser.add_argument("--cycle", type=int, default=CYCLE_S, help="seconds of the meters, reports")
    parser.add_argument("--only", nargs="+", metavar="STEP", choices=STEPS, help=", ".join(STEPS))
    parser.add_argument("--keep", type=Path, help="what the city came to, to compare it anew")
    parser.add_argument("--record", nargs="?", type=Path, const=RECORD, help="into docs/soak.md")
    return parser.parse_args(arguments)


def render(report: Report) -> str:
    """Return the record."""
    options = report.options
    hours = report.seconds * options.rate / 3600
    taken = report.recovered_s or [0.0]
    lines = {
        "machine": f"{os.cpu_count()} cores, Linux {platform.release()}, meters included",
        "seed": options.seed,
        "minutes": f"{report.seconds / 60:.1f}, {hours:.1f} hours of the meters' time",
        "meters, frames a second": f"{options.meters:,}, {options.frames_per_s:,.0f}",
        "meters of all kinds beside": f"{options.kinds}",
        "faults": f"{len(report.recovered_s)}, of {len(report.recoveries)} kinds",
        "frames sent, acknowledged, stored": (
            f"{report.sent:,}, {report.acked:,}, {report.stored:,}"
        ),
        "rows of meters of other kinds, acknowledged and as said": ", ".join(
            f"{name} {count:,}" for name, count in sorted(report.of_kinds.items())
        ),
        "frames sent again": f"{report.resent:,}",
        **{
            f"episodes of {rule}: disturbed, undisturbed, the same": (
                f"{report.here[rule]:,}, {report.there[rule]:,}, {report.same[rule]:,}"
            )
            for rule in SAME
        },
        "other rules, episodes that differ": _counted(report.apart),
        f"recovery (≤ {RECOVERY_S:.0f} s), median, longest": (
            f"{median(taken):.1f} s, {taken[-1]:.1f} s"
        ),
        "by how much the meters' own process was late at most": f"{report.late_s:.1f} s",
        **{
            f"well again after: {name}": ", ".join(f"{one:.1f} s" for one in times)
            for name, times in sorted(report.recoveries.items())
        },
        **{f"skipped: {name}": why for name, why in sorted(report.skipped.items())},
        "wrong": "; ".join(one.splitlines()[0][:200] for one in report.wrong) or "nothing",
    }
    table = "\n".join(f"| {name} | {text} |" for name, text in lines.items())
    return f"## {report.began:%Y-%m-%d %H:%M} UTC, chaos\n\n| | |\n|---|---|\n{table}\n"


def _counted(rules: Counter[str]) -> str:
    named = sorted(rules.items(), key=lambda one: int(one[0][1:]))
    return ", ".join(f"{rule} {count}" for rule, count in named) or "none"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
