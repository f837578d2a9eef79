"""Rows of a partition as batches, in the order of files, as one snapshot has them.

survey: how many rows, which quantities, their least, greatest and sum ─┐
extract: the rows themselves ─► batches ─► tally of the same ───────────┴─ must agree
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from wattwarden.protocol.quantity import MISSING, QUANTITIES
from wattwarden.storage.archive.kinds import Kind
from wattwarden.storage.database import Connection
from wattwarden.storage.rows.pgcopy import HEADER, TRAILER
from wattwarden.storage.rows.tables import FACTOR
from wattwarden.storage.warden.copyout import Columns, Field, channel, moment, number, parse

# 16 MB of readings as COPY sends them; some 30 ms of work between two looks at the lease.
ROWS_PER_BATCH: Final = 32_768
# A sort of a day's 4 million rows spills to disk anyway; with this it merges once.
SORT_MEMORY: Final = "64MB"

_READING_FIELDS: Final = (
    number("meter", ">i4"),
    moment("at"),
    channel("channel"),
    Field("period", "period", "S1"),
    moment("received_at"),
    number("step", ">i4"),
    number("quality", ">i2"),
)

Sink = Callable[[pa.RecordBatch], Awaitable[None]]
"""Takes batches in order; the next comes when it is done with one."""


@dataclass(frozen=True, slots=True)
class Survey:
    """What a partition holds: ``counts`` of values by quantity; ``codes`` of factors' layouts."""

    rows: int
    first_at: datetime | None
    last_at: datetime | None
    newest: datetime | None
    last_step: int
    counts: Mapping[str, int]
    codes: str = ""

    @property
    def present(self) -> list[str]:
        """Return the quantities that any row has."""
        return [name for name, count in self.counts.items() if count]


@dataclass(slots=True)
class Tally:
    """Counts what passes, to be held against what the database counts: see ``totals``."""

    rows: int = 0
    counts: dict[str, int] = field(default_factory=dict)
    sums: dict[str, int] = field(default_factory=dict)
    least: dict[str, float] = field(default_factory=dict)
    most: dict[str, float] = field(default_factory=dict)

    def take(self, batch: pa.RecordBatch) -> None:
        """Count a batch."""
        self.rows += batch.num_rows
        for name, column in zip(batch.schema.names, batch.columns, strict=True):
            count = batch.num_rows - column.null_count
            self.counts[name] = self.counts.get(name, 0) + count
            if name not in QUANTITIES or not count:
                continue
            if QUANTITIES[name].exact:
                values = column.drop_null().to_numpy()
                # In Python's integers: counters of a day exceed 64 bits when they are added up.
                low, high = int((values & 0xFFFFFFFF).sum()), int((values >> 32).sum())
                self.sums[name] = self.sums.get(name, 0) + low + (high << 32)
            bounds = pc.min_max(column).as_py()
            self.least[name] = min(bounds["min"], self.least.get(name, bounds["min"]))
            self.most[name] = max(bounds["max"], self.most.get(name, bounds["max"]))


async def survey(connection: Connection, kind: Kind, source: str) -> Survey:
    """Look through a table once: what is in it at all."""
    names = [] if kind.table is FACTOR else list(QUANTITIES)
    counts = "".join(f", count({name}) AS {name}" for name in names)
    row = await connection.fetchrow(
        "SELECT count(*) AS rows, min(at) AS first_at, max(at) AS last_at,"  # noqa: S608  words of ours
        f" max(received_at) AS newest, coalesce(max(step), 0) AS last_step{counts} FROM {source}"
    )
    assert row is not None  # noqa: S101  an aggregate always gives a row
    codes = await _codes(connection, source) if kind.table is FACTOR else ""
    facts = {name: row[name] for name in ("rows", "first_at", "last_at", "newest", "last_step")}
    return Survey(**facts, counts={name: row[name] for name in names}, codes=codes)


async def totals(connection: Connection, kind: Kind, source: str, known: Survey) -> Tally:
    """Let the database count what it has: as ``Tally`` does it of the rows that came."""
    if kind.table is FACTOR:
        row = await connection.fetchrow(
            f"SELECT count(*) AS rows, count(flags) AS flags FROM {source}"  # noqa: S608  our own name
        )
        assert row is not None  # noqa: S101  as above
        return Tally(row["rows"], {"flags": row["flags"]})
    parts = ["count(*) AS rows"]
    for place, name in enumerate(known.present):
        parts += [f"min({name}) AS least_{place}", f"max({name}) AS most_{place}"]
        if QUANTITIES[name].exact:
            parts.append(f"sum({name}::numeric) AS sum_{place}")
    row = await connection.fetchrow(f"SELECT {', '.join(parts)} FROM {source}")  # noqa: S608  words of ours
    assert row is not None  # noqa: S101  as above
    found = Tally(row["rows"], {name: known.counts[name] for name in known.present})
    for place, name in enumerate(known.present):
        found.least[name], found.most[name] = row[f"least_{place}"], row[f"most_{place}"]
        if QUANTITIES[name].exact:
            found.sums[name] = int(row[f"sum_{place}"])
    return found


def disagreement(asked: Tally, came: Tally) -> str:
    """Say in what two tallies differ, "" where what the database counted is what came."""
    if asked.rows != came.rows:
        return f"{came.rows} rows came, {asked.rows} are there"
    for name, count in asked.counts.items():
        if came.counts.get(name, 0) != count:
            return f"{came.counts.get(name, 0)} values of {name} came, {count} are there"
    for of, mine, theirs in (
        ("sum", asked.sums, came.sums),
        ("least", asked.least, came.least),
        ("greatest", asked.most, came.most),
    ):
        for name, value in mine.items():
            if theirs.get(name) != value:
                return f"the {of} {name} that came is {theirs.get(name)}, {value} is there"
    return ""


async def extract(
    connection: Connection, kind: Kind, source: str, present: Sequence[str], sink: Sink
) -> None:
    """Send the rows of a table in the order of files; call it in a transaction.

    Args:
        connection: Its ``command_timeout`` bounds the whole.
        kind: Of the rows.
        source: The table.
        present: The quantities that any row has; others are left out.
        sink: Gets the batches.
    """
    await connection.execute(f"SET LOCAL work_mem = '{SORT_MEMORY}'")
    order = ", ".join(kind.order)
    if kind.table is FACTOR:
        await _extract_factors(connection, kind, f"{source} ORDER BY {order}", sink)
    else:
        await _extract_readings(connection, kind, f"{source} ORDER BY {order}", present, sink)


async def _extract_readings(
    connection: Connection, kind: Kind, source: str, present: Sequence[str], sink: Sink
) -> None:
    fields = (*_READING_FIELDS, *map(_quantity, present))
    row_bytes = 2 + sum(4 + np.dtype(field.kind).itemsize for field in fields)
    most = ROWS_PER_BATCH * row_bytes
    schema = kind.schema_of(present)
    waiting = bytearray()
    is_begun = False

    async def take(chunk: bytes) -> None:
        nonlocal is_begun
        waiting.extend(chunk)
        if not is_begun and len(waiting) >= len(HEADER):
            del waiting[: len(HEADER)]
            is_begun = True
        while is_begun and len(waiting) >= most + len(TRAILER):
            await sink(_readings(parse(_framed(waiting[:most]), fields), schema))
            del waiting[:most]

    chosen = ", ".join(f"{field.expression} AS {field.name}" for field in fields)
    await connection.copy_from_query(
        f"SELECT {chosen} FROM {source}",  # noqa: S608  words of ours
        output=take,
        format="binary",
    )
    rest = waiting[: -len(TRAILER)]
    if rest:
        await sink(_readings(parse(_framed(rest), fields), schema))


def _framed(rows: bytes | bytearray) -> bytes:
    return HEADER + bytes(rows) + TRAILER


def _quantity(name: str) -> Field:
    if QUANTITIES[name].exact:
        return Field(name, f"coalesce({name}, {MISSING})", ">i8")
    return Field(name, f"coalesce({name}, 'NaN'::real)", ">f4")


def _readings(columns: Columns, schema: pa.Schema) -> pa.RecordBatch:
    return pa.record_batch([_array(columns[one.name], one) for one in schema], schema=schema)


def _array(values: NDArray[Any], named: pa.Field) -> pa.Array:
    """One column; a missing quantity is null."""
    if pa.types.is_string(named.type):
        different, places = np.unique(values, return_inverse=True)
        texts = pa.array([one.decode("ascii").rstrip(" ") for one in different], pa.string())
        return texts.take(pa.array(places.astype(np.int32)))
    if pa.types.is_timestamp(named.type):
        return pa.array(values, pa.int64()).cast(named.type)
    if named.name not in QUANTITIES:
        return pa.array(values, named.type)
    missing = values == MISSING if QUANTITIES[named.name].exact else np.isnan(values)
    return pa.array(values, named.type, mask=missing)


async def _extract_factors(connection: Connection, kind: Kind, source: str, sink: Sink) -> None:
    schema = kind.schema_of(())
    names = ", ".join(
        f"{name}::text AS {name}" if name == "period" else name for name in schema.names
    )
    cursor = await connection.cursor(f"SELECT {names} FROM {source}")  # noqa: S608  words of ours
    while rows := await cursor.fetch(ROWS_PER_BATCH // 4):
        columns = [pa.array([row[one.name] for row in rows], one.type) for one in schema]
        await sink(pa.record_batch(columns, schema=schema))


async def _codes(connection: Connection, source: str) -> str:
    """The layouts that rows of factors refer to, {id: codes} as JSON."""
    rows = await connection.fetch(
        "SELECT id, codes FROM factor_layout WHERE id IN"  # noqa: S608  words of ours
        f" (SELECT DISTINCT layout FROM {source}) ORDER BY id"
    )
    return orjson.dumps({str(row["id"]): row["codes"] for row in rows}).decode()
