"""The simple values of A-XDR: numbers, octets, texts, bits.

Each is a construct piece that gives its value as JSON can carry it; what means nothing as its type,
such as a text that is none, is given as its bytes: ``{"raw": hex}``.
"""

import struct
from collections.abc import Mapping
from typing import Any, Final

from wattwarden.protocol.axdr import Leaf, length_bytes, take, take_length


class Number(Leaf):
    """A number of fixed size, by its letter of ``struct``; high byte first."""

    def __init__(self, letter: str) -> None:
        super().__init__()
        self.format = struct.Struct(">" + letter)

    def get(self, stream: Any) -> int:  # noqa: D102  # by Leaf
        number: int = self.format.unpack(take(stream, self.format.size))[0]
        return number

    def put(self, value: Any) -> bytes:  # noqa: D102  # by Leaf
        return self.format.pack(0 if value is None else value)


class Boolean(Leaf):
    """One byte, zero for False."""

    def get(self, stream: Any) -> bool:  # noqa: D102  # by Leaf
        return take(stream, 1) != b"\0"

    def put(self, value: Any) -> bytes:  # noqa: D102  # by Leaf
        return b"\1" if value else b"\0"


class Float(Leaf):
    """An IEEE float; what is no finite number is given as its bytes, ``{"raw": hex}``."""

    def __init__(self, letter: str) -> None:
        super().__init__()
        self.format = struct.Struct(">" + letter)
        # As many digits as tell every value of the type from its neighbours.
        self.digits = 9 if letter == "f" else 17

    def get(self, stream: Any) -> Any:  # noqa: D102  # by Leaf
        raw = take(stream, self.format.size)
        number = self.format.unpack(raw)[0]
        if number - number != 0:
            return {"raw": raw.hex()}
        short = float(f"{number:.{self.digits - 2}g}")
        if self.format.pack(short) == raw:
            return short
        return float(f"{number:.{self.digits}g}")

    def put(self, value: Any) -> bytes:  # noqa: D102  # by Leaf
        return unraw(value) if isinstance(value, Mapping) else self.format.pack(value or 0.0)


def unraw(value: Mapping[str, Any]) -> bytes:
    """Return the bytes that stand for a value that means nothing."""
    return bytes.fromhex(value["raw"])


class Octets(Leaf):
    """Bytes behind their length, as hex."""

    def get(self, stream: Any) -> str:  # noqa: D102  # by Leaf
        return take(stream, take_length(stream)).hex()

    def put(self, value: Any) -> bytes:  # noqa: D102  # by Leaf
        raw = bytes.fromhex(value or "")
        return length_bytes(len(raw)) + raw


class Hex(Leaf):
    """So many bytes as hex."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size

    def get(self, stream: Any) -> str:  # noqa: D102  # by Leaf
        return take(stream, self.size).hex().upper()

    def put(self, value: Any) -> bytes:  # noqa: D102  # by Leaf
        raw = bytes.fromhex(value or "00" * self.size)
        if len(raw) != self.size:
            message = f"{self.size} bytes are due, got {len(raw)}"
            raise ValueError(message)
        return raw


class Text(Leaf):
    """Text behind its length; what is not printable is given as its bytes, ``{"raw": hex}``."""

    def __init__(self, charset: str) -> None:
        super().__init__()
        self.charset = charset

    def get(self, stream: Any) -> Any:  # noqa: D102  # by Leaf
        raw = take(stream, take_length(stream))
        try:
            text = raw.decode(self.charset)
        except UnicodeDecodeError:
            return {"raw": raw.hex()}
        return text if text.isprintable() else {"raw": raw.hex()}

    def put(self, value: Any) -> bytes:  # noqa: D102  # by Leaf
        raw = unraw(value) if isinstance(value, Mapping) else (value or "").encode(self.charset)
        return length_bytes(len(raw)) + raw


class Bits(Leaf):
    """Bits behind their number, as text of 0 and 1; ``size`` where the number is not sent."""

    def __init__(self, size: int | None = None) -> None:
        super().__init__()
        self.size = size

    def get(self, stream: Any) -> str:  # noqa: D102  # by Leaf
        size = take_length(stream) if self.size is None else self.size
        raw = take(stream, (size + 7) // 8)
        return "".join(f"{byte:08b}" for byte in raw)[:size]

    def put(self, value: Any) -> bytes:  # noqa: D102  # by Leaf
        bits: str = value or "0" * (self.size or 0)
        if set(bits) - {"0", "1"} or self.size not in {None, len(bits)}:
            message = f"bits are 0 and 1, {self.size or 'any number'} of them, got {bits[:64]!r}"
            raise ValueError(message)
        padded = bits.ljust((len(bits) + 7) // 8 * 8, "0")
        raw = bytes(int(padded[at : at + 8], 2) for at in range(0, len(padded), 8))
        return raw if self.size is not None else length_bytes(len(bits)) + raw


U8: Final = Number("B")
U16: Final = Number("H")
U32: Final = Number("I")
OCTETS: Final = Octets()
