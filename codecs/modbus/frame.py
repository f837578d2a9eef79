"""Where a Modbus frame begins and ends, and what is around its PDU.

RTU   slave 1 | PDU n | CRC-16/MODBUS 2, low byte first
TCP   transaction 2 | 0000 | length 2 | unit 1 | PDU length-1

RTU has no length of its own: the function tells which lengths are possible, the CRC which is true.
Over TCP the silence between frames is lost, so a frame is searched byte by byte.
"""

import re
from typing import Final, NamedTuple

from wattwarden.codecs.modbus.functions import CODES, OWN, UNTOLD, pdu_sizes
from wattwarden.protocol import rtu
from wattwarden.protocol.candidates import Candidates
from wattwarden.protocol.checksum import modbus
from wattwarden.protocol.codec import Claim
from wattwarden.protocol.errors import ProtocolError, Refusal
from wattwarden.protocol.verdict import FRAME, MORE

MBAP_BYTES: Final = 7
LEAST_RTU_BYTES: Final = 4
MOST_RTU_BYTES: Final = 256  # the longest that the serial line guide V1.02 allows
MOST_BYTES: Final = 260  # of Modbus TCP: 6 and a length of 254
_PROTOCOL: Final = 2
_LENGTH_END: Final = 6
_MOST_RTU_PDU_BYTES: Final = MOST_RTU_BYTES - 1 - rtu.CRC_BYTES
_MOST_LENGTH: Final = MOST_BYTES - _LENGTH_END
_LEAST_LENGTH: Final = 2
# Bits of one thing written, by function; the first of them stands behind slave, function, address,
# count and size.
_WRITES: Final = {0x0F: 1, 0x10: 16}
_WRITTEN: Final = 7
_MOST_WRITTEN: Final = 246  # bytes: 123 registers, 1968 coils


class Adu(NamedTuple):
    """A sound frame.  ``transaction`` is None for RTU; ``begin`` is where the PDU stands."""

    transaction: int | None
    slave: int
    pdu: bytes
    begin: int


def rtu_ends(buffer: bytes, start: int) -> list[int]:
    """Return where an RTU frame of a known function that begins here may end.

    Of another function the length could be any, and a CRC that fits somewhere proves nothing.
    """
    if start + 1 >= len(buffer):
        return [UNTOLD]
    around = start + 1 + rtu.CRC_BYTES
    return [
        around + size if size else UNTOLD
        for size in pdu_sizes(buffer, start + 1)
        if size <= _MOST_RTU_PDU_BYTES
    ]


def _tcp_ends(buffer: bytes, start: int) -> list[int]:
    here = len(buffer) - start
    if (here > _PROTOCOL and buffer[start + _PROTOCOL]) or (
        here > _PROTOCOL + 1 and buffer[start + _PROTOCOL + 1]
    ):
        return []
    if here <= MBAP_BYTES:
        return [UNTOLD]
    size = buffer[start + 4] << 8 | buffer[start + 5]
    return [start + _LENGTH_END + size] if _LEAST_LENGTH <= size <= _MOST_LENGTH else []


def _ends(buffer: bytes, start: int) -> list[int]:
    return rtu_ends(buffer, start) + _tcp_ends(buffer, start)


def rtu_fits(buffer: bytes, start: int, end: int) -> bool:
    """Whether the CRC of an RTU frame fits."""
    return modbus(buffer[start:end]) == 0


def _tcp_fits(buffer: bytes, start: int, end: int) -> bool:
    """Whether header and function agree about the length: the only proof that there is."""
    if start + MBAP_BYTES >= end or end not in _tcp_ends(buffer, start):
        return False
    pdu = buffer[start + MBAP_BYTES : end]
    sizes = list(pdu_sizes(pdu, 0))
    return len(pdu) in sizes if sizes else pdu[0] in OWN


def _fits(buffer: bytes, start: int, end: int) -> bool:
    return rtu_fits(buffer, start, end) or _tcp_fits(buffer, start, end)


# A function behind a slave, or the two zeros of TCP behind a transaction; or the end hides it.
_BEGIN: Final = re.compile(rb"(?s).(?:[" + re.escape(CODES) + rb"]|\Z|.(?:\Z|\0(?:\Z|\0)))")

OUTLINE: Final = Candidates(most_bytes=MOST_BYTES, ends=_ends, fits=_fits, begin=_BEGIN)


def recognise(head: bytes) -> Claim:
    """Know a whole frame.  Nothing of it is peculiar to Modbus, so the port does not guess it."""
    verdict, _ = OUTLINE.cut(head, 0, 0)
    if verdict is FRAME:
        return Claim.YES
    return Claim.MORE if verdict is MORE else Claim.NO


def check(frame: bytes) -> Adu:
    """Check what frames a frame, and take it apart.

    Raises:
        ProtocolError: of kind length, checksum or unknown.
    """
    if len(frame) < LEAST_RTU_BYTES:
        message = f"a frame of Modbus has at least {LEAST_RTU_BYTES} bytes, got {len(frame)}"
        raise ProtocolError(Refusal.LENGTH, message)
    size = len(frame)
    is_rtu = size <= MOST_RTU_BYTES and rtu_fits(frame, 0, size)
    # A CRC may fit by chance; a length that the function has makes sure.
    if is_rtu and size in rtu_ends(frame, 0):
        return Adu(None, frame[0], frame[1 : -rtu.CRC_BYTES], 1)
    if size <= MOST_BYTES and _tcp_fits(frame, 0, size):
        transaction = int.from_bytes(frame[:2], "big")
        return Adu(transaction, frame[_LENGTH_END], frame[MBAP_BYTES:], MBAP_BYTES)
    if is_rtu:
        return Adu(None, frame[0], frame[1 : -rtu.CRC_BYTES], 1)
    raise _fault(frame)


def mend(frame: bytes) -> bytes | None:
    """Give a request to write, in RTU, the CRC that fits; None where that is not all it lacks.

    Its length is told twice; without a CRC that fits, most others could be anything.
    """
    if len(frame) <= _WRITTEN or frame[1] not in _WRITES:
        return None
    count, size = int.from_bytes(frame[_WRITTEN - 3 : _WRITTEN - 1], "big"), frame[_WRITTEN - 1]
    is_told_twice = size == -(-count * _WRITES[frame[1]] // 8) <= _MOST_WRITTEN
    is_whole = len(frame) == _WRITTEN + size + rtu.CRC_BYTES
    if not (count and is_told_twice and is_whole) or _tcp_fits(frame, 0, len(frame)):
        return None
    mended = rtu.seal(frame[: -rtu.CRC_BYTES])
    return mended if mended != frame and len(frame) in rtu_ends(mended, 0) else None


def _fault(frame: bytes) -> ProtocolError:
    """Say why bytes are no frame."""
    if len(frame) in rtu_ends(frame, 0):
        wanted = rtu.seal(frame[: -rtu.CRC_BYTES])[-rtu.CRC_BYTES :].hex().upper()
        told = frame[-rtu.CRC_BYTES :].hex().upper()
        message = f"the CRC {told} does not fit, {wanted} would"
        return ProtocolError(Refusal.CHECKSUM, message, len(frame) - rtu.CRC_BYTES)
    message = f"{len(frame)} bytes are no length that function {frame[1]:02X} has in RTU or TCP"
    return ProtocolError(Refusal.LENGTH, message)


def seal(transaction: int | None, slave: int, pdu: bytes) -> bytes:
    """Return the frame of a PDU: RTU without a transaction, else TCP.

    Raises:
        ValueError: slave, transaction or size is beyond what a frame can say.
    """
    if transaction is None:
        frame = rtu.seal(bytes([slave]) + pdu)
        most = MOST_RTU_BYTES
    else:
        length = (1 + len(pdu)).to_bytes(2, "big")
        frame = transaction.to_bytes(2, "big") + b"\0\0" + length + bytes([slave]) + pdu
        most = MOST_BYTES
    if not pdu or len(frame) > most:
        message = f"a frame has a function and up to {most} bytes, got {len(frame)}"
        raise ValueError(message)
    return frame
