"""Many line-days judged: how good the diagnosis is on seeds that nobody tuned it by.

Each seed is one ``wattwarden bench diagnosis``, a city of its own; the counts are added up.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any, Final

from bench.endurance import RECORD, add_record

LINES: Final = 300
DAYS: Final = 34
# Ten of these cities have 60,000 line-days behind their warm-up.
SEEDS: Final = 10


@dataclass(slots=True)
class Judged:
    """One rule over all seeds."""

    true: int = 0
    false: int = 0
    missed: int = 0
    medians: list[float] = field(default_factory=list)

    def add(self, told: dict[str, Any]) -> None:
        """Add one seed's."""
        self.true += told["true"]
        self.false += told["false"]
        self.missed += told["missed"]
        if told["delay_median_s"] is not None:
            self.medians.append(told["delay_median_s"])


def record(runs: Sequence[dict[str, Any]], now: datetime) -> str:
    """Return the runs as a dated record in Markdown."""
    rules: dict[str, Judged] = {}
    for run in runs:
        for told in run["types"]:
            rules.setdefault(told["rule"], Judged()).add(told)
    line_days = sum(run["line_days"] for run in runs)
    false = sum(one.false for one in rules.values())
    seeds = ", ".join(str(run["seed"]) for run in runs)
    lines = [
        f"## {now:%Y-%m-%d %H:%M} UTC: diagnosis",
        "",
        f"{len(runs)} cities of {LINES} lines and {DAYS} days, all confounders on; seeds {seeds}.",
        f"{line_days:,} line-days scored, {false} false alarms: "
        f"{10_000 * false / line_days:.2f} per 10,000.",
        "",
        "| rule | offences | found | missed | false | precision | recall | median delay, s |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
        *(_row(rule, one) for rule, one in sorted(rules.items())),
        "",
        "Delays are those beyond the rule's own; the middle one of the cities' medians.",
        "",
    ]
    return "\n".join(lines)


def _row(rule: str, one: Judged) -> str:
    offences = one.true + one.missed
    precision = one.true / max(1, one.true + one.false)
    recall = one.true / max(1, offences)
    delay = f"{median(one.medians):.1f}" if one.medians else ""
    counts = f"{offences:,} | {one.true:,} | {one.missed} | {one.false}"
    return f"| {rule} | {counts} | {precision:.4f} | {recall:.4f} | {delay} |"


def judged(seeds: Iterable[int]) -> Iterable[dict[str, Any]]:
    """Judge city after city, telling each on standard error."""
    for seed in seeds:
        words = ["bench", "diagnosis", "--lines", str(LINES), "--days", str(DAYS)]
        done = subprocess.run(
            [sys.executable, "-m", "wattwarden", *words, "--seed", str(seed), "--json"],
            check=True,
            stdout=subprocess.PIPE,
            text=True,
        )
        run: dict[str, Any] = json.loads(done.stdout)
        print(f"seed {seed}: {run['line_days']} line-days", file=sys.stderr)
        yield run


def main() -> None:
    """Judge, print the record and add it to docs/ where that is asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=20261101, help="of the first city")
    parser.add_argument("--seeds", type=int, default=SEEDS, help="how many cities")
    parser.add_argument("--runs", type=Path, help="JSON lines of runs that were made before")
    parser.add_argument("--record", type=Path, nargs="?", const=RECORD, help="add it to docs/")
    options = parser.parse_args()
    if options.runs:
        runs = [json.loads(line) for line in options.runs.read_text("utf-8").splitlines()]
    else:
        runs = list(judged(range(options.seed, options.seed + options.seeds)))
    text = record(runs, datetime.now(UTC))
    print(text)
    if options.record:
        add_record(options.record, text)


if __name__ == "__main__":
    main()
