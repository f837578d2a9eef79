"""Chores are done in order, by one archivist at a time, and none keeps another from being done."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

import pytest
from structlog.testing import capture_logs

from wattwarden.server import archivist as module
from wattwarden.server.archivist import RETRY_INTERVAL, Archivist, Chore, Due, Rested
from wattwarden.server.clock import Clock
from wattwarden.storage.errors import StorageError
from wattwarden.storage.journal.lease import Verdict

NOW = datetime(2026, 11, 22, 3, tzinfo=UTC)


class FakeLease:
    """Held whenever nobody else is in ``holders`` before us."""

    def __init__(self, holders: list["FakeLease"]) -> None:
        self._holders = holders
        self.may = True
        self.attempts = 0

    async def acquire_or_renew(self, now: float) -> Verdict:
        assert now > 0
        self.attempts += 1
        if self.may and not self._holders:
            self._holders.append(self)
        if not self.may and self in self._holders:
            self._holders.remove(self)
        return Verdict.HELD if self.is_held(now) else Verdict.TAKEN

    def is_held(self, now: float) -> bool:
        assert now > 0
        return self in self._holders

    async def release(self) -> None:
        if self in self._holders:
            self._holders.remove(self)


def chore(name: str, done: list[str], *failures: Exception | None) -> Chore:
    """Notes that it was done, once it has failed as it should."""
    left = list(failures)

    async def do(now: datetime) -> None:
        assert now.tzinfo is not None
        failure = left.pop(0) if left else None
        if failure is not None:
            raise failure
        done.append(name)

    return Chore(name, do)


def archivist(chores: Sequence[Chore], lease: FakeLease | None = None) -> Archivist:
    return Archivist(lease or FakeLease([]), chores, 0.001, Clock())


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LEASE_INTERVAL_S", 0.001)


async def until(true: Callable[[], object]) -> None:
    async with asyncio.timeout(60):
        while not true():  # noqa: ASYNC110  what is waited for sets no event
            await asyncio.sleep(0)


async def test_one_that_fails_stops_no_other() -> None:
    done: list[str] = []
    broken = StorageError("disk full", retryable=True)
    mistake = KeyError("hour")
    made = archivist([chore("a", done), chore("b", done, broken, mistake), chore("c", done)])
    for _ in range(3):
        await made.round(NOW)
    assert done == ["a", "c", "a", "c", "a", "b", "c"]
    assert made.counters.rounds == 3
    assert made.counters.failed == {"b": 2}
    assert made.counters.done == {"a": 3, "b": 1, "c": 3}


async def test_a_failure_is_told_once_until_it_changes_or_ends() -> None:
    away, full = (StorageError(text, retryable=True) for text in ("away", "full"))
    made = archivist([chore("a", [], away, away, full, None, away)])
    with capture_logs() as lines:
        for _ in range(6):
            await made.round(NOW)
    assert [(line["event"], line.get("reason")) for line in lines] == [
        ("chore failed", "away"),
        ("chore failed", "full"),
        ("chore is done again", None),
        ("chore failed", "away"),
        ("chore is done again", None),
    ]
    assert {line["chore"] for line in lines} == {"a"}


async def test_what_is_not_due_yet_goes_on_to_fail() -> None:
    away = StorageError("away", retryable=True)
    answers: list[StorageError | Rested | None] = [away, Rested.NOT_DUE, Rested.NOT_DUE, None]

    async def do(_now: datetime) -> Rested | None:
        answer = answers.pop(0)
        if isinstance(answer, StorageError):
            raise answer
        return answer

    made = archivist([Chore("hourly", do)])
    failing = []
    with capture_logs() as lines:
        for _ in range(4):
            await made.round(NOW)
            failing.append("hourly" in made.failing)
    assert failing == [True, True, True, False]
    assert (made.counters.done, made.counters.failed) == ({"hourly": 1}, {"hourly": 1})
    assert [line["event"] for line in lines] == ["chore failed", "chore is done again"]


def test_what_failed_is_due_again_sooner() -> None:
    due = Due(timedelta(hours=1))
    assert due.begins(NOW)
    assert not due.begins(NOW + RETRY_INTERVAL / 2)
    later = NOW + RETRY_INTERVAL
    assert due.begins(later)
    due.done(later)
    assert not due.begins(later + timedelta(minutes=59))
    assert due.begins(later + timedelta(hours=1))


async def test_two_archivists_do_not_work_at_the_same_time() -> None:
    holders: list[FakeLease] = []
    done: list[str] = []
    stops = [asyncio.Event(), asyncio.Event()]
    leases = [FakeLease(holders), FakeLease(holders)]
    tasks = []
    for name, stop, lease in zip("ab", stops, leases, strict=True):
        made = archivist([chore(name, done)], lease)
        tasks.append(asyncio.create_task(made.run(stop)))
        await asyncio.sleep(0)
    await until(lambda: all(lease.attempts > 3 for lease in leases) and len(done) > 3)
    assert set(done) == {"a"}
    stops[0].set()
    await tasks[0]
    await until(lambda: "b" in done)
    assert set(done[done.index("b") :]) == {"b"}
    stops[1].set()
    await tasks[1]
    assert holders == []


async def test_a_chore_in_hand_is_given_up_when_the_lease_is_lost() -> None:
    lease = FakeLease([])
    ended: list[str] = []

    async def endless(_now: datetime) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("given up")

    made = archivist([Chore("endless", endless)], lease)
    stop = asyncio.Event()
    running = asyncio.create_task(made.run(stop))
    await until(lambda: made.counters.rounds == 1)
    lease.may = False
    await until(lambda: ended)
    lease.may = True
    await until(lambda: made.counters.rounds == 2)
    stop.set()
    await running
    assert ended == ["given up", "given up"]
