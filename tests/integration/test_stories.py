"""The ten stories are played as they are written: nothing in them may have become untrue."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

# Some days of nine firms, and what a dozen people do in them.
pytestmark = [pytest.mark.integration, pytest.mark.timeout(1000)]

STORIES = Path("docs/stories.md")
# What follows takes as long again; `make soak` plays all of it.
UNTIL = "day 3 12:00"


def test_the_ten_stories_say_what_the_program_does() -> None:
    played = subprocess.run(
        [sys.executable, "-m", "wattwarden", "play", str(STORIES), "--json", "--until", UNTIL],
        capture_output=True,
        text=True,
        check=False,
        timeout=900,
    )
    assert played.returncode == 0, played.stderr
    told = json.loads(played.stdout.splitlines()[-1])
    assert told["mismatches"] == 0
    assert told["commands"] >= 60
