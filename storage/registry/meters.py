"""What the store knows of the meters that the registry names, and what they said first."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from wattwarden.storage.archive.across import across, holding, stretches
from wattwarden.storage.database import Connection, errors


async def unknown_meters(connection: Connection, meters: Collection[str]) -> set[str]:
    """Return those (``codec:address``) that the store has never met."""
    with errors("looking for meters"):
        rows = await connection.fetch(
            "SELECT name FROM unnest($1::text[]) AS named (name) WHERE NOT EXISTS (SELECT FROM"
            " meter WHERE codec = split_part(name, ':', 1)"
            " AND address = substr(name, strpos(name, ':') + 1))",
            list(meters),
        )
    return {row["name"] for row in rows}


async def first_readings(
    connection: Connection,
    meter: str,
    channel: str,
    since: datetime,
    hours: float,
    columns: Sequence[str],
) -> dict[str, NDArray[np.float64]]:
    """Return columns of a meter's instant readings from a moment on, as reported, NaN missing.

    Args:
        connection: To the store.
        meter: ``codec:address``.
        channel: Its channel, "" for the meter itself.
        since: From when on.
        hours: How long from the first reading then.
        columns: Names of columns of the table of readings.

    Returns:
        The columns in order of time, all of one length, 0 when there are no readings.
    """
    codec, _, address = meter.partition(":")
    named = ", ".join(f"r.{name}" for name in columns)
    source = (
        "reading AS r JOIN meter AS m ON m.id = r.meter WHERE m.codec = $1 AND m.address = $2"
        " AND r.channel = $3 AND r.period = 'i'"
    )
    with errors(f"reading {meter}"):
        number = await connection.fetchval(
            "SELECT id FROM meter WHERE codec = $1 AND address = $2", codec, address
        )
        async with holding(connection):
            first = None
            for begin, end in await stretches(connection, since, None):
                async with across(connection, [number], begin, end):
                    first = await connection.fetchval(
                        f"SELECT min(r.at) FROM {source} AND r.at >= $4"  # noqa: S608  # no text of others
                        " AND ($5::timestamptz IS NULL OR r.at < $5)",
                        *(codec, address, channel, begin, end),
                    )
                if first is not None:
                    break
            else:
                return {name: np.empty(0) for name in columns}
            last = first + timedelta(hours=hours)
            async with across(connection, [number], first, last):
                rows = await connection.fetch(
                    f"SELECT {named} FROM {source} AND r.at >= $4 AND r.at < $5"  # noqa: S608  # columns of ours
                    " ORDER BY r.at",
                    *(codec, address, channel, first, last),
                )
    table = np.array([tuple(row) for row in rows], dtype=np.float64).reshape(-1, len(columns))
    return {name: table[:, place] for place, name in enumerate(columns)}
