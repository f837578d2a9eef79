"""What commands know of the system and of whoever runs them."""

import os

import pytest

from wattwarden.tools.running import operator_name


def test_behind_sudo_is_a_person(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SUDO_USER", "li")
    assert operator_name() == "li"


def test_without_sudo_it_is_the_user(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SUDO_USER", raising=False)
    monkeypatch.setenv("LOGNAME", "wang")
    assert operator_name() == "wang"


@pytest.mark.parametrize("error", [KeyError("getpwuid(): uid not found"), OSError()])
def test_a_user_without_a_name_is_a_number(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def nameless() -> str:
        raise error

    monkeypatch.delenv("SUDO_USER", raising=False)
    monkeypatch.setattr("getpass.getuser", nameless)
    assert operator_name() == f"uid-{os.getuid()}"
