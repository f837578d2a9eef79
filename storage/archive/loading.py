"""Rows of files back in PostgreSQL: into a temporary table, or into a day's partition for good."""

import asyncio
from collections.abc import AsyncIterator, Collection, Iterator
from datetime import datetime
from typing import Any, Final, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from wattwarden.protocol.quantity import MISSING, QUANTITIES
from wattwarden.storage.archive.catalogue import ArchiveFile
from wattwarden.storage.archive.files import find_rows
from wattwarden.storage.archive.store import Opener, Store
from wattwarden.storage.database import Connection
from wattwarden.storage.rows import pgcopy
from wattwarden.storage.rows.pgcopy import Column
from wattwarden.storage.rows.tables import FACTOR

Span = tuple[datetime | None, datetime | None]

_CHANNEL_BYTES: Final = 8
_T = TypeVar("_T")


async def load_rows(
    connection: Connection,
    file: ArchiveFile,
    meters: Collection[int] | None,
    span: Span,
    *,
    into: str,
    opener: Opener = Store,
) -> int:
    """Copy rows of a file into a table; return how many.

    A group of rows is in memory at a time; files are read in a thread.

    Args:
        connection: In a transaction.
        file: Which file.
        meters: Whose rows; None: of all.
        span: From when on, and to when, excluded.
        into: A table with the columns of the kind.
        opener: How the store is opened.

    Raises:
        StorageError: The file cannot be read.
    """
    loaded = 0
    async for batch in batches_of(file, meters, span, opener):
        await copy_batch(connection, file.kind, batch, into)
        loaded += batch.num_rows
    return loaded


async def batches_of(
    file: ArchiveFile, meters: Collection[int] | None, span: Span, opener: Opener = Store
) -> AsyncIterator[pa.RecordBatch]:
    """Yield rows of a file, read in a thread; as ``find_rows``."""
    batches = await asyncio.to_thread(find_rows, opener, file, meters, *span)
    while (batch := await asyncio.to_thread(_next, batches)) is not None:
        yield batch


async def copy_batch(connection: Connection, kind: str, batch: pa.RecordBatch, into: str) -> None:
    """Copy rows into a table with the columns of their kind."""
    if kind == FACTOR.name:
        await _copy_factors(connection, batch, into)
    else:
        await _copy_readings(connection, batch, into)


def _next(batches: Iterator[_T]) -> _T | None:
    return next(batches, None)


async def _copy_factors(connection: Connection, batch: pa.RecordBatch, into: str) -> None:
    columns = [
        [text.encode() for text in column.to_pylist()] if name == "period" else column.to_pylist()
        for name, column in zip(batch.schema.names, batch.columns, strict=True)
    ]
    await connection.copy_records_to_table(
        into, records=list(zip(*columns, strict=True)), columns=batch.schema.names
    )


async def _copy_readings(connection: Connection, batch: pa.RecordBatch, into: str) -> None:
    named = [
        (name, column)
        for name, column in zip(batch.schema.names, batch.columns, strict=True)
        if column.null_count < batch.num_rows
    ]
    columns = [_column(name, column) for name, column in named]
    chunks = await asyncio.to_thread(lambda: list(pgcopy.encode(columns, batch.num_rows)))
    await connection.copy_to_table(
        into,
        source=pgcopy.stream(chunks),
        columns=[name for name, _ in named],
        format="binary",
    )


def _column(name: str, column: pa.Array) -> Column:
    """One column as COPY takes it."""
    if name in QUANTITIES:
        missing = MISSING if QUANTITIES[name].exact else float("nan")
        values = _numbers(pc.fill_null(column, pa.scalar(missing, column.type)))
        if QUANTITIES[name].exact:
            return pgcopy.integers(">i8", values, values != MISSING)
        return pgcopy.floats(values)
    if name == "channel":
        return _texts(np.array(column.to_pylist(), f"S{_CHANNEL_BYTES}"))
    if name == "period":
        letters = np.array(column.to_pylist(), "S1")
        return Column(letters.dtype, letters)
    if pa.types.is_timestamp(column.type):
        return pgcopy.times(_numbers(column.cast(pa.int64())))
    values = _numbers(column)
    return pgcopy.integers(f">i{values.itemsize}", values)


def _numbers(column: pa.Array) -> NDArray[Any]:
    return np.asarray(column.to_numpy(zero_copy_only=False))


def _texts(values: NDArray[np.bytes_]) -> Column:
    """Column of short texts of different lengths."""
    width = values.dtype.itemsize
    sizes = np.char.str_len(values).astype(np.int32)
    whole = np.ascontiguousarray(values).view(f"V{width}")
    if (sizes == 0).all():
        return pgcopy.constant(b"")
    keep = np.arange(width) < sizes[:, None]
    return Column(np.dtype(f"V{width}"), whole, sizes, keep)
