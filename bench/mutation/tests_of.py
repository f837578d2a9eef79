"""The pure rooms' tests, read once by each worker: watched, or run on mutants.

Watched: which test touches which line, and how long it takes.  The program's caches are emptied
before each test, so that what one has had worked out is worked out again by the next; what tests of
a module work out once for all of them is noted.
"""

import gc
import json
import os
import sys
import time
from collections.abc import Mapping, Sequence
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Final

import hypothesis
import pytest
from _pytest.runner import runtestprotocol
from bench.mutation.mutants import Mutant
from bench.mutation.swap import CannotSwapError, Loaded, import_libraries, read_as
from bench.mutation.trial import (
    ANEW,
    BROKEN,
    KILLED,
    SURVIVED,
    Jobs,
    Verdict,
    allowed_s,
    limit_cpu,
    try_alone,
)
from coverage import Coverage

ROOMS: Final = ("protocol", "codecs", "alarms")
# Their own tests, and the seeded fuzzing of codecs, framer, session and envelope.
PLACES: Final = (*(f"tests/{room}" for room in ROOMS), "tests/house/test_fuzz.py")
# Whatever reads modules of ours; and plugins, as pytest complains of those that were read before.
_OURS: Final = (
    "wattwarden", "tests", "bench", "fuzz",
    "pytest_", "_pytest", "xdist", "_hypothesis_", "__main__",
)  # fmt: skip
_FIRST: Final = 12
_READING_S: Final = 30.0
# Whether a test hangs is seen by the time that it works, not by the clock.
_ARGUMENTS: Final = ("--timeout=0", "-p", "no:cacheprovider", "-p", "no:terminal", "-x")


# Of each job the mutant and its tests.
Plan = Mapping[int, tuple[Mutant, Sequence[str]]]


def modules_of_tests(root: Path) -> int:
    """Return how many modules the tests are in."""
    places = (root / place for place in PLACES)
    return sum(sum(1 for _ in one.rglob("test_*.py")) if one.is_dir() else 1 for one in places)


def watch(root: Path, folder: Path, jobs: Jobs) -> None:
    """Run the modules of tests that are taken, and note in a folder what each test touches."""
    name = str(os.getpid())
    coverage = Coverage(
        data_file=folder / f"coverage.{name}",
        branch=True,
        source=[str(root / room) for room in ROOMS],
        config_file=str(root / "pyproject.toml"),
    )
    coverage.start()
    watching = _Watching(root, jobs, coverage)
    if status := _run_pytest(root, folder, watching):
        raise _CannotReadError(status)
    coverage.stop()
    coverage.save()
    noted = {
        "tests": watching.spent_s,
        "sharing": watching.sharing,
        "modules": watching.libraries,
    }
    (folder / f"noted.{name}.json").write_text(json.dumps(noted), encoding="utf-8")


def try_loaded(
    root: Path,
    folder: Path,
    jobs: Jobs,
    plan: Plan,
    usual_s: Mapping[str, float],
) -> None:
    """Try mutants of jobs in a program that is loaded once."""
    if status := _run_pytest(root, folder, _Trying(root, jobs, plan, usual_s)):
        raise _CannotReadError(status)


def try_anew(
    root: Path,
    folder: Path,
    jobs: Jobs,
    plan: Plan,
    usual_s: Mapping[str, float],
    libraries: Sequence[str],
) -> None:
    """Try mutants of jobs in programs that are loaded with them."""
    import_libraries([name for name in libraries if not name.startswith(_OURS)])
    gc.freeze()
    for job in jobs:
        jobs.tell(try_alone(job, partial(_trial_anew, root, folder, *plan[job], usual_s)))


def _trial_anew(
    root: Path, folder: Path, mutant: Mutant, tests: Sequence[str], usual_s: Mapping[str, float]
) -> tuple[str, str]:
    read_as(root, mutant)
    # To read all modules of tests takes longer than to run those that notice most.
    for part in (tests[:_FIRST], tests[_FIRST:]):
        first = _First()
        limit_cpu(_READING_S + allowed_s(sum(usual_s[test] for test in part)))
        if part and _run_pytest(root, folder, first, part):
            return (KILLED, first.failed)
    return (SURVIVED, "")


class _CannotReadError(Exception):
    """Tests could not be read; with pytest's exit status."""


class _Watching:
    def __init__(self, root: Path, jobs: Jobs, coverage: Coverage) -> None:
        self._root = root
        self._jobs = jobs
        self._coverage = coverage
        self.spent_s: dict[str, float] = {}
        self.libraries: list[str] = []
        self.sharing: list[str] = []

    def pytest_sessionstart(self) -> None:
        _be_brief()

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        self.libraries = list(sys.modules)
        loaded = Loaded(self._root)
        self.sharing = loaded.sharing()
        modules = [list(items) for _, items in groupby(session.items, key=lambda one: one.path)]
        for job in self._jobs:
            items = modules[job]
            failed = ""
            for item, following in zip(items, [*items[1:], None], strict=True):
                loaded.forget()
                failed = failed or self._watched(item, following)
            self._jobs.tell(Verdict(job, KILLED if failed else SURVIVED, failed))
        return True

    def _watched(self, item: pytest.Item, following: pytest.Item | None) -> str:
        self._coverage.switch_context(item.nodeid)
        began = time.process_time()
        reports = runtestprotocol(item, log=False, nextitem=following)
        self.spent_s[item.nodeid] = round(time.process_time() - began, 4)
        self._coverage.switch_context("")
        return item.nodeid if any(one.failed for one in reports) else ""


class _Trying:
    def __init__(
        self,
        root: Path,
        jobs: Jobs,
        plan: Plan,
        usual_s: Mapping[str, float],
    ) -> None:
        self._root = root
        self._jobs = jobs
        self._plan = plan
        self._usual_s = usual_s

    def pytest_sessionstart(self) -> None:
        _be_brief()

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        items = {item.nodeid: item for item in session.items}
        loaded = Loaded(self._root)
        gc.collect()
        gc.freeze()
        for job in self._jobs:
            mutant, tests = self._plan[job]
            mine = [items[test] for test in tests]
            self._jobs.tell(try_alone(job, partial(self._trial, loaded, mutant, mine)))
        return True

    def _trial(
        self, loaded: Loaded, mutant: Mutant, items: Sequence[pytest.Item]
    ) -> tuple[str, str]:
        try:
            loaded.put(mutant)
        except CannotSwapError:
            return (ANEW, "")
        except Exception as error:  # noqa: BLE001  # a fault of ours must not pass for a found mutant
            return (BROKEN, repr(error))
        for item, following in zip(items, [*items[1:], None], strict=True):
            limit_cpu(allowed_s(self._usual_s[item.nodeid]))
            if any(one.failed for one in runtestprotocol(item, log=False, nextitem=following)):
                return (KILLED, item.nodeid)
        return (SURVIVED, "")


class _First:
    """Remembers which test, or which module of tests, failed first."""

    def __init__(self) -> None:
        self.failed = ""

    def pytest_sessionstart(self) -> None:
        _be_brief()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._take(report)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        self._take(report)

    def _take(self, report: pytest.TestReport | pytest.CollectReport) -> None:
        if report.failed:
            self.failed = self.failed or report.nodeid


def _be_brief() -> None:
    """That an example fails is enough: nobody reads the smallest one."""
    phases = (hypothesis.Phase.explicit, hypothesis.Phase.generate)
    hypothesis.settings.register_profile("brief", hypothesis.settings.default, phases=phases)
    hypothesis.settings.load_profile("brief")


def _run_pytest(root: Path, folder: Path, plugin: object, tests: Sequence[str] = ()) -> int:
    own = folder / f"base.{os.getpid()}"
    places = tests or [str(root / place) for place in PLACES]
    given = [*_ARGUMENTS, "--rootdir", str(root), "--basetemp", str(own), *places]
    return int(pytest.main(given, plugins=[plugin]))
