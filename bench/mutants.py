"""Mutants of the pure rooms: programs changed in one place, which a test has to notice.

    .venv/bin/python bench/mutants.py                          500 of protocol, 500 of alarms
    .venv/bin/python bench/mutants.py --room protocol --size 100 --seed 7
    .venv/bin/python bench/mutants.py --record                 into docs/mutants.md

The tests of protocol, codecs and alarms run once, watched; then each mutant runs those that touch
its line, the fastest first.  The exit status is 1 when fewer than 85 % of a room are noticed.
"""

import argparse
import hashlib
import os
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from tempfile import mkdtemp
from typing import Final

# Behind everything else: the rooms in the repository root must shadow no library.
sys.path.append(str(Path(__file__).resolve().parents[1]))

import msgspec
from bench.mutation.mutants import Mutant, count, sample, unchanged
from bench.mutation.page import (
    BAR,
    PAGE,
    Result,
    Tried,
    keep_alive,
    read_alive,
    render,
)
from bench.mutation.tests_of import ROOMS, modules_of_tests, try_anew, try_loaded, watch
from bench.mutation.touched import Touched
from bench.mutation.trial import ANEW, BROKEN, ENDED, KILLED, SURVIVED, Verdict, work
from rich.console import Console
from rich.progress import Progress

ROOT: Final = Path(__file__).resolve().parents[1]
SIZE: Final = 500
SEED: Final = "20261123"
WORKERS: Final = 2
# The fastest of a line's tests notice nearly all that is noticed.
MOST_S: Final = 120.0
MUTATED: Final = ("protocol", "alarms")
# Programs in which nothing is changed, which no test may complain about.
CONTROLS: Final = 10


def main(arguments: Sequence[str]) -> int:
    """Draw mutants, try them, tell what became of them."""
    given = _parse(arguments)
    # Forks may have no threads beside them; and bytecode is kept, or each trial would compile anew.
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    sys.dont_write_bytecode = False
    began = datetime.now(UTC)
    with ExitStack() as stack:
        folder = given.folder or stack.enter_context(_own_folder())
        bar = stack.enter_context(
            Progress(console=Console(stderr=True), auto_refresh=False, transient=True)
        )
        run = _Run(folder.resolve(), given.workers, bar)
        mutants = [one for room in given.room for one in sample(ROOT, room, given.seed, given.size)]
        if given.alive:
            alive = {(one.file, one.function, one.was, one.becomes) for one in read_alive()}
            mutants = [one for one in mutants if one.key in alive]
        touched = run.watched(given.most)
        tried = run.tried(mutants, touched)
    everywhere = {room: count(ROOT, room) for room in given.room}
    result = Result(
        given.seed, began, everywhere, tried, touched.rooms(), list(touched.uncovered())
    )
    if given.record:
        keep_alive(result)
        PAGE.write_text(render(result), encoding="utf-8")
    _tell(result, given.room, as_json=given.json)
    return 0 if all(result.score(room) >= BAR for room in given.room) else 1


class _Run:
    """Workers at their jobs, and how far they are."""

    def __init__(self, folder: Path, workers: int, bar: Progress) -> None:
        self._folder = folder
        self._workers = workers
        self._bar = bar
        self._tried = folder / "tried.jsonl"
        folder.mkdir(parents=True, exist_ok=True)

    def watched(self, most_s: float) -> Touched:
        """Watch the tests.

        Raises:
            SystemExit: A test fails, or an unchanged program is complained about.
        """
        for path in (*self._folder.glob("noted.*"), *self._folder.glob("coverage*")):
            path.unlink()
        jobs = range(modules_of_tests(ROOT))
        watching = partial(watch, ROOT, self._folder)
        for verdict in self._work("watching tests", jobs, watching):
            if verdict.outcome != SURVIVED:
                sys.exit(f"{verdict.test} fails without any mutant")
        return Touched(ROOT, self._folder, most_s)

    def tried(self, mutants: Sequence[Mutant], touched: Touched) -> list[Tried]:
        """Try mutants, among unchanged programs."""
        mutants = [*mutants, *(unchanged(one) for one in mutants[:CONTROLS])]
        plan = {job: (mutant, touched.tests_of(mutant)) for job, mutant in enumerate(mutants)}
        found = {job: Verdict(job, SURVIVED) for job, (_, tests) in plan.items() if not tests}
        found |= self._kept(mutants)
        loaded = [job for job in plan if job not in found and mutants[job].inside]
        trying = partial(try_loaded, ROOT, self._folder, plan=plan, usual_s=touched.usual_s)
        for verdict in self._work("mutants", loaded, trying):
            if verdict.outcome != SURVIVED or not touched.runs_when_read(mutants[verdict.job]):
                found[verdict.job] = self._keep(mutants, verdict)
        waiting = [job for job in plan if job not in found or found[job].outcome == ANEW]
        trying = partial(
            try_anew, ROOT, self._folder, plan=plan, usual_s=touched.usual_s,
            libraries=touched.libraries,
        )  # fmt: skip
        for verdict in self._work("mutants read anew", waiting, trying):
            found[verdict.job] = self._keep(mutants, verdict)
        tried = [
            Tried(mutant, found[job].outcome, found[job].test, len(plan[job][1]))
            for job, mutant in enumerate(mutants)
        ]
        return list(_without_controls(tried))

    def _keep(self, mutants: Sequence[Mutant], verdict: Verdict) -> Verdict:
        """Keep what became of a mutant, for a run that goes on where another was ended."""
        mutant = mutants[verdict.job]
        with self._tried.open("ab") as file:
            kept = (*_identity(mutant), verdict.outcome, verdict.test)
            file.write(msgspec.json.encode(kept) + b"\n")
        return verdict

    def _kept(self, mutants: Sequence[Mutant]) -> dict[int, Verdict]:
        """Return what was noticed before, of files that are as they were."""
        lines = self._tried.read_bytes().splitlines() if self._tried.is_file() else []
        kept: dict[tuple[str, int, str], tuple[str, str]] = {}
        for line in lines:
            file, number, digest, outcome, test = msgspec.json.decode(line)
            if outcome in (KILLED, ENDED):
                kept[file, number, digest] = (outcome, test)
        places = {_identity(mutant): job for job, mutant in enumerate(mutants)}
        return {job: Verdict(job, *kept[place]) for place, job in places.items() if place in kept}

    def _work(self, what: str, jobs: Sequence[int], run: Callable[..., None]) -> Iterator[Verdict]:
        task = self._bar.add_task(what, total=len(jobs))
        for verdict in work(jobs, self._workers, lambda taken: run(jobs=taken)):
            self._bar.advance(task)
            self._bar.refresh()
            yield verdict
        self._bar.remove_task(task)


@contextmanager
def _own_folder() -> Iterator[Path]:
    """Make a folder that goes with this run; forks that a mutant lets out of a trial leave it."""
    folder, owner = Path(mkdtemp(prefix="mutants-")), os.getpid()
    try:
        yield folder
    finally:
        if os.getpid() == owner:
            shutil.rmtree(folder)


def _identity(mutant: Mutant) -> tuple[str, int, str]:
    digest = hashlib.sha256((ROOT / mutant.file).read_bytes()).hexdigest()
    return (mutant.file, mutant.number, digest)


def _without_controls(tried: Sequence[Tried]) -> Iterator[Tried]:
    for one in tried:
        if one.outcome == BROKEN:
            sys.exit(f"{one.mutant.file} {one.mutant.number}: {one.test}")
        if one.mutant != unchanged(one.mutant):
            yield one
        elif one.outcome != SURVIVED:
            sys.exit(f"{one.test} fails without any mutant, in another order")


def _tell(result: Result, rooms: Sequence[str], *, as_json: bool) -> None:
    scores = {room: round(result.score(room), 4) for room in rooms}
    if as_json:
        told = {"seed": result.seed, "scores": scores, "tried": result.tried}
        print(msgspec.json.encode(told).decode())
        return
    for one in result.tried:
        if one.outcome == SURVIVED:
            mutant = one.mutant
            print(f"{mutant.file}:{mutant.lines[0]} {mutant.function} ({one.tests} tests)")
            print(f"    - {mutant.was}\n    + {mutant.becomes}")
    for room, score in scores.items():
        print(f"{room}: {score:.1%} of {len(result.of(room))} mutants noticed")


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--room", nargs="+", choices=ROOMS, default=MUTATED)
    parser.add_argument("--size", type=int, default=SIZE, help="mutants of each room")
    parser.add_argument("--seed", default=SEED)
    parser.add_argument("--alive", action="store_true", help="only those that stayed alive before")
    parser.add_argument(
        "--most", type=float, default=MOST_S, help="seconds of tests that a mutant gets"
    )
    parser.add_argument("--workers", type=int, default=WORKERS)
    parser.add_argument(
        "--folder", type=Path, help="keep what was noticed there, and do not try it again"
    )
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--record", action="store_true", help="into docs/mutants.md")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
