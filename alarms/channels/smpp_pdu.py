"""PDUs of SMPP 3.4, as bytes and as records.

length:4  command:4  status:4  sequence:4  body…          big-endian; texts end in a zero byte
submit_sm  service, source(ton npi addr), destination(ton npi addr), esm_class, protocol, priority,
           schedule, validity, registered, replace, coding, default id, length:1 text, TLVs
TLV        tag:2 length:2 value

Source: Short Message Peer to Peer Protocol Specification v3.4, issue 1.2.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any, Final

from construct import (
    Const,
    ConstructError,
    CString,
    Default,
    GreedyBytes,
    GreedyRange,
    Int8ub,
    Int16ub,
    Int32ub,
    Optional,
    Pass,
    Prefixed,
    Struct,
    Switch,
    this,
)

from wattwarden.protocol.errors import ProtocolError, Refusal

HEADER_BYTES: Final = 16
# A submit_sm of 254 bytes of text and every text at its longest is under 400 bytes; TLVs of a
# message's whole text (64 KiB) are not ours.
MAX_PDU_BYTES: Final = 4096
RESPONSE: Final = 0x8000_0000  # the bit that makes a command its answer (5.1.2.1)
VERSION: Final = 0x34  # 5.2.4


class Command(IntEnum):
    """Commands that we send or answer (5.1.2.1)."""

    GENERIC_NACK = 0x8000_0000
    SUBMIT_SM = 0x0000_0004
    SUBMIT_SM_RESP = 0x8000_0004
    DELIVER_SM = 0x0000_0005
    DELIVER_SM_RESP = 0x8000_0005
    UNBIND = 0x0000_0006
    UNBIND_RESP = 0x8000_0006
    BIND_TRANSCEIVER = 0x0000_0009
    BIND_TRANSCEIVER_RESP = 0x8000_0009
    ENQUIRE_LINK = 0x0000_0015
    ENQUIRE_LINK_RESP = 0x8000_0015


class Tag(IntEnum):
    """Optional parameters that we send or read (5.3.2)."""

    RECEIPTED_MESSAGE_ID = 0x001E
    USER_MESSAGE_REFERENCE = 0x0204
    MESSAGE_STATE = 0x0427


_TEXT: Final[Any] = CString("ascii")
_TLVS: Final[Any] = "tlvs" / GreedyRange(
    Struct("tag" / Int16ub, "value" / Prefixed(Int16ub, GreedyBytes))
)
_NUMBERED: Final = Struct("message_id" / Optional(_TEXT), _TLVS)
_MESSAGE: Final = Struct(
    "service_type" / Default(_TEXT, ""),
    "source_ton" / Default(Int8ub, 0),
    "source_npi" / Default(Int8ub, 0),
    "source" / Default(_TEXT, ""),
    "destination_ton" / Default(Int8ub, 0),
    "destination_npi" / Default(Int8ub, 0),
    "destination" / _TEXT,
    "esm_class" / Default(Int8ub, 0),
    "protocol_id" / Default(Int8ub, 0),
    "priority" / Default(Int8ub, 0),
    "schedule" / Default(_TEXT, ""),
    "validity" / Default(_TEXT, ""),
    "registered" / Default(Int8ub, 0),
    "replace" / Default(Int8ub, 0),
    "data_coding" / Default(Int8ub, 0),
    "default_id" / Default(Int8ub, 0),
    "short_message" / Prefixed(Int8ub, GreedyBytes),
    _TLVS,
)
_BIND: Final = Struct(
    "system_id" / _TEXT,
    "password" / _TEXT,
    "system_type" / Default(_TEXT, ""),
    "version" / Const(VERSION, Int8ub),
    "ton" / Default(Int8ub, 0),
    "npi" / Default(Int8ub, 0),
    "range" / Default(_TEXT, ""),
)
_BODIES: Final[dict[Any, Any]] = {
    Command.SUBMIT_SM: _MESSAGE,
    Command.SUBMIT_SM_RESP: _NUMBERED,
    Command.DELIVER_SM: _MESSAGE,
    Command.DELIVER_SM_RESP: _NUMBERED,
    Command.BIND_TRANSCEIVER: _BIND,
    Command.BIND_TRANSCEIVER_RESP: Struct("system_id" / Optional(_TEXT), _TLVS),
}
_PDU: Final = Prefixed(
    Int32ub,
    Struct(
        "command" / Int32ub,
        "status" / Int32ub,
        "sequence" / Int32ub,
        "body" / Switch(this.command, _BODIES, default=Pass),
    ),
    includelength=True,
)


@dataclass(frozen=True, slots=True)
class Pdu:
    """A PDU: ``fields`` under the names above (a bind's hold the password), ``tlvs`` by tag."""

    command: int
    status: int
    sequence: int
    fields: Mapping[str, Any] = field(repr=False)
    tlvs: Mapping[int, bytes]


def encode(
    command: Command,
    sequence: int,
    fields: Mapping[str, Any],
    tlvs: Mapping[int, bytes] | None = None,
    status: int = 0,
) -> bytes:
    """Return the bytes of a PDU; fields that are left out are zero or empty."""
    entries = [{"tag": tag, "value": value} for tag, value in (tlvs or {}).items()]
    body = {**fields, "tlvs": entries}
    whole = {"command": command, "status": status, "sequence": sequence, "body": body}
    return bytes(_PDU.build(whole))


def decode(data: bytes) -> Pdu:
    """Return the PDU of exactly so many bytes.

    Raises:
        ProtocolError: They are none.
    """
    if len(data) < HEADER_BYTES or int.from_bytes(data[:4], "big") != len(data):
        raise ProtocolError(Refusal.LENGTH, "length of the PDU does not fit")
    try:
        whole = _PDU.parse(data)
    except (ConstructError, UnicodeDecodeError) as error:
        raise ProtocolError(Refusal.DECODE, "PDU is cut short") from error
    body = dict(whole.body or {})
    tlvs = {one.tag: bytes(one.value) for one in body.pop("tlvs", ())}
    fields = {name: value for name, value in body.items() if not name.startswith("_")}
    return Pdu(whole.command, whole.status, whole.sequence, fields, tlvs)


def cut(buffer: bytes) -> tuple[tuple[bytes, ...], bytes]:
    """Return the whole PDUs that a stream begins with, and the rest.

    Raises:
        ProtocolError: A length that no PDU has: the stream cannot be read any further.
    """
    pdus: list[bytes] = []
    start = 0
    while len(buffer) - start >= HEADER_BYTES:
        length = int.from_bytes(buffer[start : start + 4], "big")
        if not HEADER_BYTES <= length <= MAX_PDU_BYTES:
            message = f"PDU is {HEADER_BYTES} to {MAX_PDU_BYTES} bytes, got {length}"
            raise ProtocolError(Refusal.LENGTH, message, start)
        if len(buffer) - start < length:
            break
        pdus.append(buffer[start : start + length])
        start += length
    return tuple(pdus), buffer[start:]


def renumber(pdu: bytes, sequence: int) -> bytes:
    """Return a PDU under another sequence number: a session numbers its own."""
    return pdu[:12] + sequence.to_bytes(4, "big") + pdu[HEADER_BYTES:]


def answer(pdu: Pdu) -> bytes:
    """Return the answer that a session owes to what its peer asked, b"" where it owes none."""
    owed = {
        Command.DELIVER_SM: Command.DELIVER_SM_RESP,
        Command.ENQUIRE_LINK: Command.ENQUIRE_LINK_RESP,
        Command.UNBIND: Command.UNBIND_RESP,
    }
    command = owed.get(Command(pdu.command)) if pdu.command in set(Command) else None
    if command is None:
        return b""
    fields = {"message_id": ""} if command is Command.DELIVER_SM_RESP else {}
    return encode(command, pdu.sequence, fields)
