"""When days with late rows are folded again."""

from datetime import date

from hypothesis import given
from hypothesis import strategies as st

from wattwarden.alarms.folding.late import DAYS_PER_STEP, LateDay, Span, due_at, first_due, gathered

DAY = LateDay(date(2026, 11, 21), "E1")
OTHER = LateDay(date(2026, 11, 20), "E2")


def test_a_day_waits_until_its_rows_have_ceased_to_come() -> None:
    waiting = gathered({}, [(DAY, 100), (DAY, 110)])
    assert waiting == {DAY: Span(100, 110, 2)}
    assert first_due(waiting, []) == 140
    assert due_at(waiting, 139) == []
    assert due_at(waiting, 140) == [DAY]


def test_a_day_waits_ten_minutes_at_most() -> None:
    rows = [(DAY, second) for second in range(100, 900, 10)]
    assert first_due({}, rows) == 700


def test_the_oldest_day_comes_first_and_a_step_takes_so_many() -> None:
    many = {LateDay(date(2026, 11, 22), f"E{number}"): Span(0, 0, 1) for number in range(100)}
    due = due_at({**many, DAY: Span(0, 0, 1), OTHER: Span(0, 0, 1)}, 1_000)
    assert due[:2] == [OTHER, DAY]
    assert len(due) == DAYS_PER_STEP


@given(st.lists(st.tuples(st.sampled_from([DAY, OTHER]), st.integers(0, 1_000)), max_size=40))
def test_the_first_that_is_due_is_the_one_that_a_second_by_second_look_finds(
    drawn: list[tuple[LateDay, int]],
) -> None:
    rows = sorted(drawn, key=lambda row: row[1])
    waiting: dict[LateDay, Span] = {}
    found = None
    for second in range(1_100):
        waiting = gathered(waiting, [row for row in rows if row[1] == second])
        if due_at(waiting, second):
            found = second
            break
    assert first_due({}, rows) == found
