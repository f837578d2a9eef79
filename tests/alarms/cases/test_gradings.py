"""Which grading an alarm is judged by: the one in force when it was raised."""

from dataclasses import replace

import msgspec
import pytest
from tests.alarms.cases.made import GRADING, after, episode

from wattwarden.alarms.cases.gradings import Gradings, Rulebooks
from wattwarden.alarms.rulebook import Rules, default_rules

FIRST, SECOND = (msgspec.structs.replace(GRADING, version=name) for name in ("2", "3"))


@pytest.mark.parametrize(
    ("minute", "version"),
    [(9.9, "1"), (10, "2"), (59, "2"), (60, "3")],
    ids=["before", "at-once", "until-the-next", "the-next"],
)
def test_a_grading_is_for_what_is_raised_from_its_moment_on(minute: float, version: str) -> None:
    gradings = Gradings(GRADING, ((after(10), FIRST), (after(60), SECOND)))
    assert gradings.at(after(minute)).version == version
    assert gradings.of(episode(raised=after(minute))).version == version


def test_of_two_whose_time_has_come_the_one_decided_last_is_in_force() -> None:
    gradings = Gradings(GRADING, ((after(60), FIRST), (after(10), SECOND)))
    assert [gradings.at(after(minute)).version for minute in (5, 30, 90)] == ["1", "3", "3"]


def with_grade(rule: str, grade: str) -> Rules:
    """The shipped rules, one of them of another class."""
    shipped = default_rules()
    changed = replace(shipped.rules[rule], grade=grade)
    return replace(shipped, rules={**shipped.rules, rule: changed})


def test_classes_of_rules_change_when_a_rule_gets_another_and_not_otherwise() -> None:
    shipped, other = default_rules(), with_grade("R2", "C")
    assert shipped.rules["R2"].grade != "C"
    books = Rulebooks(
        shipped,
        ((after(10), shipped), (after(20), other), (after(30), other), (after(40), shipped)),
    )
    assert books.classes_changed() == [after(20), after(40)]
    assert Rulebooks(shipped).classes_changed() == []


def test_the_latest_rules_are_those_decided_last() -> None:
    shipped, other = default_rules(), with_grade("R2", "C")
    assert Rulebooks(shipped).latest is shipped
    assert Rulebooks(shipped, ((after(90), other), (after(10), shipped))).latest is shipped


def test_a_rule_is_found_under_each_class_that_it_ever_had() -> None:
    shipped, other = default_rules(), with_grade("R2", "C")
    books = Rulebooks(shipped, ((after(10), other),))
    assert "R2" in books.ever_of({"C"})
    assert "R2" in books.ever_of({shipped.rules["R2"].grade})
    assert "R2" not in Rulebooks(shipped).ever_of({"C"})
    assert books.ever_of(()) == set()
