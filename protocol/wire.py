"""The construct pieces that vendors share: scaled numbers, BCD, clocks, fixed text.

    REPORT = Struct(
        "voltage_a" / Scaled(Int16ub, "0.1", Unit.VOLT),
        "clock" / BinaryClock("yMdwhms"),
    )

A Struct of these is the one declaration of a layout: construct itself reads and writes single
frames, ``columns.Layout`` reads thousands at once, ``explain.explain`` shows one to people.
"""

from collections.abc import Iterator
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final

import construct as cs

from wattwarden.protocol.clock import LocalTime
from wattwarden.protocol.errors import ProtocolError, Refusal
from wattwarden.protocol.quantity import Unit

if TYPE_CHECKING:
    _Number = cs.Adapter[int, int, float, float]
    _Text = cs.Adapter[bytes, bytes, str, str]
    _Clock = cs.Adapter[bytes, bytes, LocalTime, LocalTime]
    _Digits = cs.Adapter[bytes, bytes, int, int]
else:  # construct is generic for type checkers alone
    _Number = _Text = _Clock = _Digits = cs.Adapter


class Scaled(_Number):
    """An integer on the wire that counts ``scale`` units.

    ``scale`` is exact ("0.1", 10): whole scales give int, others the nearest float.
    """

    def __init__(self, subcon: Any, scale: str | int, unit: Unit) -> None:
        super().__init__(subcon)
        self.scale = Fraction(scale)
        self.unit = unit

    def _decode(self, obj: int, _context: Any, _path: Any) -> float:
        scale = self.scale
        return obj * scale.numerator if scale.denominator == 1 else float(obj * scale)

    def _encode(self, obj: float, _context: Any, _path: Any) -> int:
        return round(Fraction(obj) / self.scale)


class Bcd(_Digits):
    """``size`` bytes of packed decimal digits; ``little`` puts the lowest pair first (DL/T 645)."""

    def __init__(self, size: int, *, little: bool = False) -> None:
        super().__init__(cs.Bytes(size))
        self.size = size
        self.little = little

    def _decode(self, obj: bytes, _context: Any, _path: Any) -> int:
        digits = (obj[::-1] if self.little else obj).hex()
        if not digits.isdecimal():
            raise ProtocolError(Refusal.DECODE, f"BCD digits are 0 to 9, got {obj.hex(' ')}")
        return int(digits)

    def _encode(self, obj: int, _context: Any, _path: Any) -> bytes:
        if not 0 <= obj < 100**self.size:
            message = f"{self.size} bytes of BCD hold up to {100**self.size - 1}, got {obj}"
            raise ValueError(message)
        raw = bytes.fromhex(f"{obj:0{2 * self.size}d}")
        return raw[::-1] if self.little else raw


def parts_of(struct: Any) -> Iterator[tuple[str | None, Any]]:
    """Give the parts of a Struct in order: name, None for padding, and the piece itself."""
    for part in struct.subcons:
        piece = part
        while isinstance(piece, cs.Renamed):
            piece = piece.subcon
        yield part.name, piece


CLOCK_PARTS: Final = {
    "y": "year",
    "M": "month",
    "d": "day",
    "w": "weekday",
    "h": "hour",
    "m": "minute",
    "s": "second",
}


class BinaryClock(_Clock):
    """A wall time of one binary byte a part, years from 2000.

    ``parts`` names them in wire order by the letters of CLOCK_PARTS; the weekday may be missing.
    """

    def __init__(self, parts: str) -> None:
        if sorted(parts.replace("w", "", 1)) != sorted("yMdhms"):
            message = f"a wall time has the parts yMdhms and perhaps w, got {parts}"
            raise ValueError(message)
        super().__init__(cs.Bytes(len(parts)))
        self.parts = parts

    def _decode(self, obj: bytes, _context: Any, _path: Any) -> LocalTime:
        values = {CLOCK_PARTS[part]: byte for part, byte in zip(self.parts, obj, strict=True)}
        values["year"] += 2000
        time = LocalTime(**values)
        time.to_us()
        return time

    def _encode(self, obj: LocalTime, _context: Any, _path: Any) -> bytes:
        values = obj._asdict()
        if values["year"] >= 2000:
            values["year"] -= 2000
        else:  # a machine whose clock was reset: two digits of it are all there is room for
            values["year"] %= 100
        return bytes(values[CLOCK_PARTS[part]] or 0 for part in self.parts)


class FixedText(_Text):
    """``size`` bytes of ASCII, padded with zero bytes."""

    def __init__(self, size: int) -> None:
        super().__init__(cs.Bytes(size))
        self.size = size

    def _decode(self, obj: bytes, _context: Any, _path: Any) -> str:
        return fixed_text(obj)

    def _encode(self, obj: str, _context: Any, _path: Any) -> bytes:
        raw = obj.encode("ascii")
        if len(raw) > self.size:
            message = f"the text holds {self.size} bytes, got {len(raw)}"
            raise ValueError(message)
        return raw.ljust(self.size, b"\0")


def fixed_text(raw: bytes) -> str:
    """Read ASCII padded with zero bytes or blanks; anything unprintable is refused."""
    text = raw.rstrip(b"\0 ")
    if not (text.isascii() and text.decode("latin-1").isprintable()):
        raise ProtocolError(Refusal.DECODE, f"text is printable ASCII, got {raw[:32].hex(' ')}")
    return text.decode("ascii")
