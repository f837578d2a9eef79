"""The districts as tiles of six edges, near where their firms are: no map of anybody's is needed.

Rows from north to south, in each from west to east; where nobody knows where firms are, by name.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

# Of a tile, in the picture's own units.
RADIUS: Final = 56.0
GAP: Final = 3.0
_ACROSS: Final = math.sqrt(3) * RADIUS
_DOWN: Final = 1.5 * RADIUS
# Cities are drawn wider than high.
_STRETCH: Final = 1.5


@dataclass(frozen=True, slots=True)
class Place:
    """A district: its id, and where the middle of its firms is (degrees), where that is known."""

    id: str
    longitude: float | None
    latitude: float | None


@dataclass(frozen=True, slots=True)
class Tile:
    """Where a district is drawn: the middle of its tile, and the tile's outline."""

    x: float
    y: float
    outline: str


@dataclass(frozen=True, slots=True)
class Layout:
    """All tiles by their districts, and the picture's size."""

    tiles: Mapping[str, Tile]
    width: float
    height: float


def layout_of(places: Sequence[Place]) -> Layout:
    """Return where districts are drawn."""
    rows = _rows(places)
    wide = max((len(row) for row in rows), default=0)
    tiles: dict[str, Tile] = {}
    for down, row in enumerate(rows):
        # Every second row lies between the tiles of the one above.
        shift = (down % 2) / 2 + (wide - len(row)) // 2
        for across, place in enumerate(row):
            x = _ACROSS * (across + shift + 0.5) + GAP
            y = _DOWN * down + RADIUS + GAP
            tiles[place.id] = Tile(round(x, 1), round(y, 1), _outline(x, y))
    width = _ACROSS * (wide + (0.5 if len(rows) > 1 else 0)) + 2 * GAP
    height = _DOWN * max(len(rows) - 1, 0) + 2 * RADIUS + 2 * GAP
    return Layout(tiles, round(width, 1), round(height, 1))


def _rows(places: Sequence[Place]) -> list[list[Place]]:
    known = [one for one in places if one.latitude is not None and one.longitude is not None]
    if len(known) < len(places):
        ordered, west = sorted(places, key=lambda one: one.id), None
    else:
        ordered, west = sorted(places, key=lambda one: (-(one.latitude or 0), one.id)), True
    count = len(ordered)
    wide = max(1, math.ceil(math.sqrt(count * _STRETCH)))
    rows = [ordered[start : start + wide] for start in range(0, count, wide)]
    return [sorted(row, key=lambda one: one.longitude or 0) if west else row for row in rows]


def _outline(x: float, y: float) -> str:
    radius = RADIUS - GAP / 2
    corners = (math.radians(60 * turn - 90) for turn in range(6))
    points = ((x + radius * math.cos(turn), y + radius * math.sin(turn)) for turn in corners)
    return "M" + "L".join(f"{across:.1f} {down:.1f}" for across, down in points) + "z"
