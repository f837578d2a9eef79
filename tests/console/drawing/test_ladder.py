"""The ladder of a case: what each stretch earns, how far it is filled, what comes next."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from wattwarden.alarms.cases.case import Case, Episode, Level, State
from wattwarden.alarms.cases.grading import default_grading
from wattwarden.alarms.registry.nouns import Supervision
from wattwarden.console.drawing.ladder import RUNG, ladder_of

RAISED = datetime(2026, 11, 22, 3, tzinfo=UTC)
GRADING = default_grading()


def case_of(grade: str, ended: datetime | None = None) -> Case:
    episode = Episode(
        id=1,
        rule="R2",
        subject="unit:U1",
        kind="",
        grade=grade,
        enterprise="E1",
        line="L1",
        began=RAISED,
        raised=RAISED,
        ended=ended,
        sure=ended,
    )
    return Case(
        episode=episode,
        supervision=Supervision.ORDINARY,
        state=State.RAISED,
        level=Level.WARNING,
        deadline=RAISED + timedelta(days=1),
        overdue=False,
        parent=None,
        history=(),
    )


@pytest.mark.parametrize(
    ("grade", "levels"),
    [("A", (2, 3, 4)), ("B", (1, 2, 3)), ("C", (3, 4, 4)), ("D", (1, 1, 2)), ("F", (1, 1, 1))],
)
def test_each_rung_has_the_level_that_it_earns(grade: str, levels: tuple[int, ...]) -> None:
    ladder = ladder_of(case_of(grade), GRADING, RAISED)
    assert tuple(one.level for one in ladder.rungs) == levels


@pytest.mark.parametrize(
    ("minutes", "filled", "reached"),
    [
        (0, (0.0, 0.0, 0.0), 0),
        (15, (RUNG / 2, 0.0, 0.0), 0),
        (31, (RUNG, 0.02 * RUNG, 0.0), 1),
        (75, (RUNG, RUNG / 2, 0.0), 1),
        (100_000, (RUNG, RUNG, RUNG), 2),
    ],
    ids=["at once", "a quarter of an hour", "a sliver", "an hour and a quarter", "weeks"],
)
def test_rungs_fill_with_time(minutes: int, filled: tuple[float, ...], reached: int) -> None:
    ladder = ladder_of(case_of("A"), GRADING, RAISED + timedelta(minutes=minutes))
    assert tuple(one.filled for one in ladder.rungs) == filled
    assert ladder.reached == reached


def test_a_standing_case_says_when_it_becomes_graver() -> None:
    ladder = ladder_of(case_of("A"), GRADING, RAISED + timedelta(minutes=10))
    assert (ladder.next_at, ladder.next_level) == (RAISED + timedelta(minutes=30), Level.ALARM)


def test_a_case_whose_condition_is_gone_becomes_no_graver_and_fills_no_further() -> None:
    case = case_of("A", RAISED + timedelta(minutes=15))
    ladder = ladder_of(case, GRADING, RAISED + timedelta(hours=5))
    assert ladder.next_at is None
    assert ladder.rungs[0].filled == RUNG / 2
    closed = replace(case_of("A"), state=State.CLOSED)
    assert ladder_of(closed, GRADING, RAISED).next_at is None
