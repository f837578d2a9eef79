"""Where a frame begins and ends, and the segment in it.

## LLLL segment CCCC CR LF     LLLL decimal, bytes of the segment; CCCC its CRC in hex
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from wattwarden.codecs.hj212.cipher import BLOCK_BYTES, is_ciphertext, is_sealed
from wattwarden.codecs.hj212.header import CP_BEGIN, CP_END, HEAD_BYTES
from wattwarden.protocol.checksum import hj212
from wattwarden.protocol.codec import Claim
from wattwarden.protocol.errors import ProtocolError, Refusal
from wattwarden.protocol.outline import LengthPrefixed

HEAD: Final = b"##"
CR: Final = b"\r"
CRLF: Final = b"\r\n"
CRC_BYTES: Final = 4
# The standard ends at 1,024; loggers of VOC stations, with a hundred factors, send 3 KiB at once.
MAX_SEGMENT_BYTES: Final = 4096
MAX_FRAME_BYTES: Final = HEAD_BYTES + MAX_SEGMENT_BYTES + CRC_BYTES
HEX_DIGITS: Final = frozenset(b"0123456789abcdefABCDEF")

_CR: Final = CR[0]
_HEX_PAIRS: Final = np.array([b"%02X" % byte for byte in range(256)])
# So far before the end that its length states a frame can end whose plain tail was forgotten.
_EARLIEST: Final = BLOCK_BYTES - 1


def measure(buffer: bytes, start: int) -> int:
    """Return the length of a frame, 0 before its length has arrived, -1 when there is none."""
    digits = buffer[start + 2 : start + HEAD_BYTES]
    if not digits.isdigit():
        return -1 if digits else 0
    if len(digits) < 4:
        return 0
    size = HEAD_BYTES + int(digits) + CRC_BYTES
    if size > MAX_FRAME_BYTES:
        return -1
    end = start + size
    tail = buffer[end - _EARLIEST : end - CRC_BYTES]
    if tail[-2:] != CP_END or _CR in tail:
        size -= lost_bytes(buffer, start, end)
    return size


def lost_bytes(buffer: bytes, start: int, end: int) -> int:
    """Return by how much a frame ends early whose sender forgot the plain tail behind ciphertext.

    Its length field counts the tail, so that there is one place to look, besides ``end``.  A CR
    must stand there: no byte further on may have a say, lest drips be cut otherwise.
    """
    data = buffer.find(CP_BEGIN, start, end) + len(CP_BEGIN)
    lost = (end - CRC_BYTES - len(CP_END) - data) % BLOCK_BYTES
    early = end - lost
    if not lost or buffer[early : early + 1] != CR or data < len(CP_BEGIN):
        return 0
    sealed = is_sealed(buffer[start + HEAD_BYTES : early - CRC_BYTES])
    return lost if sealed and _seems(buffer, start, early) else 0


def _seems(buffer: bytes, start: int, end: int) -> bool:
    """Whether the end looks right; the checksum is left to ``confirm``, which does many at once."""
    return (
        buffer[end - 6 : end - 4] == CP_END
        and HEX_DIGITS.issuperset(buffer[end - 4 : end])
        and end - start >= HEAD_BYTES + len(CP_BEGIN) + len(CP_END) + CRC_BYTES
    )


def _fits(buffer: bytes, start: int, end: int) -> bool:
    """Whether the checksum fits.

    Ciphertext, whose plain text the checksum is about, passes here: only ``confirm`` and ``read``
    have the keys.  Text never passes for ciphertext, however its bits were flipped.
    """
    if not _seems(buffer, start, end):
        return False
    segment = buffer[start + HEAD_BYTES : end - CRC_BYTES]
    return hj212(segment) == int(buffer[end - CRC_BYTES : end], 16) or is_sealed(segment)


OUTLINE: Final = LengthPrefixed(
    head=HEAD,
    most_bytes=MAX_FRAME_BYTES,
    measure=measure,
    fits=_fits,
    seems=_seems,
    separators=CRLF,
)


def recognise(head: bytes) -> Claim:
    """Tell whether a connection that begins with these bytes speaks HJ 212."""
    if not head.startswith(HEAD):
        return Claim.MORE if HEAD.startswith(head) else Claim.NO
    size = measure(head, 0)
    if size == 0:
        return Claim.MORE
    return Claim.YES if size > 0 else Claim.NO


def framed(segment: bytes, crc: int, lost: int = 0) -> bytes:
    """Make the frame of a segment whose last ``lost`` bytes are counted, but not sent."""
    return b"##%04d%b%04X\r\n" % (len(segment) + lost, segment, crc)


def framed_each(segments: Sequence[bytes], sums: NDArray[np.uint16]) -> list[bytes]:
    """Make the frame of each segment, b"" of none."""
    ends = np.empty((len(segments), 3), _HEX_PAIRS.dtype)
    ends[:, 0], ends[:, 1], ends[:, 2] = _HEX_PAIRS[sums >> 8], _HEX_PAIRS[sums & 0xFF], CRLF
    heads = {size: b"##%04d" % size for size in set(map(len, segments))}
    return [
        heads[len(segment)] + segment + end if segment else b""
        for segment, end in zip(segments, ends.view("S6").ravel().tolist(), strict=True)
    ]


class Raw(NamedTuple):
    """A segment as sent, its stated CRC, and how many bytes of it were not sent."""

    segment: bytes
    crc: int
    lost: int

    @property
    def fits(self) -> bool:
        """Whether the checksum fits the bytes as sent."""
        return not self.lost and hj212(self.segment) == self.crc

    @property
    def is_plain(self) -> bool:
        """Whether the bytes as sent are a text that the checksum fits."""
        return self.fits and not is_ciphertext(self.segment)


def take_apart(frame: bytes) -> Raw:
    """Take one whole frame apart.  Raises ProtocolError."""
    if not frame.startswith(HEAD):
        raise ProtocolError(Refusal.UNKNOWN, f"a frame begins with ##, got {frame[:2].hex(' ')}")
    digits = frame[2:HEAD_BYTES]
    if not digits.isdigit() or len(digits) < 4:
        raise ProtocolError(Refusal.LENGTH, f"length is four digits, got {digits!r}", 2)
    size = int(digits)
    if size > MAX_SEGMENT_BYTES:
        message = f"a segment has at most {MAX_SEGMENT_BYTES} bytes, the length field says {size}"
        raise ProtocolError(Refusal.LENGTH, message, 2)
    found = len(frame.rstrip(CRLF)) - HEAD_BYTES - CRC_BYTES
    lost = size - found
    if lost and lost != lost_bytes(frame, 0, HEAD_BYTES + size + CRC_BYTES):
        message = f"the length field says {size} bytes, the segment has {max(found, 0)}"
        raise ProtocolError(Refusal.LENGTH, message, 2)
    end = HEAD_BYTES + found
    crc = frame[end : end + CRC_BYTES]
    if not HEX_DIGITS.issuperset(crc):
        raise ProtocolError(Refusal.CHECKSUM, f"checksum is four hex digits, got {crc!r}", end)
    return Raw(frame[HEAD_BYTES:end], int(crc, 16), lost)


def halves(segment: bytes) -> tuple[bytes, bytes]:
    """Return header and data of a plain segment.  Raises ProtocolError."""
    head, mark, data = segment.partition(CP_BEGIN)
    if not mark or not data.endswith(CP_END):
        raise ProtocolError(Refusal.DECODE, "a segment ends with CP=&&…&&", HEAD_BYTES)
    return head, data[: -len(CP_END)]
