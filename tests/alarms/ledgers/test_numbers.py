"""The numbers of ledgers, and from when to when a day is."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from wattwarden.alarms.ledgers.numbers import default_numbers, numbers_of
from wattwarden.alarms.ledgers.special import day_before, day_end

SHANGHAI = ZoneInfo("Asia/Shanghai")
# 00:00 of the 22nd in Shanghai.
MIDNIGHT = datetime(2026, 11, 21, 16, tzinfo=UTC)
SECOND, DAY = timedelta(seconds=1), timedelta(days=1)


def test_a_patrol_may_be_entered_some_days_later() -> None:
    numbers = default_numbers()
    assert numbers.patrol_back == timedelta(days=numbers.patrol_back_days)
    assert numbers_of("patrol_back_days = 31").patrol_back == timedelta(days=31)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("patrol_back_days = 0", r"`int` >= 1 - at `\$\.patrol_back_days`"),
        ("patrol_back_days = 32", r"`int` <= 31 - at `\$\.patrol_back_days`"),
        ("", "missing required field `patrol_back_days`"),
        ("patrol_back_days = 3\nx = 1", "unknown field `x`"),
    ],
    ids=["too few", "too many", "missing", "unknown"],
)
def test_numbers_that_cannot_be_used_are_refused_by_name(text: str, named: str) -> None:
    with pytest.raises(ValueError, match=named):
        numbers_of(text)


@pytest.mark.parametrize(
    ("moment", "end"),
    [
        (MIDNIGHT, MIDNIGHT),
        (MIDNIGHT + SECOND, MIDNIGHT + DAY),
        (MIDNIGHT - SECOND, MIDNIGHT),
        (MIDNIGHT + DAY - SECOND, MIDNIGHT + DAY),
    ],
    ids=["at midnight", "behind it", "before it", "late in the evening"],
)
def test_a_day_ends_at_the_next_local_midnight(moment: datetime, end: datetime) -> None:
    assert day_end(moment, SHANGHAI) == end
    assert day_end(moment, SHANGHAI).tzinfo is UTC


def test_the_midnight_before_one_is_a_local_day_earlier() -> None:
    assert day_before(MIDNIGHT, SHANGHAI) == MIDNIGHT - DAY
    berlin = ZoneInfo("Europe/Berlin")
    # The day on which summer time ends has 25 hours.
    after = datetime(2026, 10, 25, 23, tzinfo=UTC)
    assert after - day_before(after, berlin) == timedelta(hours=25)
