"""What a role tells: numbers, why it cannot work, and what could not be asked."""

from collections.abc import Awaitable, Callable

import pytest

from wattwarden.server.metrics import watch as module
from wattwarden.server.metrics.page import Sample
from wattwarden.server.metrics.watch import Look, Seen, Trouble, Watch, side_watch
from wattwarden.storage.errors import StorageError

NO_ROOM = Trouble("journal", "full")


def watch_of(*looks: Look, troubles: tuple[Trouble, ...] = ()) -> Watch:
    return Watch("gateway", lambda: [Sample("sessions", 3)], lambda: troubles, looks)


def told(samples: list[Sample]) -> dict[tuple[str, tuple[str, ...]], object]:
    return {(one.name, one.labels): one.value for one in samples}


def looking(*answers: Seen | Exception) -> tuple[Callable[[], Awaitable[Seen]], list[int]]:
    """Answers in turn, and how often it was asked."""
    asked: list[int] = []

    async def ask() -> Seen:
        asked.append(1)
        answer = answers[min(len(asked), len(answers)) - 1]
        if isinstance(answer, Exception):
            raise answer
        return answer

    return ask, asked


async def test_a_role_without_trouble_is_ready() -> None:
    found = told(await watch_of().numbers())
    assert found["ready", ()] == 1
    assert found["sessions", ()] == 3
    assert not [name for name, _ in found if name == "trouble"]


async def test_each_reason_is_told_once() -> None:
    watch = watch_of(troubles=(NO_ROOM, NO_ROOM))
    found = told(await watch.numbers())
    assert found["ready", ()] == 0
    assert found["trouble", ("journal",)] == 1
    assert await watch.unready() == [NO_ROOM, NO_ROOM]


@pytest.mark.parametrize(
    "error", [StorageError("away", retryable=True), TimeoutError()], ids=["away", "slow"]
)
async def test_a_look_that_fails_is_counted_and_is_a_trouble(error: Exception) -> None:
    ask, _ = looking(error)
    watch = watch_of(Look("outbox", ask))
    found = told(await watch.numbers())
    assert found["look_failures_total", ("outbox",)] == 1
    assert [one.check for one in await watch.unready()] == ["outbox"]


async def test_who_asks_again_at_once_gets_what_was_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    ask, asked = looking(Seen((Sample("quarantine_rows", 5),)))
    watch = watch_of(Look("quarantine", ask))
    await watch.numbers()
    assert told(await watch.numbers())["quarantine_rows", ()] == 5
    assert len(asked) == 1
    monkeypatch.setattr(module, "LOOK_INTERVAL_S", -1.0)
    await watch.numbers()
    assert len(asked) == 2


async def test_roles_in_one_process_tell_together() -> None:
    ask, _ = looking(Seen((Sample("quarantine_rows", 5),)))
    watch = side_watch([watch_of(troubles=(NO_ROOM,)), watch_of(Look("quarantine", ask))])
    found = told(await watch.numbers())
    assert found["quarantine_rows", ()] == 5
    assert found["ready", ()] == 0
