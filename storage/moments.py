"""Moments as the pure core counts them, microseconds UTC, and as the database driver takes them."""

from datetime import UTC, datetime, timedelta
from typing import Final

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def moment_of(us: int) -> datetime:
    """Return the aware moment of microseconds UTC; OverflowError beyond the years 1 to 9999."""
    return _EPOCH + timedelta(microseconds=us)


def us_of(moment: datetime) -> int:
    """Return microseconds UTC of an aware moment."""
    return (moment - _EPOCH) // timedelta(microseconds=1)
