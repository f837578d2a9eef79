"""Programs tried in processes of their own, several beside each other, until a test fails.

    main ─ fork ─► worker ─ reads all tests once ─► takes a number, forks ─► trial: mutant, tests
                                                          ▲                     │
                                                          └──── its verdict ◄───┘

A trial that takes more processor time than its tests ever did, or more memory, is ended: what
hangs is found.
"""

import json
import os
import resource
import select
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple, NoReturn

KILLED: Final = "killed"
SURVIVED: Final = "survived"
ENDED: Final = "ended"  # by us, for it took too long or too much
ANEW: Final = "anew"  # it takes effect only where modules are read
BROKEN: Final = "broken"  # it could not be made, which is a fault of ours

_LEAST_S: Final = 5.0
_TIMES: Final = 5.0
# A trial that did next to nothing meanwhile waits for what does not come.
_PATIENCE_S: Final = 60.0
_NOTHING_S: Final = 0.02
_MOST_MEMORY: Final = 4 << 30


class WorkerError(Exception):
    """A worker did not come to its end; with what all of them ended with."""


class Verdict(NamedTuple):
    """What became of a job, and the test that saw to it."""

    job: int
    outcome: str
    test: str = ""


def allowed_s(usual_s: float) -> float:
    """Return how much processor time a test may take."""
    return _LEAST_S + _TIMES * usual_s


def try_alone(job: int, trial: Callable[[], tuple[str, str]]) -> Verdict:
    """Run a trial in a process of its own."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        _be_the_trial(trial, writing)
    os.close(writing)
    try:
        return Verdict(job, *_awaited(child, reading))
    finally:
        os.close(reading)


def limit_cpu(seconds: float) -> None:
    """End this process when it takes more processor time than that from now on."""
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_PROF, seconds)


def work(jobs: Sequence[int], workers: int, run: Callable[["Jobs"], None]) -> Iterator[Verdict]:
    """Let workers take jobs until all are done; yield verdicts as they come."""
    taking, giving = os.pipe()
    os.write(giving, b"".join(job.to_bytes(4, "big") for job in jobs))
    os.close(giving)
    reading, writing = os.pipe()
    sys.stdout.flush()
    pids = [_begin(run, Jobs(taking, writing)) for _ in range(workers)]
    os.close(writing)
    os.close(taking)
    try:
        with os.fdopen(reading, encoding="utf-8") as lines:
            for line in lines:
                yield Verdict(*json.loads(line))
        statuses = [os.waitpid(pid, 0)[1] for pid in pids]
        pids.clear()
        if any(statuses):
            raise WorkerError(statuses)
    finally:
        for pid in pids:
            os.killpg(pid, signal.SIGKILL)
            os.waitpid(pid, 0)


class Jobs:
    """What a worker takes from, and where it tells."""

    def __init__(self, taking: int, writing: int) -> None:
        self._taking = taking
        self._writing = writing

    def __iter__(self) -> Iterator[int]:
        while taken := os.read(self._taking, 4):
            yield int.from_bytes(taken, "big")

    def tell(self, verdict: Verdict) -> None:
        """Tell a verdict; lines of several workers stay whole, being shorter than a page."""
        os.write(self._writing, (json.dumps(verdict, ensure_ascii=False) + "\n").encode()[-4096:])


def _begin(run: Callable[[Jobs], None], jobs: Jobs) -> int:
    pid = os.fork()
    if pid == 0:
        _be_the_worker(run, jobs)
    return pid


def _be_the_worker(run: Callable[[Jobs], None], jobs: Jobs) -> NoReturn:
    # One group with its trials: whoever ends it ends them.
    os.setpgid(0, 0)
    status = 1
    try:
        run(jobs)
        status = 0
    finally:
        sys.stderr.flush()
        os._exit(status)


def _be_the_trial(trial: Callable[[], tuple[str, str]], writing: int) -> NoReturn:
    resource.setrlimit(resource.RLIMIT_AS, (_MOST_MEMORY, _MOST_MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 1)
    os.dup2(silence, 2)
    # Whatever a mutant breaks, a test or the running of it, is found.
    outcome = (KILLED, "")
    try:
        outcome = trial()
    finally:
        os.write(writing, json.dumps(outcome).encode())
        os._exit(0)


def _awaited(child: int, reading: int) -> tuple[str, str]:
    """What a trial told; one that told nothing was ended."""
    pidfd = os.pidfd_open(child)
    worked_s = -1.0
    try:
        while not select.select([pidfd], [], [], _PATIENCE_S)[0]:
            before_s, worked_s = worked_s, _cpu_s(child)
            if worked_s - before_s < _NOTHING_S:
                os.kill(child, signal.SIGKILL)
    finally:
        os.close(pidfd)
    os.waitpid(child, 0)
    os.set_blocking(reading, False)
    try:
        told = os.read(reading, 65536)
    except BlockingIOError:
        told = b""
    outcome, test = json.loads(told) if told else (ENDED, "")
    return outcome, test


def _cpu_s(pid: int) -> float:
    """How long a process has worked."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
