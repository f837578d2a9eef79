"""A city's blackout: what it is told, and what the warden's passes cost when all go and come back.

    .venv/bin/python bench/blackout.py            344 firms, 2,724 units; two minutes

A working morning is heard by the hour; from an hour before the blackout to an hour after it passes
are of a minute each, with six looks at all meters.  Only the pass is timed, not what simulates it,
nor what reads and stores.  The exit status is 1 when an alarm is too many or too few, when a pass
took longer than it may, or when there was more memory.
"""

import argparse
import os
import platform
import statistics
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

# Behind everything else: the rooms in the repository root must shadow no library.
sys.path.append(str(Path(__file__).resolve().parents[1]))

from bench.endurance import RECORD, add_record
from tests.alarms.simulated import MINUTE_S, SAMPLE, Away, SimulatedCity, Told, blackout_city

from wattwarden.alarms.episodes.findings import Raised
from wattwarden.tools.diagnosis.scale import shipped
from wattwarden.tools.diagnosis.trial import peak_rss_mib
from wattwarden.tools.simulator.world import World

TICK_S: Final = 1
HOUR_MIN: Final = 60
# Day 2, 10:20: at work, before lunch.
ONSET_MIN: Final = 24 * 60 + 10 * 60 + 20
DARK_MIN: Final = 35
AWAY_MIN: Final = 10
# Shifts begin after it; all hours begin with one of the clock.
BEGIN_MIN: Final = 24 * 60 + 4 * 60
# More than three hours after the last machine is back.
END_MIN: Final = ONSET_MIN + DARK_MIN + 3 * 60 + 25
# Passes are of a minute from more than an hour before it to an hour after it.
LIVE: Final = range(24 * 60 + 9 * 60, 24 * 60 + 12 * 60)
# A minute of the city has to be folded long before the next one is over.
MOST_PASS_S: Final = 6.0
MOST_RSS_MIB: Final = 1_024


@dataclass(slots=True)
class Run:
    """What a run came to: CPU seconds of passes by their first minute, alarms by rule."""

    cpu_s: dict[int, float] = field(default_factory=dict)
    told: Counter[str] = field(default_factory=Counter)
    suppressed: Counter[str] = field(default_factory=Counter)
    subjects: Counter[str] = field(default_factory=Counter)
    rows: int = 0

    def count(self, told: Told, since_ms: int) -> None:
        """Count what was raised since a moment."""
        raised = [one.alarm for one in told.findings if isinstance(one, Raised)]
        for alarm in raised:
            if alarm.raised >= since_ms:
                (self.told if alarm.suppressed_by is None else self.suppressed)[alarm.rule] += 1
                self.subjects[alarm.subject] += 1

    def over(self, minutes: range) -> tuple[float, float]:
        """Return the median and the longest of the passes of some minutes."""
        taken = [self.cpu_s[minute] for minute in minutes if minute in self.cpu_s]
        return statistics.median(taken), max(taken)


def main(arguments: Sequence[str]) -> int:
    """Runs both, prints the record and puts it into a file where one is asked for."""
    options = _parse(arguments)
    began = datetime.now(UTC).replace(microsecond=0)
    city = SimulatedCity(_world(options.factories, DARK_MIN), TICK_S)
    firms, units = len(city.registry.enterprise), len(city.world.units)
    dark = _run(city, "blackout")
    behind = range(ONSET_MIN, ONSET_MIN + AWAY_MIN)
    away = SimulatedCity(_world(options.factories, 0), TICK_S, away=Away(behind))
    ours = _run(away, "our own outage")
    text = _render(began, (firms, units), dark, ours)
    print(text)
    if options.record:
        add_record(options.record, text)
    return 0 if _holds(firms, dark, ours) else 1


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--factories", type=int, default=SAMPLE.factories)
    parser.add_argument(
        "--record", type=Path, nargs="?", const=RECORD, help="also add it to docs/soak.md"
    )
    return parser.parse_args(arguments)


def _world(factories: int, minutes: int) -> World:
    return World(blackout_city(shipped("blackout"), factories, minutes, "day 2 10:20"))


def _run(city: SimulatedCity, name: str) -> Run:
    """Hear a city to the end: by the minute around the onset, by the hour before and after."""
    run = Run()
    since_ms = 1000 * (city.midnight_s + ONSET_MIN * MINUTE_S)
    for block in city.world.blocks(1, BEGIN_MIN * MINUTE_S, END_MIN * MINUTE_S):
        city.hear(block)
        begin = (block.first * block.slot_s - city.midnight_s) // MINUTE_S
        end = min(begin + HOUR_MIN, END_MIN)
        each = 1 if begin in LIVE else HOUR_MIN
        for minute in range(begin, end, each):
            until = min(minute + each, end)
            rows = city.heard(until)
            run.rows += len(rows.readings["step"]) + len(rows.factors["step"])
            cpu = time.process_time()
            told = city.take(rows, range(minute, until))
            run.cpu_s[minute] = time.process_time() - cpu
            run.count(told, since_ms)
        print(f"\r{name}: {(end - ONSET_MIN) / HOUR_MIN:+.1f} h ", end="", file=sys.stderr)
    print(file=sys.stderr)
    return run


def _holds(firms: int, dark: Run, ours: Run) -> bool:
    """Whether there is one alarm a firm, one of our own, and no pass that is too long."""
    return (
        dark.told == {"R9": firms}
        and max(dark.subjects.values()) == 1
        and ours.told == {"R0": 1}
        and max(dark.over(LIVE)[1], ours.over(LIVE)[1]) <= MOST_PASS_S
        and peak_rss_mib() <= MOST_RSS_MIB
    )


def _render(began: datetime, size: tuple[int, int], dark: Run, ours: Run) -> str:
    on, back = ONSET_MIN + 5, ONSET_MIN + DARK_MIN
    ordinary = range(ONSET_MIN - HOUR_MIN, ONSET_MIN)
    after = range(ONSET_MIN + AWAY_MIN, ONSET_MIN + AWAY_MIN + HOUR_MIN)
    lines = {
        "machine": f"{os.cpu_count()} cores, Linux {platform.release()}",
        "city": f"{size[0]:,} firms, {size[1]:,} units; {dark.rows:,} rows heard",
        f"dark for {DARK_MIN} min: alarms told, suppressed": (
            f"{_counts(dark.told)}; {_counts(dark.suppressed)}"
        ),
        f"ourselves away for {AWAY_MIN} min: alarms told, suppressed": (
            f"{_counts(ours.told)}; {_counts(ours.suppressed)}"
        ),
        "CPU of a pass of a minute, the hour before": _seconds(dark.over(ordinary)),
        "in the blackout's first five minutes": _seconds(dark.over(range(ONSET_MIN, on))),
        "while it lasts, R9 of all firms among them": _seconds(dark.over(range(on, back))),
        "in the hour of its return": _seconds(dark.over(range(back, back + HOUR_MIN))),
        "in the hour after our own outage": _seconds(ours.over(after)),
        "resident memory at most": f"{peak_rss_mib():,.0f} MiB (≤ {MOST_RSS_MIB:,} MiB)",
    }
    table = "\n".join(f"| {name} | {text} |" for name, text in lines.items())
    return f"## {began:%Y-%m-%d %H:%M} UTC, a city's blackout\n\n| | |\n|---|---|\n{table}\n"


def _counts(alarms: Counter[str]) -> str:
    named = sorted(alarms.items(), key=lambda one: int(one[0][1:]))
    return ", ".join(f"{rule} {count:,}" for rule, count in named) or "none"


def _seconds(taken: tuple[float, float]) -> str:
    return f"{taken[0]:.3f} s, at most {taken[1]:.3f} s (≤ {MOST_PASS_S:.0f} s)"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
