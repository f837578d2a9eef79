"""Answers and reports to columns: frame by frame, since each carries what it likes."""

from typing import Final

from wattwarden.codecs.dlt698.apdu import inner_of, read_apdu
from wattwarden.codecs.dlt698.contents import Reading, readings
from wattwarden.codecs.dlt698.frame import (
    FRAGMENTED,
    LAST,
    SCRAMBLED,
    Link,
    header_bytes,
    take_apart,
)
from wattwarden.codecs.dlt698.objects import find, quantity_of, values_of
from wattwarden.codecs.dlt698.services import SECURED_BACK_TAG, SERVER_TAIL, SERVICES
from wattwarden.codecs.dlt698.values import address_of
from wattwarden.protocol.codec import Batch, Columns
from wattwarden.protocol.errors import ProtocolError, Refusal
from wattwarden.protocol.quality import Quality
from wattwarden.protocol.rows import NO_FLAG, Measured, Rows, shape_of

# What may carry readings: a report may follow whatever else a meter answers.
_TELLING: Final = frozenset(
    tag for (tag, _), service in SERVICES.items() if service.tail is SERVER_TAIL
) | {SECURED_BACK_TAG}
# Whoever asks for records asks for what was measured before; reports bring them as they are made.
_FROM_MEMORY: Final = frozenset({"get_response_record", "get_response_record_list"})
NO_ADDRESS: Final = "which is no meter's address"


def decode(batch: Batch) -> Columns:
    """Read the frames of a batch into columns."""
    rows = Rows(batch, b"", b"\x1c")
    return rows.take_each(lambda index, frame: _take(rows, batch, index, frame))


def _take(rows: Rows, batch: Batch, index: int, frame: bytes) -> None:
    if not frame[3] & (FRAGMENTED | SCRAMBLED) and frame[header_bytes(frame, 0)] not in _TELLING:
        return
    link = take_apart(frame)
    apdu = _whole(batch, index, link)
    if not apdu or apdu[0] not in _TELLING:
        return
    try:
        said = read_apdu(apdu)
    except ProtocolError as error:
        offset = header_bytes(frame, 0) + error.offset
        raise ProtocolError(error.kind, error.message, offset) from error
    told = inner_of(said) or said
    quality = int(Quality.BACKFILL) if told.kind in _FROM_MEMORY else 0
    strange = [
        reading.meter
        for reading in readings(told.fields)
        if not _add(rows, (index, quality if reading.time else 0), reading, link.meter)
    ]
    if strange:
        message = f"readings of {str(strange[0])[:80]!r}, {NO_ADDRESS}"
        raise ProtocolError(Refusal.DECODE, message, header_bytes(frame, 0))


def _whole(batch: Batch, index: int, link: Link) -> bytes:
    """Return the APDU that a frame completes, b"" for none.

    Of a last fragment whose beginning nobody has, nothing can be said: the journal keeps it.
    """
    if link.fragment is None:
        return link.apdu
    asked = int(batch.request[index])
    if link.place != LAST or asked < 0:
        return b""
    return batch.requests[asked] + link.apdu


def _add(rows: Rows, place: tuple[int, int], reading: Reading, sender: str | None) -> bool:
    """Add a reading; ``place`` is its frame and its quality.  Return False where it is nobody's."""
    index, quality = place
    found: dict[str, tuple[float, float]] = {}
    for oad, data in reading.items:
        attribute = find(oad)
        if attribute is None or not attribute.quantity:
            continue
        for value in values_of(oad, data):
            quantity = quantity_of(attribute.quantity, value.member)
            if quantity:
                scale = attribute.counted if value.is_count else attribute.whole
                found.setdefault(quantity, (value.number, scale))
    if not found:
        return True
    meter = sender if reading.meter is None else address_of(reading.meter)
    if meter is None and reading.meter is not None:
        return False
    shape = shape_of(tuple(Measured("", name, scale) for name, (_, scale) in found.items()))
    origin = (index, rows.meter(index, meter), quality)
    counts = [count for count, _ in found.values()]
    rows.add((shape, reading.period, ""), origin, reading.time, counts, NO_FLAG * len(counts))
    return True
