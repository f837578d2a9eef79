"""How to read one piece of a layout from thousands of frames: uint8[n, size] → a column.

Values equal those of the piece's own ``parse``; where that raises ProtocolError, the row is marked.
"""

from collections.abc import Callable
from fractions import Fraction
from typing import Any, Final

import construct as cs
import numpy as np
from numpy.typing import NDArray

from wattwarden.protocol.clock import local_us
from wattwarden.protocol.wire import CLOCK_PARTS, Bcd, BinaryClock, FixedText, Scaled

Rows = NDArray[np.uint8]
"""n frames of the same layout: uint8[n, size]."""

Converted = tuple[NDArray[Any], NDArray[np.bool_] | None]
"""A column, and where it is good (None: everywhere)."""

Convert = Callable[[Rows], Converted]

_MOST_INTEGER: Final = 2**63 - 1
# A float64 holds every integer up to here, so products and quotients below are rounded once.
_MOST_EXACT: Final = 2**53
_MOST_BCD_BYTES: Final = 9


def converter(piece: Any) -> tuple[Convert, bool]:
    """Return how to read a piece, and whether there are bytes that mean nothing to it.

    Raises:
        TypeError: its size or meaning varies, or its values may be too large for a column.
    """
    if isinstance(piece, Scaled):
        return _scaled(piece), False
    if isinstance(piece, BinaryClock):
        return _clock(piece.parts), True
    if isinstance(piece, Bcd):
        return _bcd(piece), True
    if isinstance(piece, FixedText):
        return _text, True
    if isinstance(piece, cs.Bytes):
        return _raw, False
    if isinstance(piece, cs.FormatField):
        return _number(_dtype(piece)), False
    message = f"a column needs a piece of fixed size and meaning, got {piece!r}"
    raise TypeError(message)


def _dtype(piece: Any) -> np.dtype[Any]:
    """Name the type by its size: struct's L is four bytes, numpy's is as wide as the machine's."""
    order, letter = piece.fmtstr
    kind = "f" if letter in "efd" else "i" if letter.islower() else "u"
    return np.dtype(f"{order}{kind}{piece.length}")


def _numbers(dtype: np.dtype[Any], rows: Rows) -> NDArray[Any]:
    """View the bytes as numbers, neither aligned nor side by side: to be read once."""
    # Bringing two bytes a row together first takes four times as long as the conversion itself.
    joined = rows if rows.strides[1] == 1 else np.ascontiguousarray(rows)
    numbers: NDArray[Any] = joined.view(dtype)[:, 0]
    return numbers


def _number(dtype: np.dtype[Any]) -> Convert:
    def number(rows: Rows) -> Converted:
        return _numbers(dtype, rows).copy(), None

    return number


def _scaled(piece: Scaled) -> Convert:
    inner, scale = piece.subcon, piece.scale
    dtype = _dtype(inner) if isinstance(inner, cs.FormatField) else np.dtype(object)
    if dtype.kind not in "iu":
        message = f"a scaled column counts in integers, got {inner!r}"
        raise TypeError(message)
    least, most = sorted(bound * scale.numerator for bound in _bounds(dtype))
    if scale.denominator > 1:
        exact = -_MOST_EXACT <= least <= most <= _MOST_EXACT
        return _fractions(dtype, scale) if exact else _wide_fractions(dtype, scale)
    if least < -_MOST_INTEGER - 1 or most > _MOST_INTEGER:
        message = f"a whole column holds up to {_MOST_INTEGER}, {inner!r} times {scale} may not fit"
        raise TypeError(message)

    def whole(rows: Rows) -> Converted:
        return _numbers(dtype, rows).astype(np.int64) * np.int64(scale.numerator), None

    return whole


def _bounds(dtype: np.dtype[Any]) -> tuple[int, int]:
    info = np.iinfo(dtype)
    return info.min, info.max


def _fractions(dtype: np.dtype[Any], scale: Fraction) -> Convert:
    def fraction(rows: Rows) -> Converted:
        values = _numbers(dtype, rows).astype(np.float64)
        if scale.numerator != 1:
            values *= scale.numerator
        values /= scale.denominator
        return values, None

    return fraction


def _wide_fractions(dtype: np.dtype[Any], scale: Fraction) -> Convert:
    """Scale in float64 where that is exact, one by one where a count is too large for it."""
    exact, most = _fractions(dtype, scale), _MOST_EXACT // abs(scale.numerator)

    def fraction(rows: Rows) -> Converted:
        values, _ = exact(rows)
        counts = _numbers(dtype, rows)
        large = counts > most
        if dtype.kind == "i":
            large |= counts < -most
        values[large] = [float(count * scale) for count in counts[large].tolist()]
        return values, None

    return fraction


def _clock(parts: str) -> Convert:
    where = {CLOCK_PARTS[part]: index for index, part in enumerate(parts)}

    def clock(rows: Rows) -> Converted:
        fields = {name: rows[:, index].astype(np.int64) for name, index in where.items()}
        return local_us(
            fields["year"] + 2000, fields["month"], fields["day"],
            fields["hour"], fields["minute"], fields["second"],
        )  # fmt: skip

    return clock


def _bcd(piece: Bcd) -> Convert:
    if piece.size > _MOST_BCD_BYTES:
        message = f"a column of digits holds {_MOST_BCD_BYTES} bytes of them, got {piece.size}"
        raise TypeError(message)
    order = range(piece.size - 1, -1, -1) if piece.little else range(piece.size)

    def bcd(rows: Rows) -> Converted:
        high, low = rows >> 4, rows & 0x0F
        good = np.logical_and.reduce((high <= 9) & (low <= 9), axis=1)
        value = np.zeros(len(rows), np.int64)
        for index in order:
            value = value * 100 + high[:, index].astype(np.int64) * 10 + low[:, index]
        return value, good

    return bcd


def _raw(rows: Rows) -> Converted:
    """Bytes as they are: S does not do, as numpy drops trailing zero bytes."""
    return np.ascontiguousarray(rows).view(f"V{rows.shape[1]}").reshape(len(rows)), None


def _text(rows: Rows) -> Converted:
    printable = (rows >= 0x20) & (rows <= 0x7E)
    padding = (rows == 0) | (rows == 0x20)
    # Padding may stand at the end alone.
    tail = np.logical_and.accumulate(padding[:, ::-1], axis=1)[:, ::-1]
    good = np.logical_and.reduce(printable | tail, axis=1)
    texts = np.ascontiguousarray(rows * ~tail)
    return texts.view(f"S{rows.shape[1]}").reshape(len(rows)), good
