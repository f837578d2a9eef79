"""The units of deploy/: what systemd says of them, and what they say of the program."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Final

import pytest

from wattwarden.server.settings import DEFAULT_LISTEN, GatewaySettings, Settings
from wattwarden.server.supervise import ROLE_PATIENCE_S, processes_of
from wattwarden.tools.backup import KEPT_BACKUPS, back_up_next
from wattwarden.tools.checks import SPARE_DESCRIPTORS
from wattwarden.tools.main import COMMANDS, build

DEPLOY: Final = Path(__file__).resolve().parents[2] / "deploy"
SERVICES: Final = sorted(DEPLOY.glob("*/*.service"))
SOCKETS: Final = sorted(DEPLOY.glob("*/*.socket"))
TIMERS: Final = sorted(DEPLOY.glob("*/*.timer"))
# What a timer starts runs once; the others run for ever.
LASTING: Final = [unit for unit in SERVICES if unit.with_suffix(".timer") not in TIMERS]
# A bare Debian has no /bin/kill.
RELOAD: Final = "ExecReload=/bin/sh -c 'kill -HUP $$MAINPID'"
PROGRAM: Final = "/opt/wattwarden/bin/wattwarden"
CLOSED: Final = re.compile(
    r"^# --- closed off.*^# --- end of closed off$", re.DOTALL | re.MULTILINE
)
# "OK" begins at 5; what stays open is the network, which meters come from.
MOST_EXPOSED: Final = 3.0

ANALYZE: Final = shutil.which("systemd-analyze")
needs_systemd = pytest.mark.skipif(ANALYZE is None, reason="no systemd-analyze on this machine")


def instance_of(unit: Path) -> str:
    """A unit's name, with something behind its @."""
    what = "1" if "gateway" in unit.name else "writer"
    return unit.name.replace("@.", f"@{what}.")


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All units in one folder, with a program that every machine has."""
    folder = tmp_path_factory.mktemp("units")
    for unit in (*SERVICES, *SOCKETS, *TIMERS):
        text = unit.read_text("utf-8").replace(PROGRAM, "/bin/true")
        (folder / unit.name).write_text(text, "utf-8")
        (folder / instance_of(unit)).write_text(text, "utf-8")
    return folder


def analyzed(*words: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["systemd-analyze", *words], capture_output=True, text=True, timeout=60, check=False
    )


@needs_systemd
def test_systemd_finds_nothing_wrong_with_any_unit(installed: Path) -> None:
    units = [installed / instance_of(unit) for unit in (*SERVICES, *SOCKETS, *TIMERS)]
    told = analyzed("verify", "--man=no", "--generators=no", *units)
    said = [line for line in told.stderr.splitlines() if any(one.name in line for one in units)]
    assert (told.returncode, said) == (0, [])


@needs_systemd
def test_every_service_is_closed_off(installed: Path) -> None:
    units = [installed / instance_of(unit) for unit in SERVICES]
    told = analyzed("security", "--offline=true", "--no-pager", *units)
    found = re.findall(r"Overall exposure level for (\S+): (\d+\.\d+)", told.stdout)
    assert {name for name, _ in found} == {unit.name for unit in units}, told.stderr
    assert {name: score for name, score in found if float(score) > MOST_EXPOSED} == {}


@pytest.mark.parametrize("unit", SERVICES, ids=lambda unit: unit.name)
def test_every_service_is_closed_off_alike(unit: Path) -> None:
    [wanted] = CLOSED.findall((DEPLOY / "systemd/closed.conf").read_text("utf-8"))
    assert CLOSED.findall(unit.read_text("utf-8")) == [wanted]


@pytest.mark.parametrize("unit", LASTING, ids=lambda unit: unit.name)
def test_every_service_runs_a_command_says_when_it_is_ready_and_is_watched(unit: Path) -> None:
    text = unit.read_text("utf-8")
    [command] = re.findall(rf"^ExecStart={PROGRAM} (\S+)$", text, re.MULTILINE)
    assert command in {*COMMANDS, "%i"}
    for line in ("Type=notify", "NotifyAccess=main", "Restart=always", "User=wattwarden", RELOAD):
        assert f"\n{line}\n" in text
    assert re.search(r"^WatchdogSec=\d+$", text, re.MULTILINE)


@pytest.mark.parametrize("timer", TIMERS, ids=lambda timer: timer.name)
def test_what_a_timer_starts_is_done_once_as_the_program_s_user(timer: Path) -> None:
    text = timer.with_suffix(".service").read_text("utf-8")
    for line in ("Type=oneshot", "User=wattwarden"):
        assert f"\n{line}\n" in text
    assert "[Install]" not in text
    assert "WantedBy=timers.target" in timer.read_text("utf-8")


def test_the_nightly_backup_runs_a_command_that_is_there_and_may_write_where_it_goes() -> None:
    text = (DEPLOY / "systemd/wattwarden-backup.service").read_text("utf-8")
    [words] = re.findall(rf"^ExecStart={PROGRAM} (.*)$", text, re.MULTILINE)
    values = dict(re.findall(r"^Environment=(BACKUP_\w+)=(.*)$", text, re.MULTILINE))
    for name, value in values.items():
        words = words.replace(f"${{{name}}}", value).replace(f"${name}", value)
    command, bound, _ = build().parse_args(words.split(), exit_on_error=False, print_error=False)
    assert (command, bound.args, bound.kwargs["keep"]) == (
        back_up_next, (Path(values["BACKUP_FOLDER"]),), KEPT_BACKUPS,
    )  # fmt: skip
    [writable] = re.findall(r"^ReadWritePaths=(.*)$", text, re.MULTILINE)
    assert values["BACKUP_FOLDER"] in writable.replace("-/", "/").split()
    made = (DEPLOY / "systemd/tmpfiles.conf").read_text("utf-8")
    assert f"\nd {values['BACKUP_FOLDER']} 0700 wattwarden wattwarden -\n" in made


@pytest.mark.parametrize("unit", SOCKETS, ids=lambda unit: unit.name)
def test_sockets_listen_where_meters_dial_in_by_the_name_that_gateways_know(unit: Path) -> None:
    text = unit.read_text("utf-8")
    for line in (f"ListenStream={DEFAULT_LISTEN}", "FileDescriptorName=meters", "ReusePort=yes"):
        assert f"\n{line}\n" in text


def test_everything_has_the_files_and_the_patience_it_needs() -> None:
    text = (DEPLOY / "systemd/wattwarden.service").read_text("utf-8")
    values = dict(re.findall(r"^(\w+)=(\S+)$", text, re.MULTILINE))
    assert int(values["LimitNOFILE"]) >= GatewaySettings().max_sessions + SPARE_DESCRIPTORS
    names = {name for name, _ in processes_of(Settings(), forwards=True)}
    assert int(values["TimeoutStopSec"]) >= len(names) * ROLE_PATIENCE_S
