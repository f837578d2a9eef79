"""Grading: each cell of the matrix, the shifts, and what a file may say."""

import re
from importlib.resources import files
from typing import Any

import pytest
from tests.alarms.cases.made import GRADING, RAISED, after, episode

from wattwarden.alarms.cases.case import Level
from wattwarden.alarms.cases.grading import Settles, Task, load_grading
from wattwarden.alarms.registry.nouns import Role, Supervision
from wattwarden.alarms.rulebook import RULE_IDS, RuleError, default_rules

TEXT = files("wattwarden.alarms.cases").joinpath("cases.toml").read_text(encoding="utf-8")
DAY = 1440
# Minutes since the raise, and the level from then on, by class.
MATRIX = {
    "A": ((0, 2), (29, 2), (30, 3), (119, 3), (120, 4), (DAY, 4)),
    "B": ((0, 1), (30, 2), (120, 3), (DAY - 1, 3), (DAY, 4)),
    "C": ((0, 3), (29, 3), (30, 4), (120, 4), (DAY, 4)),
    "D": ((0, 1), (30, 1), (120, 2), (DAY, 3)),
    "E": ((0, 1), (30, 1), (120, 1), (DAY, 1), (3 * DAY, 2)),
    "F": ((0, 1), (30, 1), (120, 1), (DAY, 1)),
}
CELLS = [(grade, minutes, level) for grade, many in MATRIX.items() for minutes, level in many]


@pytest.mark.parametrize(
    ("grade", "minutes", "level"), CELLS, ids=[f"{g}-{m}" for g, m, _ in CELLS]
)
def test_an_alarm_is_as_grave_as_its_class_and_its_duration(
    grade: str, minutes: int, level: int
) -> None:
    at = after(minutes)
    assert GRADING.level(episode(grade), Supervision.ORDINARY, at, up=0) == level


@pytest.mark.parametrize(
    ("grade", "minutes", "level"), CELLS, ids=[f"{g}-{m}" for g, m, _ in CELLS]
)
@pytest.mark.parametrize("watched", Supervision)
def test_a_firm_is_spoken_to_as_it_is_watched_never_gently_about_a_and_c(
    grade: str, minutes: int, level: int, watched: Supervision
) -> None:
    shift = {
        Supervision.POSITIVE: 0 if grade in "AC" else -1,
        Supervision.ORDINARY: 0,
        Supervision.FOCUS: 1 if grade in "ABC" else 0,
    }[watched]
    found = GRADING.level(episode(grade), watched, after(minutes), up=0)
    assert found == min(max(level + shift, 1), 4)


def test_the_level_stays_where_it_was_when_the_condition_went() -> None:
    ended = episode("A", ended=40)
    assert GRADING.level(ended, Supervision.ORDINARY, after(5 * DAY), up=0) == Level.ALARM


@pytest.mark.parametrize(
    ("more", "minutes", "level"),
    [
        ({"grade_up": 1}, 0, 3),
        ({"grade_up": 1, "graded": after(10)}, 9, 2),
        ({"grade_up": 1, "graded": after(10)}, 10, 3),
        ({"grade_up": 3}, 0, 4),
    ],
    ids=["from-the-raise", "not-yet", "since-then", "no-more-than-four"],
)
def test_another_alarm_makes_one_graver_from_when_it_stands(
    more: dict[str, Any], minutes: int, level: int
) -> None:
    of = episode("A", **more)
    assert GRADING.level(of, Supervision.ORDINARY, after(minutes), up=0) == level


@pytest.mark.parametrize(("kind", "level"), [("remind:CS1", 1), ("due:CS1", 1), ("overdue:CS1", 2)])
def test_a_part_that_is_overdue_begins_graver(kind: str, level: int) -> None:
    of = episode("F", rule="R18", kind=kind)
    assert GRADING.level(of, Supervision.ORDINARY, RAISED, up=0) == level


@pytest.mark.parametrize(
    ("grade", "level", "told"),
    [
        ("A", 2, {Role.DUTY}),
        ("A", 3, {Role.DUTY, Role.HEAD, Role.DISTRICT_OFFICER}),
        ("A", 4, {Role.DUTY, Role.HEAD, Role.DISTRICT_OFFICER, Role.CITY_OFFICER}),
        ("B", 1, {Role.DUTY}),
        ("B", 2, {Role.DUTY}),
        ("B", 3, {Role.DUTY, Role.DISTRICT_OFFICER}),
        ("C", 3, {Role.HEAD, Role.DISTRICT_OFFICER}),
        ("C", 4, {Role.HEAD, Role.DISTRICT_OFFICER, Role.CITY_OFFICER}),
        ("D", 1, {Role.MAINTENANCE, Role.DUTY}),
        ("D", 2, {Role.MAINTENANCE, Role.DUTY, Role.DISTRICT_OFFICER}),
        ("E", 1, {Role.DUTY}),
        ("F", 1, {Role.DUTY}),
        ("F", 2, {Role.DUTY, Role.HEAD}),
    ],
)
def test_each_level_tells_whom_its_class_names(grade: str, level: int, told: set[Role]) -> None:
    assert GRADING.told(episode(grade), Level(level)) == told


def test_trouble_of_the_platform_is_told_to_its_administrators_alone() -> None:
    of = episode("D", rule="R0")
    assert GRADING.told(of, Level.SEVERE) == {Role.ADMINISTRATOR}
    assert GRADING.settles(of) is Settles.ALWAYS


@pytest.mark.parametrize(
    ("grade", "tasks"),
    [
        ("A", [Task.NONE, Task.NONE, Task.CANDIDATE, Task.CREATE]),
        ("B", [Task.NONE, Task.NONE, Task.NONE, Task.CANDIDATE]),
        ("C", [Task.NONE, Task.CREATE]),
    ],
)
def test_rungs_ask_for_tasks_where_the_matrix_does(grade: str, tasks: list[Task]) -> None:
    assert [rung.task for rung in GRADING.rungs(episode(grade))] == tasks


@pytest.mark.parametrize(("level", "exported"), [(1, 1), (2, 1), (3, 2), (4, 2)])
def test_four_levels_are_exported_as_two(level: int, exported: int) -> None:
    assert Level(level).exported == exported


def test_every_rule_has_a_class_that_is_graded() -> None:
    rules = default_rules().rules
    assert {rules[rule].grade for rule in RULE_IDS} <= set(GRADING.classes)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("acked_repeat_s = 14400", "", "acked_repeat_s"),
        ("unacked_repeat_s = 1800", "unacked_repeat_s = 5", ">= 60"),
        ("level = 2 }", "level = 7 }", "7"),
        ("{ at_s = 0, level = 3 }", "{ at_s = 9, level = 3 }", "class.C.rungs"),
        ('told = [["head"]', 'told = [["boss"]', "told"),
        ("[shift.focus]", "[shift.other]", "shift"),
        ("[class.F]", "[class.G]", "class"),
        ('version = "1"', 'version = "1"\nspeed = 3', "speed"),
        ('version = "1"', "version = ", "TOML"),
        ("A = 0", "", "shift.positive"),
    ],
    ids=[
        "missing", "too-often", "no-such-level", "no-beginning", "no-such-role", "no-such-list",
        "no-such-class", "unknown", "no-toml", "no-shift",
    ],
)  # fmt: skip
def test_a_grading_that_cannot_be_meant_is_refused(old: str, new: str, told: str) -> None:
    assert old in TEXT
    with pytest.raises(RuleError, match=told):
        load_grading(TEXT.replace(old, new, 1))


def test_a_grading_says_who_is_spoken_to_of_each_list() -> None:
    text, left_out = re.subn(r"(?s)\[shift\.focus\].*?(?=\n\[)", "", TEXT, count=1)
    assert left_out
    with pytest.raises(RuleError, match=r"shift has positive, ordinary, there are"):
        load_grading(text)
