"""Modbus RTU frames that other protocols carry, read as far as their own bytes say what they are.

slave 1 | function 1 | data n | CRC-16/MODBUS 2, low byte first

data of a reply to a reading:  count of bytes 1 | registers, two bytes each, high byte first
"""

from typing import Any, Final

from wattwarden.protocol.checksum import modbus

READ_HOLDING: Final = 3
READ_INPUT: Final = 4
WRITE_REGISTERS: Final = 16
READINGS: Final = (READ_HOLDING, READ_INPUT)
REPLY_HEAD_BYTES: Final = 3  # slave, function, count
CRC_BYTES: Final = 2
REPLY_FRAMING_BYTES: Final = REPLY_HEAD_BYTES + CRC_BYTES
_LEAST_BYTES: Final = 4
_ANY_SLAVE: Final = 1


def is_sound(rtu: bytes) -> bool:
    """Whether the CRC at the end fits."""
    return modbus(rtu) == 0


def seal(covered: bytes) -> bytes:
    """Return the frame: what is given, and its CRC."""
    return covered + modbus(covered).to_bytes(CRC_BYTES, "little")


def reply(registers: bytes) -> bytes:
    """Return the reply that carries these registers."""
    return seal(bytes([_ANY_SLAVE, READ_HOLDING, len(registers)]) + registers)


def counted_end(buffer: bytes, begin: int, end: int) -> int | None:
    """Return where a reply that begins here ends by its own count of bytes.

    None when what stands before ``end`` is no reply to a reading, or too short for one.
    """
    if begin + REPLY_FRAMING_BYTES > end or buffer[begin + 1] not in READINGS:
        return None
    return begin + REPLY_FRAMING_BYTES + buffer[begin + 2]


def read(rtu: bytes) -> dict[str, Any]:
    """Return the fields of a frame as JSON can carry them: ``rtu`` alone when it is not sound.

    ``slave`` and ``fc`` are its own; ``start`` (hex) and ``count`` of what is asked for or written,
    ``values`` of registers that it carries.
    """
    fields: dict[str, Any] = {"rtu": rtu.hex()}
    if len(rtu) < _LEAST_BYTES or not is_sound(rtu):
        return fields
    function, data = rtu[1], rtu[2:-CRC_BYTES]
    fields |= {"slave": rtu[0], "fc": function}
    if function in READINGS and len(data) == 1 + data[0]:
        fields["values"] = _registers(data[1:])
    elif function in READINGS and len(data) == 4:
        fields |= {"start": data[:2].hex(), "count": int.from_bytes(data[2:], "big")}
    elif function == WRITE_REGISTERS and len(data) > 5 and len(data) == 5 + data[4]:
        fields |= {"start": data[:2].hex(), "count": int.from_bytes(data[2:4], "big")}
        fields["values"] = _registers(data[5:])
    return fields


def _registers(data: bytes) -> list[int]:
    return [int.from_bytes(data[at : at + 2], "big") for at in range(0, len(data), 2)]
