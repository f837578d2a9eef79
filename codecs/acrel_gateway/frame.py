"""One frame of Acrel's gateways: its types, where it ends.

1F 1F | type 1 | length 4, high byte first | data

There is no checksum, so what must be true of the data is asked as well: texts begin as texts, and
what is encrypted is whole blocks.
"""

from typing import Final, NamedTuple

from wattwarden.protocol.codec import Claim
from wattwarden.protocol.errors import ProtocolError, Refusal
from wattwarden.protocol.outline import LengthPrefixed

HEAD: Final = b"\x1f\x1f"
HEADER_BYTES: Final = 7
# A hundred meters of fifty functions take 250 KiB as text, and a tenth of that compressed; an
# envelope holds two of the longest.
MOST_BYTES: Final = 131_072
BLOCK_BYTES: Final = 16

AUTH, HEARTBEAT, DATA, DATA_ZIPPED, PASS_DOWN, PASS_UP = 0x01, 0x02, 0x03, 0x04, 0xF1, 0xF2
XML: Final = frozenset((AUTH, HEARTBEAT))
SEALED: Final = frozenset((DATA, DATA_ZIPPED))
PASSED: Final = frozenset((PASS_DOWN, PASS_UP))
TYPES: Final = XML | SEALED | PASSED


class Parts(NamedTuple):
    """A frame taken apart."""

    type: int
    data: bytes


def seal(kind: int, data: bytes) -> bytes:
    """Return the frame of a type."""
    return HEAD + bytes([kind]) + len(data).to_bytes(4, "big") + data


def check(frame: bytes) -> Parts:
    """Take a frame apart.

    Raises:
        ProtocolError: unknown, or length.
    """
    if not frame.startswith(HEAD):
        raise ProtocolError(Refusal.UNKNOWN, "a frame of a gateway begins with 1F1F")
    if len(frame) < HEADER_BYTES:
        raise ProtocolError(Refusal.LENGTH, "the frame ends within its header", len(frame))
    size = _measure(frame, 0)
    if size < 0 and frame[2] not in TYPES:
        raise ProtocolError(Refusal.UNKNOWN, f"no such type {frame[2]:02X}", 2)
    if size != len(frame):
        announced = int.from_bytes(frame[3:HEADER_BYTES], "big")
        text = f"{announced} bytes of data are announced, {len(frame) - HEADER_BYTES} are there"
        raise ProtocolError(Refusal.LENGTH, text, 3)
    if not _fits(frame, 0, size):
        raise ProtocolError(Refusal.DECODE, f"no data of the type {frame[2]:02X}", HEADER_BYTES)
    return Parts(frame[2], frame[HEADER_BYTES:])


def _measure(buffer: bytes, start: int) -> int:
    """Return the length of a frame, 0 not told yet, -1 where none can begin."""
    if start + 2 < len(buffer) and buffer[start + 2] not in TYPES:
        return -1
    if start + HEADER_BYTES > len(buffer):
        return 0
    size = HEADER_BYTES + int.from_bytes(buffer[start + 3 : start + HEADER_BYTES], "big")
    return size if HEADER_BYTES < size <= MOST_BYTES else -1


def _fits(buffer: bytes, start: int, end: int) -> bool:
    kind, begin = buffer[start + 2], start + HEADER_BYTES
    if kind in SEALED:
        return (end - begin) % BLOCK_BYTES == 0
    if kind in XML:
        return buffer.startswith(b"<", begin) and buffer.endswith(b">", begin, end)
    return buffer[begin] != ord("<") and buffer.find(b"|", begin, end) > begin


OUTLINE: Final = LengthPrefixed(HEAD, MOST_BYTES, _measure, _fits)


def recognise(head: bytes) -> Claim:
    """Know a gateway by its header and the first byte of what it says."""
    if not head.startswith(HEAD):
        return Claim.MORE if HEAD.startswith(head) else Claim.NO
    size = _measure(head, 0)
    if size < 0:
        return Claim.NO
    if not size or len(head) == HEADER_BYTES:
        return Claim.MORE
    if head[2] in SEALED:
        return Claim.YES if (size - HEADER_BYTES) % BLOCK_BYTES == 0 else Claim.NO
    first = head[HEADER_BYTES : HEADER_BYTES + 1]
    return Claim.YES if (first == b"<") == (head[2] in XML) else Claim.NO
