"""What is wrong with points: at any moment a channel means one thing, and a unit has one meter."""

import re
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator
from datetime import UTC, datetime
from operator import attrgetter
from typing import Final

from wattwarden.alarms.registry.nouns import Point
from wattwarden.alarms.registry.problems import Problem
from wattwarden.alarms.registry.registry import Registry

# What a factor of a unit may measure, and that of an outlet.
UNIT_MEASURES: Final = ("power", "current", "status")
OUTLET_MEASURES: Final = ("pollutant",)

_METER: Final = re.compile(r"[a-z0-9_]+:\S+")
_END: Final = datetime.max.replace(tzinfo=UTC)


def check_points(registry: Registry) -> Iterator[Problem]:
    """Yield every problem of points, of each alone and of all together."""
    sound = []
    for point in registry.point.values():
        problems = [*_fields(point), *_times(point)]
        yield from problems
        if not problems:
            sound.append(point)
    yield from _overlaps(sound, lambda point: (point.meter, point.channel, point.factor), _TWICE)
    yield from _overlaps((point for point in sound if point.unit), _unit_measure, _TWO_METERS)
    yield from _overlaps((point for point in sound if point.outlet), _outlet_factor, _TWO_METERS)


def _unit_measure(point: Point) -> Hashable:
    return point.unit, point.measures


def _outlet_factor(point: Point) -> Hashable:
    return point.outlet, point.factor


def _fields(point: Point) -> Iterator[Problem]:
    if not _METER.fullmatch(point.meter):
        en = f"a meter is codec:address, got {point.meter}"
        yield Problem("point", point.id, "meter", "仪表应写作 协议:地址", en)
    if (point.unit is None) == (point.outlet is None):
        en = "a point has a unit or an outlet, and not both"
        yield Problem("point", point.id, "unit", "设施与排口须且只填一项", en)
    elif not point.factor and (point.outlet or point.measures):
        en = "an outlet's point names a factor, and only a factor measures something"
        yield Problem("point", point.id, "factor", "排口监测点须填因子;填测量类型须填因子", en)
    elif point.factor:
        allowed = UNIT_MEASURES if point.unit else OUTLET_MEASURES
        if point.measures not in allowed:
            en = f"what the factor measures is one of {', '.join(allowed)}"
            yield Problem("point", point.id, "measures", f"测量类型应为 {'、'.join(allowed)}", en)


def _times(point: Point) -> Iterator[Problem]:
    start, end = point.valid_from, point.valid_to
    if start.tzinfo is None or (end is not None and end.tzinfo is None):
        yield Problem("point", point.id, "valid_from", "时间缺少时区", "a time has no zone")
    elif end is not None and end <= start:
        en = "valid_to is not after valid_from"
        yield Problem("point", point.id, "valid_to", "失效时间须晚于生效时间", en)


_TWICE: Final = (
    "与监测点 {} 同时占用同一仪表通道",
    "{} has this meter and channel then",
)
_TWO_METERS: Final = ("与监测点 {} 同时测量同一对象", "the same thing is metered by {} then")


def _overlaps(
    points: Iterable[Point], key: Callable[[Point], Hashable], said: tuple[str, str]
) -> Iterator[Problem]:
    """Points of one key whose times overlap; the later one of each pair of neighbours is named."""
    groups: defaultdict[Hashable, list[Point]] = defaultdict(list)
    for point in points:
        groups[key(point)].append(point)
    for group in groups.values():
        group.sort(key=attrgetter("valid_from", "id"))
        longest = group[0]
        for point in group[1:]:
            if point.valid_from < (longest.valid_to or _END):
                zh, en = (text.format(longest.id) for text in said)
                yield Problem("point", point.id, "valid_from", zh, en)
            longest = max(longest, point, key=lambda one: one.valid_to or _END)
