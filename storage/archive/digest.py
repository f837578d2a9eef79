"""SHA-256 of the values of each column, whatever batches they come in.

values of the column, missing ones as 0 │ which are missing     each a stream of bytes
"""

import hashlib
from collections.abc import Iterable
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc


class ColumnDigests:
    """Takes batches of rows in order; two runs over the same rows come to the same."""

    def __init__(self) -> None:
        self.rows = 0
        self._streams: dict[str, tuple[Any, ...]] = {}

    def take(self, batch: pa.RecordBatch) -> None:
        """Take some rows more."""
        self.rows += batch.num_rows
        for name, column in zip(batch.schema.names, batch.columns, strict=True):
            pieces = tuple(_pieces(column))
            streams = self._streams.get(name)
            if streams is None:
                streams = self._streams[name] = tuple(hashlib.sha256() for _ in pieces)
            for stream, piece in zip(streams, pieces, strict=True):
                stream.update(piece)

    def finish(self) -> dict[str, str]:
        """Return the digest of each column in hexadecimal, by its name."""
        return {
            name: hashlib.sha256(b"".join(one.digest() for one in streams)).hexdigest()
            for name, streams in self._streams.items()
        }


def _pieces(column: pa.Array) -> Iterable[bytes]:
    """What a column's rows add to its streams; as many for each batch."""
    missing = np.ascontiguousarray(column.is_null().to_numpy(zero_copy_only=False))
    yield missing.tobytes()
    if pa.types.is_list(column.type):
        lengths = pc.fill_null(pc.list_value_length(column), 0)
        yield np.ascontiguousarray(lengths.to_numpy(zero_copy_only=False)).tobytes()
        yield from _pieces(column.flatten())
    elif pa.types.is_string(column.type):
        filled = pc.fill_null(column, "")
        yield b"".join(text.encode() + b"\n" for text in filled.to_pylist())
    else:
        if pa.types.is_timestamp(column.type):
            column = column.cast(pa.int64())
        filled = pc.fill_null(column, 0)
        yield np.ascontiguousarray(filled.to_numpy(zero_copy_only=False)).tobytes()
