"""From a construct Struct: thousands of frames of one layout in a few array operations.

The Struct is walked once; decoding is then a view and one operation a field.  Values equal
construct's own, which a property test holds on random and hostile bytes.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import construct as cs
import numpy as np
from numpy.typing import NDArray

from wattwarden.protocol.pieces import Convert, Rows, converter
from wattwarden.protocol.wire import parts_of


@dataclass(frozen=True, slots=True)
class Column:
    """One field of a layout.  ``convert`` takes uint8[n, size] and gives the column.

    ``may_fail`` is whether there are bytes that mean nothing here.
    """

    name: str
    offset: int
    size: int
    convert: Convert
    may_fail: bool


class Layout:
    """The columnar reader of a Struct of fixed size.

    Raises TypeError for a Struct with a part whose size or meaning varies, or whose values may be
    too large for a column.
    """

    def __init__(self, struct: Any) -> None:
        self.columns: Final = tuple(_columns(struct))
        self.size: Final = int(struct.sizeof())

    def decode(
        self, rows: Rows, wanted: frozenset[str] | None = None
    ) -> tuple[dict[str, NDArray[Any]], NDArray[np.bool_]]:
        """Return the columns by field name, and bool[n]: False where construct refuses the row.

        ``wanted`` limits which columns are returned; all are checked.
        """
        if rows.shape[1:] != (self.size,):
            message = f"rows of this layout have {self.size} bytes, got an array of {rows.shape}"
            raise ValueError(message)
        good = np.ones(len(rows), bool)
        columns: dict[str, NDArray[Any]] = {}
        for column in self.columns:
            is_wanted = wanted is None or column.name in wanted
            if not is_wanted and not column.may_fail:
                continue
            values, fine = column.convert(rows[:, column.offset : column.offset + column.size])
            if fine is not None:
                good &= fine
            if is_wanted:
                columns[column.name] = values
        return columns, good


def _columns(struct: Any) -> Iterator[Column]:
    offset = 0
    for name, piece in parts_of(struct):
        try:
            size = int(piece.sizeof())
        except cs.SizeofError as error:
            message = f"a layout has parts of fixed size, got {piece!r}"
            raise TypeError(message) from error
        if name is not None:
            yield Column(name, offset, size, *converter(piece))
        elif not isinstance(piece, cs.Padded | cs.Bytes):
            message = f"a part without a name is padding, got {piece!r}"
            raise TypeError(message)
        offset += size
