"""What readings say to a platform above us: under which MN, with which codes, in which units.

registry ─ owned_of ─► whose channels and factors, how scaled ─┐
row of the store ──────────────────────────────────────────────┴─ items_of ─► Items
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from math import isfinite
from typing import Final

from wattwarden.alarms.registry.nouns import Point
from wattwarden.alarms.registry.registry import Registry
from wattwarden.codecs.hj212.client import DAY, HOUR, MINUTE, REAL_TIME
from wattwarden.codecs.hj212.header import MAX_MN_BYTES
from wattwarden.protocol.codec import PERIODS
from wattwarden.protocol.quality import Quality
from wattwarden.protocol.quantity import QUANTITIES
from wattwarden.protocol.zone import CHINA
from wattwarden.server.forward_table import EVERYBODY, Platform
from wattwarden.storage.forward import Item
from wattwarden.storage.forward_rows import Row

CN_OF: Final = {
    PERIODS["instant"]: (REAL_TIME, "Rtd"),
    PERIODS["minute"]: (MINUTE, "Avg"),
    PERIODS["hour"]: (HOUR, "Avg"),
    PERIODS["day"]: (DAY, "Avg"),
}
"""Command and statistic by the period that the store keeps; other periods are not sent."""
# HJ 212-2017, 6.3.1 and 6.3.2: a data segment, and the CP=&&…&& in it.  What is longer goes in
# several frames.
MAX_SEGMENT_BYTES: Final = 1_024
MAX_CP_BYTES: Final = 950
# QN to RF before the CP, with the longest MN and a password of 24 digits, the longest seen.
MOST_HEAD_BYTES: Final = 79 + MAX_MN_BYTES
MAX_DATA_BYTES: Final = min(MAX_CP_BYTES, MAX_SEGMENT_BYTES - MOST_HEAD_BYTES) - len("CP=&&&&")

_FOREVER: Final = datetime.max.replace(tzinfo=UTC)
_RATIOS: Final = {"voltage": (0, 1), "current": (1, 0)}
_OF_POWER: Final = ("power", "reactive", "apparent", "energy")
_BARE: Final = ("power_factor", "voltage_thd", "current_thd")
_REAL: Final = "Rtd"
_TIME: Final = "%Y%m%d%H%M%S"
# Behind DataTime=YYYYMMDDhhmmss; of a frame.
_MOST_PART_BYTES: Final = MAX_DATA_BYTES - 24

Channel = tuple[str, str]
"""A meter as ``codec:address``, and a channel of it."""


@dataclass(frozen=True, slots=True)
class Owned:
    """Whose channels a platform gets, each with the points that say since when and how scaled.

    ``factors`` are the points of what is no electricity, by channel and code.
    """

    points: Mapping[Channel, tuple[Point, ...]]
    factors: Mapping[tuple[Channel, str], tuple[Point, ...]] = field(default_factory=dict)

    @property
    def meters(self) -> frozenset[str]:
        """Return the meters among them."""
        channels = (*self.points, *(channel for channel, _ in self.factors))
        return frozenset(meter for meter, _ in channels)

    def point_at(self, channel: Channel, at: datetime) -> Point | None:
        """Return the point of a channel at a moment, None where it belonged to nobody."""
        return _at(self.points.get(channel, ()), at)

    def factor_at(self, channel: Channel, code: str, at: datetime) -> Point | None:
        """Return the point of a channel's factor at a moment, None where it was nobody's."""
        return _at(self.factors.get((channel, code), ()), at)


def _at(points: Iterable[Point], at: datetime) -> Point | None:
    valid = (one for one in points if one.valid_from <= at < (one.valid_to or _FOREVER))
    return next(valid, None)


def owned_of(registry: Registry, enterprises: Iterable[str]) -> Owned:
    """Find the channels that belong to enterprises; ``*`` is all of them."""
    wanted = set(enterprises)
    found: dict[Channel, tuple[Point, ...]] = {}
    factors: dict[tuple[Channel, str], tuple[Point, ...]] = {}
    for point in registry.point.values():
        owner = registry.unit.get(point.unit or "") or registry.outlet.get(point.outlet or "")
        if owner is None or not wanted & {EVERYBODY, owner.enterprise}:
            continue
        channel = (point.meter, point.channel)
        if point.factor:
            # Whatever is said of a factor is its owner's: now, means, least and most.
            code = point.factor.partition("-")[0]
            factors[channel, code] = (*factors.get((channel, code), ()), point)
        else:
            found[channel] = (*found.get(channel, ()), point)
    return Owned(found, factors)


def items_of(platform: Platform, owned: Owned, row: Row) -> tuple[Item, ...]:
    """Return what a row of the store says to a platform, in as many frames as it takes."""
    said = CN_OF.get(row["period"])
    if said is None:
        return ()
    cn, statistic = said
    parts = (*_electric(platform, owned, row, statistic), *_factors(platform, owned, row))
    time = row["at"].astimezone(CHINA).strftime(_TIME)
    return tuple(
        Item(
            mn=mn_of(platform, row["name"], row["channel"]),
            cn=cn,
            repeated=bool(row["quality"] & Quality.BACKFILL),
            data=data,
        )
        for data in _packed(f"DataTime={time}", parts)
    )


def _electric(platform: Platform, owned: Owned, row: Row, statistic: str) -> Iterator[str]:
    """Give what a channel's quantities say, under the platform's codes."""
    point = owned.point_at((row["name"], row["channel"]), row["at"])
    if point is None:
        return
    flag = _flag(row)
    ratios = (point.ct, point.pt) if platform.ratios else (1.0, 1.0)
    for quantity, code in platform.codes_in_force().items():
        if row[quantity] is None:
            continue
        value = row[quantity] * _ratio(quantity, ratios) / code.scale
        if isfinite(value):
            text = _written(value, exact=QUANTITIES[quantity].exact)
            yield f"{code.code}-{statistic}={text},{code.code}-Flag={flag}"


def _factors(platform: Platform, owned: Owned, row: Row) -> Iterator[str]:
    """Give what is said of each factor that is somebody's, under its own code."""
    channel = (row["name"], row["channel"])
    taken = {code.code for code in platform.codes_in_force().values()}
    by_code: dict[str, list[tuple[str, float | None, str]]] = {}
    for one in row["factors"]:
        by_code.setdefault(one[0].partition("-")[0], []).append(one)
    for code, said in by_code.items():
        point = owned.factor_at(channel, code, row["at"])
        if point is None or code in taken:
            continue
        by = _ratio(point.measures, (point.ct, point.pt)) if platform.ratios else 1.0
        found = [
            (name.partition("-")[2] or _REAL, value * by, flag)
            for name, value, flag in said
            if value is not None and isfinite(value)
        ]
        if found:
            flag = found[0][2] if found[0][2].isalnum() else _flag(row)
            values = [f"{code}-{what}={_written(value, exact=False)}" for what, value, _ in found]
            yield from _parts(values, f"{code}-Flag={flag}")


def _parts(values: Iterable[str], flag: str) -> Iterator[str]:
    """Give the values of a factor with its flag: a part, or as many as it takes."""
    part = ""
    for value in values:
        if part and len(part) + len(value) + len(flag) + 2 > _MOST_PART_BYTES:
            yield f"{part},{flag}"
            part = ""
        part = f"{part},{value}" if part else value
    yield f"{part},{flag}"


def _packed(head: str, parts: Sequence[str]) -> Iterator[str]:
    """Put parts behind a head, as many as a frame may carry."""
    data = head
    for part in parts:
        if data != head and len(data) + 1 + len(part) > MAX_DATA_BYTES:
            yield data
            data = head
        data = f"{data};{part}"
    if data != head:
        yield data


def _flag(row: Row) -> str:
    return "D" if row["quality"] & Quality.DOUBTFUL else "N"


def mn_of(platform: Platform, meter: str, channel: str) -> str:
    """Return the MN of a meter's channel: as the table says, else made of its address."""
    whole = f"{meter}/{channel}" if channel else meter
    if whole in platform.mn:
        return platform.mn[whole]
    base = platform.mn.get(meter) or "".join(
        letter for letter in meter.partition(":")[2] if letter.isascii() and letter.isalnum()
    )
    suffix = f"_{channel}" if channel else ""
    return base[len(suffix) - MAX_MN_BYTES :] + suffix if suffix else base[-MAX_MN_BYTES:]


def shared_mns(platform: Platform, owned: Owned) -> dict[str, list[str]]:
    """Return the MNs under which uploads of several channels cannot be told apart, and whose."""
    channels = {*owned.points, *(channel for channel, _ in owned.factors)}
    found: dict[str, list[str]] = {}
    for meter, channel in sorted(channels):
        whole = f"{meter}/{channel}" if channel else meter
        found.setdefault(mn_of(platform, meter, channel), []).append(whole)
    return {mn: some for mn, some in found.items() if len(some) > 1}


def _ratio(quantity: str, ratios: tuple[float, float]) -> float:
    """Return by what a secondary value is multiplied."""
    ct, pt = ratios
    if quantity.startswith(_BARE):
        return 1.0
    stem = quantity.partition("_")[0]
    if stem in _RATIOS:
        of_current, of_voltage = _RATIOS[stem]
        return float(ct**of_current * pt**of_voltage)
    return ct * pt if stem in _OF_POWER else 1.0


def _written(value: float, *, exact: bool) -> str:
    """Write a number as digits: what a float4 holds, or, of a register, to the thousandth."""
    if exact:
        return f"{value:.3f}".rstrip("0").rstrip(".")
    text = f"{value:.7g}"
    return text if "e" not in text else f"{value:.6f}".rstrip("0").rstrip(".")
