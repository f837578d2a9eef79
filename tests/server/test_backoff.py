"""A part that dies young is started ever more slowly, one that ran well at once."""

import asyncio

import pytest

from wattwarden.server.backoff import FIRST_PAUSE_S, LONGEST_PAUSE_S, STEADY_S, Backoff
from wattwarden.server.children import Role, RoleError


def test_the_pause_doubles_up_to_a_bound() -> None:
    backoff = Backoff(0.0)
    pauses = [backoff.ended(0.0) for _ in range(8)]
    assert pauses == [0.1, 0.2, 0.4, 0.8, *[LONGEST_PAUSE_S] * 4]


def test_the_pause_is_short_again_after_a_good_run() -> None:
    backoff = Backoff(0.0)
    for _ in range(5):
        backoff.ended(1.0)
    backoff.started(100.0)
    assert backoff.ended(100.0 + STEADY_S) > FIRST_PAUSE_S
    backoff.started(200.0)
    assert backoff.ended(200.1 + STEADY_S) == FIRST_PAUSE_S
    backoff.started(300.0)
    assert backoff.ended(300.0) == 2 * FIRST_PAUSE_S


class FakeProcess:
    """Ends at once."""

    pid = 1

    async def wait(self) -> int:
        return 1


class FakeRole(Role):
    """Starts that fail now and then, until it has been asked ``most`` times."""

    def __init__(self, most: int) -> None:
        super().__init__("fake", {})
        self._process = FakeProcess()  # type: ignore[assignment]  # what is needed of one
        self.starts = 0
        self._most = most

    async def start(self) -> None:
        self.starts += 1
        if self.starts == self._most:
            raise asyncio.CancelledError
        if self.starts % 2:
            raise RoleError


async def test_a_role_that_dies_at_once_is_not_started_in_a_hurry(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pauses: list[float] = []

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)

    monkeypatch.setattr("wattwarden.server.children.asyncio.sleep", sleep)
    role, told = FakeRole(8), []
    with pytest.raises(asyncio.CancelledError):
        await role.watch(lambda: told.append(role.starts))
    assert pauses == [0.1, 0.2, 0.4, 0.8, 1.0, 1.0, 1.0, 1.0]
    assert told == [2, 4, 6]
    assert role.restarts == 8
