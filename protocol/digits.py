"""Construct pieces for packed decimal digits whose lowest pair stands first, with sign and fill.

    Digits(3, 4, signed=True)   46 02 80   -0.0246     bit 7 of the last byte is the sign
    Digits(4, 2)                FF FF FF FF   None     nothing was measured
    WallTime("mhdMy")           30 11 22 11 26   2026-11-22 11:30

DL/T 645 and Q/GDW 376.1 write nearly everything so.
"""

from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final

import construct as cs

from wattwarden.protocol.errors import ProtocolError, Refusal

if TYPE_CHECKING:
    _Number = cs.Adapter[bytes, bytes, float | None, float | None]
    _Text = cs.Adapter[bytes, bytes, str | None, str | None]
else:  # construct is generic for type checkers alone
    _Number = _Text = cs.Adapter

_SIGN: Final = 0x80
_EMPTY: Final = 0xEE
_FILLS: Final = (0xFF, _EMPTY)
"""What meters put where they have no data: FF of DL/T 645, EE of Q/GDW 376.1."""


def is_fill(raw: bytes) -> bool:
    """Whether bytes stand for no data."""
    return len(raw) > 0 and raw[0] in _FILLS and raw.count(raw[0]) == len(raw)


def digits_of(raw: bytes) -> str:
    """Return the digits of bytes whose lowest pair stands first, highest first.

    Raises:
        ProtocolError: a nibble is above 9.
    """
    digits = raw[::-1].hex()
    if not digits.isdecimal():
        raise ProtocolError(Refusal.DECODE, f"BCD digits are 0 to 9, got {raw[:32].hex(' ')}")
    return digits


def pairs_of(digits: str) -> bytes:
    """Return the bytes of digits, the lowest pair first.  Raises ValueError for no digits."""
    return bytes.fromhex(digits)[::-1]


class Digits(_Number):
    """A number of ``size`` bytes with ``decimals`` digits behind its point, None for fill.

    ``signed`` takes the highest bit for the sign.  Whole numbers are int, others the nearest float.
    ``fill`` is the byte that is written for None; of EE, one is enough for it: terminals widen what
    a meter did not give by zeros.
    """

    def __init__(
        self, size: int, decimals: int = 0, *, signed: bool = False, fill: int = _FILLS[0]
    ) -> None:
        super().__init__(cs.Bytes(size))
        self.size = size
        self.decimals = decimals
        self.signed = signed
        self.fill = fill
        self._divisor = 10**decimals

    def _decode(self, obj: bytes, _context: Any, _path: Any) -> float | None:
        return self.value(obj)

    def value(self, raw: bytes) -> float | None:
        """Return what bytes say.  Raises ProtocolError."""
        negative = self.signed and raw[-1] >= _SIGN
        digits = (raw[:-1] + bytes([raw[-1] & ~_SIGN]) if negative else raw)[::-1].hex()
        if digits.isdecimal():
            count = -int(digits) if negative else int(digits)
            # One division of integers: the float nearest to what the digits say.
            return count / self._divisor if self.decimals else count
        if is_fill(raw) or (self.fill == _EMPTY and _EMPTY in raw):
            return None
        raise ProtocolError(Refusal.DECODE, f"BCD digits are 0 to 9, got {raw[:32].hex(' ')}")

    def _encode(self, obj: float | None, _context: Any, _path: Any) -> bytes:
        if obj is None:
            return bytes([self.fill]) * self.size
        count = round(Fraction(obj) * 10**self.decimals)
        most = (8 if self.signed else 10) * 10 ** (2 * self.size - 1) - 1
        least = -most if self.signed else 0
        if not least <= count <= most:
            message = f"{self.size} bytes of digits hold {least} to {most}, got {count}"
            raise ValueError(message)
        raw = pairs_of(f"{abs(count):0{2 * self.size}d}")
        return raw[:-1] + bytes([raw[-1] | _SIGN]) if count < 0 else raw


# Parts of a wall time in the order people write them, each with what stands before it.
_WRITTEN: Final = {"y": "20", "M": "-", "d": "-", "h": " ", "m": ":", "s": ":"}
_WEEKDAY: Final = " dow="
_WEEK_AND_MONTH: Final = "W"
_MONTH_BITS: Final = 0x1F


class WallTime(_Text):
    """A wall time of one byte of digits a part, as text; None for fill.

    ``parts`` names them in wire order by the letters yMdhms, w for a weekday and W for a month
    whose three highest bits are the weekday.  Only the digits are checked: meters send 00-00 for
    what has never happened.
    """

    def __init__(self, parts: str, *, fill: int = _FILLS[0]) -> None:
        super().__init__(cs.Bytes(len(parts)))
        self.size = len(parts)
        self.parts = parts
        self.fill = fill

    def _decode(self, obj: bytes, _context: Any, _path: Any) -> str | None:
        return self.value(obj)

    def value(self, raw: bytes) -> str | None:
        """Return what bytes say.  Raises ProtocolError."""
        if is_fill(raw) or (self.fill == _EMPTY and _EMPTY in raw):
            return None
        values = dict(zip(self.parts, raw, strict=True))
        if _WEEK_AND_MONTH in values:
            both = values.pop(_WEEK_AND_MONTH)
            values |= {"M": both & _MONTH_BITS, "w": both >> 5}
        text = ""
        for part, before in _WRITTEN.items():
            if part in values:
                pair = digits_of(bytes([values[part]]))
                text += (before if text or part == "y" else "") + pair
        if "w" in values:
            text += _WEEKDAY + digits_of(bytes([values["w"]])).lstrip("0").zfill(1)
        return text

    def _encode(self, obj: str | None, _context: Any, _path: Any) -> bytes:
        if obj is None:
            return bytes([self.fill]) * self.size
        text, _, weekday = str(obj).partition(_WEEKDAY)
        names = self.parts.replace(_WEEK_AND_MONTH, "M")
        written = [part for part in _WRITTEN if part in names]
        digits = "".join(filter(str.isdigit, text))
        digits = digits[2:] if "y" in names else digits
        if len(digits) != 2 * len(written):
            message = f"a time of the parts {self.parts} is needed, got {obj!r}"
            raise ValueError(message)
        pairs = {part: int(digits[2 * at : 2 * at + 2], 16) for at, part in enumerate(written)}
        day = int(weekday or "0", 16)
        if _WEEK_AND_MONTH in self.parts:
            pairs[_WEEK_AND_MONTH] = pairs["M"] | day << 5
        return bytes(pairs.get(part, day) for part in self.parts)


class Reversed(_Text):
    """``size`` bytes whose last stands first on paper, as hex."""

    def __init__(self, size: int) -> None:
        super().__init__(cs.Bytes(size))
        self.size = size

    def _decode(self, obj: bytes, _context: Any, _path: Any) -> str:
        return self.value(obj)

    def value(self, raw: bytes) -> str:
        """Return what bytes say.  Raises ProtocolError."""
        return raw[::-1].hex().upper()

    def _encode(self, obj: str | None, _context: Any, _path: Any) -> bytes:
        raw = bytes.fromhex(obj or "00" * self.size)[::-1]
        if len(raw) != self.size:
            message = f"{self.size} bytes of hex are needed, got {obj!r}"
            raise ValueError(message)
        return raw


class Hex(_Text):
    """``size`` bytes in their own order, as hex."""

    def __init__(self, size: int) -> None:
        super().__init__(cs.Bytes(size))
        self.size = size

    def _decode(self, obj: bytes, _context: Any, _path: Any) -> str:
        return self.value(obj)

    def value(self, raw: bytes) -> str:
        """Return what bytes say."""
        return raw.hex().upper()

    def _encode(self, obj: str | None, _context: Any, _path: Any) -> bytes:
        return bytes.fromhex(obj or "00" * self.size)


class ReversedText(_Text):
    """``size`` bytes of ASCII whose last stands first on paper; None for fill.

    Unprintable bytes are written as in Python's literals.
    """

    def __init__(self, size: int) -> None:
        super().__init__(cs.Bytes(size))
        self.size = size

    def _decode(self, obj: bytes, _context: Any, _path: Any) -> str | None:
        return self.value(obj)

    def value(self, raw: bytes) -> str | None:
        """Return what bytes say.  Raises ProtocolError."""
        if is_fill(raw):
            return None
        text = raw[::-1].decode("latin-1").strip("\0 ")
        return text if text.isascii() and text.isprintable() else ascii(text)[1:-1]

    def _encode(self, obj: str | None, _context: Any, _path: Any) -> bytes:
        if obj is None:
            return bytes([_FILLS[0]]) * self.size
        raw = obj.encode("ascii")
        if len(raw) > self.size:
            message = f"the text holds {self.size} bytes, got {len(raw)}"
            raise ValueError(message)
        return raw.ljust(self.size, b"\0")[::-1]
