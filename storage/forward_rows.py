"""Rows that may be forwarded: what meters said in some steps, readings and factors together.

reading ─┐ same meter, channel, period and moment
factor  ─┴─► one row, in the order in which they came
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from wattwarden.protocol.codec import PERIODS
from wattwarden.protocol.quantity import QUANTITIES
from wattwarden.storage.database import Connection, errors

# What one transaction takes: rows, unless a single step has more, and steps in which little came.
ROWS_AT_ONCE: Final = 2_000
STEPS_AT_ONCE: Final = 3_600

Row = Mapping[str, Any]
"""name (``codec:address``), channel, period, at, quality, every quantity, None for what was not
said, and ``factors``: (code, amount, flag) of each, a blank flag for none."""

_QUANTITIES: Final = ", ".join(QUANTITIES)
_NAME: Final = "m.codec || ':' || m.address"
_SENT: Final = ", ".join(f"'{PERIODS[name]}'" for name in ("instant", "minute", "hour", "day"))
_KEY: Final = ("step", "at", "meter", "channel", "period")


async def upto(connection: Connection, after: int, last: int) -> int:
    """Return the step up to which rows are few enough for one transaction."""
    last = min(last, after + STEPS_AT_ONCE)
    full = await connection.fetchval(
        "SELECT step FROM (SELECT step, sum(sum(rows)) OVER (ORDER BY step) AS total"
        " FROM step_part WHERE step > $1 AND step <= $2 GROUP BY step) AS s"
        " WHERE total >= $3 ORDER BY step LIMIT 1",
        after,
        last,
        ROWS_AT_ONCE,
    )
    return last if full is None else int(full)


async def rows_between(
    connection: Connection, after: int, upto_step: int, meters: Collection[str]
) -> list[Row]:
    """Return what meters said in steps behind ``after``, in order."""
    partitions = await connection.fetch(
        "SELECT DISTINCT partition FROM step_part WHERE step > $1 AND step <= $2"
        " AND partition ~ '^(reading|factor)_(default|[0-9]{8})$' ORDER BY 1 DESC",
        after,
        upto_step,
    )
    found: dict[tuple[Any, ...], dict[str, Any]] = {}
    # Readings first: what else their frames said joins them.
    for partition in [row["partition"] for row in partitions]:
        is_reading = partition.startswith("reading")
        wanted, joined = (
            (_QUANTITIES, "")
            if is_reading
            else ("l.codes, f.amounts, f.flags", " JOIN factor_layout AS l ON l.id = f.layout")
        )
        for row in await connection.fetch(
            f"SELECT {_NAME} AS name, f.period::text AS period,"  # noqa: S608  checked
            f" f.meter, f.step, f.channel, f.at, f.quality, {wanted}"
            f" FROM {partition} AS f JOIN meter AS m ON m.id = f.meter{joined}"
            f" WHERE f.step > $1 AND f.step <= $2 AND f.period IN ({_SENT}) AND {_NAME} = ANY($3)"
            " ORDER BY f.ctid",
            after,
            upto_step,
            list(meters),
        ):
            key = tuple(row[name] for name in _KEY)
            one = found.setdefault(key, dict.fromkeys(QUANTITIES) | {"factors": ()})
            if is_reading:
                one |= dict(row)
            else:
                _join(one, dict(row))
    return [found[key] for key in sorted(found)]


def _join(one: dict[str, Any], row: Mapping[str, Any]) -> None:
    """Put the factors of a row to what was said at the same moment."""
    flags = row["flags"] or ""
    said = zip(row["codes"], row["amounts"], flags.ljust(len(row["codes"])), strict=True)
    for name in ("name", "period", "meter", "step", "channel", "at"):
        one[name] = row[name]
    one["quality"] = one.get("quality", 0) | row["quality"]
    one["factors"] += tuple(said)


async def newest_row(connection: Connection, meters: Sequence[str], now: datetime) -> Row | None:
    """Return the newest reading of a day that one of some meters sent.

    Raises:
        StorageError: The database is away.
    """
    with errors("looking for a reading"):
        row = await connection.fetchrow(
            f"SELECT {_NAME} AS name, r.period::text AS period, r.channel, r.at, r.quality,"  # noqa: S608  words of ours
            f" {_QUANTITIES} FROM meter AS m JOIN reading AS r ON r.meter = m.id"
            f" WHERE {_NAME} = ANY($1) AND r.at > $2 AND r.at <= $3 AND r.period IN ('i', 'm')"
            " ORDER BY r.at DESC LIMIT 1",
            list(meters),
            now - timedelta(days=1),
            now,
        )
    return None if row is None else {"factors": (), **row}
