"""docs/mutants.md: the score of each room, every mutant that stayed alive and why, and coverage.

Reasons are kept in alive.jsonl beside this, a line a mutant, by what it changes: lines move.
"""

import subprocess
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final, TypeVar

import msgspec
from bench.mutation.mutants import Mutant
from bench.mutation.touched import Covered, Uncovered
from bench.mutation.trial import ENDED, KILLED, SURVIVED

ROOT: Final = Path(__file__).resolve().parents[2]
PAGE: Final = ROOT / "docs" / "mutants.md"
ALIVE: Final = Path(__file__).with_name("alive.jsonl")
ARGUED: Final = Path(__file__).with_name("uncovered.jsonl")
# Of a hundred mutants so many have to be noticed.
BAR: Final = 0.85

_Kept = TypeVar("_Kept")


class Tried(msgspec.Struct, frozen=True):
    """A mutant, and what its tests said: the first that noticed it; how many there are."""

    mutant: Mutant
    outcome: str
    test: str
    tests: int


class Known(msgspec.Struct, frozen=True):
    """A mutant that stayed alive once: why it may, or else nothing."""

    file: str
    function: str
    was: str
    becomes: str
    why: str = ""


class Argued(msgspec.Struct, frozen=True):
    """A line that no test of the pure rooms touches, by its text, and why that is right."""

    file: str
    text: str
    why: str


@dataclass(frozen=True, slots=True)
class Result:
    """One run."""

    seed: str
    began: datetime
    all_mutants: Mapping[str, int]
    tried: Sequence[Tried]
    covered: Mapping[str, Covered]
    uncovered: Sequence[Uncovered]

    def of(self, room: str) -> list[Tried]:
        """Return what was tried of a room."""
        return [one for one in self.tried if one.mutant.file.startswith(f"{room}/")]

    def score(self, room: str) -> float:
        """Return the share of a room's mutants that tests noticed."""
        tried = self.of(room)
        return sum(one.outcome != SURVIVED for one in tried) / max(1, len(tried))


def render(result: Result) -> str:
    """Return the page."""
    return "\n".join([
        _INTRO,
        *_scores(result),
        *_alive(result),
        *_noticed_now(result),
        *_coverage(result),
        *_files(result),
    ])  # fmt: skip


def read_alive() -> list[Known]:
    """Return the mutants that stayed alive in runs before."""
    return _read(ALIVE, Known)


def keep_alive(result: Result) -> None:
    """Add those that stayed alive to the file, for somebody to say why or to write a test."""
    known = {_key(one): one for one in read_alive()}
    for one in result.tried:
        if one.outcome == SURVIVED and one.mutant.key not in known:
            known[one.mutant.key] = Known(*one.mutant.key)
    lines = [msgspec.json.encode(known[key]) for key in sorted(known)]
    ALIVE.write_bytes(b"".join(line + b"\n" for line in lines))


def _read(path: Path, kind: type[_Kept]) -> list[_Kept]:
    lines = path.read_bytes().splitlines() if path.is_file() else []
    return [msgspec.json.decode(line, type=kind) for line in lines]


def _key(known: Known) -> tuple[str, str, str, str]:
    return (known.file, known.function, known.was, known.becomes)


_INTRO: Final = """# Mutants

A **mutant** is the program with one thing changed: a bound, a sign, a constant by one, a condition
turned round, a statement left out, two arguments exchanged, another return value. A test has to
notice it. Of `protocol` and `alarms` a sample is drawn by a seed, the same as long as the
statements stay what they are, and at least 85 % of each room have to be noticed.

    make mutants                                               # as recorded here
    .venv/bin/python bench/mutants.py --room protocol --seed 7 # another sample
    .venv/bin/python bench/mutants.py --alive                  # only those below, after a new test

The tests of `protocol`, `codecs` and `alarms` (no database, no gateway) and the seeded fuzzing of
codecs run once, watched line by line; then each mutant runs those that touch its line, the fastest
first, and at most two minutes of them. What no test complains about counts as alive, also where
those of other rooms would complain. What a test never ends on, or needs five times its time for, is
noticed.

Not changed: annotations, decorators, bases and `TYPE_CHECKING`, which the type checker reads;
what an error says and `__repr__`; `strict=True` of `zip`, which guards against ourselves; strings
and tables that give words for codes, whose wording is held by the pages that show them. Programs
that come out the same are not counted. Unchanged programs run among the mutants: a test that fails
on one ends the run.
"""


def _scores(result: Result) -> list[str]:
    rows = []
    for room in sorted({one.mutant.file.partition("/")[0] for one in result.tried}):
        tried = result.of(room)
        outcomes = Counter(one.outcome for one in tried)
        rows.append(
            f"| {room} | {result.all_mutants[room]:,} | {len(tried)} | {outcomes[KILLED]}"
            f" | {outcomes[ENDED]} | {outcomes[SURVIVED]} | {result.score(room):.1%} |"
        )
    return [
        "## The sample", "",
        f"Seed {result.seed}, {result.began:%Y-%m-%d %H:%M} UTC, commit {_commit()}.", "",
        "| room | mutants | in the sample | a test failed | ended | alive | noticed |",
        "|---|--:|--:|--:|--:|--:|--:|", *rows, "",
    ]  # fmt: skip


def _alive(result: Result) -> list[str]:
    why = {_key(one): one.why for one in read_alive()}
    rows = [
        f"| {_place(one)} | {_code(one.mutant.was)} | {_code(one.mutant.becomes)}"
        f" | {why.get(one.mutant.key) or '**not argued yet**'} |"
        for one in result.tried
        if one.outcome == SURVIVED
    ]
    return [
        "## Alive, and why that may be", "",
        "| where | was | becomes | why no test fails |", "|---|---|---|---|", *rows, "",
    ]  # fmt: skip


def _noticed_now(result: Result) -> list[str]:
    known = {_key(one) for one in read_alive()}
    rows = [
        f"| {_place(one)} | {_code(one.mutant.was)} | {_code(one.mutant.becomes)}"
        f" | {_code(one.test.removeprefix('tests/')) if one.test else 'ended'} |"
        for one in result.tried
        if one.outcome != SURVIVED and one.mutant.key in known
    ]
    return [
        "## Alive once, noticed now", "",
        "Each has a test since, or is noticed by one that was written for another.", "",
        "| where | was | becomes | noticed by |", "|---|---|---|---|", *rows, "",
    ]  # fmt: skip


def _coverage(result: Result) -> list[str]:
    rows = [
        f"| {room} | {one.statements_touched:,} of {one.statements:,}"
        f" | {one.branches_touched:,} of {one.branches:,} |"
        for room, one in result.covered.items()
    ]
    return [
        "## Lines and branches", "",
        "What the same tests touch, but for what stands under `TYPE_CHECKING`.", "",
        "| room | statements | branches |", "|---|--:|--:|", *rows, "",
        *_untouched(result),
    ]  # fmt: skip


def _untouched(result: Result) -> list[str]:
    if not result.uncovered:
        return []
    why = {(one.file, one.text): one.why for one in _read(ARGUED, Argued)}
    rows = []
    for file in result.uncovered:
        texts = (ROOT / file.file).read_text(encoding="utf-8").splitlines()
        lines = {line: f"{line}" for line in file.lines}
        lines |= {a: f"{a} → {b if b > 0 else 'end'}" for a, b in file.branches}
        for line, place in sorted(lines.items()):
            text = texts[line - 1].strip()
            argued = why.get((file.file, text)) or "**not argued yet**"
            rows.append(f"| {file.file}:{place} | {_code(text)} | {argued} |")
    return ["| not touched | text | why |", "|---|---|---|", *rows, ""]


def _files(result: Result) -> list[str]:
    by_file = Counter(one.mutant.file for one in result.tried)
    alive = Counter(one.mutant.file for one in result.tried if one.outcome == SURVIVED)
    rows = [f"| {file} | {many} | {alive[file] or ''} |" for file, many in sorted(by_file.items())]
    return ["## By module", "", "| module | mutants | alive |", "|---|--:|--:|", *rows, ""]


def _place(one: Tried) -> str:
    return f"{one.mutant.file}:{one.mutant.lines[0]} {one.mutant.function}"


def _code(text: str) -> str:
    """Text as code in a cell of a table."""
    cell = text.replace("|", "\\|")
    return f"`` {cell} ``" if "`" in cell else f"`{cell}`"


def _commit() -> str:
    asked = ("git", "-C", str(ROOT), "rev-parse", "--short", "HEAD")
    return subprocess.run(asked, capture_output=True, text=True, check=False).stdout.strip() or "?"
