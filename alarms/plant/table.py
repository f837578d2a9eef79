"""Structs of arrays: one dataclass a concern, one row a unit, firm or watch in every array."""

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, NamedTuple, TypeAlias, TypeVar, get_type_hints

import numpy as np
from numpy.typing import NDArray

I64: TypeAlias = NDArray[np.int64]
I32: TypeAlias = NDArray[np.int32]
I16: TypeAlias = NDArray[np.int16]
I8: TypeAlias = NDArray[np.int8]
F32: TypeAlias = NDArray[np.float32]
F64: TypeAlias = NDArray[np.float64]
Bools: TypeAlias = NDArray[np.bool_]

T = TypeVar("T")

# A moment, energy or index that there is not.
NONE = -1


class Column(NamedTuple):
    """What an array of a table holds: its type, its value at first, the shape of one row."""

    kind: Any
    start: float = 0
    shape: tuple[int, ...] = ()


@cache
def _columns_of(table: Any) -> Mapping[str, Column]:
    hints = get_type_hints(table, include_extras=True)
    return {name: hint.__metadata__[0] for name, hint in hints.items()}


def columns_of(table: Any) -> Mapping[str, Column]:
    """Return the columns of a table in the order of its fields."""
    return _columns_of(table)


def fresh(table: type[T], rows: int) -> T:
    """Return a table with so many rows, each as at first."""
    return table(
        **{
            name: np.full((rows, *column.shape), column.start, dtype=column.kind)
            for name, column in columns_of(table).items()
        }
    )


def arrays_of(table: Any) -> Iterator[NDArray[Any]]:
    """Yield a table's arrays in the order of its fields."""
    for name in columns_of(type(table)):
        yield getattr(table, name)


def take(table: T, rows: NDArray[np.intp]) -> T:
    """Return a table of some rows, copied."""
    return type(table)(*(array[rows] for array in arrays_of(table)))


def put(table: T, rows: NDArray[np.intp], part: T) -> None:
    """Write the rows of ``part`` back to where ``take`` had them from."""
    for array, new in zip(arrays_of(table), arrays_of(part), strict=True):
        array[rows] = new


def copy(table: T) -> T:
    """Return a table that shares nothing with this one."""
    return type(table)(*(array.copy() for array in arrays_of(table)))
