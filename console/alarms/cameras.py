"""Where a machine or an outlet is seen: links to cameras, of which none leads anywhere unsafe."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final
from urllib.parse import SplitResult, urlsplit

from wattwarden.alarms.registry.nouns import EquipmentKind, Point
from wattwarden.alarms.registry.registry import Registry

# What browsers open as a page, and what players on officers' machines open as a stream.
SCHEMES: Final = frozenset({"http", "https", "rtsp"})
# As many as somebody looks at; the others stand on the firm's page.
MOST_CAMERAS: Final = 6


@dataclass(frozen=True, slots=True)
class Camera:
    """What is seen, and where; ``link`` is None where the address is none that may be opened."""

    name: str
    host: str
    link: str | None


def cameras_of(points: Iterable[Point], enterprise: str, registry: Registry) -> list[Camera]:
    """Return the cameras of some points, then those that the firm has installed."""
    found: dict[str, str] = {}
    for point in points:
        if point.video:
            found.setdefault(point.video, _seen_by(point, registry))
    for one in registry.equipment.values():
        if one.enterprise == enterprise and one.equipment is EquipmentKind.VIDEO and one.address:
            found.setdefault(one.address, one.id)
    return [camera_of(name, address) for address, name in found.items()][:MOST_CAMERAS]


def camera_of(name: str, address: str) -> Camera:
    """Return a camera by what the registry says of it.

    Addresses with a name and a password are not led to: the page would give them away.
    """
    parts = _parts(address)
    host = "" if parts is None else parts.hostname or ""
    return Camera(name, host, address if parts is not None and _is_safe(address, parts) else None)


def _parts(address: str) -> SplitResult | None:
    try:
        parts = urlsplit(address)
        _ = parts.port
    except ValueError:
        return None
    return parts


def _is_safe(address: str, parts: SplitResult) -> bool:
    plain = address.isprintable() and not set(address) & set(" \\<>\"'`")
    return (
        plain
        and parts.scheme in SCHEMES
        and bool(parts.hostname)
        and parts.username is None
        and parts.password is None
    )


def _seen_by(point: Point, registry: Registry) -> str:
    unit, outlet = registry.unit.get(point.unit or ""), registry.outlet.get(point.outlet or "")
    return unit.name if unit is not None else outlet.name if outlet is not None else point.id
