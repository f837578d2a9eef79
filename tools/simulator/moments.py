"""Moments as scenarios write them: ``day 3 09:30``, ``2026-03-04 09:30``, ``+90m``.

All are local (Asia/Shanghai) and become seconds since the scenario's first midnight.
"""

import re
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Final

from wattwarden.tools.errors import UsageError

ZONE: Final = timezone(timedelta(hours=8), "Asia/Shanghai")
_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_AFTER: Final = re.compile(r"\+(\d+(?:\.\d+)?)([smhd])")
_OF_DAY: Final = re.compile(r"day (\d+) (\d\d):(\d\d)(?::(\d\d))?")
CURE: Final = (
    'write "day 3 09:30" (days count from 1), "2026-03-04 09:30" or "+90m" after the start'
)


def midnight_ms(start: date) -> int:
    """Return the first local midnight in milliseconds UTC."""
    return int(datetime(start.year, start.month, start.day, tzinfo=ZONE).timestamp()) * 1000


def parse_moment(text: str, start: date, key: str, begin_s: float = 0.0) -> float:
    """Read a moment of a scenario; ``+`` counts from ``begin_s`` on; ``key`` is where it stands.

    Raises:
        UsageError: it is none; names the key and the cure.
    """
    if after := _AFTER.fullmatch(text):
        return begin_s + float(after[1]) * _UNITS[after[2]]
    if of_day := _OF_DAY.fullmatch(text):
        day, hours, minutes, seconds = (int(part or 0) for part in of_day.groups())
        if day >= 1:
            return (day - 1) * 86_400.0 + hours * 3600 + minutes * 60 + seconds
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        message = f"{key}: {text!r} is no moment"
        raise UsageError(message, CURE) from error
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=ZONE)
    return moment.timestamp() - midnight_ms(start) / 1000


def iso(at_ms: float) -> str:
    """Write milliseconds UTC as RFC 3339, in UTC."""
    moment = datetime.fromtimestamp(at_ms / 1000, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
