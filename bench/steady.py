"""Hours at thousands of connections: does anything grow that must not?

    .venv/bin/python bench/steady.py --record                   5,000 meters, 2 hours
    .venv/bin/python bench/steady.py --meters 200 --minutes 5

Each meter reports twice a minute.  From a quarter of the time on, the resident memory of each role
may have no slope beyond its own noise; no table may get more rows but those that somebody makes
smaller one day; and no warning may be repeated that does not say how often it was.  The exit status
is 1 when one of these does not hold.
"""

import argparse
import asyncio
import json
import os
import platform
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import numpy as np

# Behind everything else: the rooms in the repository root must shadow no library.
sys.path.append(str(Path(__file__).resolve().parents[1]))

from bench.endurance import RECORD, add_record
from bench.processes import tree_mib
from bench.servers import BUILD, LIFTED_LIMITS, build
from tests.integration.system import PREFIX, System

METERS: Final = 5_000
MINUTES: Final = 120.0
INTERVAL_MS: Final = 30_000
SAMPLES: Final = 120
LEAST_PAUSE_S: Final = 2.0
# What is loaded, learnt and warmed up in the first quarter is no leak.
SETTLED_SHARE: Final = 0.25
# Segments of the journal, else closed once an hour: what the first one loads for good (12 MiB)
# comes in that quarter, and a dozen of them show what each would leave behind.
SEGMENT_AGE_S: Final = 600
# A role may seem to grow by so much of itself over a whole run: allocators give back in lumps.
NOISE_SHARE: Final = 0.03
NOISE_MIB: Final = 3.0
# Roles that are watched; engines have caches of a size that is set.
ROLES: Final = ("gateway", "writer", "side", "archivist")
# Who makes them smaller again, or that docs/archive.md keeps them on purpose.
RETAINED: Final[Mapping[str, str]] = {
    "reading": "the archivist: days become files",
    "factor": "the archivist: days become files",
    "step_part": "the archivist, with the days of their rows",
    "archive_file": "the archivist: archive_days",
    "rollup_due": "the archivist, as it computes rollups",
    "session_event": "the writer",
    "alive": "the writer",
    "gap": "the archivist: what is filled, or too old",
    "tick": "the writer: what wardens and evidence no longer ask for",
    "rollup_15min": "the archivist: archive_days",
    "rollup_hour": "the archivist: archive_days",
    "rollup_day": "the archivist: archive_days",
    "collected_hour": "the archivist: archive_days",
    "correction": "kept: what an alarm said before",
    "alarm": "kept: a penalty may rest on it",
    "day_root": "kept: a row a day, by which evidence is proven",
}
# With one of these a warning says how often it was, or of whom it is.
COUNTED: Final = frozenset(
    ("times", "since_start", "count", "failures", "restarts", "repeated", "since", "kind")
)
ROWS: Final = (
    "SELECT regexp_replace(relname, '_(\\d{8}|default)$', '') AS name, sum(n_live_tup) AS rows"
    " FROM pg_stat_user_tables GROUP BY 1"
)


@dataclass(slots=True)
class Watched:
    """What was seen: minutes, MiB of each role, rows of each table."""

    minutes: list[float] = field(default_factory=list)
    mib: list[Mapping[str, float]] = field(default_factory=list)
    rows: list[Mapping[str, int]] = field(default_factory=list)

    @property
    def settled(self) -> int:
        """From which sample on everything is warm."""
        return round(SETTLED_SHARE * len(self.minutes))


def main(arguments: Sequence[str]) -> int:
    """Run it, print the record, and put it into docs/ where that is wanted."""
    options = _parse(arguments)
    build()
    began = datetime.now(UTC).replace(microsecond=0)
    settings = {name.removeprefix(PREFIX): most for name, most in LIFTED_LIMITS.items()}
    settings["ARCHIVIST__SEGMENT_AGE_S"] = str(SEGMENT_AGE_S)
    with System(settings=settings) as system:
        watched, report = asyncio.run(_watch(system, options))
        said = system.log.read_text(encoding="utf-8")
    slopes = {role: slope_of(watched, role) for role in ROLES}
    wrong = [*growing(slopes), *tables(watched), *repeated(said.splitlines())]
    text = _render(options, began, slopes, watched, report)
    print(text)
    print("\n".join(wrong))
    if options.record is not None:
        add_record(options.record, text)
    return 1 if wrong or report["missing_acks"] else 0


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--meters", type=int, default=METERS)
    parser.add_argument("--minutes", type=float, default=MINUTES)
    parser.add_argument("--record", nargs="?", type=Path, const=RECORD, help="into docs/soak.md")
    return parser.parse_args(arguments)


async def _watch(system: System, options: argparse.Namespace) -> tuple[Watched, dict[str, Any]]:
    """Let meters report, and look at the system meanwhile."""
    seconds = 60 * options.minutes
    words = [
        str(BUILD / "loadgen"), "--protocol", "acrel", "--port", str(system.port.number),
        "--connections", str(options.meters), "--mode", "paced", "--interval", str(INTERVAL_MS),
        "--seconds", str(round(seconds)), "--warmup", "0",
    ]  # fmt: skip
    load = await asyncio.create_subprocess_exec(*words, stdout=subprocess.PIPE)
    watched, loop = Watched(), asyncio.get_running_loop()
    begun_s = loop.time()
    heard = asyncio.create_task(load.communicate())
    while not heard.done():
        await asyncio.wait([heard], timeout=max(LEAST_PAUSE_S, seconds / SAMPLES))
        pids = system.pids()
        watched.minutes.append((loop.time() - begun_s) / 60)
        watched.mib.append({role: tree_mib(pids[role]) for role in ROLES})
        rows = await system.fetch(ROWS)
        watched.rows.append({row["name"]: int(row["rows"]) for row in rows})
    out, _ = await heard
    return watched, json.loads(out)


def slope_of(watched: Watched, role: str) -> tuple[float, float, float]:
    """Return a role's mean MiB, by how much its slope takes it up in a run, and its noise."""
    at = np.array(watched.minutes[watched.settled :])
    mib = np.array([one[role] for one in watched.mib[watched.settled :]])
    slope, start = np.polyfit(at, mib, 1)
    spread = float(np.std(mib - (slope * at + start)))
    mean = float(mib.mean())
    return mean, float(slope * (at[-1] - at[0])), max(3 * spread, NOISE_SHARE * mean, NOISE_MIB)


def growing(slopes: Mapping[str, tuple[float, float, float]]) -> Iterator[str]:
    """Name the roles that grow by more than their noise."""
    for role, (mean, grown, noise) in slopes.items():
        if grown > noise:
            yield f"{role} grew by {grown:.1f} MiB, from {mean:.0f}, where {noise:.1f} are noise"


def tables(watched: Watched) -> Iterator[str]:
    """Name the tables that got more rows though nobody makes them smaller."""
    first, last = watched.rows[watched.settled], watched.rows[-1]
    for name, count in sorted(last.items()):
        if name not in RETAINED and count > first.get(name, 0):
            yield f"table {name} grew from {first.get(name, 0):,} to {count:,} rows"


def repeated(lines: Sequence[str]) -> Iterator[str]:
    """Name the warnings that came again without saying how often."""
    counts: Counter[tuple[str, str]] = Counter()
    for line in lines:
        said = json.loads(line)
        if said["level"] in {"warning", "error"} and not COUNTED & said.keys():
            counts[said["role"], said["event"]] += 1
    for (role, event), count in sorted(counts.items()):
        if count > 1:
            yield f"{role} said {count} times, and not how often: {event}"


def _render(
    options: argparse.Namespace,
    began: datetime,
    slopes: Mapping[str, tuple[float, float, float]],
    watched: Watched,
    report: Mapping[str, Any],
) -> str:
    first, last = watched.rows[watched.settled], watched.rows[-1]
    grown = {name: last[name] - first.get(name, 0) for name in sorted(last)}
    lines = {
        "machine": f"{os.cpu_count()} cores, Linux {platform.release()}, load generator included",
        "connections, minutes": f"{options.meters:,}, {options.minutes:g}",
        "frames acknowledged, without an answer": (
            f"{report['acked']:,}, {report['missing_acks']:,}"
        ),
        "answer after, p50, p99": (
            f"{report['latency_p50_ms']:.1f} ms, {report['latency_p99_ms']:.1f} ms"
        ),
        **{
            f"resident memory of {role}, its growth, its noise": (
                f"{mean:.0f} MiB, {more:+.1f} MiB, {noise:.1f} MiB"
            )
            for role, (mean, more, noise) in slopes.items()
        },
        "tables that grew, by rows": ", ".join(
            f"{name} {count:,}" for name, count in grown.items() if count > 0
        ),
    }
    table = "\n".join(f"| {name} | {text} |" for name, text in lines.items())
    return f"## {began:%Y-%m-%d %H:%M} UTC, steady\n\n| | |\n|---|---|\n{table}\n"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
