"""``wattwarden play``: a story, on a system of its own."""

import sys
import tempfile
from pathlib import Path
from typing import Annotated, Final

from cyclopts import Parameter

from wattwarden.server.settings import WardenSettings
from wattwarden.tools.decode import as_json
from wattwarden.tools.errors import UsageError
from wattwarden.tools.logfile import logged
from wattwarden.tools.options import AsJson
from wattwarden.tools.running import run, settings_with
from wattwarden.tools.stories.play import play as play_script
from wattwarden.tools.stories.script import StoryError, read_script

# Nobody waits for time to pass in a story: it is folded as soon as it is there.
PROMPT: Final = WardenSettings(interval_s=0.05)


def play(
    story: Annotated[Path, Parameter(name="FILE", help="A story, such as docs/stories.md.")],
    /,
    *,
    data: Annotated[
        Path | None,
        Parameter(help="An empty folder to play in, kept; a temporary one by default."),
    ] = None,
    until: Annotated[
        str | None, Parameter(help='Leave out what comes later, such as "day 4 12:00".')
    ] = None,
    keep_going: Annotated[
        bool,
        Parameter(help="Play on after a command that says something else.", show_default=False),
    ] = False,
    json: AsJson = False,
) -> int:
    """Play a story: a simulated city, what people do in it, and what they are shown.

    Each command of the story runs on a real database, journal, writer and warden, at the story's
    own time; the first that says something else than the story ends it with status 1.
    """
    try:
        script = read_script(story.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, StoryError) as error:
        message = f"story {story}: {error}"
        raise UsageError(message, "docs/stories.md shows how one is written") from error
    if data is not None and data.exists() and any(data.iterdir()):
        message = f"{data} is not empty"
        raise UsageError(message, "name a new folder")
    with tempfile.TemporaryDirectory(prefix="wattwarden-story-") as folder:
        # The database runs under its own user where we are root.
        Path(folder).chmod(0o711)
        settings = settings_with(data=data or Path(folder), warden=PROMPT)
        tell = (lambda _text: None) if json else print
        # What the roles log would stand between the lines of the story.
        with logged(settings.data / "play.log"):
            played = run(play_script(script, settings, tell, until=until, go_on=keep_going))
    for mismatch in played.mismatches:
        print(mismatch, file=sys.stderr)
    told = {
        "chapters": played.chapters,
        "commands": played.commands,
        "frames": played.frames,
        "mismatches": len(played.mismatches),
    }
    print(as_json(told) if json else f"\n{told['chapters']} stories, {told['commands']} commands")
    return 1 if played.mismatches else 0
