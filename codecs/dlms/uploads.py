"""Pushed lists to columns: frame by frame, since each carries what it likes."""

from datetime import UTC, datetime, timedelta, tzinfo
from fractions import Fraction
from typing import Final

from wattwarden.codecs.dlms.apdu import body_of, read_apdu
from wattwarden.codecs.dlms.frame import apdu_begin, take_apart
from wattwarden.codecs.dlms.lists import Entry, address_of, entries
from wattwarden.codecs.dlms.message import time_of
from wattwarden.codecs.dlms.moment import moment_us
from wattwarden.codecs.dlms.obis import find
from wattwarden.protocol.codec import Batch, Columns
from wattwarden.protocol.errors import ProtocolError
from wattwarden.protocol.quantity import QUANTITIES
from wattwarden.protocol.rows import NO_FLAG, Measured, Rows, shape_of

_NET: Final = "net_"
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def decode(batch: Batch) -> Columns:
    """Read the frames of a batch into columns."""
    rows = Rows(batch, b"", b"\x0c\x07")
    return rows.take_each(lambda index, frame: _take(rows, batch, index, frame))


def _take(rows: Rows, batch: Batch, index: int, frame: bytes) -> None:
    link = take_apart(frame)
    if link.segmented:
        return
    asked = int(batch.request[index])
    information = (batch.requests[asked] if asked >= 0 else b"") + link.information
    begin = apdu_begin(information)
    if begin == len(information) or (link.is_hdlc and not begin):
        return
    try:
        apdu = read_apdu(information[begin:])
    except ProtocolError as error:
        offset = link.begin + begin + error.offset
        raise ProtocolError(error.kind, error.message, offset) from error
    found = entries(body_of(apdu))
    values = quantities_of(found)
    if not values:
        return
    address = address_of(found)
    origin = (index, rows.meter(index, address), 0)
    known = address or batch.identities[batch.session[index]] or ""
    digits = _digits(time_of(apdu, found), batch.profile_of(known).zone)
    shape = shape_of(tuple(Measured("", name, 1.0) for name in values))
    rows.add(
        (shape, "instant", ""), origin, digits, list(values.values()),
        NO_FLAG * len(values),
    )  # fmt: skip


def _digits(raw: bytes, zone: tzinfo) -> bytes:
    """Return a date-time as wall time of the zone, in digits, b"" where there is none."""
    us = moment_us(raw, zone) if raw else None
    if us is None:
        return b""
    try:
        wall = (_EPOCH + timedelta(microseconds=us)).astimezone(zone)
    except OverflowError:
        return b""
    return f"{wall.year:04}{wall:%m%d%H%M%S}".encode()


def quantities_of(found: list[Entry]) -> dict[str, float]:
    """Return the quantities of a list; what is imported and what is exported make one power."""
    given: dict[str, Fraction] = {}
    seen: set[str] = set()
    for entry in found:
        meaning, value = find(entry.obis), entry.value
        if meaning is None or not meaning.quantity or value is None or entry.obis in seen:
            continue
        seen.add(entry.obis)
        name = meaning.quantity
        given[name] = given.get(name, Fraction(0)) + meaning.sign * value
    for name in [name for name in given if name.startswith(_NET)]:
        given[name.removeprefix(_NET)] = given.pop(name)
    return {name: float(value) for name, value in given.items() if name in QUANTITIES}
