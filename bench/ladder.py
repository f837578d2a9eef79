"""The whole ladder as a demonstration plays it: told at each rung, answered, rectified, verified.

    .venv/bin/python bench/ladder.py            about half an hour, a day of simulation
    .venv/bin/python bench/ladder.py --record   the same, kept in docs/soak.md

`wattwarden demo` with a WeCom application as its endpoint, which stands here.  The fan that is not
started (R1) is told as L2, L3 and L4; its firm's duty officer acknowledges from the message's link,
reports the rectification with a photo, the district's officer verifies it, and everybody who was
told is told that it is over.  The one that is slowed (R5) lasts a day and climbs from L1 to L4.
"""

import argparse
import asyncio
import platform
import re
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import aiohttp
import orjson

# Behind everything else: the rooms in the repository root must shadow no library.
sys.path.append(str(Path(__file__).resolve().parents[1]))

from bench.endurance import RECORD, add_record
from tests.alarms.cases.photo import photo
from tests.storage.outbox.receiver import Receiver, says

from wattwarden.alarms.routing.table import default_text
from wattwarden.server.rate import load_rate
from wattwarden.storage.moments import moment_of
from wattwarden.tools.demo import ADMINISTRATOR
from wattwarden.tools.simulator.moments import ZONE

PROGRAM: Final = Path(sys.executable).parent / "wattwarden"
RATE: Final = 60
DUTY: Final = "DEMO-duty"
# What messages call the two units.
NOT_STARTED: Final = "打磨除尘风机"
SLOWED: Final = "废气主风机"
# What grades are called in a message's title.
LEVELS: Final = ("提醒", "预警", "报警", "严重报警")
OVER: Final = "已消除"
# Longer than a day and what comes before it, at the rate.
PATIENCE_S: Final = 1800.0
ROUTING: Final = """
[endpoint.wecom]
channel = "wecom_app"
settings = {{ corpid = "C", agentid = 1, base = "{url}" }}
secrets = {{ corpsecret = "corp" }}
address = "wecom"
allow = ["127.0.0.0/8"]
"""


class Failed(Exception):  # noqa: N818  # an outcome of the run, told as such
    """Something was not told, or not as it should be."""


class Phone:
    """What came to whom, in order, and when."""

    def __init__(self, receiver: Receiver) -> None:
        self._receiver = receiver

    def messages(self) -> list[dict[str, Any]]:
        """Return the cards that were sent so far."""
        return [
            orjson.loads(body)
            for path, _, body in list(self._receiver.got)
            if "message/send" in path
        ]

    def levels(self, whom: str, what: str) -> list[str]:
        """Return the grades, or the end, that somebody was told of a unit, repeats left out."""
        found: list[str] = []
        for message in self.messages():
            card = message.get("textcard", {})
            title = card.get("title", "")
            if message.get("touser") != whom or what not in title + card.get("description", ""):
                continue
            mark = re.match(r"【(\w+)", title)
            if mark and (not found or found[-1] != mark[1]):
                found.append(mark[1])
        return found

    def link(self, whom: str, what: str) -> str:
        """Return the link of the last message about a unit."""
        cards = [one["textcard"] for one in self.messages() if one.get("touser") == whom]
        return str([card for card in cards if what in str(card)][-1]["url"])


class Demonstration:
    """A running ``wattwarden demo`` and its folder."""

    def __init__(self, folder: Path) -> None:
        self.data = folder / "data"
        self._process: asyncio.subprocess.Process | None = None

    async def start(self, routing: Path, rate: int) -> None:
        """Start it, and return when it can be told whom notices reach, before meters dial in."""
        arguments = ("--data", self.data, "--clock-rate", rate, "--routing", routing)
        self._process = await asyncio.create_subprocess_exec(
            PROGRAM, "demo", *map(str, arguments), stdout=asyncio.subprocess.PIPE
        )
        if (said := self._process.stdout) is not None:
            async for line in said:
                print(line.decode().rstrip(), flush=True)
                if b"notices go out by" in line:
                    return
        text = "the demonstration ended early"
        raise Failed(text)

    async def stop(self) -> None:
        """End it."""
        if self._process is not None and self._process.returncode is None:
            self._process.terminate()
            await self._process.communicate()

    async def say(self, *words: str) -> str:
        """Run a command on it; return what it printed."""
        process = await asyncio.create_subprocess_exec(
            PROGRAM, *words, "--data", str(self.data),
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        out, _ = await process.communicate()
        if process.returncode:
            text = f"{' '.join(words)}: {out.decode()}"
            raise Failed(text)
        return out.decode()


async def play(folder: Path, rate: int) -> list[tuple[str, str]]:
    """Play it; return what was seen, as rows of the record.

    Raises:
        Failed: Something was not as it should be.
    """
    receiver, demonstration = Receiver(), Demonstration(folder)
    await receiver.start()
    receiver.otherwise = says({"errcode": 0, "access_token": "T", "expires_in": 7200, "msgid": "M"})
    routing = folder / "routing.toml"
    routing.write_text(default_text() + ROUTING.format(url=receiver.url), encoding="utf-8")
    (demonstration.data / "secrets").mkdir(parents=True)
    (demonstration.data / "secrets" / "corp").write_text("corp-secret")
    try:
        await demonstration.start(routing, rate)
        return await _climb(demonstration, Phone(receiver))
    finally:
        await demonstration.stop()
        await receiver.stop()


async def _climb(demonstration: Demonstration, phone: Phone) -> list[tuple[str, str]]:
    firm = orjson.loads(await demonstration.say("registry", "show", "enterprise", "DEMO", "--json"))
    officer = firm["officer"]
    # At once: on a busy machine the first offence comes before three commands one by one.
    reach = ("notify", "reach", "--as", ADMINISTRATOR, "--address")
    people = (DUTY, "DEMO-head", officer)
    await asyncio.gather(*(demonstration.say(*reach, f"wecom={one}", one) for one in people))
    rows = []
    await _told(phone, DUTY, NOT_STARTED, LEVELS[1:])
    rows.append(("R1, not started: told the firm's duty officer as", "L2 → L3 → L4"))
    await _acknowledge(phone.link(DUTY, NOT_STARTED))
    number = await _number(demonstration, "R1")
    rows.append(("acknowledged from the link of the message", f"alarm {number}"))
    await _settled(demonstration, phone, number, officer)
    rows.append(("rectified with a photo, told to be over, verified by", officer))
    await _told(phone, DUTY, SLOWED, LEVELS)
    rows.append(("R5, slowed for more than a day: told as", "L1 → L2 → L3 → L4"))
    return rows


async def _told(phone: Phone, whom: str, what: str, levels: Sequence[str]) -> None:
    """Wait until somebody was told these grades of a unit, one by one."""
    limit = time.monotonic() + PATIENCE_S
    while (found := phone.levels(whom, what)) != list(levels):
        if found != list(levels)[: len(found)] or time.monotonic() > limit:
            told = "\n  ".join(str(one) for one in phone.messages())
            text = f"{whom} was told {found} of {what}, not {list(levels)}:\n  {told}"
            raise Failed(text)
        await asyncio.sleep(0.5)
    print(f"{what}: {whom} was told {' → '.join(found)}", flush=True)


async def _acknowledge(link: str) -> None:
    async with aiohttp.ClientSession() as session:
        async with session.get(link) as page:
            text = await page.text()
        mark = re.search(r'name="mark" value="([^"]+)"', text)
        if mark is None:
            raise Failed(text)
        form = {"mark": mark[1]}
        async with session.post(f"{link}/acknowledge", data=form, allow_redirects=False) as done:
            if done.status != 303:
                raise Failed(await done.text())


async def _number(demonstration: Demonstration, rule: str) -> str:
    lines = (await demonstration.say("alarms", "list", "--json")).splitlines()
    alarms = [orjson.loads(line) for line in lines]
    return str(next(one["id"] for one in alarms if one["rule"] == rule))


async def _settled(demonstration: Demonstration, phone: Phone, number: str, officer: str) -> None:
    """Handle and rectify as the firm, hear that it is over, verify as the officer."""
    file = demonstration.data / "fan.jpg"
    now = moment_of(load_rate(demonstration.data).clock().now_us()).astimezone(ZONE)
    file.write_bytes(photo(f"{now:%Y:%m:%d %H:%M:%S}"))
    say = ("--reason", "风机接触器损坏,已更换", "--as", DUTY)
    await demonstration.say("alarms", "handle", number, "--cause", "breakage", *say)
    await demonstration.say("alarms", "rectify", number, "--file", str(file), *say)
    for whom in (DUTY, "DEMO-head", officer):
        limit = time.monotonic() + PATIENCE_S
        while OVER not in phone.levels(whom, NOT_STARTED):
            if time.monotonic() > limit:
                text = f"{whom} was not told that it is over: {phone.levels(whom, NOT_STARTED)}"
                raise Failed(text)
            await asyncio.sleep(0.5)
    await demonstration.say("alarms", "verify", number, "--note", "现场核实", "--as", officer)
    shown = await demonstration.say("alarms", "show", number, "--json")
    if '"verified"' not in shown:
        raise Failed(shown)


def main(arguments: Sequence[str]) -> int:
    """Plays it, prints the record and keeps it where one is asked for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rate", type=int, default=RATE, help="simulated seconds in a real one")
    parser.add_argument("--record", type=Path, nargs="?", const=RECORD, help="also keep it")
    given = parser.parse_args(arguments)
    began = datetime.now(UTC)
    with tempfile.TemporaryDirectory(prefix="wattwarden-ladder-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        try:
            rows = asyncio.run(play(folder, given.rate))
        except Failed as error:
            print(error, file=sys.stderr)
            return 1
    took = (datetime.now(UTC) - began).total_seconds()
    rows.append((f"Linux {platform.release()}, time {given.rate} times as fast", f"{took:.0f} s"))
    table = "\n".join(f"| {what} | {found} |" for what, found in rows)
    text = f"## {began:%Y-%m-%d %H:%M} UTC, the ladder\n\n| | |\n|---|---|\n{table}\n"
    print(text)
    if given.record:
        add_record(given.record, text)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
