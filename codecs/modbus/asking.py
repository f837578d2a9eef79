"""Asking a meter of Modbus, and answering as one would: for whoever polls, and for simulators.

MeterType ─ requests ─► bytes … ─► the line ─► answer(request, registers)
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Final

import construct as cs

from wattwarden.codecs.modbus.frame import check, seal
from wattwarden.codecs.modbus.functions import FAILED, READINGS
from wattwarden.codecs.modbus.maps import WORD_BYTES, MeterType
from wattwarden.codecs.modbus.pdu import MOST_REGISTERS
from wattwarden.protocol.errors import ProtocolError

_ILLEGAL_FUNCTION: Final = 1
_ILLEGAL_ADDRESS: Final = 2
_ILLEGAL_VALUE: Final = 3
_REQUEST_BYTES: Final = 5
# Slaves and types that stand behind a gateway's DTUs; few differ.
_REMEMBERED: Final = 4096


@lru_cache(_REMEMBERED)
def requests(slave: int, kind: MeterType) -> tuple[bytes, ...]:
    """Return the RTU frames that ask a meter for everything that has a quantity.

    Raises:
        ValueError: there is no such slave.
    """
    return tuple(
        seal(
            None,
            slave,
            bytes([kind.function]) + start.to_bytes(2, "big") + count.to_bytes(2, "big"),
        )
        for start, count in kind.blocks
    )


def registers(kind: MeterType, values: Mapping[str, float]) -> dict[int, int]:
    """Return all registers of a meter that measures ``values`` by quantity, 0 for the others.

    Raises:
        ValueError: a register cannot hold its value.
    """
    held: dict[int, int] = {}
    for start, count in kind.blocks:
        held |= dict.fromkeys(range(start, start + count), 0)
    for register in kind.registers:
        wanted = values.get(register.quantity, 0) / register.scale
        try:
            raw = bytes(register.piece.build(round(wanted) if register.is_whole else wanted))
        except cs.ConstructError as error:
            message = f"{register.quantity} of {wanted} counts does not fit its register"
            raise ValueError(message) from error
        for word in range(register.end - register.at):
            at = word * WORD_BYTES
            held[register.at + word] = int.from_bytes(raw[at : at + WORD_BYTES], "big")
    return held


def answer(request: bytes, slave: int, held: Mapping[int, int]) -> bytes | None:
    """Return what a meter says to a request: b"" when it is for another, None when it is none.

    Asked for registers that it does not hold, it refuses with an exception.
    """
    try:
        asked = check(request)
    except ProtocolError:
        return None
    if asked.slave != slave:
        return b""
    code = asked.pdu[0]
    if code not in READINGS or len(asked.pdu) != _REQUEST_BYTES:
        return seal(asked.transaction, slave, bytes([code | FAILED, _ILLEGAL_FUNCTION]))
    start, count = (int.from_bytes(asked.pdu[at : at + 2], "big") for at in (1, 3))
    if not 0 < count <= MOST_REGISTERS:
        return seal(asked.transaction, slave, bytes([code | FAILED, _ILLEGAL_VALUE]))
    words = [held.get(at) for at in range(start, start + count)]
    if None in words:
        return seal(asked.transaction, slave, bytes([code | FAILED, _ILLEGAL_ADDRESS]))
    data = b"".join(word.to_bytes(WORD_BYTES, "big") for word in words if word is not None)
    return seal(asked.transaction, slave, bytes([code, len(data)]) + data)
