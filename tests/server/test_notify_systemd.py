"""What a service manager hears."""

import asyncio
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from tests.server.service_manager import Manager

from wattwarden.server.notify_systemd import (
    ALIVE,
    READY,
    Notifier,
    keep_watch,
    notifier_of,
    untold,
    watched_over,
)

# So short that a third of it is no wait.
WATCH_S = 0.003


@pytest.fixture(params=["a file", "a name of the kernel's"])
def manager(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Manager]:
    address = str(tmp_path / "notify") if request.param == "a file" else f"@{tmp_path}"
    with Manager(address) as made:
        yield made


def test_words_come_as_one_message(manager: Manager) -> None:
    Notifier(manager.address).tell(READY, "STATUS=ready  meters 0.0.0.0:10212")
    assert manager.heard() == ["READY=1\nSTATUS=ready  meters 0.0.0.0:10212"]


def test_settings_that_are_read_again_are_announced(manager: Manager) -> None:
    with Notifier(manager.address).reloading():
        [told] = manager.heard()
        assert re.fullmatch(r"RELOADING=1\nMONOTONIC_USEC=\d+", told)
    assert manager.heard() == [READY]


def test_whoever_was_started_by_hand_tells_nobody() -> None:
    assert notifier_of({}, 7) == Notifier()
    with structlog.testing.capture_logs() as logs:
        Notifier().tell(READY)
    assert logs == []


def test_a_manager_that_is_gone_is_logged_and_stops_nothing(tmp_path: Path) -> None:
    with structlog.testing.capture_logs() as logs:
        Notifier(str(tmp_path / "gone")).tell(READY)
    assert [one["event"] for one in logs] == ["the service manager was not told"]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ({"WATCHDOG_USEC": "60000000", "WATCHDOG_PID": "7"}, 60.0),
        ({"WATCHDOG_USEC": "60000000"}, 60.0),
        ({"WATCHDOG_USEC": "60000000", "WATCHDOG_PID": "8"}, 0.0),
        ({"WATCHDOG_USEC": "soon"}, 0.0),
        ({}, 0.0),
    ],
    ids=["ours", "anybody's", "another's", "no number", "none"],
)
def test_a_watch_is_kept_over_whom_it_is_meant_for(words: dict[str, str], expected: float) -> None:
    assert notifier_of({"NOTIFY_SOCKET": "/n", **words}, 7) == Notifier("/n", expected)


def test_processes_of_our_own_do_not_speak_for_us() -> None:
    words = {"NOTIFY_SOCKET": "/n", "WATCHDOG_USEC": "1", "WATCHDOG_PID": "7", "PATH": "/bin"}
    assert untold(words) == {"PATH": "/bin"}


async def test_only_a_look_that_ends_well_is_told(manager: Manager) -> None:
    looks = iter([True, False, True])
    done = asyncio.Event()

    async def look() -> bool:
        try:
            return next(looks)
        except StopIteration:
            done.set()
            return False

    watch = asyncio.create_task(keep_watch(Notifier(manager.address, WATCH_S), look))
    await done.wait()
    watch.cancel()
    assert manager.heard() == [ALIVE, ALIVE]


@pytest.mark.parametrize("notifier", [Notifier(), Notifier("/nobody"), Notifier("", 1.0)])
async def test_where_nobody_keeps_watch_nobody_looks(notifier: Notifier) -> None:
    async def look() -> bool:
        raise AssertionError

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(WATCH_S):
            await keep_watch(notifier, look)


async def test_a_role_that_works_is_alive_until_it_ends(manager: Manager) -> None:
    async def work() -> None:
        async with asyncio.timeout(1):
            while not manager.heard():  # noqa: ASYNC110  it is another's word that is waited for
                await asyncio.sleep(WATCH_S)

    await watched_over(work(), Notifier(manager.address, WATCH_S))
    assert len(asyncio.all_tasks()) == 1


async def test_a_role_that_fails_fails_as_without_a_watch() -> None:
    async def work() -> None:
        raise RuntimeError("broken")

    with pytest.raises(RuntimeError, match="broken"):
        await watched_over(work(), notifier_of(os.environ, os.getpid()))
