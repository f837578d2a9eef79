"""A city's month folded from the simulator's columns: how long it takes, and how much memory.

Readings are made a few hours at a time and forgotten when they are folded, so that a month takes no
more memory than a day.  Simulating is timed beside folding.  The exit status is 1 when folding was
slower, or took more memory, than it may.
"""

import argparse
import os
import platform
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from math import ceil
from pathlib import Path
from typing import Final

import msgspec
import numpy as np
from bench.endurance import RECORD, add_record

from wattwarden.alarms.episodes.findings import Raised
from wattwarden.alarms.folding.fold import fold
from wattwarden.alarms.plant.compile import compile_plant
from wattwarden.alarms.plant.plant import Plant
from wattwarden.alarms.rulebook import default_rules
from wattwarden.alarms.states import state as states
from wattwarden.alarms.states.grid import Grid
from wattwarden.tools.diagnosis.cells import Cells
from wattwarden.tools.diagnosis.scale import shipped
from wattwarden.tools.diagnosis.trial import BLOCK_HOURS, peak_rss_mib
from wattwarden.tools.simulator.registry import registry_of
from wattwarden.tools.simulator.scenario import Scenario
from wattwarden.tools.simulator.world import World

CITY_UNITS: Final = 2_724
DAYS: Final = 30
WANTED_RATE: Final = 200_000
# Five blocks of six hours of a city wait for late readings, 70 MiB each; the rest is the program.
MOST_RSS_MIB: Final = 1_536


@dataclass(slots=True)
class Findings:
    """What a run came to; ``*_s`` are seconds."""

    began: datetime
    units: int
    days: int
    readings: int = 0
    simulated_s: float = 0.0
    folded_s: float = 0.0
    first_day_rss_mib: float = 0.0
    alarms: Counter[str] = field(default_factory=Counter)

    @property
    def rate(self) -> float:
        """Readings folded a second."""
        return self.readings / max(self.folded_s, 1e-9)

    @property
    def holds(self) -> bool:
        """Whether it was quick and small enough."""
        return self.rate >= WANTED_RATE and peak_rss_mib() <= MOST_RSS_MIB


def main(arguments: Sequence[str]) -> int:
    """Runs it, prints the record and puts it into a file where one is named."""
    options = _parse(arguments)
    world = World(_city(options.units, options.days), options.seed)
    rules = default_rules()
    registry = registry_of(world)
    plant = compile_plant(registry, rules, registry.enterprise)
    began = datetime.now(UTC).replace(microsecond=0)
    findings = Findings(began, len(plant.units), options.days)
    cells = Cells(plant, world.units)
    state = states.initial(plant, world.first_slot)
    for grid in _timed(cells.grids(world.blocks(BLOCK_HOURS)), findings):
        folding = time.process_time()
        upto = np.full(len(plant.firms), grid.first + len(grid.at), dtype=np.int64)
        state, found = fold(plant, rules, state, grid, upto)
        findings.folded_s += time.process_time() - folding
        findings.readings = cells.readings
        findings.alarms.update(one.alarm.rule for one in found if isinstance(one, Raised))
        _progress(plant, grid, world, findings)
    text = _render(findings)
    print(text)
    if options.record:
        add_record(options.record, text)
    return 0 if findings.holds else 1


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--units", type=int, default=CITY_UNITS, help="of the city, about")
    parser.add_argument("--days", type=int, default=DAYS)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--record", type=Path, nargs="?", const=RECORD, help="also add it to docs/soak.md"
    )
    return parser.parse_args(arguments)


def _city(units: int, days: int) -> Scenario:
    """The shipped city, larger or smaller, for so many days."""
    scenario = shipped("city")
    city = scenario.city
    if city is None:
        raise ValueError("the shipped city is no drawn city")
    share = units / (city.production + city.treatment)
    city = msgspec.structs.replace(
        city,
        factories=ceil(city.factories * share),
        production=ceil(city.production * share),
        treatment=ceil(city.treatment * share),
    )
    return msgspec.structs.replace(scenario, city=city, days=days)


def _timed(grids: Iterator[Grid], findings: Findings) -> Iterator[Grid]:
    """Yields the grids, and counts what making them took."""
    while True:
        simulating = time.process_time()
        grid = next(grids, None)
        findings.simulated_s += time.process_time() - simulating
        if grid is None:
            return
        yield grid


def _progress(plant: Plant, grid: Grid, world: World, findings: Findings) -> None:
    """Says on standard error which day is done, and notes the first one's memory."""
    behind = grid.first + len(grid.at) - world.first_slot
    day, rest = divmod(behind * plant.slot_s, 86_400)
    if rest:
        return
    if day == 1:
        findings.first_day_rss_mib = peak_rss_mib()
    print(
        f"\rday {day} of {findings.days}, {findings.readings:,} readings,"
        f" {findings.rate:,.0f} folded a second, {peak_rss_mib():,.0f} MiB",
        end="\n" if day == findings.days else "",
        file=sys.stderr,
        flush=True,
    )


def _render(findings: Findings) -> str:
    alarms = ", ".join(
        f"{rule} {count:,}"
        for rule, count in sorted(findings.alarms.items(), key=lambda one: int(one[0][1:]))
    )
    lines = {
        "machine": f"{os.cpu_count()} cores, Linux {platform.release()}",
        "folded from the simulator's columns": f"{findings.units:,} units, {findings.days} days",
        "readings": f"{findings.readings:,}",
        "CPU time of simulating, of folding": (
            f"{findings.simulated_s:,.0f} s, {findings.folded_s:,.0f} s"
        ),
        "readings folded a second, on one core": f"{findings.rate:,.0f} (≥ {WANTED_RATE:,})",
        "resident memory after the first day, at most": (
            f"{findings.first_day_rss_mib:,.0f} MiB, {peak_rss_mib():,.0f} MiB"
            f" (≤ {MOST_RSS_MIB:,} MiB)"
        ),
        "alarms": alarms,
    }
    table = "\n".join(f"| {name} | {text} |" for name, text in lines.items())
    return f"## {findings.began:%Y-%m-%d %H:%M} UTC, a month folded\n\n| | |\n|---|---|\n{table}\n"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
