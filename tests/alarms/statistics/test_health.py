"""The health of the alarm system on hand-made alarms, and its numbers."""

import pytest

from wattwarden.alarms.statistics.durations import ToldAlarm
from wattwarden.alarms.statistics.health import HOUR_MS, MINUTE_MS, Source, health
from wattwarden.alarms.statistics.numbers import default_numbers, load_numbers
from wattwarden.alarms.statistics.rates import Rate
from wattwarden.alarms.statistics.timelines import Span

DAY = Span(0, 24 * HOUR_MS)
OPERATORS = {"E1": "wang", "E2": "li"}
GOOD = """
[health]
flood_alarms = 10
flood_window_min = 10
chatter_alarms = 3
chatter_window_min = 60
stale_h = 24
top = 10
[health.priority]
A = "high"
B = "low"
C = "high"
D = "low"
E = "low"
F = "low"
"""


def alarm(
    minute: int, subject: str = "unit:U", firm: str = "E1", rule: str = "R1", grade: str = "A",
    ended: int | None = 0,
) -> ToldAlarm:  # fmt: skip
    raised = minute * MINUTE_MS
    end = None if ended is None else raised + ended * MINUTE_MS
    return ToldAlarm(rule, grade, subject, firm, "L", raised, end)


def test_alarms_are_counted_by_hour_and_operator() -> None:
    found = health([alarm(n) for n in range(48)], OPERATORS, DAY, default_numbers())
    assert (found.operators, found.hourly) == (2, 1.0)


def test_a_flood_is_more_than_ten_alarms_of_one_operator_in_ten_minutes() -> None:
    eleven = [alarm(20, f"unit:{n}") for n in range(11)]
    split = [alarm(40, f"unit:{n}", "E1" if n < 6 else "E2") for n in range(12)]
    found = health([*eleven, *split], OPERATORS, DAY, default_numbers())
    assert found.flood == Rate(1, 2 * 144)
    assert (found.peak_minute, found.peak_hour) == (11, 17)


def test_the_ten_busiest_sources_are_named_with_their_share() -> None:
    alarms = [alarm(60 * n, "unit:bad") for n in range(5)]
    alarms += [alarm(7 * n, f"unit:{n:02}") for n in range(15)]
    found = health(alarms, OPERATORS, DAY, default_numbers())
    assert found.worst[0] == Source("R1", "unit:bad", 5)
    assert len(found.worst) == 10
    assert found.top == Rate(14, 20)


@pytest.mark.parametrize(
    ("minutes", "chatters"),
    [((0, 30, 60), True), ((0, 30, 61), False), ((0, 30), False), ((0, 200, 220, 240), True)],
    ids=["three in an hour", "a minute too late", "two", "later on"],
)
def test_a_source_chatters_that_comes_three_times_within_an_hour(
    minutes: tuple[int, ...], *, chatters: bool
) -> None:
    found = health([alarm(n) for n in minutes], OPERATORS, DAY, default_numbers())
    assert found.chattering == ((Source("R1", "unit:U", len(minutes)),) if chatters else ())


def test_what_stands_for_a_day_is_stale_also_from_before() -> None:
    old, young = alarm(-60, "unit:old", ended=None), alarm(60, "unit:young", ended=None)
    gone = alarm(-60, "unit:gone", ended=90)
    found = health([old, young, gone], OPERATORS, DAY, default_numbers())
    assert found.stale == (old,)
    assert found.hourly == pytest.approx(1 / 24 / 2)


def test_priorities_are_those_of_the_classes_as_they_are_raised() -> None:
    alarms = [alarm(0, grade=grade) for grade in "BBDEFFACAA"]
    mix = health(alarms, OPERATORS, DAY, default_numbers()).mix
    assert mix == {"high": Rate(1, 10), "low": Rate(6, 10), "medium": Rate(3, 10)}


def test_a_quiet_city_has_no_shares() -> None:
    found = health([], {}, DAY, default_numbers())
    assert (found.hourly, found.top.value, found.flood.value) == (None, None, None)
    assert found.mix["low"].value is None


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ("top = 10", "top = 0", r"`int` >= 1 - at `\$\.health\.top`"),
        ("stale_h = 24", "", "missing required field `stale_h`"),
        ("top = 10", "top = 10\nbottom = 1", "unknown field `bottom`"),
        ('F = "low"', "", "health.priority: one for each of"),
        ("chatter_alarms = 3", "chatter_alarms = 1", r"`int` >= 2 - at `\$\.health\.chatter_al"),
        ("[health]", "[health", "at the end of a table declaration"),
    ],
    ids=["out of bounds", "missing", "unknown", "a class left out", "one is no chatter", "no TOML"],
)
def test_wrong_numbers_are_refused(old: str, new: str, named: str) -> None:
    assert load_numbers(GOOD).top == 10
    with pytest.raises(ValueError, match=named):
        load_numbers(GOOD.replace(old, new))


def test_of_no_time_there_is_no_rate() -> None:
    found = health([], OPERATORS, Span(HOUR_MS, HOUR_MS), default_numbers())
    assert (found.operators, found.hourly, found.flood) == (2, None, Rate(0, 0))
