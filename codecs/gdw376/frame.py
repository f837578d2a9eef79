"""Where a frame of Q/GDW 376.1 begins and ends, and its fixed parts.

68 | L 2 | L 2 | 68 | C 1 | A1 2 A2 2 A3 1 | AFN 1 | SEQ 1 | data | CS 1 | 16
"""

from typing import Final, NamedTuple

from wattwarden.codecs.dlt645.frame import MOST_BYTES as MOST_BYTES_645
from wattwarden.codecs.dlt645.frame import may_begin as may_begin_645
from wattwarden.codecs.dlt645.frame import sound_end as dlt645_end
from wattwarden.protocol import ft12
from wattwarden.protocol.checksum import sum8
from wattwarden.protocol.codec import Claim
from wattwarden.protocol.errors import ProtocolError, Refusal
from wattwarden.protocol.length_prefixed import LengthPrefixed
from wattwarden.protocol.recognition import MAX_HEAD_BYTES

CONTROL: Final = ft12.BODY
ADDRESS: Final = CONTROL + 1
AFN: Final = ADDRESS + 5
SEQ: Final = AFN + 1
DATA: Final = SEQ + 1
FIXED_BYTES: Final = 8  # from C to SEQ

UP: Final = 0x80
BEGINS: Final = 0x40
COUNTERS_FOLLOW: Final = 0x20
FUNCTION: Final = 0x0F
LINK_TEST: Final = 9

STAMPED: Final = 0x80
FIRST: Final = 0x40
LAST: Final = 0x20
CONFIRM: Final = 0x10
NUMBER: Final = 0x0F

_EVERYBODY: Final = 0xFFFF


class Parts(NamedTuple):
    """A sound frame.  ``data`` are what stands between SEQ and CS, AUX included."""

    protocol: int
    control: int
    region: str
    terminal: int
    a3: int
    afn: int
    seq: int
    data: bytes

    @property
    def is_up(self) -> bool:
        """Whether the terminal says it."""
        return bool(self.control & UP)


def _measure(buffer: bytes, start: int) -> int:
    size = ft12.measure(buffer, start)
    return size if size <= 0 or size >= ft12.FRAMING_BYTES + FIXED_BYTES else -1


OUTLINE: Final = LengthPrefixed(
    head=bytes([ft12.HEAD]), most_bytes=ft12.MOST_BYTES, measure=_measure, fits=ft12.fits
)


def mend(frame: bytes) -> bytes | None:
    """Give a master's frame the sum that fits; None where that is not all that it lacks."""
    is_whole = frame.startswith(OUTLINE.head) and _measure(frame, 0) == len(frame) > CONTROL
    if not is_whole or frame[CONTROL] & UP:
        return None
    mended = frame[:-2] + bytes([sum8(frame[CONTROL:-2])]) + frame[-1:]
    return mended if mended != frame and ft12.fits(mended, 0, len(mended)) else None


def recognise(head: bytes) -> Claim:
    """Know Q/GDW 376.1 by a whole frame whose sum fits, or by the header of one beyond the head.

    DL/T 645 begins with 68, too: bytes that are a sound frame of both are of the one whose frame
    ends first.
    """
    if not head.startswith(OUTLINE.head):
        return Claim.NO if head else Claim.MORE
    size = _measure(head, 0)
    if size < 0 or 0 < dlt645_end(head, 0) < size:
        return Claim.NO
    if size > MAX_HEAD_BYTES:
        return Claim.MORE if len(head) < MOST_BYTES_645 and may_begin_645(head) else Claim.YES
    if not 0 < size <= len(head):
        return Claim.MORE
    return Claim.YES if ft12.fits(head, 0, size) else Claim.NO


def check(frame: bytes) -> Parts:
    """Check what frames a frame, and take it apart.

    Raises:
        ProtocolError: of every kind but decode.
    """
    if not frame.startswith(OUTLINE.head):
        raise ProtocolError(Refusal.UNKNOWN, "a frame of Q/GDW 376.1 begins with 68")
    size = ft12.measure(frame, 0)
    if size < 0:
        message = "a frame of Q/GDW 376.1 repeats its length and has 68 behind it"
        raise ProtocolError(Refusal.UNKNOWN, message, 1)
    if not size:
        raise ProtocolError(Refusal.LENGTH, "the frame ends within its header", len(frame))
    if size != len(frame) or size < ft12.FRAMING_BYTES + FIXED_BYTES:
        message = f"the frame announces {size} bytes in all, got {len(frame)}"
        raise ProtocolError(Refusal.LENGTH, message, 1)
    if frame[-1] != ft12.TAIL:
        raise ProtocolError(Refusal.LENGTH, "a frame of Q/GDW 376.1 ends with 16", size - 1)
    if not ft12.fits(frame, 0, size):
        message = f"the sum {frame[-2]:02X} does not fit"
        raise ProtocolError(Refusal.CHECKSUM, message, size - 2)
    return parts_of(frame)


def parts_of(frame: bytes) -> Parts:
    """Take a sound frame apart."""
    region = frame[ADDRESS : ADDRESS + 2][::-1].hex().upper()
    terminal = int.from_bytes(frame[ADDRESS + 2 : ADDRESS + 4], "little")
    return Parts(
        frame[1] & 3, frame[CONTROL], region, terminal, frame[ADDRESS + 4], frame[AFN],
        frame[SEQ], frame[DATA:-2],
    )  # fmt: skip


def meter_of(parts: Parts) -> str | None:
    """Return the address of a terminal, None when the frame is for a group or for all."""
    is_group = bool(parts.a3 & 1) and not parts.is_up
    if is_group or parts.terminal == _EVERYBODY:
        return None
    return f"{parts.region}{parts.terminal:05}"


def address_of(meter: str) -> tuple[str, int]:
    """Return region and number of a terminal's address.  Raises ValueError for no such address."""
    region, number = meter[:4], meter[4:]
    if len(meter) != 9 or not number.isdecimal() or int(number) > _EVERYBODY:
        message = f"a terminal has four digits of region and five of its own, got {meter!r}"
        raise ValueError(message)
    return region, int(number)


def seal(parts: Parts) -> bytes:
    """Return the frame of its parts.  Raises ValueError for what does not fit."""
    region = bytes.fromhex(parts.region)[::-1]
    if len(region) != 2:
        message = f"a region has four digits, got {parts.region!r}"
        raise ValueError(message)
    body = bytes([parts.control]) + region + parts.terminal.to_bytes(2, "little")
    body += bytes([parts.a3, parts.afn, parts.seq]) + parts.data
    return ft12.seal(body, parts.protocol)
