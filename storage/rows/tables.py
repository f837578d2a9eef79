"""The two tables of rows: how their keys and columns are called, and how rows become columns.

Table  reading │ factor
Rows   n rows of one table with the same channel and period, as numpy columns
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from wattwarden.protocol.quantity import MISSING, QUANTITIES
from wattwarden.storage.rows import pgcopy
from wattwarden.storage.rows.pgcopy import Column

BLANK: Final = 0x20


@dataclass(frozen=True, slots=True)
class Rows:
    """n rows of one table that share channel and period.

    ``order`` int32[n] places each row's frame in its batch, ``meter`` int32[n] is the surrogate,
    ``at`` and ``received_at`` int64[n] microseconds UTC, ``step`` int32[n], ``quality`` int16[n].
    ``values``: for ``reading`` by quantity, float32[n] (NaN for none) or int64[n] (``MISSING`` for
    none); for ``factor`` amounts float32[n, k] and flags uint8[n, k], codes from ``layout``.
    ``period`` is the letter that the store keeps.
    """

    order: NDArray[np.int32]
    meter: NDArray[np.int32]
    at: NDArray[np.int64]
    received_at: NDArray[np.int64]
    step: NDArray[np.int32]
    quality: NDArray[np.int16]
    channel: str
    period: str
    values: dict[str, NDArray[Any]]
    layout: int = 0

    def __len__(self) -> int:
        return len(self.order)

    def take(self, chosen: NDArray[Any] | slice) -> "Rows":
        """Return the chosen rows: by mask, by indexes or by slice."""
        return replace(
            self,
            order=self.order[chosen],
            meter=self.meter[chosen],
            at=self.at[chosen],
            received_at=self.received_at[chosen],
            step=self.step[chosen],
            quality=self.quality[chosen],
            values={name: values[chosen] for name, values in self.values.items()},
        )


@dataclass(frozen=True, slots=True)
class Table:
    """A table of rows.  ``key`` and ``values`` name its columns; ``column`` makes one for COPY."""

    name: str
    key: tuple[str, ...]
    values: tuple[str, ...]
    column: Callable[[Rows, str], Column]

    @property
    def columns(self) -> tuple[str, ...]:
        """Every column, as the statements of this room list them."""
        return (*self.key, "received_at", "step", "quality", *self.values)


def copy_names(table: Table, rows: Sequence[Rows]) -> list[str]:
    """The columns that a COPY of these rows must name; the others are NULL in all of them."""
    present = {name for part in rows for name in part.values}
    return [name for name in table.columns if name not in table.values or name in present]


def copy_columns(table: Table, rows: Rows, names: Sequence[str]) -> list[Column]:
    """The columns of COPY by these names."""
    common = {
        "meter": pgcopy.integers(">i4", rows.meter),
        "channel": pgcopy.constant(rows.channel.encode("ascii")),
        "period": pgcopy.constant(rows.period.encode("ascii")),
        "at": pgcopy.times(rows.at),
        "received_at": pgcopy.times(rows.received_at),
        "step": pgcopy.integers(">i4", rows.step),
        "quality": pgcopy.integers(">i2", rows.quality),
        "layout": pgcopy.constant(rows.layout.to_bytes(4, "big")),
    }
    return [common.get(name) or table.column(rows, name) for name in names]


def _quantity_column(rows: Rows, name: str) -> Column:
    values = rows.values.get(name)
    if values is None:
        return pgcopy.NULLS
    if QUANTITIES[name].exact:
        return pgcopy.integers(">i8", values, values != MISSING)
    return pgcopy.floats(values)


def _factor_column(rows: Rows, name: str) -> Column:
    values = rows.values.get(name)
    if values is None:
        return pgcopy.NULLS
    if name == "amounts":
        return pgcopy.float_arrays(values)
    return pgcopy.texts(np.where(values == 0, np.uint8(BLANK), values))


READING: Final = Table(
    "reading", ("meter", "channel", "period", "at"), tuple(QUANTITIES), _quantity_column
)
FACTOR: Final = Table(
    "factor", ("meter", "channel", "period", "at", "layout"), ("amounts", "flags"), _factor_column
)
