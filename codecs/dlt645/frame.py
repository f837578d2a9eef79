"""Where a frame of DL/T 645 begins and ends, and what it is made of.

FE… | 68 | A 6 | 68 | C 1 | L 1 | DATA L, each byte + 33H | CS 1 | 16

Neither 68 nor 16 is stuffed: both stand in addresses, data and sums, so the length alone tells the
end and the sum alone proves it.
"""

from typing import Final, NamedTuple

from wattwarden.protocol.checksum import sum8
from wattwarden.protocol.codec import Claim
from wattwarden.protocol.errors import ProtocolError, Refusal
from wattwarden.protocol.ft12 import sound_end as ft12_end
from wattwarden.protocol.length_prefixed import LengthPrefixed

HEAD: Final = b"\x68"
TAIL: Final = 0x16
PREAMBLE: Final = b"\xfe"  # wakes the receiver of a slow line; any number is met
ADDRESS_BYTES: Final = 6
SECOND_HEAD: Final = 7
CONTROL: Final = 8
LENGTH: Final = 9
DATA: Final = 10
FRAMING_BYTES: Final = 12
MOST_BYTES: Final = FRAMING_BYTES + 0xFF  # L is one byte; the standard uses up to 200

_OFFSET: Final = 0x33
_MASK: Final = bytes((byte + _OFFSET) & 0xFF for byte in range(256))
_BARE: Final = bytes((byte - _OFFSET) & 0xFF for byte in range(256))

_NOBODY: Final = frozenset(digit * 2 * ADDRESS_BYTES for digit in "a9f")
"""What stands for whoever listens: AA, 99 and, of some masters, FF throughout."""


# An AA stands for whatever a meter has in its place.
_IN_ADDRESS: Final = frozenset(
    (*(tens << 4 | ones for tens in range(10) for ones in range(10)), 0xAA, 0xFF)
)


class Parts(NamedTuple):
    """A frame that is sound.  ``data`` without the 33H; ``begin`` is where the first 68 stands."""

    begin: int
    address: str
    control: int
    data: bytes


def masked(data: bytes) -> bytes:
    """Return data as the line has them."""
    return data.translate(_MASK)


def bare(data: bytes) -> bytes:
    """Return data of the line as the standard's tables have them."""
    return data.translate(_BARE)


def _measure(buffer: bytes, start: int) -> int:
    here = len(buffer) - start
    if here > SECOND_HEAD and buffer[start + SECOND_HEAD] != HEAD[0]:
        return -1
    return FRAMING_BYTES + buffer[start + LENGTH] if here > LENGTH else 0


def _fits(buffer: bytes, start: int, end: int) -> bool:
    return buffer[end - 1] == TAIL and sum8(buffer[start : end - 2]) == buffer[end - 2]


OUTLINE: Final = LengthPrefixed(
    head=HEAD, most_bytes=MOST_BYTES, measure=_measure, fits=_fits, preamble=PREAMBLE
)


def begin_of(frame: bytes) -> int:
    """Return where the first byte stands that is no FE."""
    return len(frame) - len(frame.lstrip(PREAMBLE))


def sound_end(buffer: bytes, start: int) -> int:
    """Return where the sound frame that begins at ``start`` ends, 0 when none does."""
    if not buffer.startswith(HEAD, start):
        return 0
    size = _measure(buffer, start)
    end = start + size
    return end if size > 0 and end <= len(buffer) and _fits(buffer, start, end) else 0


def _is_address(raw: bytes) -> bool:
    """Whether bytes may stand in an address: digits, or what stands for any digits."""
    return all(byte in _IN_ADDRESS for byte in raw)


def may_begin(head: bytes) -> bool:
    """Whether bytes that begin with 68 may become a frame."""
    return _measure(head, 0) >= 0


def recognise(head: bytes) -> Claim:
    """Know DL/T 645 by a whole frame whose sum fits, from an address that meters may have.

    Q/GDW 376.1 begins with 68, too: bytes that are a sound frame of both are of the one whose frame
    ends first.
    """
    begin = begin_of(head)
    if begin == len(head):
        return Claim.MORE
    if not head.startswith(HEAD, begin):
        return Claim.NO
    size = _measure(head, begin)
    if size < 0 or not _is_address(head[begin + 1 : begin + SECOND_HEAD]):
        return Claim.NO
    if not size or begin + size > len(head):
        return Claim.MORE
    if not _fits(head, begin, begin + size) or 0 < ft12_end(head, begin) <= begin + size:
        return Claim.NO
    return Claim.YES


def check(frame: bytes) -> Parts:
    """Check what frames a frame, and take it apart.

    Raises:
        ProtocolError: of every kind but decode.
    """
    begin = begin_of(frame)
    here = len(frame) - begin
    if not frame.startswith(HEAD, begin) or (
        here > SECOND_HEAD and frame[begin + SECOND_HEAD] != HEAD[0]
    ):
        message = "a frame of DL/T 645 has 68 before and behind its address"
        raise ProtocolError(Refusal.UNKNOWN, message, begin if here else 0)
    if here < FRAMING_BYTES or here != FRAMING_BYTES + frame[begin + LENGTH]:
        announced = frame[begin + LENGTH] if here > LENGTH else 0
        message = f"a frame with {announced} bytes of data has {FRAMING_BYTES + announced}"
        raise ProtocolError(Refusal.LENGTH, f"{message}, got {here}", begin)
    if frame[-1] != TAIL:
        raise ProtocolError(Refusal.LENGTH, "a frame of DL/T 645 ends with 16", len(frame) - 1)
    wanted = sum8(frame[begin:-2])
    if wanted != frame[-2]:
        message = f"the sum {frame[-2]:02X} does not fit, {wanted:02X} would"
        raise ProtocolError(Refusal.CHECKSUM, message, len(frame) - 2)
    return parts_of(frame, begin)


def parts_of(frame: bytes, begin: int) -> Parts:
    """Take a sound frame apart that begins at ``begin``."""
    address = frame[begin + 1 : begin + SECOND_HEAD][::-1].hex()
    return Parts(begin, address, frame[begin + CONTROL], bare(frame[begin + DATA : -2]))


def meter_of(address: str) -> str | None:
    """Return the meter of an address, None for that of nobody in particular."""
    return None if address in _NOBODY else address


def seal(address: str, control: int, data: bytes) -> bytes:
    """Return the frame of an address (twelve digits), without preamble.

    Raises:
        ValueError: the address is none, or the data do not fit into a frame.
    """
    raw = bytes.fromhex(address)[::-1]
    if len(raw) != ADDRESS_BYTES or len(data) > MOST_BYTES - FRAMING_BYTES:
        message = f"6 bytes of address and up to 255 of data, got {len(raw)} and {len(data)}"
        raise ValueError(message)
    summed = HEAD + raw + HEAD + bytes([control, len(data)]) + masked(data)
    return summed + bytes([sum8(summed), TAIL])
