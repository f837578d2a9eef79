"""How far parts are used up and when they are due, worked out by hand."""

from datetime import UTC, date, datetime, timedelta

import pytest

from wattwarden.alarms.consumables.numbers import default_numbers
from wattwarden.alarms.consumables.wear import Bounds, Level, pace_of, wear_of
from wattwarden.alarms.decisions.bodies import Consumable
from wattwarden.alarms.states.running import Doing, RunTime, Spell

SINCE = datetime(2026, 10, 1, tzinfo=UTC)
DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
TODAY = date(2026, 11, 1)
FORECAST = default_numbers().forecast


def part(hours: float | None = None, days: float | None = None) -> Consumable:
    return Consumable(
        id="CS1", unit="U2", kind="carbon", replaced_at=SINCE, limit_hours=hours, limit_days=days
    )


def days_of_running(count: int, hours: float = 8) -> list[Spell]:
    """Days on which it ran for some hours, rested eight, and nothing was known of the rest."""
    spells = []
    for day in range(count):
        begin = SINCE + day * DAY
        spells += [
            Spell(begin, begin + hours * HOUR, Doing.RUN),
            Spell(begin + hours * HOUR, begin + (hours + 8) * HOUR, Doing.REST),
            Spell(begin + (hours + 8) * HOUR, begin + DAY, Doing.UNKNOWN),
        ]
    return spells


@pytest.mark.parametrize(
    ("limits", "ran_days", "pace", "share", "left", "due_d"),
    [
        # 80 h of 200 h; 120 h left are 15 days of 8 h.
        ((200, None), 10, 8.0, 0.4, 120, 25.0),
        ((200, 20), 10, 8.0, 0.5, 120, 20.0),
        ((200, 90), 10, 8.0, 0.4, 120, 25.0),
        ((None, 90), 10, None, 10 / 90, None, 90.0),
        ((200, None), 10, None, 0.4, 120, None),
        ((200, None), 10, 0.0, 0.4, 120, None),
        # 100 h of running are reached after twelve days and four hours.
        ((100, None), 15, 8.0, 1.2, -20, 12 + 4 / 24),
        ((100, 10), 15, 8.0, 1.5, -20, 10.0),
    ],
    ids=["hours", "days come first", "hours come first", "days alone", "no pace", "it never runs",
         "overdue by hours", "overdue by days"],
)  # fmt: skip
def test_a_part_is_used_up_and_due(
    limits: tuple[float | None, float | None],
    ran_days: int,
    pace: float | None,
    share: float,
    left: float | None,
    due_d: float | None,
) -> None:
    now = SINCE + ran_days * DAY
    wear = wear_of(part(*limits), SINCE, days_of_running(ran_days), pace, now)
    assert (wear.hours, wear.unknown_hours, wear.days) == (ran_days * 8, ran_days * 8, ran_days)
    assert wear.share == pytest.approx(share)
    assert wear.left_hours == left
    expected = None if due_d is None else SINCE + due_d * DAY
    assert (wear.due_at is None) == (expected is None)
    if wear.due_at is not None and expected is not None:
        assert abs(wear.due_at - expected) < timedelta(seconds=1)


def test_a_date_beyond_all_calendars_is_the_last_one() -> None:
    wear = wear_of(part(hours=1e12), SINCE, [], 0.001, SINCE + DAY)
    assert wear.due_at is not None
    assert wear.due_at.year == 9999


@pytest.mark.parametrize(
    ("days", "expected"),
    [
        ({back: RunTime(run_s=3600.0 * back) for back in range(1, 8)}, 4.0),
        ({back: RunTime(run_s=3600.0, idle_s=3600.0) for back in range(1, 31)}, 2.0),
        ({back: RunTime(run_s=3600.0) for back in range(1, 7)}, None),
        ({back: RunTime(run_s=3600.0) for back in (0, *range(31, 60))}, None),
        ({back: RunTime(run_s=3600.0) for back in range(7)}, None),
        (
            {back: RunTime(run_s=36_000.0, unknown_s=back * 3600.0) for back in range(1, 8)},
            None,
        ),
        (
            {back: RunTime(run_s=3600.0 * back, unknown_s=21_600.0) for back in range(1, 8)},
            4.0,
        ),
    ],
    ids=["median", "idling wears", "too few days", "today and long ago do not count",
         "today is not a day yet", "days that are hardly known", "days that are mostly known"],
)  # fmt: skip
def test_the_pace_is_the_median_of_known_days(
    days: dict[int, RunTime], expected: float | None
) -> None:
    found = pace_of({TODAY - back * DAY: time for back, time in days.items()}, TODAY, FORECAST)
    assert found == expected


@pytest.mark.parametrize(
    ("share", "level"),
    [(0.0, Level.IN_USE), (0.899, Level.IN_USE), (0.9, Level.REMIND), (1.0, Level.DUE),
     (1.099, Level.DUE), (1.1, Level.OVERDUE), (9.0, Level.OVERDUE)],
    ids=str,
)  # fmt: skip
def test_levels_begin_at_their_bounds(share: float, level: Level) -> None:
    assert Bounds(0.9, 1.0, 1.1).level(share) is level
