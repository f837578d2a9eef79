"""An APDU between its bytes and plain fields.

bytes ─ read_apdu ─► kind, fields ─ write_apdu ─► the same bytes

Whatever stands behind the fields and is no proper tail is kept as ``tail`` in hex: meters leave
tails out, and add bytes of their own.
"""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from wattwarden.codecs.dlt698.services import (
    KEY_OF_KIND,
    LINK_REQUEST_TAG,
    SERVICES,
    WITHOUT_VARIANT,
    Key,
    Service,
)
from wattwarden.protocol.axdr import Trace, build, parse
from wattwarden.protocol.errors import ProtocolError, Refusal

OTHER: Final = "other"
LINK_KINDS: Final = ("login", "heartbeat", "logout")
TAIL: Final = "tail"
BODY: Final = "apdu"


class Apdu(NamedTuple):
    """What an APDU says.  ``end`` is where its fields end, before the tail."""

    kind: str
    fields: dict[str, Any]
    end: int


def key_of(apdu: bytes) -> Key:
    """Return tag and variant.  Raises ProtocolError for an APDU that is empty."""
    if not apdu:
        raise ProtocolError(Refusal.DECODE, "a frame without an APDU")
    tag = apdu[0]
    return (tag, None) if tag in WITHOUT_VARIANT or len(apdu) < 2 else (tag, apdu[1])


def read_apdu(apdu: bytes, trace: Trace | None = None) -> Apdu:
    """Read an APDU; one of a service that is not known is kept whole.  Raises ProtocolError."""
    key = key_of(apdu)
    service = SERVICES.get(key)
    if service is None:
        return Apdu(OTHER, {BODY: apdu.hex()}, 0)
    begin = 1 if key[1] is None else 2
    try:
        fields, end, spread = _fields(service, apdu, begin)
    except ProtocolError:
        if trace is not None:  # it fails again, having told how far it came
            parse(service.fields, apdu, begin, trace=trace, spread=True)
        raise
    if trace is not None:
        parse(service.fields, apdu, begin, trace=trace, spread=spread)
    kind = service.kind
    if key[0] == LINK_REQUEST_TAG and fields["type"] < len(LINK_KINDS):
        kind = LINK_KINDS[fields["type"]]
    return Apdu(kind, fields | _tail(service, apdu, end, trace), end)


def _fields(service: Service, apdu: bytes, begin: int) -> tuple[dict[str, Any], int, bool]:
    """Return the fields, where they end, and which of two readings they were given.

    Where meters differ, the reading is right behind which a whole tail stands.
    """
    found: list[tuple[dict[str, Any], int, bool]] = []
    failed: ProtocolError | None = None
    for spread in (True, False):
        try:
            fields, end = parse(service.fields, apdu, begin, spread=spread)
        except ProtocolError as error:
            failed = failed or error
            continue
        if not _is_ambiguous(service, fields) or _has_tail(service, apdu, end):
            return fields, end, spread
        found.append((fields, end, spread))
    if not found and failed is not None:
        raise failed
    return found[0]


def _is_ambiguous(service: Service, fields: Mapping[str, Any]) -> bool:
    """Whether some meters mean other fields by the same bytes."""
    if service.kind == "report_transparent":
        return True
    records = [fields, *fields.get("items", ())]
    result = fields.get("result")
    if isinstance(result, dict):
        records += result.get("records") or ()
    return any(
        "road" in csd
        for record in records
        if isinstance(record, dict)
        for csd in record.get("rcsd", ())
    )


def _has_tail(service: Service, apdu: bytes, end: int) -> bool:
    return TAIL not in _tail(service, apdu, end, None)


def _tail(service: Service, apdu: bytes, end: int, trace: Trace | None) -> dict[str, Any]:
    if service.tail is None:
        return {TAIL: apdu[end:].hex()} if end < len(apdu) else {}
    try:
        fields, finish = parse(service.tail, apdu, end, spread=True)
    except ProtocolError:
        return {TAIL: apdu[end:].hex()}
    if finish != len(apdu):
        return {TAIL: apdu[end:].hex()}
    if trace is not None:
        parse(service.tail, apdu, end, trace=trace, spread=True)
    values: dict[str, Any] = fields
    return values


def inner_of(outer: Apdu) -> Apdu | None:
    """Return the APDU that a security service carries in the clear, None where there is none."""
    application = outer.fields.get("application")
    if not isinstance(application, dict) or not application.get("plain"):
        return None
    try:
        return read_apdu(bytes.fromhex(application["plain"]))
    except ProtocolError:
        return None


def write_apdu(kind: str, fields: Mapping[str, Any]) -> bytes:
    """Write an APDU.  Raises ValueError for an unknown kind or for what no frame can carry."""
    if kind == OTHER:
        return bytes.fromhex(str(fields.get(BODY, "")))
    given = dict(fields)
    if kind in LINK_KINDS:
        kind, given["type"] = "link_request", LINK_KINDS.index(kind)
    key = KEY_OF_KIND.get(kind)
    if key is None:
        message = f"no such kind {kind!r}, known are {', '.join(KEY_OF_KIND)}"
        raise ValueError(message)
    service = SERVICES[key]
    head = bytes(byte for byte in key if byte is not None)
    body = head + build(service.fields, given)
    if TAIL in given:
        return body + bytes.fromhex(given[TAIL])
    if service.tail is None:
        return body
    return body + build(service.tail, given)
