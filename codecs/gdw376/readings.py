"""What terminals report, as columns: class 1, class 2, and what meters behind them answered."""

from collections.abc import Iterator
from math import isnan, nan
from typing import Any, Final

from wattwarden.codecs.dlt645.frame import check as check_645
from wattwarden.codecs.dlt645.frame import meter_of as meter_of_645
from wattwarden.codecs.dlt645.readings import readings_of
from wattwarden.codecs.gdw376.frame import DATA, Parts, check, meter_of
from wattwarden.codecs.gdw376.kinds import FORWARDING
from wattwarden.codecs.gdw376.layouts import Layout
from wattwarden.codecs.gdw376.times import point_times, time_of
from wattwarden.codecs.gdw376.units import Said, Unit, walk
from wattwarden.protocol.codec import Batch, Columns
from wattwarden.protocol.errors import ProtocolError
from wattwarden.protocol.quality import Quality
from wattwarden.protocol.quantity import QUANTITIES, TARIFFS
from wattwarden.protocol.rows import NO_FLAG, Measured, Rows, shape_of

# How many of our unit one of theirs is.
_SCALES: Final = {
    "V": 1.0, "A": 1.0, "kW": 1000.0, "kvar": 1000.0, "kVA": 1000.0, "kWh": 1000.0,
    "kvarh": 1000.0, "%": 0.01, "": 1.0,
}  # fmt: skip

Key = tuple[str, str, bytes, int]
"""Channel, period, time and quality of a row."""
Values = dict[Measured, float]


def decode(batch: Batch) -> Columns:
    """Read the frames of a batch into columns."""
    rows = Rows(batch, b"", b"")
    return rows.take_each(lambda index, frame: _take(rows, index, check(frame)))


def _take(rows: Rows, index: int, parts: Parts) -> None:
    if not parts.is_up:
        return
    body = walk(parts)
    found: dict[Key, Values] = {}
    for unit in body.units:
        if parts.afn == FORWARDING:
            _forwarded(rows, index, unit)
        elif unit.layout is not None and unit.layout.period:
            _refuse_digits(rows, index, unit)
            for key, values in _rows_of(unit, unit.layout):
                found.setdefault(key, {}).update(values)
    if not any(_has_value(values) for values in found.values()):
        return
    meter = rows.meter(index, meter_of(parts))
    for (channel, period, time, quality), values in found.items():
        if _has_value(values):
            numbers = list(values.values())
            kind = (shape_of(tuple(values)), period, channel)
            rows.add(kind, (index, meter, quality), time, numbers, NO_FLAG * len(numbers))


def _has_value(values: Values) -> bool:
    return not all(map(isnan, values.values()))


def _refuse_digits(rows: Rows, index: int, unit: Unit) -> None:
    for one in unit.said:
        if one.error is not None:
            error = ProtocolError(one.error.kind, one.error.message, DATA + one.offset)
            rows.refuse(index, error)
            return


def _rows_of(unit: Unit, layout: Layout) -> Iterator[tuple[Key, Values]]:
    """Give the rows of a unit; one whose time nobody can tell has none."""
    channel = f"p{unit.pn}" if unit.pn else ""
    if layout.period == "curve":
        points = [one for one in unit.said if one.row is not None]
        for time, one in zip(point_times(unit, len(points)), points, strict=False):
            values = {_measured(channel, one.slug, one): _number(one.value)}
            yield (channel, "instant", time, int(Quality.BACKFILL)), values
        return
    time = time_of(unit)
    if not time and layout.period != "instant":
        return
    # What a register says at the end of a month is true of that moment; months are no period.
    period = "day" if layout.period == "day" else "instant"
    quality = 0 if layout.period != "month" else int(Quality.BACKFILL)
    values = {}
    for one in unit.said:
        name = _quantity(one)
        if name:
            values[_measured(channel, name, one)] = _number(one.value)
    yield (channel, period, time, quality), values


def _quantity(one: Said) -> str:
    """Return which of our quantities a value is, "" for none."""
    name = one.slug
    if one.row:
        name = f"{name}_{TARIFFS[one.row - 1]}" if one.row <= len(TARIFFS) else ""
    return name if name in QUANTITIES else ""


def _measured(channel: str, name: str, one: Said) -> Measured:
    return Measured(channel, name, _SCALES[one.unit])


def _number(value: Any) -> float:
    return nan if value is None else float(value)


def _forwarded(rows: Rows, index: int, unit: Unit) -> None:
    """Add what a meter of DL/T 645 answered through its terminal, under its own address."""
    frame = next((one.value for one in unit.said if one.slug == "frame"), "")
    if not frame:
        return
    try:
        parts = check_645(bytes.fromhex(frame))
    except ProtocolError:  # another protocol's, to be found in the frame
        return
    readings = readings_of(parts)
    if readings:
        rows.add_present((index, rows.meter(index, meter_of_645(parts.address)), 0), readings)
