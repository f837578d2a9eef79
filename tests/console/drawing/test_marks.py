"""Marks of a district on the board: apart from each other, and within its tile."""

import math
from collections import Counter
from datetime import UTC, datetime
from itertools import pairwise

from wattwarden.alarms.cases.case import Level
from wattwarden.alarms.registry.nouns import Agency, Enterprise, Region
from wattwarden.alarms.registry.registry import Registry
from wattwarden.console.board.districts import MARK_WIDTH, map_of
from wattwarden.console.drawing.districts import GAP, RADIUS
from wattwarden.storage.views.city import City

REGIONS = ("R1", "R2")


def city() -> Registry:
    """Two districts, one beside the other."""
    made = Registry()
    made.put("agency", Agency(id="A", name="市局"))
    for place, region in enumerate(REGIONS):
        made.put("region", Region(id=region, name=region))
        firm = Enterprise(
            id=f"E{region}", name="厂", agency="A", region=region, industry="cement",
            longitude=120.0 + place, latitude=36.0,
        )  # fmt: skip
        made.put("enterprise", firm)
    return made


def test_marks_touch_neither_each_other_nor_the_edges_of_their_tile() -> None:
    registry = city()
    opened = Counter({(f"E{region}", level): 9 for region in REGIONS for level in Level})
    drawn = map_of(
        registry, City(datetime(2026, 11, 22, tzinfo=UTC), {}, {}), opened, ["ER1", "ER2"]
    )
    room = math.sqrt(3) / 2 * (RADIUS - GAP / 2) - MARK_WIDTH / 2
    for district in drawn.districts:
        places = [mark.x for mark in district.marks]
        assert len(places) > 1
        assert all(right - left > MARK_WIDTH + 2 for left, right in pairwise(places))
        assert all(abs(place - district.tile.x) < room for place in places)
        assert district.marks[0].level is Level.SEVERE
