"""A file of a day: written from batches, read back, its rows found again by meter and time."""

import hashlib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import IO, Any, Final

import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from wattwarden.protocol.quantity import QUANTITIES, Unit
from wattwarden.storage.archive.catalogue import ArchiveFile
from wattwarden.storage.archive.digest import ColumnDigests
from wattwarden.storage.archive.kinds import KINDS, LAYOUT, ROWS_PER_GROUP, Kind
from wattwarden.storage.archive.store import Opener, Store
from wattwarden.storage.errors import StorageError

# What a meter says repeats for hours: at level 3 half as large as at 1, and no slower to read.
ZSTD_LEVEL: Final = 3
# Of these a group of rows has many different values: dictionaries grow larger than what they spare.
SPREAD_UNITS: Final = frozenset({Unit.WATT, Unit.VAR, Unit.VOLT_AMPERE})


class ArchiveDamagedError(StorageError):
    """A file cannot be read, or does not hold what was written into it."""

    def __init__(self, message: str) -> None:
        super().__init__(message, retryable=False)


@dataclass(frozen=True, slots=True)
class Written:
    """What a writer wrote."""

    rows: int
    digests: Mapping[str, str]
    sha256: bytes
    bytes: int


class DayWriter:
    """Writes batches, in order, into an open file; ``finish`` before that is closed."""

    def __init__(self, file: IO[bytes], schema: pa.Schema) -> None:
        self._counted = _Counted(file)
        self._digests = ColumnDigests()
        self._schema = schema
        self._waiting: list[pa.RecordBatch] = []
        self._rows = 0
        packed = _encodings(schema)
        self._writer = pq.ParquetWriter(
            pa.PythonFile(self._counted, mode="w"),
            schema,
            compression="zstd",
            compression_level=ZSTD_LEVEL,
            use_dictionary=sorted(set(schema.names) - packed.keys()),
            column_encoding=packed,
            write_statistics=True,
        )

    def take(self, batch: pa.RecordBatch) -> None:
        """Write some rows more."""
        self._digests.take(batch)
        self._waiting.append(batch)
        self._rows += batch.num_rows
        if self._rows >= ROWS_PER_GROUP:
            self._flush()

    def finish(self) -> Written:
        """Write what is left, and how the file ends; the file itself stays open."""
        self._flush()
        self._writer.close()
        return Written(
            self._digests.rows,
            self._digests.finish(),
            self._counted.digest.digest(),
            self._counted.size,
        )

    def _flush(self) -> None:
        if self._waiting:
            table = pa.Table.from_batches(self._waiting, self._schema)
            self._writer.write_table(table, row_group_size=ROWS_PER_GROUP)
        self._waiting, self._rows = [], 0


def verify(store: Store, file: ArchiveFile) -> None:
    """Read a file again, whole: its hash, its rows, and the values of each column.

    Args:
        store: Where it lies.
        file: As the catalogue has it, or will have it.

    Raises:
        ArchiveDamagedError: It is not what was written.
        StorageError: It is not there, or the store is away.
    """
    named = file.path
    sha256, size = store.measure(file.path)
    if sha256 != file.sha256:
        message = (
            f"{named} has {size} bytes of hash {sha256.hex()[:12]},"
            f" not {file.bytes} of {file.sha256.hex()[:12]}"
        )
        raise ArchiveDamagedError(message)
    digests = ColumnDigests()
    for batch in read_batches(store, file):
        digests.take(batch)
    if digests.rows != file.rows:
        message = f"{named} has {digests.rows} rows, not {file.rows}"
        raise ArchiveDamagedError(message)
    found = digests.finish()
    for name, digest in file.digests.items():
        if found.get(name) != digest:
            message = f"{named} holds other values of {name} than were written"
            raise ArchiveDamagedError(message)


def read_batches(store: Store, file: ArchiveFile) -> Iterator[pa.RecordBatch]:
    """Yield all rows of a file in order, a group of rows at a time, as they were written."""
    _check_layout(file)
    try:
        with store.open(file.path) as source, pq.ParquetFile(source) as parquet:
            yield from parquet.iter_batches(ROWS_PER_GROUP, use_threads=False)
    except (pa.ArrowException, OSError) as error:
        message = f"{file.path} cannot be read: {error}"
        raise ArchiveDamagedError(message) from error


def find_rows(
    opener: Opener,
    file: ArchiveFile,
    meters: Collection[int] | None,
    since: datetime | None,
    until: datetime | None,
) -> Iterator[pa.RecordBatch]:
    """Yield the rows of meters (None: of all) in a stretch of time, with every column of the kind.

    Groups of rows in which there can be none are not read.
    """
    _check_layout(file)
    kind = KINDS[file.kind]
    store = opener(file.store)
    conditions = []
    if meters is not None:
        wanted = pa.array(sorted(meters), pa.int32())
        # Which groups can be left out is told by bounds.
        conditions += [ds.field("meter") >= wanted[0], ds.field("meter") <= wanted[-1]]
        if len(wanted) > 1:
            conditions.append(ds.field("meter").isin(wanted))
    if since is not None and since > file.first_at:
        conditions.append(ds.field("at") >= pa.scalar(since, pa.timestamp("us", tz="UTC")))
    if until is not None and until <= file.last_at:
        conditions.append(ds.field("at") < pa.scalar(until, pa.timestamp("us", tz="UTC")))
    chosen = conditions[0] if conditions else None
    for condition in conditions[1:]:
        chosen = chosen & condition
    try:
        for batch in _scanned(store, file, kind, chosen):
            if batch.num_rows:
                yield batch
    except (pa.ArrowException, OSError) as error:
        message = f"{file.path} cannot be read: {error}"
        raise ArchiveDamagedError(message) from error


def _scanned(store: Store, file: ArchiveFile, kind: Kind, chosen: Any) -> Iterator[pa.RecordBatch]:
    found = ds.dataset(
        store.located(file.path), schema=kind.schema, format="parquet", filesystem=store.files
    )
    scanner = found.scanner(
        filter=chosen,
        batch_size=ROWS_PER_GROUP,
        batch_readahead=1,
        fragment_readahead=1,
        use_threads=False,
    )
    yield from scanner.to_batches()


def _check_layout(file: ArchiveFile) -> None:
    if file.layout != LAYOUT:
        message = f"{file.path} is laid out as {file.layout}, this program knows {LAYOUT}"
        raise ArchiveDamagedError(message)


def _encodings(schema: pa.Schema) -> dict[str, str]:
    """How columns are packed that no dictionary helps.

    By the step from row to row what rises: times, ticks, counters; byte by byte powers.  Voltages,
    currents and factors come with a digit or two behind the point, a few hundred different ones.
    """
    packed = {}
    for named in schema:
        quantity = QUANTITIES.get(named.name)
        is_wide = pa.types.is_timestamp(named.type) or pa.types.is_int64(named.type)
        if is_wide or named.name in {"meter", "step"}:
            packed[named.name] = "DELTA_BINARY_PACKED"
        elif quantity is not None and quantity.unit in SPREAD_UNITS:
            packed[named.name] = "BYTE_STREAM_SPLIT"
    return packed


class _Counted:
    """A file to write to that knows what passed through it."""

    closed = False

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.digest = hashlib.sha256()
        self.size = 0

    def write(self, data: Any) -> int:
        """Write, and count."""
        piece = bytes(data)
        self._file.write(piece)
        self.digest.update(piece)
        self.size += len(piece)
        return len(piece)

    def flush(self) -> None:
        """Nothing is held back here."""

    def tell(self) -> int:
        """Return how much was written."""
        return self.size

    def close(self) -> None:
        """Whoever opened the file closes it."""
