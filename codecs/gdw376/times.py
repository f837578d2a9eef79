"""When what a unit says was so: by its own clock or its time stamp Td."""

from datetime import datetime, timedelta
from typing import Any, Final

from wattwarden.codecs.gdw376.units import DENSITY_MIN, Unit

# Where a unit's clock stands: that of the reading, or that of the terminal.
_CLOCK: Final = "clock"
_STAMP: Final = "Td"
_DAY_DIGITS: Final = 8
_MINUTE_DIGITS: Final = 12
_NO_TIME: Final = b""


def values_of(unit: Unit) -> dict[str, Any]:
    """Return what stands once in a unit, by name."""
    return {one.slug: one.value for one in unit.said if one.row is None}


def time_of(unit: Unit) -> bytes:
    """Return the time of a unit as 14 digits of the meter's wall, b"" for none.

    That of a frozen day is its beginning, that of a curve its first point.
    """
    values = values_of(unit)
    period = "" if unit.layout is None else unit.layout.period
    if period in ("day", "curve") or _CLOCK not in values:
        return _digits(values.get(_STAMP))
    return _digits(values.get(_CLOCK))


def point_times(unit: Unit, count: int) -> list[bytes]:
    """Return the time of each point of a curve, [] when they cannot be told."""
    values = values_of(unit)
    step = DENSITY_MIN.get(values.get("density", 0))
    first = time_of(unit)
    if step is None or not first:
        return []
    begin = _moment(first)
    return [_text(begin + timedelta(minutes=step * point)) for point in range(count)]


def _digits(text: Any) -> bytes:
    """Return the digits of a time that the calendar has, filled up to seconds."""
    digits = "".join(filter(str.isdigit, str(text or "").partition(" dow=")[0]))
    if len(digits) not in (_DAY_DIGITS, _MINUTE_DIGITS, _MINUTE_DIGITS + 2):
        return _NO_TIME
    whole = digits.ljust(_MINUTE_DIGITS + 2, "0").encode()
    try:
        _moment(whole)
    except ValueError:
        return _NO_TIME
    return whole


def _moment(digits: bytes) -> datetime:
    return datetime.strptime(digits.decode(), "%Y%m%d%H%M%S")  # noqa: DTZ007  # wall time


def _text(moment: datetime) -> bytes:
    return f"{moment:%Y%m%d%H%M%S}".encode()
