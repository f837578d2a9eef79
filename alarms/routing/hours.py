"""Hours of a day in a firm's own time: when they hold, and when they are over."""

from datetime import datetime, timedelta, tzinfo
from typing import Annotated, Final

import msgspec

from wattwarden.alarms.decisions.body import Clock

_DAY: Final = timedelta(days=1)

Day = Annotated[int, msgspec.Meta(ge=1, le=7)]


class Hours(
    msgspec.Struct,
    frozen=True,
    forbid_unknown_fields=True,
    kw_only=True,
    rename={"since": "from", "until": "to"},
):
    """Local hours of days (1 Monday to 7 Sunday); an end not after the start is the next day's.

    The same beginning and end means no hours at all.
    """

    since: Clock
    until: Clock
    days: tuple[Day, ...] = (1, 2, 3, 4, 5, 6, 7)


def end_of(hours: Hours, at: datetime, zone: tzinfo) -> datetime | None:
    """Return when hours that hold at a moment are over; None where they do not hold."""
    if hours.since == hours.until:
        return None
    local = at.astimezone(zone)
    midnight = local.replace(hour=0, minute=0, second=0, microsecond=0)
    for day in (midnight - _DAY, midnight):
        start, end = day + _of(hours.since), day + _of(hours.until)
        if end <= start:
            end += _DAY
        if day.isoweekday() in hours.days and start <= local < end:
            return end.astimezone(at.tzinfo)
    return None


def next_time(clock: str, at: datetime, zone: tzinfo) -> datetime:
    """Return when a clock shows a time next, after a moment."""
    local = at.astimezone(zone)
    found = local.replace(hour=0, minute=0, second=0, microsecond=0) + _of(clock)
    if found <= local:
        found += _DAY
    return found.astimezone(at.tzinfo)


def _of(clock: str) -> timedelta:
    hour, minute = clock.split(":")
    return timedelta(hours=int(hour), minutes=int(minute))
