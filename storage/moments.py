"""Moments: microseconds UTC in the pure core, aware for the driver, texts of people."""

from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def moment_of(us: int) -> datetime:
    """Return the aware moment of microseconds UTC; OverflowError beyond the years 1 to 9999."""
    return _EPOCH + timedelta(microseconds=us)


def us_of(moment: datetime) -> int:
    """Return microseconds UTC of an aware moment."""
    return (moment - _EPOCH) // timedelta(microseconds=1)


def read_moment(text: str, zone: tzinfo) -> datetime:
    """Return the moment of a text in UTC: RFC 3339, or local (``zone``) without offset, or a date.

    Raises:
        ValueError: It is none of these.
        OverflowError: It is none between the years 1 and 9999.
    """
    moment = datetime.fromisoformat(text.strip())
    aware = moment if moment.tzinfo is not None else moment.replace(tzinfo=zone)
    return aware.astimezone(UTC)
