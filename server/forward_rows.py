"""What readings say to a platform above us: under which MN, with which codes, in which units.

registry ─ owned_of ─► whose channels, with their transformer ratios ─┐
row of the store ─────────────────────────────────────────────────────┴─ item_of ─► Item
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from math import isfinite
from typing import Any, Final

from wattwarden.alarms.registry.nouns import Point
from wattwarden.alarms.registry.registry import Registry
from wattwarden.codecs.hj212.client import MINUTE, REAL_TIME
from wattwarden.codecs.hj212.header import MAX_MN_BYTES
from wattwarden.protocol.codec import PERIODS
from wattwarden.protocol.quality import Quality
from wattwarden.protocol.quantity import QUANTITIES
from wattwarden.protocol.zone import CHINA
from wattwarden.server.forward_table import EVERYBODY, Platform
from wattwarden.storage.forward import Item

CN_OF: Final = {PERIODS["instant"]: (REAL_TIME, "Rtd"), PERIODS["minute"]: (MINUTE, "Avg")}
"""Command and statistic by the period that the store keeps; other periods are not sent."""

_FOREVER: Final = datetime.max.replace(tzinfo=UTC)
_RATIOS: Final = {"voltage": (0, 1), "current": (1, 0)}
_OF_POWER: Final = ("power", "reactive", "apparent", "energy")
_BARE: Final = ("power_factor", "voltage_thd", "current_thd")

Channel = tuple[str, str]
"""A meter as ``codec:address``, and a channel of it."""


@dataclass(frozen=True, slots=True)
class Owned:
    """Whose channels a platform gets, each with the points that say since when and how scaled."""

    points: Mapping[Channel, tuple[Point, ...]]

    @property
    def meters(self) -> frozenset[str]:
        """Return the meters among them."""
        return frozenset(meter for meter, _ in self.points)

    def point_at(self, channel: Channel, at: datetime) -> Point | None:
        """Return the point of a channel at a moment, None where it belonged to nobody."""
        for point in self.points.get(channel, ()):
            if point.valid_from <= at < (point.valid_to or _FOREVER):
                return point
        return None


def owned_of(registry: Registry, enterprises: Iterable[str]) -> Owned:
    """Find the channels that belong to enterprises; ``*`` is all of them."""
    wanted = set(enterprises)
    found: dict[Channel, list[Point]] = {}
    for point in registry.point.values():
        owner = registry.unit.get(point.unit or "") or registry.outlet.get(point.outlet or "")
        if owner is None or point.factor or not wanted & {EVERYBODY, owner.enterprise}:
            continue
        found.setdefault((point.meter, point.channel), []).append(point)
    return Owned({channel: tuple(points) for channel, points in found.items()})


def item_of(platform: Platform, owned: Owned, meter: str, row: Mapping[str, Any]) -> Item | None:
    """Return what a row says to a platform, None for nothing.

    ``row`` has channel, period, at, quality and the quantities as the store has them.
    """
    said = CN_OF.get(row["period"])
    point = owned.point_at((meter, row["channel"]), row["at"])
    if said is None or point is None:
        return None
    cn, statistic = said
    flag = "D" if row["quality"] & Quality.DOUBTFUL else "N"
    ratios = (point.ct, point.pt) if platform.ratios else (1.0, 1.0)
    parts = [
        f"{code.code}-{statistic}={_written(quantity, value)},{code.code}-Flag={flag}"
        for quantity, code in platform.codes_in_force().items()
        if row[quantity] is not None
        and isfinite(value := row[quantity] * _ratio(quantity, ratios) / code.scale)
    ]
    if not parts:
        return None
    time = row["at"].astimezone(CHINA).strftime("%Y%m%d%H%M%S")
    return Item(
        mn=mn_of(platform, meter, row["channel"]),
        cn=cn,
        repeated=bool(row["quality"] & Quality.BACKFILL),
        data=f"DataTime={time};{';'.join(parts)}",
    )


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


def _written(quantity: str, value: float) -> str:
    """Write a number as digits: what a float4 holds, or a register to the thousandth."""
    if QUANTITIES[quantity].exact:
        return f"{value:.3f}".rstrip("0").rstrip(".")
    text = f"{value:.7g}"
    return text if "e" not in text else f"{value:.6f}".rstrip("0").rstrip(".")
