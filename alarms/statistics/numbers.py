"""The numbers of the statistics: a file that comes with the program, checked when it is read."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Final

import msgspec

from wattwarden.alarms.rulebook import CLASSES
from wattwarden.alarms.shipped import shipped_text

_MINUTE_MS: Final = 60_000
_HOUR_MS: Final = 3_600_000

Count = Annotated[int, msgspec.Meta(ge=1, le=1_000)]
# A window beyond a day would be an average again.
Minutes = Annotated[int, msgspec.Meta(ge=1, le=1_440)]
Hours = Annotated[int, msgspec.Meta(ge=1, le=8_760)]


@dataclass(frozen=True, slots=True)
class HealthNumbers:
    """Limits of the alarm system's health; windows in ms, ``priority`` by class."""

    flood_alarms: int
    flood_window_ms: int
    chatter_alarms: int
    chatter_window_ms: int
    stale_ms: int
    top: int
    priority: Mapping[str, str]


class _Health(msgspec.Struct, forbid_unknown_fields=True):
    flood_alarms: Count
    flood_window_min: Minutes
    chatter_alarms: Annotated[int, msgspec.Meta(ge=2, le=1_000)]
    chatter_window_min: Minutes
    stale_h: Hours
    top: Count
    priority: dict[str, str]


class _File(msgspec.Struct, forbid_unknown_fields=True):
    health: _Health


def default_numbers() -> HealthNumbers:
    """Return the numbers that come with the program."""
    return load_numbers(shipped_text("statistics"))


def load_numbers(text: str) -> HealthNumbers:
    """Read a file of numbers.

    Raises:
        ValueError: It is no TOML, or a number is missing, unknown or out of bounds.
    """
    read = msgspec.convert(tomllib.loads(text), _File).health
    if set(read.priority) != set(CLASSES):
        message = f"health.priority: one for each of {', '.join(CLASSES)}"
        raise ValueError(message)
    return HealthNumbers(
        flood_alarms=read.flood_alarms,
        flood_window_ms=read.flood_window_min * _MINUTE_MS,
        chatter_alarms=read.chatter_alarms,
        chatter_window_ms=read.chatter_window_min * _MINUTE_MS,
        stale_ms=read.stale_h * _HOUR_MS,
        top=read.top,
        priority=read.priority,
    )
