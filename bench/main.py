"""Measures Wattwarden beside its references on this machine and prints a table.

The exit status is 1 when a bar is not held, so that a run can stand in a pipeline.
"""

import argparse
import os
import platform
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from bench import columns, courier, diagnosis, gateway, writer
from bench.figures import Section, figures_table
from bench.servers import HERE, PROGRAM, build, reference, wattwarden

README: Final = HERE / "README.md"
BEGIN: Final = "<!-- figures: written by run.py -->\n"
END: Final = "<!-- end of figures -->\n"
# Thirty-two half hours are in the day that the meters' clocks run through, 1 + 2 per round taken.
MOST_ROUNDS: Final = 15


def main(arguments: Sequence[str]) -> int:
    """Runs the chosen measurements and prints what they found."""
    options = _parse(arguments)
    sections = [MEASUREMENTS[name](options) for name in options.only]
    text = _render(sections)
    print(text)
    if options.write:
        _write(README, text)
    return 0 if all(figure.holds for section in sections for figure in section.figures) else 1


def _frames(options: argparse.Namespace) -> Section:
    build()
    with reference("acrel") as first, wattwarden(options.program) as second:
        return gateway.measure_frames(first, second, options.rounds, options.seconds)


def _fleet(options: argparse.Namespace) -> Section:
    build()
    with reference("acrel") as first, wattwarden(options.program) as second:
        return gateway.measure_fleet(first, second, options.rounds)


MEASUREMENTS: Final[Mapping[str, Callable[[argparse.Namespace], Section]]] = {
    "frames": _frames,
    "fleet": _fleet,
    "writer": lambda options: writer.measure_writer(options.rounds),
    "columns": lambda options: columns.measure_columns(options.rounds),
    "diagnosis": lambda options: diagnosis.measure_diagnosis(options.rounds),
    "courier": lambda options: courier.measure_courier(options.rounds),
}


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="+", choices=MEASUREMENTS, default=list(MEASUREMENTS))
    parser.add_argument(
        "--rounds", type=int, default=3, choices=range(1, MOST_ROUNDS + 1), metavar="N"
    )
    parser.add_argument("--seconds", type=float, default=3.0, help="of each measured span")
    parser.add_argument("--program", type=Path, default=PROGRAM, help="the wattwarden to measure")
    parser.add_argument("--write", action="store_true", help="put the result into README.md")
    return parser.parse_args(arguments)


def _render(sections: Sequence[Section]) -> str:
    figures = [figure for section in sections for figure in section.figures]
    details = [str(table) for section in sections for table in section.details]
    return "\n\n".join((_machine(), str(figures_table(figures)), *details)) + "\n"


def _machine() -> str:
    """Where and when, for a figure alone says more about the machine than about the program."""
    models = {
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        if line.startswith("model name")
    }
    model = " + ".join(sorted(models)) or platform.machine()
    return (
        f"{datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} cores ({model}),"
        f" Linux {platform.release()}, Python {platform.python_version()}."
        " Load generator, reference, gateway, journal, writer and database share these cores."
    )


def _write(readme: Path, text: str) -> None:
    """Replaces what stands between the two marks."""
    before, _, rest = readme.read_text(encoding="utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    readme.write_text(f"{before}{BEGIN}\n{text}\n{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
