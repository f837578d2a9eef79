"""Moments in the addresses of pages."""

from datetime import UTC, datetime


def asked_moment(text: str) -> datetime | None:
    """Read a moment with its zone, in UTC; None where it is none, or one before all calendars.

    >>> asked_moment("2026-11-22T03:00:00")
    >>> asked_moment("0001-01-01T00:00:00+08:00")
    """
    try:
        moment = datetime.fromisoformat(text)
        return moment.astimezone(UTC) if moment.tzinfo is not None else None
    except (ValueError, OverflowError):
        return None
