"""The data of a PDU, part by part, and the words of counted bytes.

    fields_of(pdu, asked) ─► {"start": 0, "count": 2}  |  {"bytes": 4, "registers": [141, 142]}

A request and its reply may be of one size: eight bytes of RTU are a question when they ask for as
many registers as can be read at once, else a reply with three bytes.  The request that a frame
answers settles it.
"""

from typing import Any, Final

from wattwarden.codecs.modbus.functions import (
    COUNTED,
    FAILED,
    FUNCTIONS,
    IDENTIFY,
    Function,
)

WORD_BYTES: Final = 2
MOST_REGISTERS: Final = 125
_MOST_COILS: Final = 2000
_OBJECT_HEAD_BYTES: Final = 2


def is_reply(function: Function, pdu: bytes, *, asked: bool) -> bool:
    """Tell a reply from a request; ``asked`` says that a request of this function went before."""
    if function.is_echo:
        return False
    if len(pdu) != function.reply.sizes(pdu, 0):
        return False
    if asked or len(pdu) != function.request.sizes(pdu, 0):
        return True
    count = function.request.head(pdu).get("count", 0)
    return not 0 < count <= (MOST_REGISTERS if function.brings == "registers" else _MOST_COILS)


def fields_of(pdu: bytes, *, reply: bool) -> dict[str, Any]:
    """Return what a PDU of a known function says, without its function."""
    function = FUNCTIONS[pdu[0]]
    body = function.reply if reply else function.request
    fields: dict[str, Any] = dict(body.head(pdu))
    counted = pdu[body.size :]
    if COUNTED in fields:
        fields |= words_of(counted, function.brings if reply else function.asks)
    elif function.code == IDENTIFY and reply:
        fields["objects"] = objects_of(counted)
    return fields


def words_of(counted: bytes, what: str) -> dict[str, Any]:
    """Return counted bytes as what they are; odd registers and other bytes as hex."""
    if what == "registers" and len(counted) % WORD_BYTES == 0:
        return {what: registers_of(counted)}
    if what == "coils":
        return {what: [byte >> bit & 1 for byte in counted for bit in range(8)]}
    return {"raw": counted.hex()}


def registers_of(counted: bytes) -> list[int]:
    """Return registers, high byte first."""
    return [
        int.from_bytes(counted[at : at + WORD_BYTES], "big")
        for at in range(0, len(counted), WORD_BYTES)
    ]


def objects_of(counted: bytes) -> list[dict[str, Any]]:
    """Return the objects of an identification; what is cut short is left out."""
    found = []
    at = 0
    while at + _OBJECT_HEAD_BYTES <= len(counted):
        end = at + _OBJECT_HEAD_BYTES + counted[at + 1]
        text = counted[at + _OBJECT_HEAD_BYTES : end].decode("ascii", "backslashreplace")
        found.append({"object": counted[at], "text": text})
        at = end
    return found


def is_failure(pdu: bytes) -> bool:
    """Whether a PDU is an exception."""
    return pdu[0] > FAILED
