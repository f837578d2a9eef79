"""Wall times as meters write them, and their way to UTC.

A meter's clock shows local time without a zone; the zone comes from the meter's profile.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta, tzinfo
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from wattwarden.protocol.errors import ProtocolError, Refusal

_MICROSECOND: Final = timedelta(microseconds=1)
_MINUTE_US: Final = 60_000_000
_EPOCH: Final = datetime(1970, 1, 1)  # noqa: DTZ001  # the zero of local wall times, zone unknown


class LocalTime(NamedTuple):
    """A wall time without zone.  ``weekday`` as the meter wrote it, None when it does not."""

    year: int
    month: int
    day: int
    hour: int
    minute: int
    second: int
    weekday: int | None = None

    def __str__(self) -> str:
        text = (
            f"{self.year:04}-{self.month:02}-{self.day:02} "
            f"{self.hour:02}:{self.minute:02}:{self.second:02}"
        )
        return text if self.weekday is None else f"{text} dow={self.weekday}"

    def to_us(self) -> int:
        """Microseconds of this wall time since 1970-01-01 00:00 on the same wall.

        Raises:
            ProtocolError: the calendar has no such time.
        """
        try:
            moment = datetime(*self[:6])  # noqa: DTZ001  # wall time; utc_us adds the zone
        except ValueError as error:
            raise ProtocolError(Refusal.DECODE, f"no such time {self}: {error}") from error
        return (moment - _EPOCH) // _MICROSECOND

    @classmethod
    def of(cls, moment: datetime) -> "LocalTime":
        """Take the wall time of an aware moment; weekday counts from Sunday = 0."""
        return cls(
            moment.year, moment.month, moment.day, moment.hour, moment.minute, moment.second,
            moment.isoweekday() % 7,
        )  # fmt: skip


def local_us(
    year: NDArray[Any],
    month: NDArray[Any],
    day: NDArray[Any],
    hour: NDArray[Any],
    minute: NDArray[Any],
    second: NDArray[Any],
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Turn wall times into microseconds, all at once; the second array is False where none exists.

    Agrees with ``LocalTime.to_us``, which raises there.
    """
    good = (year >= 1) & (year <= 9999) & (month >= 1) & (month <= 12) & (day >= 1) & (day <= 31)
    for part, most in ((hour, 23), (minute, 59), (second, 59)):
        good &= (part >= 0) & (part <= most)
    # Where there is no such time, numbers that cannot overflow stand in for it.
    months = (year.astype(np.int64) * good - 1970) * 12 + month.astype(np.int64) * good - 1
    first = months.astype("datetime64[M]").astype("datetime64[D]")
    days = first.astype(np.int64) + day.astype(np.int64) * good - 1
    good &= days.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64) == months
    clock = (hour.astype(np.int64) * 60 + minute) * 60 + second
    return (days * 86_400 + clock) * 1_000_000 * good, good


def utc_us(local: NDArray[np.int64], zone: tzinfo) -> NDArray[np.int64]:
    """Turn wall times (microseconds) into UTC.

    An hour that the zone repeats is taken as its first pass; one that it leaves out is read with
    the offset before it, so that it falls into the hour after.
    """
    fixed = zone.utcoffset(None)
    if fixed is not None:
        return local - np.int64(fixed // _MICROSECOND)
    # Zones change at whole minutes, and the frames of a batch come from few.
    minutes, where = np.unique(local // _MINUTE_US, return_inverse=True)
    offsets = np.array([_offset_us(minute, zone) for minute in minutes.tolist()], np.int64)
    return local - offsets[where]


def utc_us_each(
    local: NDArray[np.int64], meter: NDArray[np.integer[Any]], zones: Mapping[int, tzinfo]
) -> NDArray[np.int64]:
    """Turn wall times into UTC as ``utc_us`` does, each in the zone of its meter's number."""
    distinct = list(dict.fromkeys(zones.values()))
    if len(distinct) == 1:
        return utc_us(local, distinct[0])
    at = local.copy()
    for zone in distinct:
        mine = [number for number, other in zones.items() if other == zone]
        those = np.isin(meter, mine)
        at[those] = utc_us(local[those], zone)
    return at


def _offset_us(minute: int, zone: tzinfo) -> int:
    wall = _EPOCH + timedelta(minutes=minute)
    offset = wall.replace(tzinfo=zone).utcoffset()
    if offset is None:
        message = f"a zone knows its offset, {zone!r} does not"
        raise ValueError(message)
    return offset // _MICROSECOND


def utc_moment(local: LocalTime, zone: tzinfo) -> int:
    """Return microseconds UTC of one wall time.  Raises ProtocolError where there is none."""
    us = local.to_us()
    return us - _offset_us(us // _MINUTE_US, zone)
