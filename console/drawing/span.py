"""Spans of local days, as addresses ask for them."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Final

from wattwarden.protocol.codec import DEFAULT_ZONE

# Nothing was measured before; a day that is none of these is not asked.
_EARLIEST: Final = date(2000, 1, 1)


@dataclass(frozen=True, slots=True)
class Days:
    """From one local day to another, both of them in it."""

    first: date
    last: date

    @property
    def since(self) -> datetime:
        """When the first day begins."""
        return datetime.combine(self.first, time.min, DEFAULT_ZONE)

    @property
    def until(self) -> datetime:
        """When the last day is over."""
        return datetime.combine(self.last + timedelta(days=1), time.min, DEFAULT_ZONE)


def days_of(first: str, last: str, now: datetime, usual: timedelta, longest: timedelta) -> Days:
    """Return the days that an address asks for, up to today and ``longest`` at the most.

    >>> from datetime import UTC
    >>> days_of("", "0001-01-01", datetime(2026, 11, 22, tzinfo=UTC), timedelta(7), timedelta(31))
    Days(first=datetime.date(2026, 11, 15), last=datetime.date(2026, 11, 22))
    """
    today = now.astimezone(DEFAULT_ZONE).date()
    end = min(_day(last) or today, today)
    begin = min(_day(first) or end - usual, end)
    return Days(max(begin, end - longest), end)


def _day(text: str) -> date | None:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return day if day >= _EARLIEST else None
