"""Spans of days are read from addresses, whatever those say."""

from datetime import UTC, date, datetime, timedelta

import pytest

from wattwarden.console.drawing.span import Days, days_of

# 08:00 of the 22nd in the city's own time.
NOW = datetime(2026, 11, 22, tzinfo=UTC)
TODAY = date(2026, 11, 22)


@pytest.mark.parametrize(
    ("first", "last", "expected"),
    [
        ("", "", (date(2026, 11, 15), TODAY)),
        ("2026-11-20", "2026-11-21", (date(2026, 11, 20), date(2026, 11, 21))),
        ("2026-11-21", "2026-11-20", (date(2026, 11, 20), date(2026, 11, 20))),
        ("2020-01-01", "", (date(2026, 10, 22), TODAY)),
        ("", "2030-01-01", (date(2026, 11, 15), TODAY)),
        ("", "0001-01-01", (date(2026, 11, 15), TODAY)),
        ("0001-01-01", "", (date(2026, 11, 15), TODAY)),
        ("never", "9999-99-99", (date(2026, 11, 15), TODAY)),
    ],
    ids=["nothing", "two days", "turned round", "long", "ahead", "first day", "old", "nonsense"],
)
def test_days_are_those_that_are_asked_within_what_there_is(
    first: str, last: str, expected: tuple[date, date]
) -> None:
    assert days_of(first, last, NOW, timedelta(7), timedelta(31)) == Days(*expected)


def test_days_begin_and_end_at_the_citys_midnight() -> None:
    days = Days(date(2026, 11, 20), TODAY)
    assert days.since == datetime(2026, 11, 19, 16, tzinfo=UTC)
    assert days.until == datetime(2026, 11, 22, 16, tzinfo=UTC)
