"""How stories are written, and what is wrong with those that are not."""

import pytest

from wattwarden.tools.stories.script import StoryError, read_script

STORY = """
# Stories
```scenario
name = "s"
```
```file report.txt
what was found
```
## First
Prose, and
```console
$ not played
```
## Second
```story
@ day 2 09:30
$ wattwarden alarms list --json
R2 … A-T1
> alarm = id

$ wattwarden alarms ack {alarm} --as nobody
! there is no person
```
"""


def test_a_story_is_moments_and_commands_with_what_they_say() -> None:
    script = read_script(STORY)
    assert script.scenario == 'name = "s"'
    assert script.files == {"report.txt": "what was found"}
    (chapter,) = script.chapters
    assert chapter.title == "Second"
    (scene,) = chapter.scenes
    assert (scene.line, scene.moment) == (16, "day 2 09:30")
    shown, refused = scene.commands
    assert (shown.shown, shown.kept) == (["R2 … A-T1"], {"alarm": "id"})
    assert refused.refused == ["there is no person"]
    assert refused.text == "wattwarden alarms ack {alarm} --as nobody"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("## a\n```story\n@ x\n```\n", "no ```scenario", id="no scenario"),
        pytest.param("```scenario\na = 1\n", "never closed", id="open"),
        pytest.param("```story\n@ x\n```\n", "line 1: a story begins under", id="no heading"),
        pytest.param("## a\n```story\n@ x\nwhat?\n```\n", "line 4: 'what", id="follows nothing"),
        pytest.param("## a\n```story\n$ x\n> y\n```\n", "line 4: write > name", id="keeps nothing"),
    ],
)
def test_what_means_nothing_is_refused_by_its_line(text: str, message: str) -> None:
    with pytest.raises(StoryError, match=message):
        read_script(text)
