"""From what a codec decoded to rows of a table: plausible times, and which day's partition.

Columns (meters by address) ──► Rows (meters by their place in Columns.meters) ──► by partition
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wattwarden.protocol.codec import PERIODS, Block, FactorBlock
from wattwarden.protocol.microseconds import SECOND_US
from wattwarden.protocol.quality import Quality
from wattwarden.protocol.quantity import QUANTITIES
from wattwarden.storage.rows.gathering import Gathered
from wattwarden.storage.rows.partitions import DAY_US, default_name, partition_name
from wattwarden.storage.rows.tables import Rows


@dataclass(frozen=True, slots=True)
class ClockBounds:
    """How far a meter's time may be from the time of receipt, which alone is believed."""

    # Clocks set by hand or over a slow line are minutes off; beyond five, values would be sorted
    # before others that were measured later.
    ahead_s: int = 300
    # Thirteen months: the same month of last year can still be filled in.
    retention_days: int = 400
    # A clock in a wrong zone is off by up to a day; two leave room, and bound how many partitions
    # a broken clock can make.
    future_days: int = 2


def rows_of(block: Block | FactorBlock, start: int, gathered: Gathered) -> Rows:
    """Turn a block of columns into rows; ``start`` is where its frames begin in the batch.

    ``meter`` still is the place in ``Columns.meters``.  Numbers that are infinite, in a float4 at
    least, become NULL and mark the row as doubtful.
    """
    order = block.frame + np.int32(start)
    quality = block.quality.astype(np.int16)
    if isinstance(block, FactorBlock):
        values, infinite = _factors(block)
    else:
        values, infinite = _quantities(block)
    if infinite is not None:
        quality[infinite] |= Quality.DOUBTFUL
    return Rows(
        order=order,
        meter=block.meter.astype(np.int32),
        at=block.at.astype(np.int64),
        received_at=gathered.batch.received_at[order],
        step=gathered.step[order],
        quality=quality,
        channel=block.channel,
        period=PERIODS[block.period],
        values=values,
    )


def covered_days(rows: Rows, bounds: ClockBounds) -> frozenset[int]:
    """The days of the rows that may have a partition of their own."""
    days = rows.at // DAY_US
    return frozenset(np.unique(days[_within(rows, bounds)]).tolist())


def mark_clocks(rows: Rows, bounds: ClockBounds) -> Rows:
    """Set the quality bits of rows whose time is ahead of receipt, or older than retention."""
    lead = rows.at - rows.received_at
    ahead = lead > bounds.ahead_s * SECOND_US
    old = -lead > bounds.retention_days * DAY_US
    if not (ahead.any() or old.any()):
        return rows
    quality = rows.quality.copy()
    quality[ahead] |= Quality.CLOCK_AHEAD
    quality[old] |= Quality.CLOCK_OLD
    return replace(rows, quality=quality)


def by_partition(table: str, rows: Rows, days: frozenset[int]) -> Iterator[tuple[str, Rows]]:
    """Split rows by the partition that takes them; ``days`` are those that have one."""
    if not len(rows):
        return
    first, last = int(rows.at.min()) // DAY_US, int(rows.at.max()) // DAY_US
    if first == last and first in days:
        yield partition_name(table, first), rows
        return
    of_row = rows.at // DAY_US
    found: list[int] = np.unique(of_row).tolist()
    for day in found:
        if day in days:
            yield partition_name(table, day), rows.take(of_row == day)
    homeless = ~np.isin(of_row, np.array([day for day in found if day in days], np.int64))
    if homeless.any():
        rest = rows.take(homeless)
        quality = rest.quality | np.int16(Quality.DEFAULT_PARTITION)
        yield default_name(table), replace(rest, quality=quality)


def _within(rows: Rows, bounds: ClockBounds) -> NDArray[np.bool_]:
    """Where the day of ``at`` lies in what partitions may cover."""
    day = rows.at // DAY_US
    first = (rows.received_at - bounds.retention_days * DAY_US) // DAY_US
    last = (rows.received_at + bounds.future_days * DAY_US) // DAY_US
    return (first <= day) & (day <= last)


def _quantities(block: Block) -> tuple[dict[str, NDArray[Any]], NDArray[np.bool_] | None]:
    values: dict[str, NDArray[Any]] = {}
    infinite: NDArray[np.bool_] | None = None
    for name, column in block.values.items():
        if QUANTITIES[name].exact:
            values[name] = column.astype(np.int64, copy=False)
            continue
        narrow, wild = _narrow(column)
        values[name] = narrow
        if wild is not None:
            infinite = wild if infinite is None else np.logical_or(infinite, wild)
    return values, infinite


def _factors(block: FactorBlock) -> tuple[dict[str, NDArray[Any]], NDArray[np.bool_] | None]:
    amounts, wild = _narrow(block.values)
    values: dict[str, NDArray[Any]] = {"amounts": amounts}
    if block.flags.any():
        values["flags"] = block.flags
    return values, None if wild is None else np.asarray(wild.any(axis=1))


def _narrow(column: NDArray[Any]) -> tuple[NDArray[np.float32], NDArray[np.bool_] | None]:
    """The column as float4, and where it is infinite (None: nowhere)."""
    with np.errstate(over="ignore"):
        narrow = column.astype(np.float32)
    # The sum is finite unless a member is not, and costs a fifth of looking at each.
    with np.errstate(over="ignore", invalid="ignore"):
        if np.isfinite(narrow.sum()):
            return narrow, None
    wild = np.isinf(narrow)
    return narrow, wild if wild.any() else None
