"""Trials in a child: what others hold when it is forked is not held against what is tried."""

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from pathlib import Path
from typing import Final

import pytest
from tests.storage.fakes import ENDLESS, FAKE, NOON

from wattwarden.protocol.codec import Batch
from wattwarden.storage.rows import outliving
from wattwarden.storage.rows.outliving import computing, ending_of

WITHIN_S: Final = 20.0

# Helpers of tests import more than the writer does, and would hide what is missing there.
DECODE_ALL: Final = """
import json, pathlib, sys
from wattwarden.codecs import load_codecs
from wattwarden.protocol.codec import Batch
from wattwarden.storage.rows import writer
codecs = load_codecs()
lines = [
    (path.stem, json.loads(line))
    for path in sorted(pathlib.Path(sys.argv[1]).glob("*.jsonl"))
    for line in path.read_text("utf-8").splitlines()
]
known = set(sys.modules)
for name, vector in lines:
    codecs[name].decode(Batch.of([bytes.fromhex(vector["hex"])], 1_795_465_606_000_000))
print(len(lines), *sorted(set(sys.modules) - known))
"""


@contextmanager
def held(lock: threading.Lock, how: Callable[[], AbstractContextManager[None]]) -> Iterator[None]:
    """Let another thread hold a lock while it does something, until a moment after the trial."""
    has, let_go = threading.Event(), threading.Event()

    def hold() -> None:
        with how(), lock:
            has.set()
            let_go.wait(WITHIN_S)

    thread = threading.Thread(target=hold)
    thread.start()
    assert has.wait(WITHIN_S)
    timer = threading.Timer(0.3, let_go.set)
    timer.start()
    yield
    thread.join(WITHIN_S)
    timer.join(WITHIN_S)


def trials(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return the children that are forked from now on."""
    children: list[int] = []
    fork = os.fork

    def counted() -> int:
        child = fork()
        children.append(child)
        return child

    monkeypatch.setattr(os, "fork", counted)
    return children


def test_what_does_not_end_is_ended_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    children = trials(monkeypatch)
    work = partial(FAKE.decode, Batch.of([ENDLESS], NOON))
    assert ending_of(work, patience_s=1) == "not done within 1 s"
    assert len(children) == 1


def test_a_child_is_forked_when_nobody_computes(monkeypatch: pytest.MonkeyPatch) -> None:
    children, lock = trials(monkeypatch), threading.Lock()
    with held(lock, computing):
        assert ending_of(lock.acquire, patience_s=5) == ""
    assert len(children) == 1


def test_a_child_that_only_waited_is_tried_once_more(monkeypatch: pytest.MonkeyPatch) -> None:
    children, lock = trials(monkeypatch), threading.Lock()
    with held(lock, nullcontext):
        assert ending_of(lock.acquire, patience_s=1) == ""
    assert len(children) == 2


def test_what_waits_for_ever_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    children, lock = trials(monkeypatch), threading.Lock()
    with lock:
        assert ending_of(lock.acquire, patience_s=1) == "not done within 1 s"
    assert len(children) == 2


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
