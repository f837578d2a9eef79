"""One Modbus frame in readable form, and back: for people, simulators and commands."""

from collections.abc import Mapping
from typing import Any

import construct as cs

from wattwarden.codecs.modbus.frame import check, seal
from wattwarden.codecs.modbus.functions import (
    BY_KIND,
    COUNTED,
    EXCEPTIONS,
    FAILED,
    FUNCTIONS,
    KIND_OF_EXCEPTION,
    OTHER,
    REPLY_SUFFIX,
)
from wattwarden.codecs.modbus.pdu import WORD_BYTES, fields_of, is_failure, is_reply
from wattwarden.protocol.codec import Message, ProfileOf
from wattwarden.protocol.wire import parts_of


def read(frame: bytes, _profile_of: ProfileOf) -> Message:
    """Read one frame, checking everything; whose it is only its connection knows.

    ``slave`` and ``fc`` stand in every frame, ``tid`` and ``unit`` (the slave) in those of TCP;
    ``data`` is all that follows the function, as hex.

    Raises:
        ProtocolError: of kind length or checksum.
    """
    adu = check(frame)
    fields: dict[str, Any] = {"slave": adu.slave, "fc": adu.pdu[0]}
    if adu.transaction is not None:
        fields |= {"tid": adu.transaction, "unit": adu.slave}
    kind, said = said_of(adu.pdu)
    fields |= said
    if len(adu.pdu) > 1:
        fields["data"] = adu.pdu[1:].hex()
    return Message(kind, None, None, fields)


def said_of(pdu: bytes) -> tuple[str, dict[str, Any]]:
    """Return the kind of a PDU and what it says."""
    if is_failure(pdu):
        code = pdu[1] if len(pdu) > 1 else 0
        name = FUNCTIONS.get(pdu[0] - FAILED)
        said: dict[str, Any] = {"exception": code, "error": EXCEPTIONS.get(code, "")}
        return KIND_OF_EXCEPTION, said | ({"function": name.name} if name else {})
    function = FUNCTIONS.get(pdu[0])
    if function is None:
        return OTHER, {}
    reply = is_reply(function, pdu, asked=False)
    kind = function.kind + (REPLY_SUFFIX if reply else "")
    try:
        return kind, {"function": function.name} | fields_of(pdu, reply=reply)
    except cs.ConstructError:  # sound, yet shorter than its function says
        return OTHER, {"function": function.name}


def encode(message: Message) -> bytes:
    """Build the frame of a message: RTU, or TCP where it has a ``tid``; the inverse of ``read``.

    What follows the function is given as ``data`` (hex) or by its parts: ``start``, ``count``,
    ``value``, ``registers``, ``coils``, ``exception``.

    Raises:
        ValueError: unknown kind, or a value that its part cannot hold.
    """
    fields = message.fields
    try:
        slave = int(fields.get("slave", fields.get("unit", 1)))
        transaction = int(fields["tid"]) if "tid" in fields else None
        return seal(transaction, slave, _pdu(message.kind, fields))
    except (ValueError, KeyError, TypeError, OverflowError, cs.ConstructError) as error:
        text = f"{message.kind} cannot be built: {error}"
        raise ValueError(text) from error


def _pdu(kind: str, fields: Mapping[str, Any]) -> bytes:
    function = BY_KIND.get(kind.removesuffix(REPLY_SUFFIX))
    code = int(fields["fc"]) if "fc" in fields or function is None else function.code
    if "data" in fields:
        return bytes([code]) + bytes.fromhex(str(fields["data"]))
    if kind == KIND_OF_EXCEPTION:
        return bytes([code, int(fields["exception"])])
    if function is None:
        return bytes([code])
    reply = kind.endswith(REPLY_SUFFIX)
    struct = (function.reply if reply else function.request).struct
    counted = _counted(fields, function.brings if reply else function.asks)
    parts = {name: fields.get(name) for name, _ in parts_of(struct) if name is not None}
    if COUNTED in parts:
        parts[COUNTED] = len(counted)
    return bytes([code]) + bytes(struct.build(parts)) + counted


def _counted(fields: Mapping[str, Any], what: str) -> bytes:
    if what == "registers" and what in fields:
        return b"".join(int(word).to_bytes(WORD_BYTES, "big") for word in fields[what])
    if what == "coils" and what in fields:
        bits = [bool(bit) for bit in fields[what]]
        bits += [False] * (-len(bits) % 8)
        octets = (bits[at : at + 8] for at in range(0, len(bits), 8))
        return bytes(sum(bit << place for place, bit in enumerate(octet)) for octet in octets)
    return bytes.fromhex(str(fields.get("raw", "")))
