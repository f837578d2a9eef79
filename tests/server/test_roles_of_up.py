"""A role process as `up` has it: what it is started with, and its end."""

import asyncio
import signal

import pytest

from wattwarden.server.children import Role


def test_a_role_does_not_speak_to_whoever_keeps_up_as_a_service(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", "/run/notify")
    monkeypatch.setenv("WATCHDOG_USEC", "60000000")
    given = Role("writer", {"WATTWARDEN_DATA": "/data"})._environment
    assert not {"NOTIFY_SOCKET", "WATCHDOG_USEC"} & set(given)
    assert given["WATTWARDEN_DATA"] == "/data"


async def test_a_role_that_hears_nothing_is_ended_all_the_same() -> None:
    role = Role("writer", {})
    role.kill()
    assert (role.pid, role.address) == (0, "")
    # Stands still, as a process that hangs does.
    role._process = await asyncio.create_subprocess_exec("sh", "-c", "kill -STOP $$")
    role.kill()
    assert await role._process.wait() == -signal.SIGKILL
    role.kill()


def test_a_role_starts_with_settings_that_changed_and_without_those_that_went() -> None:
    role = Role("side", {"WATTWARDEN_A": "1", "WATTWARDEN_B": "2"})
    role.report = {"console": "127.0.0.1:4711"}
    role.renew({"WATTWARDEN_A": "3", "WATTWARDEN_CONSOLE__LISTEN": "127.0.0.1:0"})
    environment = role._environment
    assert environment["WATTWARDEN_A"] == "3"
    assert "WATTWARDEN_B" not in environment
    # Where it is known.
    assert environment["WATTWARDEN_CONSOLE__LISTEN"] == "127.0.0.1:4711"


def test_a_role_that_is_not_ready_is_not_disturbed() -> None:
    Role("side", {}).reload()
