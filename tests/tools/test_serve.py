"""The commands that serve: what is wrong is said at once, where it was written."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from wattwarden.tools.main import main


@pytest.fixture(autouse=True)
def _logs_as_at_first() -> Iterator[None]:
    """Forget what the commands make of logging."""
    yield
    structlog.reset_defaults()


@pytest.mark.parametrize("command", ["up", "gateway", "writer", "archivist"])
@pytest.mark.parametrize(
    ("option", "value", "form"),
    [("--nats", "foo", "nats://HOST:4222"), ("--dsn", "garbage", "postgresql://USER@HOST")],
)
def test_an_address_that_is_none_is_refused_by_its_option(
    command: str, option: str, value: str, form: str, tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    assert main([command, "--data", str(tmp_path), option, value]) == 2
    said = capsys.readouterr().err
    assert said.startswith(f"wattwarden: {option}: ")
    assert form in said
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("option", ["--gateways", "--writers", "--wardens"])
def test_no_role_can_have_no_process(
    option: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["up", "--data", str(tmp_path), option, "0"]) == 2
    assert capsys.readouterr().err.startswith(f"wattwarden: {option}: ")
    assert list(tmp_path.iterdir()) == []


def test_an_address_in_the_environment_is_refused_as_a_setting(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WATTWARDEN_NATS", "foo")
    assert main(["up", "--data", str(tmp_path), "--listen", "127.0.0.1:0"]) == 1
    said = capsys.readouterr().err
    assert said.startswith("wattwarden: settings: nats: ")
    assert "environment" in said


def test_a_meter_port_that_is_taken_stops_it_before_anything_starts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        listen = f"127.0.0.1:{taken.getsockname()[1]}"
        assert main(["up", "--data", str(tmp_path), "--listen", listen]) == 1
    said = capsys.readouterr().err
    assert f"{listen} is held by process {os.getpid()}" in said
    assert "--listen HOST:PORT takes another" in said
    assert list(tmp_path.iterdir()) == []


def test_a_database_that_does_not_answer_is_not_taken_for_a_system_that_does_not_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WATTWARDEN_NATS", "nats://127.0.0.1:9")
    words = ["up", "--data", str(tmp_path), "--listen", "127.0.0.1:0", "--console", "127.0.0.1:0"]
    assert main([*words, "--dsn", "postgresql://u:secret@127.0.0.1:9/d"]) == 1
    said = capsys.readouterr().err
    assert "what --dsn and --nats name answers" in said
    assert "secret" not in said
    assert "wattwarden up" not in said


WITHOUT_ALARMS = """
import importlib.abc, sys

class Broken(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name.startswith("wattwarden.alarms"):
            raise RuntimeError("alarms are broken")

sys.meta_path.insert(0, Broken())
import wattwarden.tools.serve
try:
    import wattwarden.tools.serve_warden
except RuntimeError:
    print("only the warden")
"""


def test_a_break_in_the_alarms_stops_no_role_but_the_warden() -> None:
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_ALARMS], capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.stderr) == ("only the warden\n", "")
