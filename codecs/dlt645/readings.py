"""What meters answered, as columns."""

from collections.abc import Iterable
from math import nan

from wattwarden.codecs.dlt645.fields import Said, walk
from wattwarden.codecs.dlt645.frame import DATA, Parts, check, meter_of
from wattwarden.codecs.dlt645.functions import CODE, READINGS, REFUSED, REPLY
from wattwarden.protocol.codec import Batch, Columns
from wattwarden.protocol.errors import ProtocolError
from wattwarden.protocol.rows import Measured, Rows


def decode(batch: Batch) -> Columns:
    """Read the answers of a batch into columns; no frame of DL/T 645 says when it was measured."""
    rows = Rows(batch, b"", b"")
    return rows.take_each(lambda index, frame: _take(rows, index, check(frame)))


def readings_of(parts: Parts) -> list[tuple[Measured, float]]:
    """Return what a sound frame reports in our quantities, NaN for no data.

    Raises:
        ProtocolError: digits are none.
    """
    if not parts.control & REPLY or parts.control & REFUSED or parts.control & CODE not in READINGS:
        return []
    said = walk(parts.control, parts.data)
    for one in said:
        if one.error is not None:
            where = parts.begin + DATA + one.offset
            raise ProtocolError(one.error.kind, one.error.message, where)
    return list(_measured(said))


def _measured(said: Iterable[Said]) -> Iterable[tuple[Measured, float]]:
    for one in said:
        item = one.item
        if item is not None and item.quantity and one.slug == "value":
            value = nan if one.value is None else float(one.value)
            yield Measured("", item.quantity, item.scale), value


def _take(rows: Rows, index: int, parts: Parts) -> None:
    readings = readings_of(parts)
    if readings:
        rows.add_present((index, rows.meter(index, meter_of(parts.address)), 0), readings)
