"""Which grading an alarm is judged by: the one in force when it was raised."""

import msgspec
import pytest
from tests.alarms.cases.made import GRADING, after, episode

from wattwarden.alarms.cases.gradings import Gradings

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
