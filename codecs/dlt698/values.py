"""The simple values of DL/T 698.45: times, object descriptors, addresses, results.

Times are wall times, ``2026-10-07 14:16:26``; one that the calendar does not have (FF where nothing
was set) is given as its bytes in hex.
"""

import re
from abc import abstractmethod
from typing import Any, Final

from wattwarden.codecs.dlt698.frame import WILDCARD_DIGIT
from wattwarden.codecs.dlt698.objects import dar_name, describe
from wattwarden.protocol.axdr import Leaf, length_bytes, take, take_length
from wattwarden.protocol.axdr_values import Hex, Number, Octets
from wattwarden.protocol.clock import LocalTime
from wattwarden.protocol.errors import ProtocolError

_NUMBERS: Final = re.compile(r"\d+")
_WEEKDAY: Final = re.compile(r" dow=(\d+)$")


class _Moment(Leaf):
    """A time of ``size`` bytes whose text ``_text`` makes of its bytes, None where it is none."""

    size: int

    def get(self, stream: Any) -> str:
        raw = take(stream, self.size)
        return self._text(raw) or raw.hex().upper()

    def put(self, value: Any) -> bytes:
        if value is None:
            return bytes(self.size)
        text = str(value)
        raw = self._raw(text) if ":" in text or "-" in text else bytes.fromhex(text)
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


def _is_real(year: int, *rest: int) -> bool:
    try:
        LocalTime(year, *rest).to_us()
    except ProtocolError:
        return False
    return True


class DateTimeS(_Moment):
    """Year in two bytes, month, day, hour, minute, second."""

    size = 7

    def _text(self, raw: bytes) -> str | None:
        year = int.from_bytes(raw[:2], "big")
        if not _is_real(year, *raw[2:]):
            return None
        month, day, hour, minute, second = raw[2:]
        return f"{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}"

    def _raw(self, text: str) -> bytes:
        year, *rest = map(int, _NUMBERS.findall(text)[:6])
        return year.to_bytes(2, "big") + bytes(rest)


class DateTime(_Moment):
    """Year in two bytes, month, day, weekday from Sunday = 0, hour, minute, second, milliseconds.

    ``2018-07-26 15:37:09.000 dow=4``.
    """

    size = 10

    def _text(self, raw: bytes) -> str | None:
        year, milli = int.from_bytes(raw[:2], "big"), int.from_bytes(raw[8:], "big")
        month, day, weekday, hour, minute, second = raw[2:8]
        if milli > 999 or not _is_real(year, month, day, hour, minute, second):
            return None
        date = f"{year:04}-{month:02}-{day:02}"
        return f"{date} {hour:02}:{minute:02}:{second:02}.{milli:03} dow={weekday}"

    def _raw(self, text: str) -> bytes:
        weekday = _WEEKDAY.search(text)
        numbers = _NUMBERS.findall(_WEEKDAY.sub("", text))
        year, month, day, hour, minute, second = map(int, numbers[:6])
        milli = int(numbers[6]) if len(numbers) > 6 else 0
        dow = int(weekday[1]) if weekday else 0
        clock = bytes([month, day, dow, hour, minute, second])
        return year.to_bytes(2, "big") + clock + milli.to_bytes(2, "big")


class Date(_Moment):
    """Year in two bytes, month, day, weekday: ``2018-07-26 dow=4``."""

    size = 5

    def _text(self, raw: bytes) -> str | None:
        year = int.from_bytes(raw[:2], "big")
        month, day, weekday = raw[2:]
        if not _is_real(year, month, day, 0, 0, 0):
            return None
        return f"{year:04}-{month:02}-{day:02} dow={weekday}"

    def _raw(self, text: str) -> bytes:
        year, month, day, *weekday = map(int, _NUMBERS.findall(text))
        return year.to_bytes(2, "big") + bytes([month, day, *(weekday or [0])])


class Time(_Moment):
    """Hour, minute, second: ``15:37:09``."""

    size = 3

    def _text(self, raw: bytes) -> str | None:
        hour, minute, second = raw
        if not _is_real(2000, 1, 1, hour, minute, second):
            return None
        return f"{hour:02}:{minute:02}:{second:02}"

    def _raw(self, text: str) -> bytes:
        return bytes(map(int, _NUMBERS.findall(text)))


class Oad(Hex):
    """An object's attribute or method: OI in two bytes, attribute or method, index."""

    def __init__(self) -> None:
        super().__init__(4)

    def show(self, value: Any) -> str:  # noqa: D102  # by Leaf
        return f"{value} {describe(value)}".strip()


class Tsa(Leaf):
    """The address of a meter, as printed; one that is not whole is given as hex behind ``:``.

    Its first byte holds how many bytes follow, less one, and a logical address.
    """

    def get(self, stream: Any) -> str:  # noqa: D102  # by Leaf
        raw = take(stream, take_length(stream))
        if len(raw) > 1 and raw[0] == len(raw) - 2:
            return raw[1:].hex().upper()
        return ":" + raw.hex().upper()

    def put(self, value: Any) -> bytes:  # noqa: D102  # by Leaf
        text = str(value or "")
        address = bytes.fromhex(text.removeprefix(":"))
        if address and not text.startswith(":"):
            address = bytes([len(address) - 1]) + address
        return length_bytes(len(address)) + address


_KIND_BITS, _EXTENDED_BIT, _SIZE_BITS = 0xC0, 0x20, 0x0F


def address_of(text: str) -> str | None:
    """Return the address, in digits, of the one meter that a TSA's text stands for, None for none.

    A logical address, one of several units in a meter, is left out; one beyond 1 has a byte of its
    own, which counts as one of the address.
    """
    raw = bytes.fromhex(text.removeprefix(":"))
    if text.startswith(":"):
        if not raw or raw[0] & _KIND_BITS or len(raw) != (raw[0] & _SIZE_BITS) + 2:
            return None
        raw = raw[2:] if raw[0] & _EXTENDED_BIT else raw[1:]
    digits = raw.hex().upper()
    return digits if 0 < len(raw) <= _SIZE_BITS + 1 and WILDCARD_DIGIT not in digits else None


class Dar(Number):
    """What came of a request, 0 for success."""

    def show(self, value: Any) -> str:  # noqa: D102  # by Leaf
        return f"{value} {dar_name(value)}".strip()


DATE_TIME_S: Final = DateTimeS()
DATE_TIME: Final = DateTime()
DATE: Final = Date()
TIME: Final = Time()
OAD: Final = Oad()
OI: Final = Hex(2)
TSA: Final = Tsa()
DAR: Final = Dar("B")
MAC: Final = Octets()
