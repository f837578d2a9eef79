"""采集率 and 传输有效率 on hand-made days."""

import numpy as np
import pytest

from wattwarden.alarms.states.codes import UnitState as S
from wattwarden.alarms.statistics.collection import (
    DAY_MS,
    Came,
    Collected,
    Listened,
    collected,
    days_of,
    declared_slots,
    together,
)
from wattwarden.alarms.statistics.rates import Rate
from wattwarden.alarms.statistics.timelines import NOTHING_HEARD, Span, Timeline

HOUR_MS = 3_600_000
SHANGHAI_MS = 8 * HOUR_MS
DAY = Span(0, DAY_MS)


def away(start: int, end: int) -> Timeline:
    return Timeline(np.array([0, start, end]), np.array([S.OFF, S.DECLARED, S.OFF], np.int8))


def point(cycle_s: int = 60, span: Span = DAY) -> Listened:
    return Listened("T", "U", cycle_s, span)


@pytest.mark.parametrize(
    ("came", "timeline", "got"),
    [
        (Came(288, 1440, 1440), NOTHING_HEARD, 288),
        (Came(200, 1000, 1000), NOTHING_HEARD, 200),
        (Came(200, 1000, 1000), away(0, 4 * HOUR_MS), 248),
        (Came(280, 1400, 1400), away(0, 4 * HOUR_MS), 288),
        (Came(0, 0, 0), away(0, DAY_MS), 288),
    ],
    ids=["whole", "with holes", "declared for four hours", "never more than 288", "all declared"],
)
def test_the_collection_rate_counts_slots_with_data_and_declared_ones(
    came: Came, timeline: Timeline, got: int
) -> None:
    assert collected(point(), {0: came}, timeline, 0).collection == Rate(got, 288)


def test_a_row_of_a_slower_meter_stands_for_all_slots_of_its_cycle() -> None:
    came = {0: Came(90, 90, 90)}
    assert collected(point(900), came, NOTHING_HEARD, 0).collection == Rate(270, 288)


@pytest.mark.parametrize(
    ("received", "valid", "share"),
    [(1440, 1440, 1.0), (1152, 1152, 0.8), (1152, 576, 0.4), (2880, 1440, 0.5), (0, 0, 0.0)],
    ids=["all", "four fifths", "half of them marked", "told twice", "silent"],
)
def test_the_transmission_valid_rate_is_a_product(received: int, valid: int, share: float) -> None:
    found = collected(point(), {0: Came(288, received, valid)}, NOTHING_HEARD, 0)
    assert found.transmission_valid == pytest.approx(share)


def test_days_are_those_of_the_firms_zone() -> None:
    span = Span(-SHANGHAI_MS, DAY_MS)
    assert days_of(span, SHANGHAI_MS) == [
        Span(-SHANGHAI_MS, DAY_MS - SHANGHAI_MS),
        Span(DAY_MS - SHANGHAI_MS, DAY_MS),
    ]


def test_a_cut_day_has_fewer_slots() -> None:
    noon = Span(12 * HOUR_MS, DAY_MS + 6 * HOUR_MS)
    came = {12 * HOUR_MS: Came(144, 720, 720), DAY_MS: Came(36, 180, 180)}
    found = collected(point(span=noon), came, NOTHING_HEARD, 0)
    assert found.collection == Rate(144 + 36, 144 + 72)
    assert found.transmission == Rate(720 + 180, 720 + 360)


def test_a_slot_is_declared_if_it_begins_so() -> None:
    assert declared_slots(away(1, 2 * 300_000 + 1), DAY) == 2


def test_points_add_up() -> None:
    one = Collected(Rate(1, 2), Rate(3, 4), Rate(2, 3))
    assert together([one, one]).collection == Rate(2, 4)
    assert together([one, one]).transmission_valid == pytest.approx(0.75 * 2 / 3)
    assert together([]).transmission_valid is None
