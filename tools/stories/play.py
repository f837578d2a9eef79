"""A story on a real system: database, journal, writer and warden run; time is the scenario's."""

import asyncio
import contextlib
import io
import json
import re
import shlex
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from wattwarden.server.settings import Settings
from wattwarden.storage.rollups import recompute_due
from wattwarden.storage.system_time import mark_simulated
from wattwarden.tools.errors import CommandError
from wattwarden.tools.main import COMMANDS, main
from wattwarden.tools.simulator.direct import Direct, last_tick
from wattwarden.tools.simulator.entering import enter_world
from wattwarden.tools.simulator.frames import Frames
from wattwarden.tools.simulator.house import FOLDING_ROLE, House, open_house
from wattwarden.tools.simulator.moments import parse_moment
from wattwarden.tools.simulator.scenario import load_scenario
from wattwarden.tools.simulator.sendings import Sending, sendings
from wattwarden.tools.simulator.steps import DAY_S
from wattwarden.tools.simulator.straight import group_by_tick
from wattwarden.tools.simulator.world import World
from wattwarden.tools.stories.script import Command, Scene, Script

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
    """What a story came to; ``mismatches`` is empty unless it was to go on after them."""

    chapters: int = 0
    commands: int = 0
    frames: int = 0
    mismatches: list[MismatchError] = field(default_factory=list)


@dataclass(slots=True)
class Stage:
    """The system on which a story is played, and how far its time has come."""

    world: World
    house: House
    direct: Direct
    folder: Path
    # What is sent before each tick; the world is simulated once, as far as it is needed.
    ticks: Iterator[tuple[int, list[Sending]]]
    second: int = 0


@dataclass(frozen=True, slots=True)
class Turn:
    """A scene at its second since the first midnight, and what its chapter has kept up to then."""

    second: int
    title: str
    scene: Scene
    kept: dict[str, str]


Tell = Callable[[str], object]


async def play(
    script: Script, settings: Settings, tell: Tell, *, until: str | None = None, go_on: bool = False
) -> Played:
    """Play all scenes in order of time; ``tell`` hears each step as it begins.

    With ``until``, scenes behind that moment are left out; with ``go_on``, commands that say
    something else than the story are collected.

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
    played = Played(chapters=len(script.chapters))
    async with open_house(settings, ROLES) as house:
        begin = datetime.fromtimestamp(world.midnight_ms / MILLI, UTC)
        await mark_simulated(house.connection)
        await enter_world(house.connection, world, begin)
        tick = await last_tick(house.journal)
        direct = Direct(house.journal, house.journal.shards, Frames(world.site), tick, TICK_S)
        stage = Stage(world, house, direct, settings.data, _ticks(world))
        last = parse_moment(until, world.scenario.start, "--until") if until else float("inf")
        for turn in (one for one in _turns(script, world) if one.second <= last):
            tell(f"\n@ {turn.scene.moment}  {turn.title}")
            await _go_on(stage, turn.second)
            for command in turn.scene.commands:
                try:
                    await _run(stage, turn, command, tell)
                except MismatchError as error:
                    if not go_on:
                        raise
                    played.mismatches.append(error)
                played.commands += 1
    played.frames = direct.written.frames
    return played


def _turns(script: Script, world: World) -> list[Turn]:
    """Return all scenes by time; at one moment in the order of the chapters."""
    turns = []
    for chapter in script.chapters:
        kept: dict[str, str] = {}
        last = 0
        for scene in chapter.scenes:
            where = f"line {scene.line}"
            moment = parse_moment(scene.moment, world.scenario.start, where) if scene.moment else 0
            second = -(-int(moment) // TICK_S) * TICK_S
            if second < last:
                message = f"{where}: {scene.moment} is over already in this chapter"
                raise MismatchError(message)
            last = second
            turns.append(Turn(second, chapter.title, scene, kept))
    return sorted(turns, key=lambda turn: turn.second)


def _ticks(world: World) -> Iterator[tuple[int, list[Sending]]]:
    end = world.scenario.days * DAY_S
    return group_by_tick(sendings(world, 0, end), world.midnight_ms // MILLI, (0, end), TICK_S)


async def _go_on(stage: Stage, end: int) -> None:
    """Write what is measured up to a second, and wait until it is stored and folded."""
    if end <= stage.second:
        return
    last = stage.world.midnight_ms // MILLI + end
    for second, sent in stage.ticks:
        await stage.direct.minute(sent, second)
        if second >= last:
            break
    stage.second = end
    await stage.house.caught_up(stage.direct.tick)
    # In the place of an archivist, which would do it once a minute of the wall's.
    await recompute_due(stage.house.connection)


async def _run(stage: Stage, turn: Turn, command: Command, tell: Tell) -> None:
    tell(f"$ {command.text}")
    words = shlex.split(_filled(command.text, turn.kept, command.line))
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
    _hold(command, command.shown, said, turn.kept)
    _hold(command, command.refused, complained, turn.kept)
    for name, key in command.kept.items():
        turn.kept[name] = _first(command, said, key)


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
