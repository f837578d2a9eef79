"""The program: its commands, its exit statuses, and that no error ends in a traceback."""

import shutil
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest
from cyclopts import App

from wattwarden import __version__
from wattwarden.protocol.errors import ProtocolError, Refusal
from wattwarden.storage.errors import EngineError, StorageError
from wattwarden.tools import main as main_module
from wattwarden.tools.errors import CommandError
from wattwarden.tools.main import COMMANDS, Command, build, main

PROGRAM = Path(sys.executable).with_name("wattwarden")
ACK = "7b7b84bf237d7d\n"


@pytest.mark.parametrize("name", COMMANDS)
def test_a_summary_is_the_first_sentence_of_its_command(name: str) -> None:
    module, _, attribute = COMMANDS[name].path.partition(":")
    target = getattr(import_module(module), attribute)
    text = target.help if isinstance(target, App) else target.__doc__
    assert text.strip().splitlines()[0] == COMMANDS[name].summary


def test_all_commands_are_listed_without_loading_them(capsys: pytest.CaptureFixture[str]) -> None:
    code = (
        "import sys; from wattwarden.tools.main import main; main(['--help']); "
        "sys.exit(any(m in sys.modules for m in ('numpy', 'pydantic', 'asyncpg')))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert all(name in done.stdout for name in COMMANDS)
    assert "--install-completion" in done.stdout
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.strip() == __version__


@pytest.mark.parametrize("words", [["nope"], ["decode", "--nope"], ["replay"]])
def test_wrong_use_is_status_2(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 2
    assert capsys.readouterr().err


def failing() -> None:
    """Fail."""


@pytest.mark.parametrize(
    ("error", "status", "says"),
    [
        (CommandError("no such meter", "see meters list"), 1, "no such meter\n  see meters list"),
        (StorageError("database away", retryable=True), 1, "database away\n  see that"),
        (EngineError("no binary", cure="install it"), 1, "no binary\n  install it"),
        (ProtocolError(Refusal.LENGTH, "too long"), 1, "too long"),
        (OSError(28, "No space left on device"), 1, "No space left on device"),
        (KeyboardInterrupt(), 130, ""),
    ],
)
def test_an_error_becomes_a_sentence_and_a_status(
    error: BaseException,
    status: int,
    says: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fail() -> None:
        raise error

    monkeypatch.setattr(sys.modules[__name__], "failing", fail)
    monkeypatch.setitem(main_module.COMMANDS, "fail", Command(f"{__name__}:failing", "Fail."))
    assert main(["fail"]) == status
    err = capsys.readouterr().err
    assert says in err
    assert "Traceback" not in err


def test_the_full_help_is_the_docstring(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["decode", "--help"]) == 0
    assert "exit status is 1" in capsys.readouterr().out
    assert "decode" in build()


def test_the_installed_program_decodes(tmp_path: Path) -> None:
    file = tmp_path / "frames.hex"
    file.write_text(ACK)
    done = subprocess.run([PROGRAM, "decode", str(file), "--json"], capture_output=True, check=True)
    assert b'"kind":"register_ack"' in done.stdout
    assert done.stderr == b""


def test_a_reader_that_leaves_early_is_no_error(tmp_path: Path) -> None:
    file = tmp_path / "frames.hex"
    file.write_text(ACK * 2000)
    with subprocess.Popen(
        [PROGRAM, "decode", str(file), "--json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as child:
        assert child.stdout is not None
        assert child.stderr is not None
        child.stdout.readline()
        child.stdout.close()
        assert child.stderr.read() == b""
        assert child.wait(20) == 141


COMPLETED = """
source "$1"
complete -p wattwarden
for words in "tr" "meters d" "trace --ex"; do
    COMP_WORDS=(wattwarden $words) COMP_CWORD=$(wc -w <<< "$words") COMPREPLY=()
    _wattwarden wattwarden "${COMP_WORDS[-1]}" "${COMP_WORDS[-2]}"
    echo "${COMPREPLY[@]}"
done
"""


@pytest.fixture
def few_commands(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that are tried: the generators ask every command for all of its options."""
    few = {name: COMMANDS[name] for name in ("trace", "meters")}
    monkeypatch.setattr(main_module, "COMMANDS", few)


@pytest.mark.usefixtures("few_commands")
def test_bash_completes_commands_their_verbs_and_options(tmp_path: Path) -> None:
    script, trial = tmp_path / "completion", tmp_path / "trial"
    script.write_text(build().generate_completion(shell="bash"))  # noqa: S604  its name
    trial.write_text(COMPLETED)
    done = subprocess.run(
        ["bash", "--norc", trial, script], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[1:] == ["trace", "debug", "--explain"]
    assert done.stderr == ""


@pytest.mark.usefixtures("few_commands")
def test_zsh_gets_the_same_words(tmp_path: Path) -> None:
    text = build().generate_completion(shell="zsh")  # noqa: S604  its name
    assert text.startswith("#compdef wattwarden")
    assert all(word in text for word in ("trace", "debug", "--explain"))
    if zsh := shutil.which("zsh"):
        script = tmp_path / "completion"
        script.write_text(text)
        subprocess.run([zsh, "-n", script], check=True)
