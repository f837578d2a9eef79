"""A story as it is written: Markdown with what happens in fenced blocks.

    ```scenario          the scenario's TOML (docs/scenarios.md); one of them, before all blocks
    ```file report.pdf   a file that commands of the story may name
    ```story
    @ day 2 09:30        time goes on to here: all that is measured until then is stored and folded
    $ wattwarden …       a command; {name} stands for what was kept under a name
    2 of 3               a line that its output holds, after the line before; … is any text
    ! not yours          … or that its error says: then the command has to fail
    > task = id          keep the field id of the first line of --json as {task}
    ```

Everything else is prose, and is left alone.  ``## `` begins a chapter.  Chapters happen side by
side, each in the order in which it is written.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

_FENCE: Final = re.compile(r"^```(scenario|file|story)?(?:\s+(\S+))?\s*$")
_KEEP: Final = re.compile(r"^(\w+) = (\w+)$")


class StoryError(ValueError):
    """A story that is written wrongly; names the line."""


@dataclass(slots=True)
class Command:
    """A command with what is expected of it."""

    line: int
    text: str
    shown: list[str] = field(default_factory=list)
    # What its error says; a command without is expected to succeed.
    refused: list[str] = field(default_factory=list)
    # Names for the rest of the story, and which field of the first JSON line each keeps.
    kept: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Scene:
    """Commands at one moment, as the scenario writes moments; "" is the beginning."""

    line: int
    moment: str
    commands: list[Command] = field(default_factory=list)


@dataclass(slots=True)
class Chapter:
    """A story with its heading."""

    title: str
    scenes: list[Scene] = field(default_factory=list)


@dataclass(slots=True)
class Script:
    """All of a document: its scenario, the files that it brings along, and its chapters."""

    scenario: str = ""
    files: dict[str, str] = field(default_factory=dict)
    chapters: list[Chapter] = field(default_factory=list)


def read_script(text: str) -> Script:
    """Read a document.

    Raises:
        StoryError: A block is not closed, a line in it means nothing, or there is no scenario.
    """
    script = Script()
    for line, kind, name, body in _blocks(text):
        match kind:
            case "chapter":
                script.chapters.append(Chapter(name))
            case "scenario":
                script.scenario = "\n".join(body)
            case "file":
                script.files[name] = "\n".join(body)
            case _:
                if not script.chapters:
                    message = f"line {line}: a story begins under a heading (## …)"
                    raise StoryError(message)
                _read_scenes(script.chapters[-1].scenes, body, line + 1)
    if not script.scenario:
        raise StoryError("there is no ```scenario block")
    script.chapters = [chapter for chapter in script.chapters if chapter.scenes]
    return script


def _blocks(text: str) -> Iterator[tuple[int, str, str, list[str]]]:
    """Yield headings and fenced blocks: line, kind, name, lines."""
    opened: tuple[int, str, str, list[str]] | None = None
    for number, line in enumerate(text.splitlines(), 1):
        fence = _FENCE.match(line)
        if opened is not None:
            if line.strip() == "```":
                if opened[1]:
                    yield opened
                opened = None
            else:
                opened[3].append(line)
        elif fence:
            opened = (number, fence[1] or "", fence[2] or "", [])
        elif line.startswith("```"):
            opened = (number, "", "", [])
        elif line.startswith("## "):
            yield number, "chapter", line[3:].strip(), []
    if opened is not None:
        message = f"line {opened[0]}: this block is never closed"
        raise StoryError(message)


def _read_scenes(scenes: list[Scene], lines: list[str], first: int) -> None:
    """Add a block's scenes; commands before its first moment go on with the scene before."""
    for number, line in enumerate(lines, first):
        sign, _, rest = line.partition(" ")
        if not line.strip():
            continue
        if sign == "@":
            scenes.append(Scene(number, rest.strip()))
        elif sign == "$":
            if not scenes:
                scenes.append(Scene(number, ""))
            scenes[-1].commands.append(Command(number, rest.strip()))
        elif scenes and scenes[-1].commands:
            _expect(scenes[-1].commands[-1], number, line)
        else:
            message = f"line {number}: {line!r} follows no command"
            raise StoryError(message)


def _expect(command: Command, number: int, line: str) -> None:
    sign, _, rest = line.partition(" ")
    if sign == ">":
        kept = _KEEP.match(rest.strip())
        if kept is None:
            message = f"line {number}: write > name = field"
            raise StoryError(message)
        command.kept[kept[1]] = kept[2]
    elif sign == "!":
        command.refused.append(rest.strip())
    else:
        command.shown.append(line.strip())
