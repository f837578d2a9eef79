"""The ten stories are played as they are written: nothing in them may have become untrue."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.integration

STORIES = Path("docs/stories.md")


def test_the_ten_stories_say_what_the_program_does() -> None:
    played = subprocess.run(
        [sys.executable, "-m", "wattwarden", "play", str(STORIES), "--json", "--keep-going"],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert played.returncode == 0, played.stderr
    told = json.loads(played.stdout.splitlines()[-1])
    assert (told["chapters"], told["mismatches"]) == (10, 0)
    assert told["commands"] >= 170
