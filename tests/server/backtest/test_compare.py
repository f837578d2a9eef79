"""Two folds beside each other: what appears, vanishes, moves, and what is the same."""

import pytest

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
from wattwarden.server.backtest.compare import compared, episodes_of

CLASSES = ({"R1": "A", "R2": "B"}, {"R1": "A", "R2": "B"})
WHY = Explanation("因", "why", {}, {}, {}, "1")
Times = tuple[int, int, int | None]


def alarm(began: int, raised: int, ended: int | None, rule: str = "R1") -> Alarm:
    return Alarm(
        rule=rule, subject="unit:u", enterprise="e", began=began, raised=raised, ended=ended,
        version="1", explanation=WHY,
    )  # fmt: skip


def episodes(*times: Times, rule: str = "R1") -> dict[Key, Alarm]:
    found = [alarm(*one, rule) for one in times]
    return {one.key: one for one in found}


@pytest.mark.parametrize(
    ("before", "after", "changes", "same"),
    [
        pytest.param([(0, 10, 50)], [(0, 10, 50)], [], 1, id="the same"),
        pytest.param([], [(0, 10, 50)], ["appears"], 0, id="only then"),
        pytest.param([(0, 10, 50)], [], ["vanishes"], 0, id="no longer"),
        pytest.param([(0, 10, 50)], [(0, 5, 50)], ["moves"], 0, id="raised earlier"),
        pytest.param([(0, 10, 50)], [(0, 10, 60)], ["moves"], 0, id="ended later"),
        pytest.param([(0, 10, 50)], [(20, 30, None)], ["moves"], 0, id="began later"),
        pytest.param([(0, 10, 50)], [(60, 70, 80)], ["vanishes", "appears"], 0, id="another"),
        pytest.param([(0, 10, 90)], [(0, 5, 20), (40, 50, 90)], ["moves", "appears"], 0, id="cut"),
        pytest.param([(0, 5, 20), (40, 50, None)], [(0, 9, None)], ["moves", "vanishes"], 0,
                     id="joined"),
    ],
)  # fmt: skip
def test_episodes_that_overlap_are_one(
    before: list[Times], after: list[Times], changes: list[str], same: int
) -> None:
    found = compared(episodes(*before), episodes(*after), CLASSES)
    assert [one.change for one in found.differences] == changes
    assert found.same == same


def test_another_rule_is_another_episode() -> None:
    found = compared(episodes((0, 10, 50)), episodes((0, 10, 50), rule="R2"), CLASSES)
    assert {(one.change, one.alarm.rule) for one in found.differences} == {
        ("vanishes", "R1"),
        ("appears", "R2"),
    }


def test_episodes_are_as_they_ended_in_the_window() -> None:
    first, late = alarm(0, 10, None), alarm(200, 210, None)
    findings: list[Finding] = [
        Raised(first),
        Ended(first.key, "e", 50, 60),
        Returned(first.key, "e", 70),
        Ended(first.key, "e", 90, 95),
        Raised(late),
    ]
    found = episodes_of(findings, 5, 200)
    assert {key: one.ended for key, one in found.items()} == {first.key: 90}
    assert episodes_of(findings, 11, 200) == {}


def test_another_class_or_another_level_is_another_grade() -> None:
    one = episodes((0, 10, 50))
    (found,) = compared(one, one, ({"R1": "A"}, {"R1": "C"})).differences
    assert (found.change, found.grade_before, found.grade_after) == ("regrades", "A", "C")
    raised = [*map(Raised, one.values())]
    because = Graded(next(iter(one)), "e", 1, next(iter(one)), 20)
    graver = episodes_of([*raised, because], 0, 100)
    (found,) = compared(one, graver, CLASSES).differences
    assert (found.change, found.grade_before, found.grade_after) == ("regrades", "A", "A+1")
