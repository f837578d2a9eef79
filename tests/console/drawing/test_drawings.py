"""Strips, tiles and small curves, as numbers."""

import math
from datetime import UTC, datetime, timedelta
from itertools import combinations

import numpy as np
import pytest

from wattwarden.alarms.states.codes import UnitState
from wattwarden.alarms.statistics.durations import milliseconds
from wattwarden.alarms.statistics.timelines import Span, Timeline
from wattwarden.console.drawing.districts import RADIUS, Place, layout_of
from wattwarden.console.drawing.lines import bars_of, path_of
from wattwarden.console.drawing.said import Said, shortened
from wattwarden.console.drawing.strips import LOOKS, Stretch, strip_of

BEGIN = datetime(2026, 11, 22, tzinfo=UTC)
DAY = Span(milliseconds(BEGIN), milliseconds(BEGIN + timedelta(days=1)))


def at(hours: float) -> int:
    return milliseconds(BEGIN + timedelta(hours=hours))


def timeline(*states: tuple[float, UnitState]) -> Timeline:
    return Timeline(
        np.array([at(hours) for hours, _ in states], np.int64),
        np.array([state for _, state in states], np.int8),
    )


def test_a_strip_shows_what_a_unit_did_up_to_now_and_leaves_rest_empty() -> None:
    did = timeline((-3, UnitState.RUNNING), (6, UnitState.OFF), (9, UnitState.IDLE))
    strip = strip_of(did, DAY, BEGIN + timedelta(hours=12))
    assert strip.stretches == (Stretch("running", 0.0, 25.0), Stretch("idle", 37.5, 12.5))
    assert strip.now == 50.0


def test_an_offence_covers_what_lies_under_it_and_ends_with_the_present() -> None:
    strip = strip_of(
        timeline((0, UnitState.OFF)), DAY, BEGIN + timedelta(hours=12), [Span(at(6), at(20))]
    )
    assert strip.stretches == (Stretch("offence", 25.0, 25.0),)


def test_every_state_has_a_look() -> None:
    assert set(LOOKS) == set(UnitState)


@pytest.mark.parametrize("count", [1, 2, 5, 10, 23])
def test_tiles_do_not_meet_and_lie_in_the_picture(count: int) -> None:
    places = [Place(f"R{place}", 120 + place % 4, 36 - place / 10) for place in range(count)]
    layout = layout_of(places)
    assert len(layout.tiles) == count
    for one, other in combinations(layout.tiles.values(), 2):
        assert math.hypot(one.x - other.x, one.y - other.y) > 1.7 * RADIUS
    for one in layout.tiles.values():
        assert 0 < one.x < layout.width
        assert RADIUS <= one.y <= layout.height - RADIUS


def test_tiles_lie_as_their_districts_do() -> None:
    north = [Place(f"n{place}", 119.0 + place, 37.0) for place in range(3)]
    south = [Place(f"s{place}", 119.0 + place, 36.0) for place in range(3)]
    tiles = layout_of([*reversed(south), *reversed(north)]).tiles
    assert tiles["n0"].x < tiles["n1"].x < tiles["n2"].x
    assert tiles["s0"].x < tiles["s1"].x < tiles["s2"].x
    assert tiles["n2"].y < tiles["s0"].y


def test_districts_nobody_knows_the_place_of_are_drawn_all_the_same() -> None:
    assert set(layout_of([Place("b", None, None), Place("a", 1.0, 1.0)]).tiles) == {"a", "b"}
    assert not layout_of([]).tiles


def test_a_curve_of_nothing_is_no_curve() -> None:
    assert path_of([], 100, 20, 10) == ""
    assert path_of([1], 100, 20, 10) == ""
    assert bars_of([], 100, 20, 10) == ""
    assert bars_of([0, 2], 100, 20, 4) == "M75.0 20v-10.0"


def test_a_row_says_what_is_wrong_without_the_load() -> None:
    zh = "风机在生产期间（生产负荷 82%）已关闭：功率 0.3 kW，已持续 5 分钟。请立即开启。"
    en = "Fan was shut down (production load 82%): power 0.3 kW, for 5 min. Start it now."
    said = shortened(zh, en)
    assert said == Said("风机在生产期间已关闭：功率 0.3 kW", "Fan was shut down: power 0.3 kW")
