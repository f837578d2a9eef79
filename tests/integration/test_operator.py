"""docs/operator.md and docs/diagnosis.md: each of their commands does what it says."""

import asyncio
import re
import shlex
import signal
import subprocess
from pathlib import Path
from typing import Any, Final

import pytest
from tests.integration.system import PROGRAM, READY_LIMIT_S, System, eventually

pytestmark = pytest.mark.integration

ROOT: Final = Path(__file__).resolve().parents[2]


def commands_of(page: str) -> list[str]:
    """The lines of a page's blocks that are to be typed."""
    text = (ROOT / "docs" / page).read_text("utf-8")
    blocks = re.findall(r"^```sh\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    return [line for block in blocks for line in block.splitlines()]


COMMANDS: Final = commands_of("operator.md")
DIAGNOSIS: Final = commands_of("diagnosis.md")
OURS: Final = ".venv/bin/wattwarden "
# As fast as this, the five minutes that a fan stands still are five seconds.
RATE: Final = "60"
# What the page's fan and its booth are called there.
FAN: Final = "QHTZ-T1"


def said(command: str, system: System) -> str:
    """Run a command of the page in a folder of its own, on this system; return what it said."""
    if command.startswith(OURS):
        # In this process: a start of the program takes longer than what it does.
        return system.call(*shlex.split(command.removeprefix(OURS))).out
    done = subprocess.run(
        ["bash", "-ec", _here(command, system)],
        cwd=_folder(system),
        env=system.environment,
        capture_output=True,
        text=True,
        timeout=READY_LIMIT_S,
        check=False,
    )
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done.stdout


def _here(command: str, system: System) -> str:
    words = command.replace(".venv/bin/", f"{Path(PROGRAM[0]).parent}/")
    return words.replace("127.0.0.1:10212", f"127.0.0.1:{system.port.number}")


def _folder(system: System) -> Path:
    folder = system.folder / "stranger"
    if not folder.exists():
        folder.mkdir()
        (folder / "docs").symlink_to(ROOT / "docs")
    return folder


async def test_a_stranger_connects_a_factory_and_gets_an_alarm_by_the_page() -> None:
    (simulate,) = (one for one in COMMANDS if " simulate " in one)
    behind = COMMANDS.index(simulate) + 1
    with System("--clock-rate", RATE) as system:
        for command in COMMANDS[: behind - 1]:
            said(command, system)
        meters = await asyncio.create_subprocess_exec(
            *("bash", "-ec", f"exec {_here(simulate, system)}"),
            cwd=_folder(system),
            env=system.environment,
            stdout=subprocess.DEVNULL,
        )
        try:
            await eventually(lambda: _count(system, "meter"), lambda many: many == 2, READY_LIMIT_S)
            await eventually(lambda: _count(system, "alarm"), within_s=READY_LIMIT_S)
            told = {one: await asyncio.to_thread(said, one, system) for one in COMMANDS[behind:]}
            await diagnosed(system)
        finally:
            meters.send_signal(signal.SIGINT)
            await asyncio.wait_for(meters.wait(), READY_LIMIT_S)
        rule = await system.value("SELECT rule FROM alarm WHERE subject = $1", f"unit:{FAN}")
        waiting = await system.value("SELECT count(*) FROM meter WHERE state = 'unconfirmed'")
    assert rule == "R2"
    assert waiting == 0
    assert FAN in _of(told, " states")
    assert "R2" in _of(told, " alarms list")
    assert len(_of(told, " readings").splitlines()) > 10
    assert "/welcome/" in _of(told, " people invite")


async def diagnosed(system: System) -> None:
    """The other page, on the same factory."""
    (live,) = (one for one in DIAGNOSIS if " trace " in one and "--" not in one)
    asked = [one for one in DIAGNOSIS if one != live]
    (system.data / "wattwarden.toml").write_text("[gateway]\nmax_sessions = 40000\n")
    told = {one: await asyncio.to_thread(said, one, system) for one in asked}
    for part in ("--last 20", "--since -1h", "--explain"):
        assert "◄ heard" in _of(told, part)
    assert "7b 7b" in _of(told, "--explain")
    assert "acrel:13121050176752" in _of(told, " meters debug")
    assert _of(told, " --off").strip().endswith("no meter is debugged")
    assert _of(told, " reload") == "taken: gateway.max_sessions\n"
    watching = await asyncio.create_subprocess_exec(
        *PROGRAM,
        *shlex.split(live.removeprefix(OURS)),
        env=system.environment,
        stdout=asyncio.subprocess.PIPE,
    )
    assert watching.stdout is not None
    async with asyncio.timeout(READY_LIMIT_S):
        while "► answered after" not in (await watching.stdout.readline()).decode():
            assert watching.returncode is None
        watching.send_signal(signal.SIGINT)
        await watching.communicate()
    assert watching.returncode == 130
    log = system.log.read_text()
    for event in ("meter debugged", "meter debugged no more", "meter traced no more"):
        assert f'"{event}"' in log
    assert any('"settings read again"' in line and '"gateway"' in line for line in log.splitlines())


def _of(told: dict[str, str], word: str) -> str:
    return next(out for command, out in told.items() if word in command)


async def _count(system: System, table: str) -> Any:
    return await system.value(f"SELECT count(*) FROM {table}")  # noqa: S608  names of this module
