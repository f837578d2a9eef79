"""Moments in the addresses of pages."""

from datetime import datetime


def asked_moment(text: str) -> datetime | None:
    """Read a moment with its zone; None where it is none.

    >>> asked_moment("2026-11-22T03:00:00")
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else None
