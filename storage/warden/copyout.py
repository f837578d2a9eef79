r"""Rows from PostgreSQL's binary COPY, as numpy columns.

    header, 19 bytes │ fields │ size value │ size value │ … │ -1        (as pgcopy writes them)

A query whose columns are all of one size and never NULL gives rows of one size: the answer is an
array as it stands, and nothing is done for a row by itself.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from wattwarden.storage.database import Connection
from wattwarden.storage.rows.pgcopy import EPOCH_US, HEADER, TRAILER

TIME: Final = ">i8"
"""A timestamptz; the column then holds microseconds UTC."""
CHANNEL_BYTES: Final = 8
"""What ``rpad(channel, 8)`` gives."""


@dataclass(frozen=True, slots=True)
class Field:
    """A column of a query: the expression, its name, its numpy type as PostgreSQL sends it."""

    name: str
    expression: str
    kind: str
    is_time: bool = False


Columns = Mapping[str, NDArray[Any]]
"""Columns of the same length by name, in native byte order."""


def moment(name: str) -> Field:
    """Field of a timestamptz that is never NULL, as int64 microseconds UTC."""
    return Field(name, name, TIME, is_time=True)


def number(name: str, kind: str) -> Field:
    """Field of a number that is never NULL."""
    return Field(name, name, kind)


def channel(name: str) -> Field:
    """Field of a channel, eight bytes padded with blanks."""
    return Field("channel", f"rpad({name}, {CHANNEL_BYTES})", f"S{CHANNEL_BYTES}")


async def fetch_columns(
    connection: Connection, fields: tuple[Field, ...], rest: str, *values: object
) -> Columns:
    """Return the columns of ``SELECT fields rest``.

    Raises:
        ValueError: A row is not of the size that the fields say: a value was NULL.
    """
    chosen = ", ".join(f"{field.expression} AS {field.name}" for field in fields)
    received = bytearray()

    async def take(chunk: bytes) -> None:
        received.extend(chunk)

    await connection.copy_from_query(
        f"SELECT {chosen} {rest}", *values, output=take, format="binary"
    )
    return parse(bytes(received), fields)


def parse(answer: bytes, fields: tuple[Field, ...]) -> Columns:
    """Read a whole COPY; raises as ``fetch_columns``."""
    row = np.dtype(
        [("fields", ">i2")]
        + [
            part
            for place, field in enumerate(fields)
            for part in ((f"size{place}", ">i4"), (field.name, field.kind))
        ]
    )
    body = len(answer) - len(HEADER) - len(TRAILER)
    if body % row.itemsize:
        message = f"{body} bytes are no whole number of rows of {row.itemsize} bytes"
        raise ValueError(message)
    rows = np.frombuffer(answer, row, body // row.itemsize, len(HEADER))
    if (rows["fields"] != len(fields)).any():
        message = "a row has a value of another size than its field, or none"
        raise ValueError(message)
    return {field.name: _column(rows[field.name], field) for field in fields}


def _column(values: NDArray[Any], field: Field) -> NDArray[Any]:
    native = values.astype(values.dtype.newbyteorder("="))
    return native + EPOCH_US if field.is_time else native
