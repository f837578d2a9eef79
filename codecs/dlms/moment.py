"""Times of COSEM: wall times, whose deviation from UTC may be stated.

date-time 12   year 2, month, day, weekday, hour, minute, second, hundredths, deviation 2, status
date 5         year to weekday
time 4         hour to hundredths

As text ``2020-01-25 13:09:30 dow=6 hundredths=255 deviation=-32768 status=0``; where the calendar
has no such time (FF: not specified), the bytes in hex.
"""

import re
from abc import abstractmethod
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any, Final

from wattwarden.protocol.axdr import Leaf, take
from wattwarden.protocol.clock import LocalTime
from wattwarden.protocol.errors import ProtocolError

DATE_TIME_BYTES: Final = 12
# The deviation of a clock that does not state it: 8000 hex.
UNSTATED_MIN: Final = -0x8000
# Of a day: what the standard allows.
_MOST_DEVIATION_MIN: Final = 1440
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_NUMBERS: Final = re.compile(r"-?\d+")
_TIME: Final = re.compile(
    r"(\d{4})-(\d\d)-(\d\d) (\d\d):(\d\d):(\d\d) dow=(\d+) hundredths=(\d+) deviation=(-?\d+)"
    r" status=(\d+)"
)


def _local(raw: bytes) -> LocalTime | None:
    """Return the wall time of year to second, None where the calendar has none."""
    year, month, day, weekday, hour, minute, second = int.from_bytes(raw[:2], "big"), *raw[2:8]
    time = LocalTime(year, month, day, hour, minute, second, weekday)
    try:
        time.to_us()
    except ProtocolError:
        return None
    return time


def moment_us(raw: bytes, zone: tzinfo) -> int | None:
    """Return a date-time of 12 bytes as microseconds UTC, None where there is no such time.

    Without a stated deviation it is the meter's zone that counts.
    """
    local = _local(raw)
    if local is None:
        return None
    deviation = int.from_bytes(raw[9:11], "big", signed=True)
    us = local.to_us()
    if abs(deviation) <= _MOST_DEVIATION_MIN:
        return us + deviation * 60_000_000
    wall = datetime(*local[:6], tzinfo=zone)
    return (wall - _EPOCH) // timedelta(microseconds=1)


class _Moment(Leaf):
    size: int

    def get(self, stream: Any) -> str:
        raw = take(stream, self.size)
        return self._text(raw) or raw.hex()

    def put(self, value: Any) -> bytes:
        if value is None:
            return b"\xff" * self.size
        text = str(value)
        raw = self._raw(text) if "=" in text else bytes.fromhex(text)
        if len(raw) != self.size:
            message = f"a time of {self.size} bytes is due, got {text!r}"
            raise ValueError(message)
        return raw

    @abstractmethod
    def _text(self, raw: bytes) -> str | None:
        """Return what the bytes say, None where they are no time."""

    @abstractmethod
    def _raw(self, text: str) -> bytes:
        """Return the bytes of a text that ``_text`` gave."""


class DateTime(_Moment):
    """All of it."""

    size = DATE_TIME_BYTES

    def _text(self, raw: bytes) -> str | None:
        return date_time_text(raw)

    def _raw(self, text: str) -> bytes:
        match = _TIME.fullmatch(text)
        if match is None:
            message = f"no such time as {text!r}"
            raise ValueError(message)
        year, month, day, hour, minute, second, dow, hundredths, deviation, status = map(
            int, match.groups()
        )
        clock = bytes([month, day, dow, hour, minute, second, hundredths])
        stated = deviation.to_bytes(2, "big", signed=True)
        return year.to_bytes(2, "big") + clock + stated + bytes([status])


def date_time_text(raw: bytes) -> str | None:
    """Return 12 bytes as text, None where the calendar has no such time."""
    local = _local(raw) if len(raw) == DATE_TIME_BYTES else None
    if local is None:
        return None
    deviation = int.from_bytes(raw[9:11], "big", signed=True)
    return f"{local} hundredths={raw[8]} deviation={deviation} status={raw[11]}"


class Date(_Moment):
    """Year to weekday: ``2020-01-25 dow=6``."""

    size = 5

    def _text(self, raw: bytes) -> str | None:
        local = _local(raw + bytes(3))
        return None if local is None else f"{local}".replace(" 00:00:00", "")

    def _raw(self, text: str) -> bytes:
        year, month, day, weekday = map(int, _NUMBERS.findall(text.replace("-", " ")))
        return year.to_bytes(2, "big") + bytes([month, day, weekday])


class Time(_Moment):
    """Hour to hundredths: ``13:09:30 hundredths=255``."""

    size = 4

    def _text(self, raw: bytes) -> str | None:
        hour, minute, second, hundredths = raw
        if hour > 23 or minute > 59 or second > 59:
            return None
        return f"{hour:02}:{minute:02}:{second:02} hundredths={hundredths}"

    def _raw(self, text: str) -> bytes:
        return bytes(map(int, _NUMBERS.findall(text)))


DATE_TIME: Final = DateTime()
DATE: Final = Date()
TIME: Final = Time()
