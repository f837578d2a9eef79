"""What fuzzing came to so far: a page that grows with each run that is told to (``--record``).

run ─► its row: the same day, target, way and seed ─► totals of all rows ─► docs/fuzz.md
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

PAGE: Final = Path(__file__).resolve().parents[1] / "docs" / "fuzz.md"
GUIDED: Final = "guided"
STORM: Final = "storm"

_INTRO: Final = """# Fuzzing

Whatever reads what somebody else wrote has a target in `fuzz/`, whose first line is its invariant:
every codec, the framer, the session, the envelope, the verifier of evidence, the importers and the
interface. Inputs are the published frames of `tests/vectors/`, files that the program writes and
requests that it describes, changed in one to four places, three times out of four with lengths,
checksums and forms made to fit again.

| target | reads |
|---|---|
| one a codec, `framer`, `session`, `envelope` | what meters, platforms and gateways send |
| `evidence` | packages of evidence |
| `books` | registries that are imported: workbooks, CSV files, ZIPs of them |
| `toml_files` | rules, gradings, thresholds, routing, forwarding, scenarios, `wattwarden.toml` |
| `captures` | what is replayed: hex, JSON lines, pcap, pcapng |
| `backups` | manifests, files and sealed secrets of backups, segments of the archive |
| `uploads` | forms, photographs, papers, callbacks and answers of message gateways, time-stamps |
| `api` | query strings, cursors, JSON bodies, tags, links and times |

In those with several readers the first byte of an input says which of its readers gets the rest.

    make fuzz MINUTES=10                                        # guided by coverage, all targets
    .venv/bin/python fuzz/long.py --storm --minutes 60 --record # faster, without coverage
    .venv/bin/python fuzz/long.py --storm --seed S --record     # goes on behind S's last storm
    .venv/bin/python fuzz/run.py TARGET --seed S --storm N      # storm N of a seed once more

An **execution** is one changed input. Guided, and in the tests, it is held against the whole
invariant, alone. In a **storm** 512 inputs are cut, recognised and answered each on a line of its
own, and then confirmed, decoded and acknowledged as one batch, one of 24 of whose frames is decoded
alone and compared; one of 16 frames is read, one of 64 explained, and one input of 512 is held
against the whole invariant. A storm of a target without a codec has 64 inputs, each of which is; so
had those of codecs until seed 20261125, whose numbers say other inputs by now. `--record` adds to
this page; what is found becomes a line of `fuzz/findings.jsonl` or a vector, and so a test. What
came up while a target was written stands there alone.
"""
_RUN: Final = re.compile(
    r"^\| (?P<day>\d{4}-\d\d-\d\d) \| (?P<target>\w+) \| (?P<way>\w+) \| (?P<seed>[^|]*)"
    r" \| (?P<storms>\d*) \| (?P<executions>[\d,]+) \| (?P<seconds>[\d,]+) \| (?P<found>\d+) \|$",
    re.MULTILINE,
)


@dataclass(frozen=True, slots=True)
class Run:
    """What a target did on a day in one way, by one seed.

    ``storms`` is how many of the seed have run, since ever; a guided run has none.
    """

    day: str
    target: str
    way: str
    seed: str
    storms: int
    executions: int
    seconds: int
    found: int


def read_runs(page: Path = PAGE) -> list[Run]:
    """Return what is recorded; nothing where there is no page."""
    text = page.read_text(encoding="utf-8") if page.is_file() else ""
    return [
        Run(
            day=found["day"],
            target=found["target"],
            way=found["way"],
            seed=found["seed"],
            storms=int(found["storms"] or 0),
            executions=_number(found["executions"]),
            seconds=_number(found["seconds"]),
            found=int(found["found"]),
        )
        for found in _RUN.finditer(text)
    ]


def add(run: Run, page: Path = PAGE) -> None:
    """Add what a run came to; to the row of its day, where that goes on."""
    runs = read_runs(page)
    for place, one in enumerate(runs):
        if (one.day, one.target, one.way, one.seed) == (run.day, run.target, run.way, run.seed):
            runs[place] = replace(
                run,
                storms=max(one.storms, run.storms),
                executions=one.executions + run.executions,
                seconds=one.seconds + run.seconds,
                found=one.found + run.found,
            )
            break
    else:
        runs.append(run)
    page.write_text(_written(runs), encoding="utf-8")


def storms_done(runs: Iterable[Run], target: str, seed: str) -> int:
    """Return how many storms of a seed a target has had."""
    return max(
        (one.storms for one in runs if (one.target, one.seed, one.way) == (target, seed, STORM)),
        default=0,
    )


def executions_of(runs: Iterable[Run], target: str) -> int:
    """Return how often a target was executed."""
    return sum(one.executions for one in runs if one.target == target)


def _written(runs: Sequence[Run]) -> str:
    totals = []
    for target in sorted({one.target for one in runs}):
        mine = [one for one in runs if one.target == target]
        seconds = sum(one.seconds for one in mine)
        cells = (
            target, f"{executions_of(mine, target):,}", f"{seconds / 3600:.1f}",
            str(sum(one.found for one in mine)), max(one.day for one in mine),
        )  # fmt: skip
        totals.append(_row(cells))
    rows = [
        _row((
            one.day, one.target, one.way, one.seed, str(one.storms or ""),
            f"{one.executions:,}", f"{one.seconds:,}", str(one.found),
        ))
        for one in runs
    ]  # fmt: skip
    return "\n".join([
        _INTRO,
        "| target | executions | hours | found | last |", "|---|--:|--:|--:|---|", *totals, "",
        "## Runs", "",
        "| day (UTC) | target | way | seed | storms | executions | seconds | found |",
        "|---|---|---|---|--:|--:|--:|--:|", *rows, "",
    ])  # fmt: skip


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _number(text: str) -> int:
    return int(text.replace(",", ""))
