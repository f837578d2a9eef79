"""Trials in a child: what others hold when it is forked is not held against what is tried."""

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np
import pytest
from tests.storage.fakes import ENDLESS, FAKE, HEARTBEAT, NOON

from wattwarden.protocol.codec import Batch, Columns
from wattwarden.storage.errors import StorageError
from wattwarden.storage.rows import outliving
from wattwarden.storage.rows.binding import ClockBounds
from wattwarden.storage.rows.gathering import Gathered
from wattwarden.storage.rows.ingest import prepare
from wattwarden.storage.rows.outliving import QUIET, Trial, computing, ending_of

WITHIN_S: Final = 20.0

# Helpers of tests import more than the writer does, and would hide what is missing there.
DECODE_ALL: Final = """
import json, pathlib, sys
from wattwarden.codecs import load_codecs
from wattwarden.protocol.codec import Batch, Profile
from wattwarden.storage.rows import writer
codecs = load_codecs()
lines = [
    (path.stem, json.loads(line))
    for path in sorted(pathlib.Path(sys.argv[1]).glob("*.jsonl"))
    for line in path.read_text("utf-8").splitlines()
]
known = set(sys.modules)
for name, vector in lines:
    frame = [bytes.fromhex(vector["hex"])]
    for key in (None, b"no meter has it."):
        profile = Profile(key=key)
        batch = Batch.of(frame, 1_795_465_606_000_000, profile_of=lambda name: profile)
        codecs[name].decode(batch)
print(len(lines), *sorted(set(sys.modules) - known))
"""


@contextmanager
def held(
    lock: threading.Lock,
    how: Callable[[], AbstractContextManager[None]],
    let_go: threading.Event,
) -> Iterator[None]:
    """Let another thread hold a lock while it does something."""
    has = threading.Event()

    def hold() -> None:
        with how(), lock:
            has.set()
            let_go.wait(WITHIN_S)

    thread = threading.Thread(target=hold)
    thread.start()
    assert has.wait(WITHIN_S)
    yield
    let_go.set()
    thread.join(WITHIN_S)


@pytest.fixture
def children(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return the children that are forked from now on."""
    found: list[int] = []
    fork = os.fork

    def counted() -> int:
        child = fork()
        found.append(child)
        return child

    monkeypatch.setattr(os, "fork", counted)
    return found


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody gives up waiting for others within the time of a test."""
    monkeypatch.setattr(outliving, "QUIET_S", 10 * WITHIN_S)


@pytest.mark.parametrize(
    ("trials", "tried", "ending"),
    [
        ([Trial("")], 1, ""),
        ([Trial("left with 70")], 1, "left with 70"),
        ([Trial("late", waited=True), Trial("")], 2, ""),
        ([Trial("late", waited=True), Trial("killed by SIGSEGV")], 2, "killed by SIGSEGV"),
        ([Trial("late", waited=True)] * 2 + [Trial("")], 3, ""),
        ([Trial("late", waited=True)] * 3, 3, "late"),
    ],
)
def test_only_a_child_that_waited_is_tried_again(
    trials: list[Trial], tried: int, ending: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = iter(trials)
    monkeypatch.setattr(outliving, "_tried", lambda *_: next(left))
    assert ending_of(partial(int, 1)) == ending
    assert len(trials) - len([*left]) == tried


def test_what_does_not_end_is_ended() -> None:
    work = partial(FAKE.decode, Batch.of([ENDLESS], NOON))
    assert ending_of(work, patience_s=1) == "not done within 1 s"


def test_what_waits_for_ever_is_ended(children: list[int]) -> None:
    lock = threading.Lock()
    with lock:
        assert ending_of(lock.acquire, patience_s=1) == "not done within 1 s"
    assert len(children) == outliving.MOST_TRIALS


@pytest.mark.usefixtures("patient")
def test_a_child_is_forked_when_nobody_computes(children: list[int]) -> None:
    lock, let_go = threading.Lock(), threading.Event()
    timer = threading.Timer(0.3, let_go.set)
    with held(lock, computing, let_go):
        timer.start()
        assert ending_of(lock.acquire) == ""
    timer.join(WITHIN_S)
    assert len(children) == 1


def test_a_child_that_missed_a_lock_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    lock, let_go = threading.Lock(), threading.Event()
    children: list[int] = []
    fork = os.fork

    def forked() -> int:
        children.append(fork())
        let_go.set()
        return children[-1]

    monkeypatch.setattr(os, "fork", forked)
    with held(lock, nullcontext, let_go):
        assert ending_of(lock.acquire, patience_s=1) == ""
    assert len(children) > 1


@pytest.mark.usefixtures("patient")
def test_those_who_compute_and_try_do_not_wait_for_each_other() -> None:
    begun = threading.Barrier(2)
    endings: list[str] = []

    def compute() -> None:
        with computing(), computing():
            begun.wait(WITHIN_S)
            endings.append(ending_of(partial(int, 1)))

    threads = [threading.Thread(target=compute, daemon=True) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(WITHIN_S)
    assert endings == ["", ""]


@pytest.mark.usefixtures("patient")
def test_those_who_compute_in_turn_let_others_fork(children: list[int]) -> None:
    ended = threading.Event()
    begun = threading.Barrier(8)

    def compute() -> None:
        begun.wait(WITHIN_S)
        while not ended.is_set():
            with computing():
                ended.wait(0.05)

    threads = [threading.Thread(target=compute, daemon=True) for _ in range(7)]
    for thread in threads:
        thread.start()
    begun.wait(WITHIN_S)
    # Until all of them compute, each at a time of its own.
    ended.wait(0.3)
    trial = threading.Thread(target=ending_of, args=(partial(int, 1),), daemon=True)
    trial.start()
    trial.join(WITHIN_S)
    forked = len(children)
    ended.set()
    for thread in threads:
        thread.join(WITHIN_S)
    assert forked == 1


def test_who_computes_for_ever_keeps_nobody_from_trying(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outliving, "QUIET_S", 0.1)
    begun, ended = threading.Event(), threading.Event()

    def compute() -> None:
        with computing():
            begun.set()
            ended.wait(WITHIN_S)

    thread = threading.Thread(target=compute)
    thread.start()
    assert begun.wait(WITHIN_S)
    assert ending_of(partial(int, 1)) == ""
    assert thread.is_alive()
    ended.set()
    thread.join(WITHIN_S)


def test_who_rested_computes_as_before_whatever_happened(monkeypatch: pytest.MonkeyPatch) -> None:
    def full() -> int:
        raise BlockingIOError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(os, "fork", full)
    with computing():
        with QUIET.resting(), computing():
            assert QUIET.depth == 1
            with pytest.raises(StorageError):
                ending_of(partial(int, 1))
            assert QUIET.depth == 1
        with computing():
            assert QUIET.depth == 2
        assert QUIET.depth == 1
    assert QUIET.depth == 0


def test_batches_are_decoded_computing() -> None:
    depths: list[int] = []

    def decoded(batch: Batch) -> Columns:
        depths.append(QUIET.depth)
        return FAKE.decode(batch)

    numbers = np.zeros(1, np.int32)
    frames = Batch.of([HEARTBEAT], NOON)
    gathered = Gathered("fake", 0, frames, numbers.astype(np.int64), numbers, numbers, ("p",), ())
    prepare(replace(FAKE, decode=decoded), gathered, ClockBounds())
    assert depths == [1]


def test_decoding_imports_nothing_of_which_a_child_would_miss_the_lock() -> None:
    vectors = Path(__file__).resolve().parents[2] / "vectors"
    said = subprocess.run(  # ourselves
        [sys.executable, "-c", DECODE_ALL, str(vectors)],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    count, *modules = said.stdout.split()
    assert int(count) > 200
    assert modules == []
