import asyncio
import os
import signal
from pathlib import Path

import pytest

from wattwarden.storage.engines import child as child_module
from wattwarden.storage.engines.child import OwnedChild, bound_log, processes_in
from wattwarden.storage.engines.embedded import EngineUser, choose_user
from wattwarden.storage.errors import EngineError

SHELL = Path("/bin/sh").resolve().name
# Short naps: a killed shell leaves its nap behind.
FOREVER = "echo up; while :; do sleep 0.1; done"


@pytest.fixture
def user(open_folder: Path) -> EngineUser:
    return choose_user(open_folder / "missing")


def shell(script: str, user: EngineUser, folder: Path) -> OwnedChild:
    return OwnedChild(
        ["/bin/sh", "-c", script],
        user=user,
        folder=folder,
        log=folder / "log",
        death_signal=signal.SIGTERM,
    )


async def said_up(child: OwnedChild) -> None:
    while child.poll() is None:
        if child.log_tail() == "up":
            return
        await asyncio.sleep(0)


async def test_a_child_has_the_users_rights_and_none_of_our_environment(
    open_folder: Path, user: EngineUser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WATTWARDEN_SECRET", "hush")
    child = shell("id -u; id -g; id -G; umask; env; pwd", user, open_folder)

    assert await child.wait() == 0

    lines = child.log_tail().splitlines()
    assert lines[:3] == [str(user.uid), str(user.gid), str(user.gid)]
    assert lines[3].lstrip("0") == "77"
    assert str(open_folder) in lines
    assert "WATTWARDEN_SECRET=hush" not in lines
    assert (open_folder / "log").stat().st_mode & 0o777 == 0o640


async def test_a_child_gets_a_session_of_its_own(open_folder: Path, user: EngineUser) -> None:
    child = shell("exec sleep 60", user, open_folder)

    assert os.getsid(child.pid) == child.pid
    assert await child.stop((signal.SIGTERM, 5)) == -signal.SIGTERM


async def test_the_tail_of_the_log_begins_at_this_start(
    open_folder: Path, user: EngineUser
) -> None:
    await shell("echo before", user, open_folder).wait()
    child = shell("echo one; echo two; echo three; echo four", user, open_folder)
    await child.wait()

    assert child.log_tail() == "one\ntwo\nthree\nfour"
    assert child.reason() == "two / three / four"


async def test_a_program_that_cannot_be_executed_is_named_in_the_log(
    open_folder: Path, user: EngineUser
) -> None:
    log = open_folder / "log"
    missing = open_folder / "missing"
    child = OwnedChild(
        [missing], user=user, folder=open_folder, log=log, death_signal=signal.SIGTERM
    )

    assert await child.wait() == 1
    assert f"cannot execute {missing}" in child.log_tail()


async def test_a_child_that_ignores_signals_is_killed(open_folder: Path, user: EngineUser) -> None:
    child = shell(f"trap '' TERM INT; {FOREVER}", user, open_folder)
    await said_up(child)

    assert await child.stop((signal.SIGTERM, 0.03), (signal.SIGINT, 0.03)) == -signal.SIGKILL
    assert await child.stop((signal.SIGTERM, 0.03)) == -signal.SIGKILL


async def test_a_child_that_survives_sigkill_is_an_error(
    open_folder: Path, user: EngineUser, monkeypatch: pytest.MonkeyPatch
) -> None:
    child = shell("exec sleep 60", user, open_folder)
    monkeypatch.setattr(child_module, "KILL_PATIENCE_S", 0.03)
    with monkeypatch.context() as hanging:
        hanging.setattr(child, "poll", lambda: None)
        with pytest.raises(EngineError, match="survived SIGKILL"):
            await child.stop()
    assert await child.wait() == -signal.SIGKILL


async def test_processes_are_known_by_their_folder_and_program(
    open_folder: Path, user: EngineUser
) -> None:
    # It stops itself: a nap would be a fork, for a moment a second shell.
    child = shell("echo up; kill -STOP $$", user, open_folder)
    await said_up(child)

    assert processes_in(open_folder, SHELL) == (child.pid,)
    assert processes_in(open_folder, "postgres") == ()
    assert child.pid not in processes_in(open_folder.parent, SHELL)

    await child.stop()
    assert processes_in(open_folder, SHELL) == ()


async def test_a_log_that_somebody_removed_is_empty(open_folder: Path, user: EngineUser) -> None:
    child = shell("echo gone", user, open_folder)
    await child.wait()
    (open_folder / "log").unlink()

    assert child.poll() == 0
    assert child.log_tail() == ""


def test_a_grown_log_moves_aside_while_its_writer_goes_on(open_folder: Path) -> None:
    log = open_folder / "log"
    with log.open("ab", buffering=0) as writer:
        writer.write(b"x" * 100)
        bound_log(log, 100)
        assert not (open_folder / "log.1").exists()

        writer.write(b"y")
        bound_log(log, 100)
        writer.write(b"new")

    assert (open_folder / "log.1").read_bytes() == b"x" * 100 + b"y"
    assert log.read_bytes() == b"new"
