"""What a warden reads: which steps are complete, their seconds, and their rows as columns.

Step k is complete when every shard has stored tick k.  Its rows lie in the partitions that
``step_part`` names, also when they came late: BRIN on ``step`` finds them there.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from wattwarden.protocol.codec import PERIODS
from wattwarden.protocol.quantity import MISSING, QUANTITIES
from wattwarden.storage.database import Connection
from wattwarden.storage.errors import StorageError
from wattwarden.storage.moments import moment_of
from wattwarden.storage.rows.tables import FACTOR, READING
from wattwarden.storage.warden.copyout import Columns, Field, channel, fetch_columns, moment, number

# What a state can be told from; statistics that a meter made itself stand for no moment.
FOLDED_PERIODS: Final = ("instant", "minute")
FOLDED_QUANTITIES: Final = (
    "power_total", "power_a", "power_b", "power_c", "current_a", "current_b", "current_c",
    "voltage_a", "voltage_b", "voltage_c", "power_factor_total", "energy_forward",
)  # fmt: skip

_PARTITION: Final = re.compile(r"(reading|factor)_(default|\d{8})")
_PERIODS: Final = ", ".join(f"'{PERIODS[name]}'" for name in FOLDED_PERIODS)
_COMMON: Final = (
    number("meter", ">i4"),
    number("step", ">i4"),
    moment("at"),
    moment("received_at"),
    number("quality", ">i2"),
)


def _quantity(name: str) -> Field:
    if QUANTITIES[name].exact:
        return Field(name, f"coalesce({name}, {MISSING})", ">i8")
    return Field(name, f"coalesce({name}, 'NaN'::real)", ">f4")


_READING_FIELDS: Final = (*_COMMON, channel("channel"), *map(_quantity, FOLDED_QUANTITIES))
_FACTOR_FIELDS: Final = (
    *(Field(field.name, f"f.{field.name}", field.kind, field.is_time) for field in _COMMON),
    number("wanted", ">i4"),
    Field("amount", "coalesce(f.amounts[place], 'NaN'::real)", ">f4"),
    # The letter the meter put beside the value; a blank for none.
    Field("flag", "coalesce(ascii(nullif(substr(f.flags, place, 1), '')), 32)", ">i4"),
)


@dataclass(frozen=True, slots=True)
class Stretch:
    """Steps after ``after`` up to ``upto``."""

    after: int
    upto: int


@dataclass(frozen=True, slots=True)
class Wanted:
    """Whose rows: surrogates of meters, and factors (meter, channel, code) by their place."""

    meters: NDArray[np.int32]
    factors: Sequence[tuple[int, str, str]] = ()


@dataclass(frozen=True, slots=True)
class StepRows:
    """Rows of steps, sorted by (meter, channel, at, step).

    ``readings`` has meter, step, at, received_at (µs UTC), quality, channel (8 bytes, blanks at its
    end) and the quantities; a missing one is NaN or ``MISSING``.  ``factors`` has the same common
    columns, ``wanted`` (place among the factors asked for), ``amount`` and ``flag`` (a letter).
    """

    readings: Columns
    factors: Columns


async def last_complete_step(connection: Connection, shards: int) -> int:
    """Return the last step that every one of so many shards has stored; 0 for none."""
    rows = await connection.fetch("SELECT tick FROM journal_position WHERE shard < $1", shards)
    return min(row["tick"] for row in rows) if len(rows) == shards else 0


async def read_ticks(connection: Connection, stretch: Stretch) -> Columns:
    """Return number, second (Unix) and covers_s of the ticks of steps, in order.

    Raises:
        StorageError: Some are missing.
    """
    rows = await connection.fetch(
        "SELECT number, min(second) AS second, max(covers_s) AS covers_s FROM tick"
        " WHERE number > $1 AND number <= $2 GROUP BY number ORDER BY number",
        stretch.after,
        stretch.upto,
    )
    if len(rows) != stretch.upto - stretch.after:
        message = f"{len(rows)} ticks are stored of steps {stretch.after + 1} to {stretch.upto}"
        raise StorageError(message, retryable=False)
    return {
        name: np.array([row[name] for row in rows], np.int64)
        for name in ("number", "second", "covers_s")
    }


async def read_steps(connection: Connection, stretch: Stretch, wanted: Wanted) -> StepRows:
    """Return the rows of steps that belong to the meters and factors asked for."""
    found = await connection.fetch(
        "SELECT DISTINCT partition FROM step_part WHERE step > $1 AND step <= $2 ORDER BY 1",
        stretch.after,
        stretch.upto,
    )
    names = [row["partition"] for row in found if _PARTITION.fullmatch(row["partition"])]
    where = f"step > {stretch.after:d} AND step <= {stretch.upto:d}"
    return await _read(connection, names, where, wanted)


async def read_span(
    connection: Connection, since_us: int, until_us: int, upto_step: int, wanted: Wanted
) -> StepRows:
    """Return the rows with ``since`` ≤ at < ``until`` that steps up to one have brought."""
    where = (
        f"at >= '{moment_of(since_us).isoformat()}' AND at < '{moment_of(until_us).isoformat()}'"
        f" AND step <= {upto_step:d}"
    )
    return await _read(connection, (READING.name, FACTOR.name), where, wanted)


async def meter_ids(connection: Connection, names: Sequence[str]) -> dict[str, int]:
    """Return the surrogates of meters by ``codec:address``; those that never spoke are absent."""
    rows = await connection.fetch(
        "SELECT m.id, w.name FROM unnest($1::text[]) AS w (name) JOIN meter AS m"
        " ON m.codec = split_part(w.name, ':', 1)"
        " AND m.address = substr(w.name, strpos(w.name, ':') + 1)",
        list(names),
    )
    return {row["name"]: row["id"] for row in rows}


async def _read(
    connection: Connection, tables: Sequence[str], where: str, wanted: Wanted
) -> StepRows:
    readings = [
        await fetch_columns(
            connection,
            _READING_FIELDS,
            f"FROM {table} WHERE {where} AND period IN ({_PERIODS}) AND meter = ANY($1)",
            wanted.meters.tolist(),
        )
        for table in tables
        if table.startswith(READING.name) and len(wanted.meters)
    ]
    factors = [
        await _read_factors(connection, table, where, wanted)
        for table in tables
        if table.startswith(FACTOR.name) and wanted.factors
    ]
    return StepRows(
        _sorted(_joined(readings, _READING_FIELDS), ("step", "at", "channel", "meter")),
        _sorted(_joined(factors, _FACTOR_FIELDS), ("step", "at", "wanted", "meter")),
    )


async def _read_factors(connection: Connection, table: str, where: str, wanted: Wanted) -> Columns:
    meters, channels, codes = zip(*wanted.factors, strict=True)
    return await fetch_columns(
        connection,
        _FACTOR_FIELDS,
        f"FROM (SELECT * FROM {table} WHERE {where} AND period IN ({_PERIODS})) AS f"  # noqa: S608  names checked
        " JOIN factor_layout AS l ON l.id = f.layout"
        " JOIN unnest($1::integer[], $2::text[], $3::text[]) WITH ORDINALITY"
        " AS w (meter, channel, code, number) ON w.meter = f.meter AND w.channel = f.channel"
        " CROSS JOIN LATERAL (SELECT array_position(l.codes, w.code) AS place,"
        " (w.number - 1)::integer AS wanted) AS p WHERE place IS NOT NULL",
        meters,
        channels,
        codes,
    )


def _joined(parts: Sequence[Columns], fields: Sequence[Field]) -> Columns:
    if len(parts) == 1:
        return parts[0]
    return {
        field.name: np.concatenate([part[field.name] for part in parts])
        if parts
        else np.empty(0, np.dtype(field.kind).newbyteorder("="))
        for field in fields
    }


def _sorted(columns: Columns, key: Sequence[str]) -> Columns:
    """Columns in the order of a key, its last name first."""
    order = np.lexsort([columns[name] for name in key])
    return {name: values[order] for name, values in columns.items()}
