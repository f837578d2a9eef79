"""``wattwarden reload``: who is asked, what came of it, and what is wrong before that."""

import json
import os
import signal
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from wattwarden.server.places import Places, Running, write_running
from wattwarden.server.reload import Outcome, Renewal
from wattwarden.tools import reload as reload_module
from wattwarden.tools.main import main


class Up:
    """A running system that leaves an outcome when it gets a signal."""

    def __init__(self, data: Path, renewal: Renewal | None) -> None:
        self.places = Places(data)
        self.renewal = renewal
        self.signals: list[tuple[int, int]] = []

    def kill(self, pid: int, number: int) -> None:
        self.signals.append((pid, number))
        if self.renewal is not None:
            outcome = Outcome(len(self.signals), datetime.now(UTC), self.renewal)
            self.places.reloaded.write_bytes(msgspec.json.encode(outcome))


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in which this process seems to run everything."""
    write_running(Places(tmp_path), Running("127.0.0.1:1", {}, up=os.getpid()))
    monkeypatch.setattr(reload_module, "PROGRAM", b"python")
    monkeypatch.setattr(reload_module, "ANSWER_S", 0.1)
    return tmp_path


def asked(data: Path, renewal: Renewal | None, monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    up = Up(data, renewal)
    monkeypatch.setattr(os, "kill", up.kill)
    status = main(["reload", "--data", str(data), *words])
    assert up.signals == [(os.getpid(), signal.SIGHUP)]
    return status


def test_what_was_taken_and_what_waits_is_said(
    data: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    renewal = Renewal(("log_level",), ("gateway.listen",))
    assert asked(data, renewal, monkeypatch) == 0
    assert capsys.readouterr().out == "taken: log_level\nfrom the next start: gateway.listen\n"
    assert asked(data, Renewal(), monkeypatch, "--json") == 0
    assert json.loads(capsys.readouterr().out) == {"taken": [], "at_next_start": []}


@pytest.mark.parametrize(
    ("renewal", "said"),
    [(Renewal(error="no TOML"), "as they were: no TOML"), (None, "has not answered")],
    ids=["wrong there", "mute"],
)
def test_what_went_wrong_there_is_said(
    renewal: Renewal | None,
    said: str,
    data: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert asked(data, renewal, monkeypatch) == 1
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "said"), [("[gateway\n", "no TOML"), ("[gateway]\nnoise_bytes = 0\n", "noise_bytes")]
)
def test_what_is_wrong_in_the_file_is_said_and_nobody_is_disturbed(
    text: str, said: str, data: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    (data / "wattwarden.toml").write_text(text)
    monkeypatch.setattr(os, "kill", lambda *_: pytest.fail("somebody was disturbed"))
    assert main(["reload", "--data", str(data)]) == 1
    assert said in capsys.readouterr().err


def test_who_got_the_number_of_a_system_that_is_gone_is_not_disturbed(
    data: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(reload_module, "PROGRAM", b"another program")
    monkeypatch.setattr(os, "kill", lambda *_: pytest.fail("somebody was disturbed"))
    assert main(["reload", "--data", str(data)]) == 1
    assert main(["reload", "--data", str(data / "none")]) == 1
    assert capsys.readouterr().err.count("nothing runs in") == 2


def test_a_system_of_another_user_is_told_with_the_cure(
    data: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refused(pid: int, number: int) -> None:
        raise PermissionError(pid, number)

    monkeypatch.setattr(os, "kill", refused)
    assert main(["reload", "--data", str(data)]) == 1
    assert "another user's\n  run this as that user" in capsys.readouterr().err
