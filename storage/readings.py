"""Stored readings of one meter, in order of time, with their units."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

import asyncpg

from wattwarden.protocol.codec import PERIODS
from wattwarden.protocol.quantity import QUANTITIES
from wattwarden.storage.archive.across import across, holding, stretches
from wattwarden.storage.database import Connection, errors
from wattwarden.storage.meters import Meter
from wattwarden.storage.rows.float4 import shortest

UnitOf = Callable[[str, str], str]
"""The unit of a factor: (codec, code) → unit, "" when it is not known."""

# A page from the server at a time: half a megabyte, whatever the period asked for.
PAGE_ROWS: Final = 500

_PERIOD_NAMES: Final = {letter: name for name, letter in PERIODS.items()}
_KEY: Final = ("at", "channel", "period")


@dataclass(frozen=True, slots=True)
class Value:
    """One value of a reading.  ``flag`` is the meter's own letter, "" for none."""

    quantity: str
    value: int | float
    unit: str
    flag: str = ""


@dataclass(frozen=True, slots=True)
class StoredReading:
    """What a meter said for one channel, period and instant: electricity first, then factors.

    ``received_at``, ``quality`` and ``step`` are the first row's; ``quality`` has the bits of all.
    """

    channel: str
    period: str
    at: datetime
    received_at: datetime
    quality: int
    step: int
    values: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Span:
    """Which readings: from ``since`` to before ``until``, of one channel and period if set."""

    since: datetime | None = None
    until: datetime | None = None
    channel: str | None = None
    period: str | None = None


def no_unit(_codec: str, _code: str) -> str:
    """Know no units of factors."""
    return ""


async def read_readings(
    connection: Connection, meter: Meter, span: Span, unit_of: UnitOf = no_unit
) -> AsyncIterator[StoredReading]:
    """Yield a meter's readings, oldest first, as they stood when the first was read.

    Days that lie in files are read from there.  Streams: a page of rows is in memory, whatever the
    span, and a month of archived ones in a temporary table.

    Raises:
        StorageError: The database is away, or a file cannot be read.
    """
    with errors(f"reading {meter.name}"):
        async with holding(connection):
            for since, until in await stretches(connection, span.since, span.until):
                async with across(connection, [meter.id], since, until):
                    part = replace(span, since=since, until=until)
                    rows = _cursor(connection, "reading", meter.id, part)
                    factors = _cursor(connection, "factor", meter.id, part)
                    async for group in _merged(rows, factors):
                        yield _reading(group, meter.codec, unit_of)


def _cursor(
    connection: Connection, table: str, meter: int, span: Span
) -> AsyncIterator[asyncpg.Record]:
    columns = ("received_at", "quality", "step")
    if table == "factor":
        extra = ", l.codes, t.amounts, t.flags"
        source = "factor AS t JOIN factor_layout AS l ON l.id = t.layout"
    else:
        extra = "".join(f", t.{name}" for name in QUANTITIES)
        source = "reading AS t"
    names = ", ".join(f"t.{name}" for name in (*_KEY, *columns))
    query = (
        f"SELECT {names}{extra} FROM {source} WHERE t.meter = $1"  # noqa: S608  names of this room
        " AND ($2::timestamptz IS NULL OR t.at >= $2) AND ($3::timestamptz IS NULL OR t.at < $3)"
        ' AND ($4::text IS NULL OR t.channel = $4) AND ($5::"char" IS NULL OR t.period = $5)'
        f" ORDER BY t.at, t.channel, t.period{', t.layout' if table == 'factor' else ''}"
    )
    period = None if span.period is None else PERIODS[span.period].encode()
    bounds = (span.since, span.until, span.channel, period)
    return aiter(connection.cursor(query, meter, *bounds, prefetch=PAGE_ROWS))


async def _merged(
    *streams: AsyncIterator[asyncpg.Record],
) -> AsyncIterator[list[asyncpg.Record]]:
    """Merge ordered rows: those of the same instant, channel and period together."""
    heads = [await anext(stream, None) for stream in streams]
    while any(head is not None for head in heads):
        first = min(_key(head) for head in heads if head is not None)
        group = []
        for place, stream in enumerate(streams):
            head = heads[place]
            while head is not None and _key(head) == first:
                group.append(head)
                head = await anext(stream, None)
            heads[place] = head
        yield group


def _key(row: asyncpg.Record) -> tuple[Any, ...]:
    return tuple(row[name] for name in _KEY)


def _reading(group: list[asyncpg.Record], codec: str, unit_of: UnitOf) -> StoredReading:
    first = group[0]
    quality = 0
    values: list[Value] = []
    for row in group:
        quality |= row["quality"]
        values += _factors(row, codec, unit_of) if "codes" in row else _quantities(row)
    return StoredReading(
        channel=first["channel"],
        period=_PERIOD_NAMES[first["period"].decode()],
        at=first["at"],
        received_at=first["received_at"],
        quality=quality,
        step=first["step"],
        values=tuple(values),
    )


def _quantities(row: asyncpg.Record) -> list[Value]:
    found = ((quantity, row[name]) for name, quantity in QUANTITIES.items())
    return [
        Value(quantity.name, value if quantity.exact else shortest(value), str(quantity.unit))
        for quantity, value in found
        if value is not None
    ]


def _factors(row: asyncpg.Record, codec: str, unit_of: UnitOf) -> list[Value]:
    codes, amounts = row["codes"], row["amounts"]
    flags = row["flags"] or " " * len(codes)
    return [
        Value(code, shortest(amount), unit_of(codec, code), flag.strip())
        for code, amount, flag in zip(codes, amounts, flags, strict=True)
        if amount is not None
    ]
