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
    seen = history._Seen()
    first = seen.of(numbered(1), GRADING)
    assert first == incident(numbered(1), GRADING)
    assert seen.of(numbered(1), default_grading()) is first


def test_a_case_that_changed_is_looked_at_anew() -> None:
    seen = history._Seen()
    before, made = seen.of(numbered(1), GRADING), numbered(1)
    later = replace(made, episode=replace(made.episode, ended=made.episode.raised), closed=None)
    assert seen.of(later, GRADING) == incident(later, GRADING)
    assert seen.of(numbered(2), GRADING).alarm == 2
    assert seen.of(numbered(1), GRADING) == before


def test_of_too_many_the_first_is_worked_out_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "MOST_SEEN", 2)
    seen = history._Seen()
    first = seen.of(numbered(1), GRADING)
    for number in (2, 3):
        seen.of(numbered(number), GRADING)
    again = seen.of(numbered(1), GRADING)
    assert again == first
    assert again is not first
