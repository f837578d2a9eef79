"""Flags exactly at, just below and just above their limits."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from tests.alarms.enforcement.made import ALWAYS, DAY, HOUR, LIMITS, NOW, history, incident

from wattwarden.alarms.enforcement.flags import (
    false_rectification,
    flags,
    high_frequency,
    running_sick,
    standing,
)
from wattwarden.alarms.enforcement.incidents import History, Incident, Worn
from wattwarden.alarms.enforcement.words import Flag

SECOND = timedelta(seconds=1)


def failed(first: int, raised: datetime, after: timedelta = HOUR, **more: Any) -> list[Incident]:
    """A fault that was said to be gone and came back so long after that."""
    gone = raised - after
    return [
        incident(first, gone - HOUR, ended=gone, claims=((gone, True),), **more),
        incident(first + 1, raised, ended=raised + HOUR / 2, **more),
    ]


def twice(**more: Any) -> History:
    return history(*failed(1, NOW - 20 * DAY), *failed(3, NOW - DAY, **more))


# --- false rectification


def test_the_same_fault_twice_soon_after_it_was_said_to_be_gone_is_false_rectification() -> None:
    found = false_rectification(twice(), NOW, LIMITS)
    assert found is not None
    assert (found.flag, found.alarms) == (Flag.FALSE_RECTIFICATION, (1, 2, 3, 4))
    assert "30天内2次" in found.zh
    assert found.zh.startswith("unit:U2在")
    assert "2 times in 30 d" in found.en


@pytest.mark.parametrize(
    ("after", "flagged"),
    [(72 * HOUR - SECOND, True), (72 * HOUR, True), (72 * HOUR + SECOND, False)],
    ids=["just under", "at", "just over"],
)
def test_soon_is_72_hours_of_production_inclusive(after: timedelta, *, flagged: bool) -> None:
    assert (false_rectification(twice(after=after), NOW, LIMITS) is not None) == flagged


def test_hours_without_production_do_not_count() -> None:
    # A month passes, in which the line works one hour a day.
    hours = tuple((NOW - day * DAY, NOW - day * DAY + HOUR) for day in range(60, 0, -1))
    late = history(
        *failed(1, NOW - 20 * DAY), *failed(3, NOW - 10 * DAY, 30 * DAY, subject="unit:U2"),
        production={"L1": hours},
    )  # fmt: skip
    assert false_rectification(late, NOW, LIMITS) is not None
    whole = history(*late.incidents)
    assert false_rectification(whole, NOW, LIMITS) is None


@pytest.mark.parametrize(
    ("age", "flagged"),
    [(30 * DAY - SECOND, True), (30 * DAY, True), (30 * DAY + SECOND, False)],
    ids=["just within", "at", "just before"],
)
def test_both_times_lie_within_thirty_days(age: timedelta, *, flagged: bool) -> None:
    seen = history(*failed(1, NOW - age), *failed(3, NOW - DAY))
    assert (false_rectification(seen, NOW, LIMITS) is not None) == flagged


@pytest.mark.parametrize(
    ("incidents", "flagged"),
    [
        (failed(1, NOW - DAY), False),
        ([*failed(1, NOW - 9 * DAY), *failed(3, NOW - DAY, subject="unit:U4")], False),
        ([*failed(1, NOW - 9 * DAY), *failed(3, NOW - DAY, rule="R2")], True),
        ([*failed(1, NOW - 9 * DAY), *failed(3, NOW - DAY), *failed(5, NOW - HOUR)], True),
    ],
    ids=["once", "once on each of two units", "two rules on one unit", "three times"],
)
def test_times_are_counted_per_unit(incidents: list[Incident], *, flagged: bool) -> None:
    assert (false_rectification(history(*incidents), NOW, LIMITS) is not None) == flagged


def test_what_was_only_cleared_was_not_said_to_be_rectified() -> None:
    cleared = [incident(number, NOW - number * DAY, ended=NOW) for number in range(1, 6)]
    assert false_rectification(history(*cleared), NOW, LIMITS) is None


def test_a_claim_that_an_officer_rejected_before_the_return_is_no_claim() -> None:
    gone = NOW - DAY
    rejected = ((gone, True), (gone + HOUR, False))
    before = incident(3, gone - HOUR, ended=gone, claims=rejected)
    after = incident(4, gone + 2 * HOUR)
    seen = history(*failed(1, NOW - 9 * DAY), before, after)
    assert false_rectification(seen, NOW, LIMITS) is None


def test_a_claim_made_after_the_fault_was_back_tells_of_the_next_return() -> None:
    late = NOW - 3 * DAY
    seen = history(
        incident(1, NOW - 5 * DAY, claims=((late, True),)),
        incident(2, NOW - 4 * DAY),
        incident(3, late + HOUR, claims=((late + 2 * HOUR, True),)),
        incident(4, late + 3 * HOUR),
    )
    found = false_rectification(seen, NOW, LIMITS)
    assert found is not None
    assert found.alarms == (1, 3, 4)


def test_excused_alarms_prove_nothing() -> None:
    excused = twice(excused=NOW - HOUR)
    assert false_rectification(excused, NOW, LIMITS) is None
    assert false_rectification(excused, NOW - 2 * HOUR, LIMITS) is not None


# --- running sick


def under_alarm(share: float, grade: str = "B", **more: Any) -> History:
    """Ten hours of production in the week, this share of them with an open alarm."""
    start = NOW - 2 * DAY
    lasted = 10 * HOUR * share
    one = incident(1, start, ended=start + lasted, grade=grade, **more)
    return history(one, production={"L1": ((start, start + 10 * HOUR),)})


@pytest.mark.parametrize(
    ("share", "flagged"), [(0.199, False), (0.2, True), (0.201, True)], ids=str
)
def test_a_fifth_of_production_under_open_alarms_is_sick(share: float, *, flagged: bool) -> None:
    found = running_sick(under_alarm(share), NOW, LIMITS)
    assert (found is not None) == flagged
    if found is not None:
        assert (found.flag, found.alarms) == (Flag.RUNNING_SICK, (1,))
        assert "20%" in found.zh


@pytest.mark.parametrize(
    ("grade", "flagged"), [(grade, grade in "AB") for grade in "ABCDEF"], ids="ABCDEF"
)
def test_only_treatment_alarms_make_sick(grade: str, *, flagged: bool) -> None:
    assert (running_sick(under_alarm(0.5, grade), NOW, LIMITS) is not None) == flagged


def test_an_alarm_that_stays_open_while_nobody_produces_makes_nobody_sick() -> None:
    start = NOW - 3 * DAY
    resting = incident(1, start + 10 * HOUR, grade="A")
    seen = history(resting, production={"L1": ((start, start + 10 * HOUR),)})
    assert running_sick(seen, NOW, LIMITS) is None


@pytest.mark.parametrize(("hours", "flagged"), [(7.99, False), (8.0, True), (8.01, True)], ids=str)
def test_less_than_a_shift_a_week_says_nothing(hours: float, *, flagged: bool) -> None:
    start = NOW - DAY
    seen = history(
        incident(1, start, grade="A"), production={"L1": ((start, start + hours * HOUR),)}
    )
    assert (running_sick(seen, NOW, LIMITS) is not None) == flagged


def test_lines_are_judged_one_by_one_and_alarms_of_no_line_count_for_each() -> None:
    start = NOW - 2 * DAY
    lines = dict.fromkeys(("L1", "L2"), ((start, start + 10 * HOUR),))
    own = history(incident(1, start, ended=start + 3 * HOUR, line="L2"), production=lines)
    assert running_sick(own, NOW, LIMITS) is not None
    firm = history(
        incident(1, start, ended=start + HOUR, line="L2"),
        incident(2, start + 2 * HOUR, ended=start + 3 * HOUR, line=""),
        production=lines,
    )
    found = running_sick(firm, NOW, LIMITS)
    assert found is not None
    assert found.alarms == (1, 2)


def test_two_alarms_at_once_are_not_counted_twice() -> None:
    start = NOW - 2 * DAY
    both = [incident(number, start, ended=start + HOUR) for number in (1, 2)]
    seen = history(*both, production={"L1": ((start, start + 10 * HOUR),)})
    assert running_sick(seen, NOW, LIMITS) is None


@pytest.mark.parametrize(("many", "flagged"), [(9, False), (10, True), (11, True)], ids=str)
def test_ten_alarms_in_seven_days_are_sick(many: int, *, flagged: bool) -> None:
    short = [
        incident(number, NOW - 7 * DAY + number * HOUR - HOUR, ended=NOW - 7 * DAY + number * HOUR)
        for number in range(1, many + 1)
    ]
    found = running_sick(history(*short), NOW, LIMITS)
    assert (found is not None) == flagged
    # The first of them was raised exactly seven days ago; a second later it is none of them.
    later = running_sick(history(*short[:10]), NOW + SECOND, LIMITS)
    assert later is None


@pytest.mark.parametrize(
    ("since", "production", "flagged"),
    [
        (NOW, ALWAYS, False),
        (NOW - SECOND, ALWAYS, True),
        (NOW + SECOND, ALWAYS, False),
        (NOW - DAY, {"L1": ((NOW - 9 * DAY, NOW - DAY),)}, False),
        (NOW - DAY, {"L2": ((NOW - 9 * DAY, NOW),)}, False),
    ],
    ids=["this moment", "a second ago", "to come", "nothing produced since", "another line"],
)
def test_producing_with_a_part_far_beyond_its_limit_is_sick(
    since: datetime, production: Any, *, flagged: bool
) -> None:
    worn = [Worn("CS7", "L1", since)]
    found = running_sick(history(production=production, worn=worn), NOW, LIMITS)
    assert (found is not None) == flagged
    if found is not None:
        assert (found.alarms, found.consumables) == ((), ("CS7",))
        assert "CS7" in found.zh
        assert "30%" in found.zh


# --- high frequency


def grave(many: int, first: datetime = NOW - 7 * DAY, **more: Any) -> History:
    values: dict[str, Any] = {"level3": NOW - HOUR} | more
    return history(
        *(incident(number, first + number * HOUR - HOUR, **values) for number in range(1, many + 1))
    )


@pytest.mark.parametrize(("many", "flagged"), [(2, False), (3, True), (4, True)], ids=str)
def test_three_grave_alarms_in_a_week_are_many(many: int, *, flagged: bool) -> None:
    found = high_frequency(grave(many), NOW, LIMITS)
    assert (found is not None) == flagged
    if found is not None:
        assert found.flag is Flag.HIGH_FREQUENCY
        assert found.alarms == tuple(range(1, many + 1))
        assert f"{many}次" in found.zh


def test_an_alarm_of_a_second_more_than_a_week_ago_is_none_of_them() -> None:
    assert high_frequency(grave(3), NOW + SECOND, LIMITS) is None


@pytest.mark.parametrize(
    ("changes", "flagged"),
    [
        ({"grade": "C"}, True),
        ({"grade": "B"}, False),
        ({"level3": NOW}, True),
        ({"level3": NOW + SECOND}, False),
        ({"level3": None}, False),
        ({"excused": NOW}, False),
    ],
    ids=["orders", "degraded", "grave just now", "not yet grave", "never grave", "excused"],
)
def test_grave_is_class_a_or_c_at_level_3_by_now(changes: dict[str, Any], *, flagged: bool) -> None:
    assert (high_frequency(grave(3, **changes), NOW, LIMITS) is not None) == flagged


# --- standing


@pytest.mark.parametrize(
    ("age", "flagged"),
    [(24 * HOUR - SECOND, False), (24 * HOUR, False), (24 * HOUR + SECOND, True)],
    ids=["just under", "at", "just over"],
)
def test_a_severe_alarm_open_for_more_than_a_day_stands(age: timedelta, *, flagged: bool) -> None:
    open_one = incident(1, NOW - age, level4=NOW - 20 * HOUR)
    found = standing(history(open_one), NOW, LIMITS)
    assert (found is not None) == flagged
    if found is not None:
        assert (found.flag, found.alarms) == (Flag.STANDING, (1,))
        assert "24.0小时" in found.zh


@pytest.mark.parametrize(
    ("changes", "flagged"),
    [
        ({}, True),
        ({"ended": NOW}, False),
        ({"ended": NOW + SECOND}, True),
        ({"level4": None}, False),
        ({"level4": NOW + SECOND}, False),
        ({"excused": NOW}, False),
    ],
    ids=["open", "ended", "ended later", "never severe", "severe later", "excused"],
)
def test_only_what_is_open_and_severe_stands(changes: dict[str, Any], *, flagged: bool) -> None:
    values: dict[str, Any] = {"level4": NOW - 2 * DAY} | changes
    seen = history(incident(1, NOW - 3 * DAY, **values))
    assert (standing(seen, NOW, LIMITS) is not None) == flagged


@pytest.mark.parametrize(("called", "flagged"), [(NOW, True), (NOW + SECOND, False)])
def test_where_the_ladder_calls_for_a_visit_nobody_waits_a_day(
    called: datetime, *, flagged: bool
) -> None:
    order = incident(1, NOW - HOUR / 2, grade="C", level4=called, called=called)
    assert (standing(history(order), NOW, LIMITS) is not None) == flagged


def test_an_enterprise_may_have_several_flags_and_usually_has_none() -> None:
    assert flags(history(), NOW, LIMITS) == []
    many = grave(10, ended=NOW - HOUR / 2)
    found = {one.flag for one in flags(many, NOW, LIMITS)}
    assert found == {Flag.RUNNING_SICK, Flag.HIGH_FREQUENCY}
