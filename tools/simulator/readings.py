"""Columns of readings, as blocks of consecutive slots and as a flat list of late ones."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Integers = NDArray[np.int64]
NOTHING: Final = -1


@dataclass(frozen=True, slots=True)
class Readings:
    """Values of meters in primary units: W, A, V, 1, Wh.

    All arrays have one shape.  Where a meter has said nothing floats are NaN and integers -1; so
    are quantities that a kind of meter does not have.  ``at_ms`` is what the meter's clock says,
    ``received_ms`` when the frame came (both ms UTC); ``status`` is 0 or 1 for meters that show
    nothing else.
    """

    at_ms: Integers
    received_ms: Integers
    power: Floats
    current_a: Floats
    current_b: Floats
    current_c: Floats
    voltage_a: Floats
    voltage_b: Floats
    voltage_c: Floats
    power_factor: Floats
    energy: Integers
    status: NDArray[np.int8]

    @classmethod
    def empty(cls, *shape: int) -> Self:
        """Return arrays of a shape, not filled."""
        return cls(*(np.empty(shape, _TYPES[name]) for name in NAMES))

    def columns(self) -> list[NDArray[Any]]:
        """Return the arrays in the order of ``NAMES``."""
        return [getattr(self, name) for name in NAMES]

    def take(self, index: Any) -> "Readings":
        """Return a copy of what an index chooses."""
        return Readings(*(column[index].copy() for column in self.columns()))

    def put(self, rows: slice, other: "Readings") -> None:
        """Copy others into some rows."""
        for mine, theirs in zip(self.columns(), other.columns(), strict=True):
            mine[rows] = theirs

    def turned(self) -> "Readings":
        """Return the same arrays with the axes exchanged, as views."""
        return Readings(*(column.T for column in self.columns()))


NAMES: Final = tuple(field.name for field in fields(Readings))
_INTEGERS: Final = {
    "at_ms": np.int64,
    "received_ms": np.int64,
    "energy": np.int64,
    "status": np.int8,
}
_TYPES: Final[dict[str, Any]] = {name: _INTEGERS.get(name, np.float32) for name in NAMES}


def blank(readings: Readings, where: NDArray[np.bool_]) -> None:
    """Take out what no meter has said."""
    for column in readings.columns():
        np.copyto(column, NOTHING if column.dtype.kind == "i" else np.nan, where=where)


@dataclass(frozen=True, slots=True)
class Late:
    """Readings that came later than in their slot, flat and in the order of their arrival.

    ``column`` and ``slot`` (absolute, as ``Block.first``) say where they would have stood.
    """

    column: NDArray[np.int32]
    slot: Integers
    readings: Readings

    def __len__(self) -> int:
        return len(self.column)

    def take(self, index: Any) -> "Late":
        """Return a copy of what an index chooses."""
        return Late(self.column[index].copy(), self.slot[index].copy(), self.readings.take(index))

    @classmethod
    def joined(cls, parts: Sequence["Late"]) -> "Late":
        """Put several together, in their order."""
        if not parts:
            return cls(np.empty(0, np.int32), np.empty(0, np.int64), Readings.empty(0))
        columns = zip(*(part.readings.columns() for part in parts), strict=True)
        return cls(
            np.concatenate([part.column for part in parts]),
            np.concatenate([part.slot for part in parts]),
            Readings(*(np.concatenate(column) for column in columns)),
        )


@dataclass(frozen=True, slots=True)
class Emitted:
    """What stations at outlets said, in the unit of their factor; -1 and NaN for nothing.

    All arrays have one shape; ``flag`` is the code point of HJ 212's letter.
    """

    at_ms: Integers
    received_ms: Integers
    value: Floats
    flag: NDArray[np.int8]

    @classmethod
    def empty(cls, *shape: int) -> Self:
        """Return arrays of a shape, not filled."""
        return cls(
            np.empty(shape, np.int64),
            np.empty(shape, np.int64),
            np.empty(shape, np.float32),
            np.empty(shape, np.int8),
        )

    @classmethod
    def side_by_side(cls, parts: Sequence["Emitted"]) -> "Emitted":
        """Put the stations of several parts below one another, then turn them: slots × stations."""
        names = ("at_ms", "received_ms", "value", "flag")
        return cls(*(np.concatenate([getattr(one, name) for one in parts]).T for name in names))


@dataclass(frozen=True, slots=True)
class Block:
    """Consecutive slots: ``live`` is slots × units, ``late`` what came in this time from before.

    ``emitted`` is slots × stations.

    Slot ``first`` + i covers [(first + i) · slot_s, …) of Unix seconds.  The arrays lie in memory
    unit by unit: ``live.power.T`` is contiguous.
    """

    first: int
    slot_s: int
    live: Readings
    late: Late
    emitted: Emitted
