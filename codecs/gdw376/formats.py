"""The data formats of Q/GDW 376.1 (appendix A.1 to A.27), as construct pieces.

A5 A.5, B2 binary of 2 bytes, low byte first, H2 bytes shown as hex, I4 an IP address, T8 text.
"""

from decimal import Decimal
from functools import cache
from typing import TYPE_CHECKING, Any, Final

import construct as cs

from wattwarden.protocol.digits import Digits, Reversed, WallTime, digits_of, is_fill, pairs_of

if TYPE_CHECKING:
    _Number = cs.Adapter[bytes, bytes, float | None, float | None]
    _Text = cs.Adapter[bytes, bytes, str, str]
else:  # construct is generic for type checkers alone
    _Number = _Text = cs.Adapter

FILL: Final = 0xEE


class Exponent(_Number):
    """A.2: three digits with sign and a power of ten from 10⁴ down to 10⁻³."""

    def __init__(self) -> None:
        super().__init__(cs.Bytes(2))

    def _decode(self, obj: bytes, _context: Any, _path: Any) -> float | None:
        return self.value(obj)

    def value(self, raw: bytes) -> float | None:
        """Return what bytes say.  Raises ProtocolError."""
        if is_fill(raw):
            return None
        count = int(digits_of(bytes([raw[0], raw[1] & 0x0F])))
        count = -count if raw[1] & 0x10 else count
        power = 4 - (raw[1] >> 5)
        return float(count * 10**power) if power >= 0 else count / 10**-power

    def _encode(self, obj: float | None, _context: Any, _path: Any) -> bytes:
        if obj is None:
            return bytes([FILL, FILL])
        # The finest power that holds the value, as terminals choose it.
        for power in range(-3, 5):
            count = round(Decimal(str(abs(obj))).scaleb(-power))
            if count <= 999:
                low = pairs_of(f"{count:04}")
                return bytes([low[0], low[1] | (0x10 if obj < 0 else 0) | (4 - power) << 5])
        message = f"a value of format A.2 is up to 9990000, got {obj}"
        raise ValueError(message)


class Energy(_Number):
    """A.3: seven digits with sign, in kWh or, with bit 6 of the last byte, MWh."""

    def __init__(self) -> None:
        super().__init__(cs.Bytes(4))

    def _decode(self, obj: bytes, _context: Any, _path: Any) -> int | None:
        return self.value(obj)

    def value(self, raw: bytes) -> int | None:
        """Return what bytes say.  Raises ProtocolError."""
        if is_fill(raw):
            return None
        count = int(digits_of(raw[:3] + bytes([raw[3] & 0x0F])))
        count = -count if raw[3] & 0x10 else count
        return count * 1000 if raw[3] & 0x40 else count

    def _encode(self, obj: float | None, _context: Any, _path: Any) -> bytes:
        if obj is None:
            return bytes([FILL]) * 4
        count, scale = round(abs(obj)), 0
        if count > 9_999_999:
            count, scale = round(count / 1000), 0x40
        if count > 9_999_999:
            message = f"a value of format A.3 has up to seven digits, got {obj}"
            raise ValueError(message)
        raw = pairs_of(f"{count:08}")
        return raw[:3] + bytes([raw[3] | scale | (0x10 if obj < 0 else 0)])


class Binary(_Number):
    """``size`` bytes of an unsigned number, low byte first."""

    def __init__(self, size: int) -> None:
        super().__init__(cs.Bytes(size))
        self.size = size

    def _decode(self, obj: bytes, _context: Any, _path: Any) -> int:
        return self.value(obj)

    def value(self, raw: bytes) -> int:
        """Return what bytes say.  Raises ProtocolError."""
        return int.from_bytes(raw, "little")

    def _encode(self, obj: float | None, _context: Any, _path: Any) -> bytes:
        return int(obj or 0).to_bytes(self.size, "little")


class Dotted(_Text):
    """An IPv4 address, highest byte first."""

    def __init__(self) -> None:
        super().__init__(cs.Bytes(4))

    def _decode(self, obj: bytes, _context: Any, _path: Any) -> str:
        return self.value(obj)

    def value(self, raw: bytes) -> str:
        """Return what bytes say.  Raises ProtocolError."""
        return ".".join(map(str, raw))

    def _encode(self, obj: str, _context: Any, _path: Any) -> bytes:
        return bytes(map(int, obj.split(".")))


class Text(_Text):
    """``size`` bytes of ASCII, padded with zero bytes; others as in Python's literals."""

    def __init__(self, size: int) -> None:
        super().__init__(cs.Bytes(size))
        self.size = size

    def _decode(self, obj: bytes, _context: Any, _path: Any) -> str:
        return self.value(obj)

    def value(self, raw: bytes) -> str:
        """Return what bytes say.  Raises ProtocolError."""
        text = raw.decode("latin-1").strip("\0 ")
        return text if text.isascii() and text.isprintable() else ascii(text)[1:-1]

    def _encode(self, obj: str, _context: Any, _path: Any) -> bytes:
        raw = obj.encode("ascii")
        if len(raw) > self.size:
            message = f"the text holds {self.size} bytes, got {len(raw)}"
            raise ValueError(message)
        return raw.ljust(self.size, b"\0")


def _digits(size: int, decimals: int = 0, *, signed: bool = False) -> Digits:
    return Digits(size, decimals, signed=signed, fill=FILL)


_A: Final = {
    "A1": WallTime("smhdWy", fill=FILL), "A2": Exponent(), "A3": Energy(),
    "A4": _digits(1, signed=True), "A5": _digits(2, 1, signed=True),
    "A6": _digits(2, 2, signed=True), "A7": _digits(2, 1), "A8": _digits(2),
    "A9": _digits(3, 4, signed=True), "A10": _digits(3), "A11": _digits(4, 2), "A12": _digits(6),
    "A13": _digits(4, 4), "A14": _digits(5, 4), "A15": WallTime("mhdMy", fill=FILL),
    "A16": WallTime("smhd", fill=FILL), "A17": WallTime("mhdM", fill=FILL),
    "A18": WallTime("mhd", fill=FILL), "A19": WallTime("mh", fill=FILL),
    "A20": WallTime("dMy", fill=FILL), "A21": WallTime("My", fill=FILL), "A22": _digits(1, 1),
    "A23": _digits(3, 4), "A24": WallTime("hd", fill=FILL), "A25": _digits(3, 3, signed=True),
    "A26": _digits(2, 3), "A27": _digits(4),
}  # fmt: skip


@cache
def format_piece(name: str) -> Any:
    """Return the piece of a format.  Raises KeyError for one that no table may name."""
    if name in _A:
        return _A[name]
    size = int(name[1:])
    return {"B": Binary, "H": Reversed, "T": Text}[name[0]](size) if name != "I4" else Dotted()
