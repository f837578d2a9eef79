"""Times as operators write them, and as the program prints them."""

import re
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final

from wattwarden.protocol.zone import CHINA
from wattwarden.storage.moments import read_moment
from wattwarden.tools.errors import UsageError

_RELATIVE: Final = re.compile(r"[+-](?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?")
_FORMS: Final = (
    "a time is written 2026-11-22T03:00:00Z, "
    '"2026-11-22 03:00" (local, Asia/Shanghai), 2026-11-22, now, -2h30m or +2d'
)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


def parse_time(text: str, now: datetime, zone: tzinfo = CHINA) -> datetime:
    """Read a time: RFC 3339, local without offset (``zone``), a date, ``now``, or ``-2h30m`` ago.

    ``+2d`` is to come.

    Raises:
        UsageError: it is none of these.
    """
    if text == "now":
        return now
    relative = _RELATIVE.fullmatch(text)
    if relative and any(relative.groups()):
        days, hours, minutes, seconds = (int(part or 0) for part in relative.groups())
        try:
            span = timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
            return now + span if text.startswith("+") else now - span
        except OverflowError as error:
            raise _no_time(text) from error
    try:
        return read_moment(text, zone)
    except (ValueError, OverflowError) as error:
        raise _no_time(text) from error


def _no_time(text: str) -> UsageError:
    return UsageError(f"{text!r} is no time", _FORMS)


def to_us(moment: datetime) -> int:
    """Microseconds UTC of an aware moment."""
    return (moment - _EPOCH) // _MICROSECOND


def of_us(us: int) -> datetime:
    """Return the moment of microseconds UTC."""
    return _EPOCH + us * _MICROSECOND


def rfc3339(moment: datetime) -> str:
    """Write an aware moment in UTC with Z; fractions only when there are some.

    >>> rfc3339(datetime(2026, 11, 22, 3, 0, 0, 250_000, tzinfo=UTC))
    '2026-11-22T03:00:00.25Z'
    """
    text = moment.astimezone(UTC).isoformat().removesuffix("+00:00")
    return (text.rstrip("0") if "." in text else text) + "Z"


def local(moment: datetime, zone: tzinfo = CHINA) -> str:
    """Write an aware moment as people read it in tables: local, to the minute.

    >>> local(datetime(2026, 11, 22, 1, 5, 30, tzinfo=UTC))
    '2026-11-22 09:05'
    """
    return moment.astimezone(zone).strftime("%Y-%m-%d %H:%M")
