"""What cases come to is worked out once, as long as they stay what they are."""

from dataclasses import replace

import pytest
from tests.alarms.cases.made import case

from wattwarden.alarms.cases.case import Case
from wattwarden.alarms.cases.grading import default_grading
from wattwarden.alarms.enforcement.from_cases import incident
from wattwarden.storage.enforcement import history

GRADING = default_grading()


def numbered(number: int) -> Case:
    made = case()
    return replace(made, episode=replace(made.episode, id=number))


def test_a_case_that_stays_the_same_is_looked_at_once() -> None:
    known = history._Known()
    first = known.of(numbered(1), GRADING)
    assert first == incident(numbered(1), GRADING)
    assert known.of(numbered(1), default_grading()) is first


def test_a_case_that_changed_is_looked_at_anew() -> None:
    known = history._Known()
    before, made = known.of(numbered(1), GRADING), numbered(1)
    later = replace(made, episode=replace(made.episode, ended=made.episode.raised), closed=None)
    assert known.of(later, GRADING) == incident(later, GRADING)
    assert known.of(numbered(2), GRADING).alarm == 2
    assert known.of(numbered(1), GRADING) == before


def test_of_too_many_all_are_worked_out_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "MOST_KNOWN", 2)
    known = history._Known()
    first = known.of(numbered(1), GRADING)
    for number in (2, 3):
        known.of(numbered(number), GRADING)
    again = known.of(numbered(1), GRADING)
    assert again == first
    assert again is not first
