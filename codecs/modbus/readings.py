"""What replies to a reading mean, for whoever knows the request and the type of meter.

reply + request + MeterType ─► (Measured, value) …     address = session, channel = slave
"""

from collections.abc import Mapping
from math import isfinite, nan
from typing import Any, Final

from wattwarden.codecs.modbus.frame import Adu, check
from wattwarden.codecs.modbus.functions import READINGS
from wattwarden.codecs.modbus.maps import WORD_BYTES, MeterType, find_type
from wattwarden.protocol.codec import Batch, Columns
from wattwarden.protocol.errors import ProtocolError, Refusal
from wattwarden.protocol.rows import Measured, Rows

_REQUEST_BYTES: Final = 5
_HEAD_BYTES: Final = 2

Readings = list[tuple[Measured, float]]


def decode(batch: Batch) -> Columns:
    """Read the replies of a batch whose requests are known into columns.

    The profile of the session's identity tells the types, as option ``meters``; a reply of a slave
    that it does not name gives no reading.
    """
    rows = Rows(batch, b"", b"")
    requests = batch.request.tolist()
    meters = [meters_of(batch.profile_of(name or "").options) for name in batch.identities]
    for index, frame in enumerate(batch.frames()):
        try:
            adu = check(frame)
            meter = meters[batch.session[index]].get(adu.slave)
            if meter is None or requests[index] < 0:
                continue
            readings = readings_of(adu, check(batch.requests[requests[index]]), *meter)
            if readings:
                rows.add_present((index, rows.meter(index, None), 0), readings)
        except ProtocolError as error:
            rows.refuse(index, error)
    return rows.columns()


def meters_of(options: Mapping[str, Any]) -> dict[int, tuple[MeterType, str]]:
    """Return type and channel by slave, of the entries of ``meters`` that can be used."""
    found: dict[int, tuple[MeterType, str]] = {}
    entries = options.get("meters")
    for entry in entries if isinstance(entries, list) else []:
        if not isinstance(entry, dict):
            continue
        slave, kind = entry.get("slave"), find_type(str(entry.get("type")))
        if isinstance(slave, int) and kind is not None:
            found[slave] = kind, str(entry.get("channel", slave))
    return found


def readings_of(reply: Adu, request: Adu, kind: MeterType, channel: str) -> Readings:
    """Return what a reply reports in our quantities, NaN for what is no number.

    Nothing when it is no answer to the request, or an exception.

    Raises:
        ProtocolError: it brings another number of registers than were asked for.
    """
    code = reply.pdu[0]
    if (
        code not in READINGS
        or request.pdu[0] != code
        or request.slave != reply.slave
        or len(request.pdu) != _REQUEST_BYTES
        or kind.function != code
    ):
        return []
    start, count = (int.from_bytes(request.pdu[at : at + 2], "big") for at in (1, 3))
    data = reply.pdu[_HEAD_BYTES:]
    if len(data) != count * WORD_BYTES or reply.pdu[1] != len(data):
        message = f"{count} registers were asked for, got {len(data)} bytes"
        raise ProtocolError(Refusal.DECODE, message, reply.begin + 1)
    return [
        (Measured(channel, one.quantity, one.scale), _value(one.piece, data, one.at - start))
        for one in kind.within(start, count)
        if one.quantity
    ]


def _value(piece: Any, data: bytes, words: int) -> float:
    value = float(piece.parse(data[words * WORD_BYTES :]))
    return value if isfinite(value) else nan
