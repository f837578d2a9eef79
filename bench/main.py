"""Measures Wattwarden beside its references on this machine and prints a table.

The exit status is 1 when a bar is not held or a measurement could not be made, so that a run can
stand in a pipeline.
"""

import argparse
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from bench import (
    columns,
    courier,
    curve,
    diagnosis,
    endtoend,
    fleet,
    gateway,
    hostile,
    paced,
    pair,
    text,
    writer,
)
from bench.capacity import write_capacity
from bench.errors import BenchError
from bench.figures import Section
from bench.page import render, replace_between, standings, summary
from bench.plot import draw
from bench.records import FOLDER, HERE, Record, begin, kept, load, save
from bench.servers import PROGRAM

README: Final = HERE / "README.md"
PERFORMANCE: Final = HERE.parent / "docs/performance.md"
CAPACITY: Final = HERE.parent / "docs/capacity.md"
PLOT: Final = "figures.svg"
# Forty-eight half hours are in the day that the meters' clocks run through, up to three a round.
MOST_ROUNDS: Final = 15

MEASUREMENTS: Final[Mapping[str, Callable[[argparse.Namespace], Section]]] = {
    "frames": lambda run: gateway.measure_frames(run.program, run.rounds, run.seconds),
    "paced": lambda run: paced.measure_paced(run.program, run.rounds, run.seconds),
    "endtoend": lambda run: endtoend.measure_endtoend(run.program, run.rounds, run.seconds),
    "fleet": lambda run: fleet.measure_fleet(run.program, run.rounds),
    "pair": lambda run: pair.measure_pair(run.program, run.rounds, run.seconds),
    "curve": lambda run: curve.measure_curve(run.program),
    "writer": lambda run: writer.measure_writer(run.rounds),
    "columns": lambda run: columns.measure_columns(run.rounds),
    "text": lambda run: text.measure_text(run.rounds),
    "diagnosis": lambda run: diagnosis.measure_diagnosis(run.rounds),
    "courier": lambda run: courier.measure_courier(run.rounds),
    hostile.NAME: lambda run: hostile.measure_hostile(run.program, run.rounds, run.seconds),
}


def main(arguments: Sequence[str]) -> int:
    """Runs the chosen measurements, prints what they found, and keeps it where that is wanted."""
    options = _parse(arguments)
    older, record, failed = load(FOLDER), begin(), False
    for name in options.only:
        began = time.monotonic()
        try:
            record.sections[name] = kept(MEASUREMENTS[name](options))
        except BenchError as error:
            print(f"{name}: {error}", file=sys.stderr)
            failed = True
            continue
        print(f"{name}: {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
        if options.write:
            # At once: what comes later may fail, and a whole run takes a quarter of an hour.
            save(FOLDER, record)
    if record.sections:
        print(_printed(older, record, tuple(options.only)))
    if options.write and record.sections:
        write_pages([*older, record])
    holds = all(one.holds for section in record.sections.values() for one in section.figures)
    return 0 if holds and not failed else 1


def write_pages(records: Sequence[Record]) -> None:
    """Write the picture and the pages anew from all records."""
    order = tuple(MEASUREMENTS)
    (FOLDER / PLOT).write_text(draw(standings(records, order)), encoding="utf-8")
    replace_between(README, render(records, order, f"results/{PLOT}"))
    replace_between(PERFORMANCE, summary(records, order, f"../bench/results/{PLOT}"))
    write_capacity(records, CAPACITY)
    hostile.write_security(records, hostile.SECURITY)


def _printed(older: Sequence[Record], record: Record, order: Sequence[str]) -> str:
    """What this run found; of others only how the figures were before."""
    bare = [one for one in older if one.began < record.began]
    return render([*bare, record], order, f"results/{PLOT}")


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="+", choices=MEASUREMENTS, default=list(MEASUREMENTS))
    parser.add_argument(
        "--rounds", type=int, default=3, choices=range(1, MOST_ROUNDS + 1), metavar="N"
    )
    parser.add_argument("--seconds", type=float, default=3.0, help="of each measured span")
    parser.add_argument("--program", type=Path, default=PROGRAM, help="the wattwarden to measure")
    parser.add_argument(
        "--write", action="store_true", help="keep the run in results/ and write the pages anew"
    )
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
