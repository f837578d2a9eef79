"""Days of plans: which, of when, and what is said of them."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import msgspec
import pytest

from wattwarden.alarms.decisions.bodies import Cycle, Measure, Plan, WarningLevel
from wattwarden.alarms.decisions.body import Scope
from wattwarden.alarms.ledgers.contents import Special
from wattwarden.alarms.ledgers.entries import SETTLE
from wattwarden.alarms.ledgers.motions import Seen
from wattwarden.alarms.ledgers.special import (
    Exceeded,
    Ordered,
    Version,
    day_fact,
    next_day,
    ordered_days,
)

CHINA = ZoneInfo("Asia/Shanghai")
# Midnight in China.
MIDNIGHT = datetime(2026, 11, 21, 16, tzinfo=UTC)
HOUR = timedelta(hours=1)
SECOND = timedelta(seconds=1)
STOP = Plan(
    id="PL1", scope=Scope.LINE, subject="L1", measure=Measure.STOP, start=MIDNIGHT + 8 * HOUR,
    end=MIDNIGHT + 60 * HOUR, level=WarningLevel.ORANGE,
)  # fmt: skip
LIMIT = msgspec.structs.replace(STOP, measure=Measure.LIMIT, reduction=0.3, level=None)
NIGHTS = msgspec.structs.replace(STOP, cycle=Cycle.DAILY, from_hour="22:00", to_hour="06:00")


def hours(*versions: tuple[float, Plan], until: float = 200) -> list[tuple[float, list[float]]]:
    """Days by the hour in which they ended, with the ends of their windows in hours."""
    found = ordered_days(decided(*versions), CHINA, MIDNIGHT, MIDNIGHT + until * HOUR)
    return [
        (hour(day.day_end), [hour(end) for window in day.windows for end in window])
        for day in found
    ]


def hour(moment: datetime) -> float:
    return (moment - MIDNIGHT) / HOUR


def decided(*versions: tuple[float, Plan]) -> list[Version]:
    return [Version(MIDNIGHT + at * HOUR, plan) for at, plan in versions]


OFF = msgspec.structs.replace(STOP, enabled=False)
SHORTER = msgspec.structs.replace(STOP, end=MIDNIGHT + 30 * HOUR)
EXEMPT = msgspec.structs.replace(STOP, exempt=True)


@pytest.mark.parametrize(
    ("versions", "days"),
    [
        ([(0, STOP)], [(24, [8, 24]), (48, [24, 48]), (72, [48, 60])]),
        ([(10, STOP), (30, OFF)], [(24, [10, 24]), (48, [24, 30])]),
        ([(0, STOP), (20, SHORTER)], [(24, [8, 24]), (48, [24, 30])]),
        ([(0, EXEMPT)], []),
        ([(0, NIGHTS)], [(24, [22, 24]), (48, [24, 30, 46, 48]), (72, [48, 54])]),
        ([(0, NIGHTS), (20, SHORTER)], [(24, [20, 24]), (48, [24, 30])]),
        ([(70, STOP)], []),
    ],
    ids=["whole", "cancelled", "shortened", "exempt", "nights", "no nights", "afterwards"],
)
def test_a_day_is_told_by_the_plan_as_it_stood(
    versions: list[tuple[float, Plan]], days: list[tuple[float, list[float]]]
) -> None:
    assert hours(*versions) == days


def test_nights_to_come_are_left_for_their_time() -> None:
    forever = msgspec.structs.replace(NIGHTS, end=MIDNIGHT.replace(year=9_000))
    assert hours((0, forever), until=24) == [(24, [22, 24])]


def test_a_day_is_told_when_it_is_over() -> None:
    assert hours((0, STOP), until=23.9) == []
    (day,) = ordered_days(decided((0, STOP)), CHINA, MIDNIGHT, MIDNIGHT + 24 * HOUR)
    assert day.at == MIDNIGHT + 24 * HOUR - SECOND
    fact = day_fact(day, "一线", {}, [])
    assert fact.due == MIDNIGHT + 24 * HOUR + SETTLE - SECOND
    later = ordered_days(decided((0, STOP)), CHINA, day.at + SECOND, MIDNIGHT + 30 * HOUR)
    assert list(later) == []


@pytest.mark.parametrize(
    ("after", "following"), [(0, 24), (23.999, 24), (24, 48), (40, 48), (60, 72), (72, None)]
)
def test_a_plan_waits_for_its_next_day(after: float, following: float | None) -> None:
    found = next_day(decided((0, STOP)), CHINA, MIDNIGHT + after * HOUR - SECOND)
    assert found == (None if following is None else MIDNIGHT + following * HOUR - SECOND)
    assert next_day(decided((0, OFF)), CHINA, MIDNIGHT) is None


def told(plan: Plan, states: list[tuple[float, str]], *exceeded: Exceeded) -> str:
    versions = decided((0, plan))
    day: Ordered = next(ordered_days(versions, CHINA, MIDNIGHT, MIDNIGHT + 24 * HOUR))
    series = [Seen(MIDNIGHT + at * HOUR, state) for at, state in states]
    content = day_fact(day, "一线", {"U1": series}, exceeded).content
    assert isinstance(content, Special)
    assert content.units == ("U1",)
    return content.measure


@pytest.mark.parametrize(
    ("states", "words"),
    [
        ([(0, "off")], "要求停产,期间未生产"),
        ([(0, "running"), (9.5, "off")], "要求停产,期间生产1小时30分"),
        ([(0, "off"), (12, "running"), (12.5, "idle")], "要求停产,期间生产30分"),
        ([(0, "off"), (20, "offline")], "要求停产,期间未生产,其中4小时0分无监测数据"),
        ([(10, "off")], "要求停产,期间未生产,其中2小时0分无监测数据"),
    ],
    ids=["stopped", "ran on", "started", "silent", "heard late"],
)
def test_what_production_did_under_a_stop_is_told(
    states: list[tuple[float, str]], words: str
) -> None:
    assert told(STOP, states) == words


def test_how_long_a_limit_was_exceeded_is_told() -> None:
    runs = [(0.0, "running")]
    assert told(LIMIT, runs) == "要求限产30%,期间生产16小时0分,未超出限值"
    began, ended = MIDNIGHT + 10 * HOUR, MIDNIGHT + 11 * HOUR
    over = Exceeded(began, began + HOUR / 2, ended)
    assert told(LIMIT, runs, over).endswith("超出限值1小时0分")
    assert told(LIMIT, runs, Exceeded(began, began, None)).endswith("超出限值14小时0分")
    after = Exceeded(began, MIDNIGHT + 25 * HOUR, None)
    assert told(LIMIT, runs, after).endswith("未超出限值")
