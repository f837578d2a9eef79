"""The services of DLMS that are read: what an APDU holds behind its tag and its variant.

SERVICES has each by tag and variant (None where there is none); ``kind`` is the slug of the
message.  All others, such as the association's, are kept whole.
"""

from io import SEEK_CUR
from typing import Any, Final, NamedTuple

from wattwarden.codecs.dlms.data import DATA
from wattwarden.codecs.dlms.moment import DATE_TIME, DATE_TIME_BYTES
from wattwarden.codecs.dlms.obis import describe, obis_hex, obis_text
from wattwarden.protocol.axdr import (
    Choice,
    Leaf,
    Listed,
    Maybe,
    Record,
    take,
)
from wattwarden.protocol.axdr_values import OCTETS, U8, U16, U32, Boolean, Hex, Number
from wattwarden.protocol.errors import ProtocolError, Refusal


class Obis(Leaf):
    """A logical name: ``1.0.32.7.0.255``."""

    def get(self, stream: Any) -> str:  # noqa: D102  # by Leaf
        return obis_text(take(stream, 6).hex())

    def put(self, value: Any) -> bytes:  # noqa: D102  # by Leaf
        return bytes.fromhex(obis_hex(value or "0.0.0.0.0.0"))

    def show(self, value: Any) -> str:  # noqa: D102  # by Leaf
        return f"{value} {describe(value)}".strip()


# The bytes before the 12 of a push's time: its length, or else what some put there.
_FORMS: Final = {
    b"\x0c": "",
    b"\x09\x0c": "octet-string",  # Kaifa
    b"\x19": "date-time",
    b"\x01\x0c": "optional",
    b"\x01": "present",  # dlms-cosem
}
_PREFIXES: Final = {form: prefix for prefix, form in _FORMS.items()}


class PushTime(Leaf):
    """The time of a push: none, 12 bytes behind their length, or behind something else.

    ``{form: time}`` says what, where it is not the length alone.
    """

    def get(self, stream: Any) -> Any:  # noqa: D102  # by Leaf
        prefix = take(stream, 1)
        if prefix == b"\0":
            return None
        second = stream.read(1)
        if prefix + second in _FORMS:
            prefix += second
        else:
            stream.seek(-len(second), SEEK_CUR)
        if prefix not in _FORMS:
            message = f"a time has {DATE_TIME_BYTES} bytes or none, got {prefix.hex()}"
            raise ProtocolError(Refusal.DECODE, message)
        form, time = _FORMS[prefix], DATE_TIME.get(stream)
        return {form: time} if form else time

    def put(self, value: Any) -> bytes:  # noqa: D102  # by Leaf
        if value is None:
            return b"\0"
        ((form, time),) = value.items() if isinstance(value, dict) else (("", value),)
        return _PREFIXES[form] + DATE_TIME.put(time)

    def show(self, value: Any) -> str:  # noqa: D102  # by Leaf
        return "none" if value is None else str(value)


OBIS: Final = Obis()
PUSH_TIME: Final = PushTime()
INVOKE: Final = U8
RESULT: Final = Choice({0: ("data", DATA), 1: ("error", U8)})
BLOCK_RESULT: Final = Choice({0: ("raw", OCTETS), 1: ("error", U8)})
_SELECTION: Final = Maybe(Record("selector" / U8, "parameters" / DATA))
_ATTRIBUTE: Final = ("class" / U16, "obis" / OBIS, "attribute" / Number("b"))
_METHOD: Final = ("class" / U16, "obis" / OBIS, "method" / Number("b"))
_ASKED: Final = Record(*_ATTRIBUTE, "selection" / _SELECTION)
_DONE: Final = ("result" / U8, "returned" / Maybe(RESULT))


def _invoked(*parts: Any) -> Record:
    return Record("invoke_id_and_priority" / INVOKE, *parts)


class Service(NamedTuple):
    """What follows the tag and, where there is one, the byte of the variant."""

    kind: str
    fields: Record


NOTIFICATION_TAG: Final = 0x0F
_BLOCK: Final = ("last" / Boolean(), "block" / U32)
_CIPHERED: Final = Record("system_title" / OCTETS, "content" / OCTETS)
_OPAQUE: Final = Record("content" / OCTETS)

Key = tuple[int, int | None]
"""Tag and variant; of services without variants None."""

SERVICES: Final[dict[Key, Service]] = {
    (NOTIFICATION_TAG, None): Service(
        "data_notification",
        Record("long_invoke_id_and_priority" / Hex(4), "date_time" / PUSH_TIME, "body" / DATA),
    ),
    (0x10, None): Service(
        "data_notification_confirm",
        Record("long_invoke_id_and_priority" / Hex(4), "date_time" / PUSH_TIME),
    ),
    (0xC2, None): Service(
        "event_notification",
        Record("date_time" / Maybe(PUSH_TIME), *_ATTRIBUTE, "data" / DATA),
    ),
    (0xC0, 1): Service("get_request", _invoked(*_ASKED.subcons)),
    (0xC0, 2): Service("get_request_next", _invoked("block" / U32)),
    (0xC0, 3): Service("get_request_list", _invoked("items" / Listed(_ASKED))),
    (0xC4, 1): Service("get_response", _invoked("result" / RESULT)),
    (0xC4, 2): Service("get_response_block", _invoked(*_BLOCK, "result" / BLOCK_RESULT)),
    (0xC4, 3): Service("get_response_list", _invoked("items" / Listed(RESULT))),
    (0xC1, 1): Service("set_request", _invoked(*_ASKED.subcons, "data" / DATA)),
    (0xC1, 4): Service(
        "set_request_list", _invoked("items" / Listed(_ASKED), "data" / Listed(DATA))
    ),
    (0xC5, 1): Service("set_response", _invoked("result" / U8)),
    (0xC5, 2): Service("set_response_block", _invoked("block" / U32)),
    (0xC5, 3): Service("set_response_last_block", _invoked("result" / U8, "block" / U32)),
    (0xC5, 5): Service("set_response_list", _invoked("items" / Listed(U8))),
    (0xC3, 1): Service("action_request", _invoked(*_METHOD, "data" / Maybe(DATA))),
    (0xC3, 3): Service(
        "action_request_list", _invoked("items" / Listed(Record(*_METHOD)), "data" / Listed(DATA))
    ),
    (0xC7, 1): Service("action_response", _invoked(*_DONE)),
    (0xC7, 2): Service("action_response_block", _invoked(*_BLOCK, "raw" / OCTETS)),
    (0xC7, 3): Service("action_response_list", _invoked("items" / Listed(Record(*_DONE)))),
    (0xC7, 4): Service("action_response_next", _invoked("block" / U32)),
    (0xD8, None): Service("exception_response", Record("state_error" / U8, "service_error" / U8)),
    (0xDB, None): Service("general_glo_ciphering", _CIPHERED),
    (0xDC, None): Service("general_ded_ciphering", _CIPHERED),
    **{
        (tag, None): Service(f"ciphered_{name}", _OPAQUE)
        for tag, name in (
            (0xC8, "get_request"), (0xC9, "set_request"), (0xCA, "event_notification"),
            (0xCB, "action_request"), (0xCC, "get_response"), (0xCD, "set_response"),
            (0xCF, "action_response"), (0xD0, "dedicated_get_request"),
            (0xD1, "dedicated_set_request"), (0xD2, "dedicated_event_notification"),
            (0xD3, "dedicated_action_request"), (0xD4, "dedicated_get_response"),
            (0xD5, "dedicated_set_response"), (0xD7, "dedicated_action_response"),
        )
    },
}  # fmt: skip
WITH_VARIANT: Final = frozenset(tag for tag, variant in SERVICES if variant is not None)
KEY_OF_KIND: Final = {service.kind: key for key, service in SERVICES.items()}
# APDUs that are named, and otherwise kept whole.
WHOLE: Final = {
    0x60: "association_request", 0x61: "association_response",
    0x62: "release_request", 0x63: "release_response",
    0x0E: "confirmed_service_error", 0x18: "information_report",
    0xD9: "access_request", 0xDA: "access_response",
    0xDD: "general_ciphering", 0xDF: "general_signing", 0xE0: "general_block_transfer",
}  # fmt: skip
