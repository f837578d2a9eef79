"""What is stored of meters, in the form in which frames are read anew."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from wattwarden.protocol.quality import Quality
from wattwarden.protocol.quantity import MISSING, QUANTITIES
from wattwarden.storage.archive.across import across
from wattwarden.storage.database import Connection, errors
from wattwarden.storage.moments import moment_of, us_of
from wattwarden.storage.proof.said import FactorRow, Said, in_order
from wattwarden.storage.rows.float4 import shortest
from wattwarden.storage.warden.copyout import Field, channel, fetch_columns, moment, number

_KEPT_BITS: Final = ~int(Quality.DEFAULT_PARTITION)


def _quantity(name: str) -> Field:
    if QUANTITIES[name].exact:
        return Field(name, f"coalesce({name}, {MISSING})", ">i8")
    return Field(name, f"coalesce({name}, 'NaN'::real)", ">f4")


_FIELDS: Final = (
    channel("channel"),
    Field("period", "period::text", "S1"),
    moment("at"),
    moment("received_at"),
    number("quality", ">i2"),
    *map(_quantity, QUANTITIES),
)
_FACTORS: Final = (
    "SELECT f.channel, f.period, f.at, f.received_at, f.quality, l.codes, f.amounts, f.flags"
    " FROM factor AS f JOIN factor_layout AS l ON l.id = f.layout"
    " WHERE f.meter = $1 AND f.at >= $2 AND f.at < $3"
)


@dataclass(frozen=True, slots=True)
class Stored:
    """What meters said, and up to which entry of each shard of the journal it is stored."""

    said: Mapping[str, Said]
    upto: Mapping[int, int]


async def load_said(
    connection: Connection, meters: Mapping[str, int], since: int, until: int
) -> Stored:
    """Return what is stored of meters, from a moment on and before another (microseconds UTC).

    Meters go on reporting meanwhile: rows and positions are as of one moment, so that the same
    frames can be shown.

    Args:
        connection: To the store.
        meters: The store's numbers by ``codec:address``.
        since: From when on.
        until: To when, excluded.

    Raises:
        StorageError: The database is away, or a file of archived days cannot be read.
    """
    first, last = moment_of(since), moment_of(until)
    found: dict[str, Said] = {}
    with errors("reading what meters said"):
        async with across(connection, list(meters.values()), first, last):
            for name, meter in meters.items():
                columns = await fetch_columns(
                    connection,
                    _FIELDS,
                    "FROM reading WHERE meter = $1 AND at >= $2 AND at < $3",
                    meter,
                    first,
                    last,
                )
                rows = await connection.fetch(_FACTORS, meter, first, last)
                factors = [_factor(dict(row)) for row in rows]
                factors.sort(key=lambda row: (row.at, row.channel, row.period, row.codes))
                found[name] = Said(in_order(_plain(dict(columns))), factors)
            positions = await connection.fetch("SELECT shard, sequence FROM journal_position")
    return Stored(found, {row["shard"]: row["sequence"] for row in positions})


def _plain(columns: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    columns["channel"] = np.char.rstrip(columns["channel"], b" ").astype("S8")
    columns["quality"] = columns["quality"].astype(np.int32) & np.int32(_KEPT_BITS)
    return columns


def _factor(row: dict[str, Any]) -> FactorRow:
    period = row["period"]
    return FactorRow(
        row["channel"],
        period.decode() if isinstance(period, bytes) else period,
        us_of(row["at"]),
        us_of(row["received_at"]),
        row["quality"] & _KEPT_BITS,
        tuple(row["codes"]),
        tuple(None if one is None else shortest(one) for one in row["amounts"]),
        row["flags"] or " " * len(row["codes"]),
    )
