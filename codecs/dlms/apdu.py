"""An APDU between its bytes and plain fields.

bytes ─ read_apdu ─► kind, fields ─ write_apdu ─► the same bytes
"""

from collections.abc import Mapping
from io import BytesIO
from typing import Any, Final, NamedTuple

from wattwarden.codecs.dlms.services import (
    KEY_OF_KIND,
    SERVICES,
    WHOLE,
    WITH_VARIANT,
    Key,
)
from wattwarden.protocol.axdr import ExhaustedError, Trace, build, parse, take_length
from wattwarden.protocol.errors import ProtocolError

OTHER: Final = "other"
TAGS: Final = frozenset({tag for tag, _ in SERVICES} | set(WHOLE))
"""The first bytes that APDUs have, of all that are named."""
# Random bytes end after three or four values; these many cost what a checksum of 8 KiB does twice.
MOST_PROVING_VALUES: Final = 24
_ASSOCIATIONS: Final = range(0x60, 0x64)
APDU: Final = "apdu"
REST: Final = "rest"


class Apdu(NamedTuple):
    """What an APDU says."""

    kind: str
    fields: dict[str, Any]


def key_of(apdu: bytes) -> Key:
    """Return tag and variant; an APDU has at least one byte."""
    return (apdu[0], apdu[1]) if apdu[0] in WITH_VARIANT and len(apdu) > 1 else (apdu[0], None)


def read_apdu(apdu: bytes, trace: Trace | None = None, most_values: int | None = None) -> Apdu:
    """Read an APDU of at least one byte; one of no service that is known is kept whole.

    Bytes behind its fields are kept as ``rest``.  Raises ProtocolError, and ExhaustedError if there
    are more than ``most_values``.
    """
    key = key_of(apdu)
    service = SERVICES.get(key)
    if service is None:
        return Apdu(WHOLE.get(apdu[0], OTHER), {APDU: apdu.hex()})
    begin = 1 if key[1] is None else 2
    values, end = parse(service.fields, apdu, begin, trace=trace, most_values=most_values)
    fields: dict[str, Any] = values
    if end < len(apdu):
        fields[REST] = apdu[end:].hex()
    return Apdu(service.kind, fields)


def is_whole(apdu: bytes) -> bool:
    """Whether an APDU ends where its bytes do, as far as its first values can tell.

    Raises ProtocolError for a broken one.
    """
    if apdu[0] in _ASSOCIATIONS:
        stream = BytesIO(apdu[1:])
        return take_length(stream) == len(apdu) - 1 - stream.tell()
    try:
        return REST not in read_apdu(apdu, most_values=MOST_PROVING_VALUES).fields
    except ExhaustedError:
        return True


def write_apdu(kind: str, fields: Mapping[str, Any]) -> bytes:
    """Write an APDU.  Raises ValueError for an unknown kind or for what no frame can carry."""
    if APDU in fields:
        return bytes.fromhex(str(fields[APDU]))
    key = KEY_OF_KIND.get(kind)
    if key is None:
        message = f"no such kind {kind!r}, known are {', '.join(KEY_OF_KIND)}"
        raise ValueError(message)
    head = bytes(byte for byte in key if byte is not None)
    body = head + build(SERVICES[key].fields, fields)
    return body + bytes.fromhex(str(fields.get(REST, "")))


def body_of(apdu: Apdu) -> Any:
    """Return the data of an APDU that may be a list of readings, None where it has none."""
    if apdu.kind == "data_notification":
        return apdu.fields["body"]
    result = apdu.fields.get("result")
    return result.get("data") if isinstance(result, dict) else apdu.fields.get("data")


def read_or_none(apdu: bytes) -> Apdu | None:
    """Read an APDU, None where there is none or it is broken."""
    try:
        return read_apdu(apdu) if apdu else None
    except ProtocolError:
        return None
