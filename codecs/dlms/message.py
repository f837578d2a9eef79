"""One frame in readable form, and back.

frame ─ read ─► Message ─ encode ─► the same frame
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from wattwarden.codecs.dlms.apdu import Apdu, body_of, read_apdu, write_apdu
from wattwarden.codecs.dlms.frame import LLC_RESPONSE, Link, apdu_begin, seal, take_apart
from wattwarden.codecs.dlms.lists import Entry, address_of, clock_of, entries
from wattwarden.codecs.dlms.moment import DATE_TIME, DATE_TIME_BYTES, date_time_text, moment_us
from wattwarden.codecs.dlms.obis import describe
from wattwarden.protocol.codec import Message, ProfileOf
from wattwarden.protocol.errors import ProtocolError

INFORMATION: Final = "information"
SEGMENT: Final = "segment"
# What of the fields says the same as others, for people: not needed to write a frame.
VALUES: Final = "values"

_POLL: Final = 0x10
_CONTROLS: Final = {
    0x83: "set_normal_response_mode",
    0x43: "disconnect",
    0x63: "unnumbered_acknowledgement",
    0x0F: "disconnected_mode",
    0x87: "frame_reject",
    0x03: "unnumbered_information",
}
CONTROL_OF_KIND: Final = {kind: control | _POLL for control, kind in _CONTROLS.items()} | {
    "receive_ready": 0x11,
    "receive_not_ready": 0x15,
    INFORMATION: 0x10,
    SEGMENT: 0x10,
}
"""The frames of HDLC that carry no APDU, with the control byte that they have at first."""
# What a meter pushes with when nothing else is said.
_PUSH_CONTROL: Final = 0x13
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def read(frame: bytes, profile_of: ProfileOf) -> Message:
    """Read one whole frame, checking everything.

    ``fields`` holds the link layer, the fields of the APDU as ``services`` declares them, and under
    ``values`` what a list says of each logical name.  Raises ProtocolError.
    """
    link = take_apart(frame)
    fields = _link_fields(link)
    begin = apdu_begin(link.information)
    if link.is_hdlc and (link.segmented or not begin or begin == len(link.information)):
        if link.information:
            fields[INFORMATION] = link.information.hex()
        return Message(_hdlc_kind(link), None, None, fields)
    if begin:
        fields["llc"] = link.information[:begin].hex()
    apdu = _read_apdu(link, begin)
    fields |= {"tag": f"{link.information[begin]:02X}", **apdu.fields}
    invoke = apdu.fields.get("long_invoke_id_and_priority")
    if invoke is not None:
        fields["long_invoke_id"] = int(invoke, 16) & 0xFFFFFF
    found = entries(body_of(apdu))
    if found:
        fields[VALUES] = [_told(entry) for entry in found]
    meter = address_of(found)
    return Message(apdu.kind, meter, _moment(apdu, found, meter, profile_of), fields)


def _read_apdu(link: Link, begin: int) -> Apdu:
    try:
        return read_apdu(link.information[begin:])
    except ProtocolError as error:
        offset = link.begin + begin + error.offset
        raise ProtocolError(error.kind, error.message, offset) from error


def _link_fields(link: Link) -> dict[str, Any]:
    if link.control is None:
        return {
            "source_port": int.from_bytes(link.source, "big"),
            "destination_port": int.from_bytes(link.destination, "big"),
        }
    return {
        "destination": link.destination.hex(),
        "source": link.source.hex(),
        "control": f"{link.control:02X}",
        "segmented": link.segmented,
    }


def _hdlc_kind(link: Link) -> str:
    control = link.control or 0
    if link.segmented:
        return SEGMENT
    if not control & 1:
        return INFORMATION
    if control & 0x03 == 0x01:
        return "receive_not_ready" if control & 0x04 else "receive_ready"
    return _CONTROLS.get(control & ~_POLL, "unnumbered_information")


def _told(entry: Entry) -> dict[str, Any]:
    told: dict[str, Any] = {"obis": entry.obis, "name": describe(entry.obis)}
    value = entry.value
    if value is not None:
        told |= {"value": float(value), "unit": entry.unit}
    elif entry.number is not None:
        told |= {"raw": entry.number}
    elif (text := entry.text) is not None:
        told["value"] = text
    elif isinstance(raw := (entry.data or {}).get("octet-string"), str):
        told["value"] = date_time_text(bytes.fromhex(raw)) or raw
    return told


def time_of(apdu: Apdu, found: list[Entry]) -> bytes:
    """Return the date-time of a push, else of the clock in its list, b"" where neither is."""
    stated = apdu.fields.get("date_time")
    if isinstance(stated, dict):
        stated = next(iter(stated.values()))
    raw = DATE_TIME.put(stated) if stated else clock_of(found)
    return raw if len(raw) == DATE_TIME_BYTES else b""


def _moment(
    apdu: Apdu, found: list[Entry], meter: str | None, profile_of: ProfileOf
) -> datetime | None:
    raw = time_of(apdu, found)
    us = moment_us(raw, profile_of(meter or "").zone) if raw else None
    try:
        return None if us is None else _EPOCH + timedelta(microseconds=us)
    except OverflowError:
        return None


def encode(message: Message) -> bytes:
    """Build the frame of a message; the inverse of ``read``.

    With ``source_port`` the frame is in the wrapper, otherwise in HDLC, pushed by server 1 to
    client 1 where no address is given.

    Raises:
        ValueError: unknown kind, or a field that no frame can carry.
    """
    fields = message.fields
    try:
        if message.kind in CONTROL_OF_KIND:
            information = bytes.fromhex(str(fields.get(INFORMATION, "")))
        else:
            llc = fields.get("llc", "" if "source_port" in fields else LLC_RESPONSE.hex())
            information = bytes.fromhex(str(llc)) + write_apdu(message.kind, fields)
        return seal(_link(message.kind, fields, information))
    except (KeyError, TypeError, AttributeError, OverflowError) as error:
        text = f"{message.kind} cannot be built: {error}"
        raise ValueError(text) from error


def _link(kind: str, fields: Mapping[str, Any], information: bytes) -> Link:
    if "source_port" in fields:
        source, destination = (
            int(fields[name]).to_bytes(2, "big") for name in ("source_port", "destination_port")
        )
        return Link(destination, source, None, segmented=False, information=information, begin=8)
    control = fields.get("control")
    return Link(
        destination=bytes.fromhex(str(fields.get("destination", "03"))),
        source=bytes.fromhex(str(fields.get("source", "03"))),
        control=CONTROL_OF_KIND.get(kind, _PUSH_CONTROL) if control is None else int(control, 16),
        segmented=bool(fields.get("segmented", False)),
        information=information,
        begin=0,
    )
