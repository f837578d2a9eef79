"""Districts of the board: a tile each, its share, and marks for what is open there."""

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final

from wattwarden.alarms.cases.case import Level
from wattwarden.alarms.registry.nouns import Enterprise
from wattwarden.alarms.registry.registry import Registry
from wattwarden.alarms.statistics.rates import Rate
from wattwarden.console.drawing.districts import RADIUS, Layout, Place, Tile, layout_of
from wattwarden.storage.views.city import City

# 同步率 from which on a tile is of a shade, the darkest first; below the last it is warm.
_SHADES: Final = ((0.995, 3), (0.985, 2), (0.97, 1))
_WARM: Final = 4
_UNKNOWN: Final = 0
# So many stand in a row within a tile, apart from each other and from its edges.
MOST_MARKS: Final = 4
# The widest mark with its edge.
MARK_WIDTH: Final = 18.0
_MARK_STEP: Final = 22.0


@dataclass(frozen=True, slots=True)
class Mark:
    """A grade's shape on the map, at its middle."""

    level: Level
    x: float
    y: float


@dataclass(frozen=True, slots=True)
class District:
    """A district: how it does today, and what is open."""

    id: str
    name: str
    rate: Rate
    making: int
    open: tuple[tuple[Level, int], ...]
    tile: Tile
    shade: int
    marks: tuple[Mark, ...]

    @property
    def count(self) -> int:
        """How much is open."""
        return sum(many for _, many in self.open)


@dataclass(frozen=True, slots=True)
class Map:
    """All districts that somebody sees, and the picture's size."""

    districts: tuple[District, ...]
    width: float
    height: float

    @property
    def worst_first(self) -> list[District]:
        """Those of which a share is known, the lowest first."""
        known = [one for one in self.districts if one.rate.whole]
        return sorted(known, key=lambda one: one.rate.part / one.rate.whole)


def map_of(
    registry: Registry,
    city: City,
    open_cases: Mapping[tuple[str, Level], int],
    seen: Collection[str],
) -> Map:
    """Return the districts of the firms that somebody sees; what is open by firm and level."""
    firms: dict[str, list[Enterprise]] = {}
    for name in sorted(seen):
        if name in registry.enterprise:
            one = registry.enterprise[name]
            firms.setdefault(one.region, []).append(one)
    counts: dict[str, Counter[Level]] = {region: Counter() for region in firms}
    for (enterprise, level), many in open_cases.items():
        firm = registry.enterprise.get(enterprise)
        if firm is not None and firm.region in counts:
            counts[firm.region][level] += many
    layout = layout_of([_place(region, some) for region, some in firms.items()])
    districts = [
        _district(registry, region, some, city, counts[region], layout)
        for region, some in firms.items()
    ]
    return Map(tuple(districts), layout.width, layout.height)


def _district(
    registry: Registry,
    region: str,
    firms: Collection[Enterprise],
    city: City,
    counts: Counter[Level],
    layout: Layout,
) -> District:
    part = city.part(one.id for one in firms)
    tile = layout.tiles[region]
    record = registry.region.get(region)
    return District(
        id=region,
        name=region if record is None else record.name,
        rate=part.today,
        making=len(part.making),
        open=tuple(sorted(counts.items(), reverse=True)),
        tile=tile,
        shade=_shade(part.today.value),
        marks=_marks(tile, counts),
    )


def _shade(value: float | None) -> int:
    if value is None:
        return _UNKNOWN
    return next((shade for least, shade in _SHADES if value >= least), _WARM)


def _marks(tile: Tile, counts: Counter[Level]) -> tuple[Mark, ...]:
    gravest = sorted(counts.items(), reverse=True)
    levels = [level for level, many in gravest for _ in range(min(many, MOST_MARKS))][:MOST_MARKS]
    left = tile.x - _MARK_STEP * (len(levels) - 1) / 2
    y = round(tile.y - 0.45 * RADIUS, 1)
    return tuple(
        Mark(level, round(left + _MARK_STEP * place, 1), y) for place, level in enumerate(levels)
    )


def _place(region: str, firms: Collection[Enterprise]) -> Place:
    at = [
        (one.longitude, one.latitude)
        for one in firms
        if one.longitude is not None and one.latitude is not None
    ]
    if not at:
        return Place(region, None, None)
    return Place(region, sum(x for x, _ in at) / len(at), sum(y for _, y in at) / len(at))
