"""What folding a day again changes in the episodes that were found first."""

import pytest

from wattwarden.alarms.episodes.corrections import Change, Standing, changes
from wattwarden.alarms.episodes.findings import (
    Alarm,
    Ended,
    Explanation,
    Finding,
    Graded,
    Key,
    Raised,
    Returned,
)

WHY = Explanation(zh="", en="", signals={}, thresholds={}, windows={}, version="1")
SINCE, UNTIL = 1_000, 2_000


def key(began: int, unit: str = "u") -> Key:
    return Key("R2", f"unit:{unit}", "", began)


def raised(began: int, at: int) -> Raised:
    alarm = Alarm(
        rule="R2", subject="unit:u", enterprise="E", began=began, raised=at,
        version="1", explanation=WHY,
    )  # fmt: skip
    return Raised(alarm)


def ended(began: int, at: int) -> Ended:
    return Ended(key(began), "E", at, at)


def brief(found: list[Change]) -> list[tuple[int, Standing | None, Standing | None]]:
    return [(change.key.began, change.before, change.after) for change in found]


def test_what_is_found_again_is_no_change() -> None:
    stored = {key(1_100): Standing(1_200, 1_300)}
    assert changes(stored, [raised(1_100, 1_200), ended(1_100, 1_300)], SINCE, UNTIL) == []


def test_what_was_not_there_before_comes_with_its_alarm() -> None:
    (change,) = changes({}, [raised(1_100, 1_200)], SINCE, None)
    assert (change.before, change.after) == (None, Standing(1_200))
    assert change.alarm is not None


def test_what_is_no_longer_found_goes() -> None:
    stored = {key(1_100): Standing(1_200, 1_300)}
    found = changes(stored, [], SINCE, UNTIL)
    assert brief(found) == [(1_100, Standing(1_200, 1_300), None)]


def test_what_was_open_at_the_beginning_may_end_otherwise() -> None:
    stored = {key(500): Standing(600, 1_500)}
    found = changes(stored, [ended(500, 1_400)], SINCE, UNTIL)
    assert brief(found) == [(500, Standing(600, 1_500), Standing(600, 1_400))]


def test_what_had_ended_before_stays_unless_it_returns() -> None:
    stored = {key(500): Standing(600, 900)}
    assert changes(stored, [], SINCE, UNTIL) == []
    found = changes(stored, [Returned(key(500), "E", 1_100), ended(500, 1_200)], SINCE, UNTIL)
    assert brief(found) == [(500, Standing(600, 900), Standing(600, 1_200))]


def test_what_came_after_the_end_stays_as_it_was() -> None:
    stored = {key(2_100): Standing(2_200), key(1_900): Standing(1_950, 2_300)}
    assert changes(stored, [raised(1_900, 1_950)], SINCE, UNTIL) == []


def test_an_episode_may_be_raised_and_end_in_one_moment() -> None:
    findings: list[Finding] = [ended(1_100, 1_200), raised(1_100, 1_200)]
    (change,) = changes({}, findings, SINCE, None)
    assert change.after == Standing(1_200, 1_200)


@pytest.mark.parametrize("up", [0, 1])
def test_a_higher_grade_is_a_change(up: int) -> None:
    stored = {key(1_100): Standing(1_200)}
    findings: list[Finding] = [
        raised(1_100, 1_200),
        Graded(key(1_100), "E", up, key(1, "v"), 1_250),
    ]
    assert len(changes(stored, findings, SINCE, None)) == up
