"""A story on a real system: database, journal, writer and warden run; time is the scenario's."""

import asyncio
import contextlib
import io
import json
import re
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from wattwarden.server.settings import Settings
from wattwarden.storage.system_time import mark_simulated
from wattwarden.tools.errors import CommandError
from wattwarden.tools.main import COMMANDS, main
from wattwarden.tools.simulator.direct import Direct, last_tick
from wattwarden.tools.simulator.entering import enter_world
from wattwarden.tools.simulator.frames import Frames
from wattwarden.tools.simulator.house import FOLDING_ROLE, House, open_house
from wattwarden.tools.simulator.moments import parse_moment
from wattwarden.tools.simulator.scenario import load_scenario
from wattwarden.tools.simulator.sendings import sendings
from wattwarden.tools.simulator.straight import group_by_tick
from wattwarden.tools.simulator.world import World
from wattwarden.tools.stories.script import Chapter, Command, Script, Until

ROLES: Final = ("writer", FOLDING_ROLE)
MILLI: Final = 1000
# People act by the quarter of an hour; ticks cost two entries of the journal each.
TICK_S: Final = 600
# What is shown of an output that is not as expected.
SHOWN_LETTERS: Final = 4_000


class MismatchError(CommandError):
    """A command of a story did not say what the story says that it does."""


@dataclass(slots=True)
class Played:
    """What a story came to."""

    chapters: int = 0
    commands: int = 0
    frames: int = 0


@dataclass(slots=True)
class Stage:
    """The system on which a story is played, and how far its time has come."""

    world: World
    house: House
    direct: Direct
    folder: Path
    second: int = 0
    kept: dict[str, str] = field(default_factory=dict)


Tell = Callable[[str], object]


async def play(script: Script, settings: Settings, tell: Tell) -> Played:
    """Play all chapters in order; ``tell`` hears each step as it begins.

    Raises:
        MismatchError: A command failed, did not fail, or said something else.
        UsageError: The scenario is wrong.
        CommandError: Something stands still.
    """
    settings.data.mkdir(parents=True, exist_ok=True)
    path = settings.data / "story.toml"
    path.write_text(script.scenario, encoding="utf-8")
    world = World(load_scenario(path), None)
    for name, body in script.files.items():
        (settings.data / name).write_text(body, encoding="utf-8")
    async with open_house(settings, ROLES) as house:
        begin = datetime.fromtimestamp(world.midnight_ms / MILLI, UTC)
        await mark_simulated(house.connection)
        await enter_world(house.connection, world, begin)
        tick = await last_tick(house.journal)
        direct = Direct(house.journal, house.journal.shards, Frames(world.site), tick, TICK_S)
        stage = Stage(world, house, direct, settings.data)
        played = Played()
        for chapter in script.chapters:
            tell(f"## {chapter.title}")
            played.commands += await _chapter(stage, chapter, tell)
            played.chapters += 1
    played.frames = direct.written.frames
    return played


async def _chapter(stage: Stage, chapter: Chapter, tell: Tell) -> int:
    count = 0
    for step in chapter.steps:
        match step:
            case Until():
                tell(f"@ {step.moment}")
                await _go_on(stage, step)
            case Command():
                tell(f"$ {step.text}")
                await _run(stage, step, tell)
                count += 1
    return count


async def _go_on(stage: Stage, until: Until) -> None:
    """Write what is measured up to a moment, and wait until it is stored and folded."""
    world = stage.world
    moment = parse_moment(until.moment, world.scenario.start, f"line {until.line}")
    end = -(-int(moment) // TICK_S) * TICK_S
    if end < stage.second:
        message = f"line {until.line}: {until.moment} is over already"
        raise MismatchError(message)
    midnight_s = world.midnight_ms // MILLI
    if end > stage.second:
        due = sendings(world, 0, end, stage.second)
        span = (stage.second, end)
        for second, sent in group_by_tick(due, midnight_s, span, stage.direct.tick_s):
            await stage.direct.minute(sent, second)
    stage.second = end
    await stage.house.caught_up(stage.direct.tick)


async def _run(stage: Stage, command: Command, tell: Tell) -> None:
    words = shlex.split(_filled(command.text, stage.kept, command.line))
    if not words or words[0] != "wattwarden" or len(words) < 2 or words[1] not in COMMANDS:
        message = f"line {command.line}: only commands of wattwarden are played"
        raise MismatchError(message)
    status, said, complained = await asyncio.to_thread(
        _called, words[1:], str(stage.folder), stage.folder
    )
    tell(said + complained)
    if (status == 0) == bool(command.refused):
        wanted = "fail" if command.refused else "succeed"
        raise _mismatch(command, f"did not {wanted} (status {status})", said + complained)
    _hold(command, command.shown, said, stage.kept)
    _hold(command, command.refused, complained, stage.kept)
    for name, key in command.kept.items():
        stage.kept[name] = _first(command, said, key)


def _called(words: list[str], data: str, folder: Path) -> tuple[int, str, str]:
    """Call a command as a shell would, from the story's folder."""
    out, err = io.StringIO(), io.StringIO()
    with (
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
        contextlib.chdir(folder),
    ):
        try:
            status = main([*words, "--data", data])
        except SystemExit as ended:
            status = ended.code if isinstance(ended.code, int) else 1
    return status, out.getvalue(), err.getvalue()


def _filled(text: str, kept: Mapping[str, str], line: int) -> str:
    def value(match: re.Match[str]) -> str:
        if match[1] not in kept:
            message = f"line {line}: nothing was kept as {match[1]}"
            raise MismatchError(message)
        return kept[match[1]]

    return re.sub(r"\{(\w+)\}", value, text)


def _hold(command: Command, expected: list[str], text: str, kept: Mapping[str, str]) -> None:
    """Check that a text holds the expected lines, one after another."""
    at, plain = 0, _plain(text)
    for line in expected:
        parts = [re.escape(_plain(part)) for part in _filled(line, kept, command.line).split("…")]
        found = re.compile(r"[^\n]*?".join(parts)).search(plain, at)
        if found is None:
            raise _mismatch(command, f"does not say {line!r}", text)
        at = found.end()


def _plain(text: str) -> str:
    """Return a text with one blank where there are several."""
    return "\n".join(re.sub(r"[ \t]+", " ", line).strip() for line in text.split("\n"))


def _first(command: Command, text: str, key: str) -> str:
    try:
        value = json.loads(text.splitlines()[0])[key]
    except (IndexError, KeyError, TypeError, ValueError) as error:
        raise _mismatch(command, f"has no {key} to keep", text) from error
    return str(value)


def _mismatch(command: Command, what: str, text: str) -> MismatchError:
    message = f"line {command.line}: {command.text}\n  {what}; it said:\n{text[:SHOWN_LETTERS]}"
    return MismatchError(message)
