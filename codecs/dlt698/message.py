"""One frame in readable form, and back.

frame ─ read ─► Message ─ encode ─► the same frame
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from wattwarden.codecs.dlt698.apdu import (
    BODY,
    LINK_KINDS,
    OTHER,
    Apdu,
    inner_of,
    read_apdu,
    write_apdu,
)
from wattwarden.codecs.dlt698.contents import readings
from wattwarden.codecs.dlt698.frame import (
    BY_CLIENT,
    CONFIRMATION,
    FRAGMENTED,
    FROM_METER,
    LINK,
    NUMBER_MASK,
    PLACE_SHIFT,
    USER,
    Link,
    header_bytes,
    seal,
    take_apart,
)
from wattwarden.codecs.dlt698.objects import describe, find, scaled, values_of
from wattwarden.codecs.dlt698.services import KEY_OF_KIND
from wattwarden.protocol.codec import Message, ProfileOf
from wattwarden.protocol.errors import ProtocolError
from wattwarden.protocol.timetext import read_digits

FRAGMENT: Final = "fragment"
CONFIRMED: Final = "fragment_confirmation"
# How the addresses of the link layer are called, by their number.
ADDRESS_KINDS: Final = ("single", "wildcard", "group", "broadcast")
# What of the fields says the same as others, for people: not needed to write a frame.
VALUES: Final = "values"
INNER: Final = "inner"

_RESERVED: Final = 0x3000  # between a fragment's number and its place
_SERVER_BEGINS: Final = frozenset({"report", "report_records", "report_transparent"})


def read(frame: bytes, profile_of: ProfileOf) -> Message:
    """Read one whole frame, checking everything.

    ``fields`` holds the link layer (``SA`` and ``CA`` as the standard calls the addresses), the
    APDU's fields as ``services`` declares them, and under ``values`` the numbers of known objects
    with their units.

    Raises:
        ProtocolError: of every kind but unknown, which is for what begins with another byte.
    """
    link = take_apart(frame)
    fields = _link_fields(link)
    if link.fragment is not None:
        fields[FRAGMENT] = {"no": link.number, "type": link.place}
        if reserved := link.fragment & _RESERVED:
            fields[FRAGMENT]["reserved"] = reserved
        fields[BODY] = link.apdu.hex()
        kind = CONFIRMED if link.place == CONFIRMATION else FRAGMENT
        return Message(kind, link.meter, None, fields)
    try:
        apdu = read_apdu(link.apdu)
    except ProtocolError as error:
        raise ProtocolError(
            error.kind, error.message, header_bytes(frame, 0) + error.offset
        ) from error
    fields |= apdu.fields
    inner = inner_of(apdu)
    if inner is not None:
        fields[INNER] = {"kind": inner.kind, **inner.fields}
    said = apdu if inner is None else inner
    values = _values(said.fields)
    if values:
        fields[VALUES] = values
    return Message(apdu.kind, link.meter, _moment(link, said, profile_of), fields)


def _link_fields(link: Link) -> dict[str, Any]:
    fields: dict[str, Any] = {"control": f"{link.control:02X}", "SA": link.address}
    if link.kind:
        fields["address_kind"] = ADDRESS_KINDS[link.kind]
    if link.logical:
        fields["logical_address"] = link.logical
    fields["CA"] = link.client
    if link.flags:
        fields["length_flags"] = link.flags
    return fields


def _values(fields: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Say for people what the numbers of known objects are."""
    found = []
    for reading in readings(fields):
        for oad, data in reading.items:
            attribute = find(oad)
            numbers = values_of(oad, data)
            entry: dict[str, Any] = {"oad": oad, "name": describe(oad)}
            if attribute is not None and numbers:
                told = [scaled(attribute, number) for number in numbers]
                entry |= {"value": told, "unit": attribute.unit}
            found.append(entry)
    return found


def _moment(link: Link, said: Apdu, profile_of: ProfileOf) -> datetime | None:
    """Return the time that the meter states: of its link request, or of its first reading."""
    if said.kind in LINK_KINDS:
        text = said.fields["time"].partition(" dow=")[0]
        digits = "".join(filter(str.isdigit, text)).encode() if ":" in text else b""
    else:
        digits = next((reading.time for reading in readings(said.fields) if reading.time), b"")
    if not digits:
        return None
    try:
        return read_digits(digits, profile_of(link.meter or "").zone)
    except ProtocolError:
        return None  # a day before the first that UTC has: the text is in the fields


def control_of(kind: str) -> int:
    """Return the control byte that frames of a kind have."""
    if kind in (*LINK_KINDS, "link_request"):
        return FROM_METER | LINK
    if kind == "link_response":
        return LINK
    key = KEY_OF_KIND.get(kind)
    from_meter = key is not None and bool(key[0] & 0x80)
    begun_by_meter = kind.removesuffix("_answer") in _SERVER_BEGINS
    return USER | (FROM_METER if from_meter else 0) | (0 if begun_by_meter else BY_CLIENT)


def _fragment_word(part: Mapping[str, Any]) -> int:
    number, place, reserved = int(part["no"]), int(part["type"]), int(part.get("reserved", 0))
    if number & ~NUMBER_MASK or reserved & ~_RESERVED or place not in range(4):
        message = f"no fragment has the number {number} and the type {place}"
        raise ValueError(message)
    return number | reserved | place << PLACE_SHIFT


def encode(message: Message) -> bytes:
    """Build the frame of a message; the inverse of ``read``.

    What the link layer lacks is that of the kind: ``SA`` is the meter's address, ``CA`` 0.

    Raises:
        ValueError: unknown kind, or a field that no frame can carry.
    """
    fields = message.fields
    kind = message.kind
    try:
        is_fragment = kind in (FRAGMENT, CONFIRMED)
        apdu = write_apdu(OTHER if is_fragment else kind, fields)
        control = fields.get("control")
        part = fields[FRAGMENT] if is_fragment else None
        link = Link(
            control=control_of(kind) if control is None else int(control, 16),
            flags=int(fields.get("length_flags", 0)),
            kind=ADDRESS_KINDS.index(fields.get("address_kind", ADDRESS_KINDS[0])),
            logical=int(fields.get("logical_address", 0)),
            address=str(fields.get("SA", message.meter or "")),
            client=int(fields.get("CA", 0)),
            fragment=None if part is None else _fragment_word(part),
            apdu=apdu,
        )
        if bool(link.control & FRAGMENTED) is not is_fragment:
            raise ValueError("the control byte says whether a frame is a fragment")
        return seal(link)
    except (KeyError, TypeError, AttributeError, OverflowError) as error:
        text = f"{kind} cannot be built: {error}"
        raise ValueError(text) from error
