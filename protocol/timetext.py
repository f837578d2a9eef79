"""Wall times written as digits: YYYYMMDDhhmmss, or with milliseconds YYYYMMDDhhmmsszzz."""

from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final

import numpy as np
from numpy.typing import NDArray

from wattwarden.protocol.clock import LocalTime, local_us, utc_moment
from wattwarden.protocol.errors import ProtocolError, Refusal

SECOND_DIGITS: Final = 14
MILLI_DIGITS: Final = 17
# What each digit is worth to each part of a time.  Floats, for whose products numpy has libraries.
_SIZES: Final = (4, 2, 2, 2, 2, 2, 3)
_PLACES: Final = np.concatenate(
    [
        np.eye(len(_SIZES))[[part] * size] * 10.0 ** np.arange(size)[::-1, None]
        for part, size in enumerate(_SIZES)
    ]
)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def check_digits(text: bytes) -> bytes:
    """Return the time with milliseconds.  Raises ProtocolError unless it is 14 or 17 digits."""
    if len(text) == SECOND_DIGITS and text.isdigit():
        return text + b"000"
    if len(text) != MILLI_DIGITS or not text.isdigit():
        message = f"a time is {SECOND_DIGITS} or {MILLI_DIGITS} digits, got {text[:32]!r}"
        raise ProtocolError(Refusal.DECODE, message)
    return text


def read_digits(text: bytes, zone: tzinfo) -> datetime:
    """Read one time as UTC.  Raises ProtocolError."""
    digits = check_digits(text)
    parts = (digits[:4], *(digits[at : at + 2] for at in range(4, SECOND_DIGITS, 2)))
    us = utc_moment(LocalTime(*map(int, parts)), zone)
    try:
        return _EPOCH + timedelta(microseconds=us, milliseconds=int(digits[SECOND_DIGITS:]))
    except OverflowError as error:
        message = f"there is no time like {digits.decode()} in UTC"
        raise ProtocolError(Refusal.DECODE, message) from error


def write_digits(us: int, zone: tzinfo) -> str:
    """Write microseconds UTC as a wall time of 17 digits."""
    moment = (_EPOCH + timedelta(microseconds=us)).astimezone(zone)
    return f"{moment:%Y%m%d%H%M%S}{moment.microsecond // 1000:03}"


def digits_us(texts: list[bytes]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Turn times of 17 digits into microseconds; False in the second where there is none."""
    digits = np.frombuffer(b"".join(texts), np.uint8).reshape(-1, MILLI_DIGITS) - ord("0")
    year, month, day, hour, minute, second, milli = (digits @ _PLACES).astype(np.int64).T
    local, good = local_us(year, month, day, hour, minute, second)
    return local + milli * 1000, good
