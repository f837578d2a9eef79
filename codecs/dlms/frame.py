"""Where a frame of DLMS/COSEM begins and ends, and what is around its APDU.

HDLC (IEC 62056-46)
7E | A S LLL 2 | destination | source | control 1 | HCS 2 | information | FCS 2 | 7E

wrapper (IEC 62056-47), high byte first
0001 | source 2 | destination 2 | length 2 | APDU

LLL are the 11 bits that count the bytes between the flags; S says that a segment of the information
follows.  An address has 1, 2 or 4 bytes, of which the last has its lowest bit set.  HCS covers the
header and is there where information is, FCS all between the flags: CRC-16/X-25, low byte first.
Information begins with E6E600 or E6E700 where it is an APDU.

The length tells the end, as 7E and 7D stand unescaped inside.  One flag may end a frame and begin
the next, which then is a frame without an opening flag here.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, NamedTuple

from wattwarden.codecs.dlms.apdu import TAGS, is_whole
from wattwarden.protocol.checksum import x25
from wattwarden.protocol.codec import Claim
from wattwarden.protocol.errors import ProtocolError, Refusal
from wattwarden.protocol.recognition import MAX_HEAD_BYTES
from wattwarden.protocol.verdict import FRAME, MORE, NOISE, SKIP, Cut

FLAG: Final = 0x7E
FLAGS: Final = b"\x7e"
WRAPPER_HEAD: Final = b"\x00\x01"
WRAPPER_BYTES: Final = 8
CRC_BYTES: Final = 2
SEGMENTED: Final = 0x08
FORMAT_BYTES: Final = 2
MOST_HDLC_BYTES: Final = 0x07FF + 1
# Meters announce at most 2,048; push lists of load profiles stay below four times that.
MOST_APDU_BYTES: Final = 8192
MOST_BYTES: Final = WRAPPER_BYTES + MOST_APDU_BYTES
LLC_REQUEST: Final = b"\xe6\xe6\x00"
LLC_RESPONSE: Final = b"\xe6\xe7\x00"
_ADDRESS_SIZES: Final = (1, 2, 4)
_BEGIN: Final = re.compile(rb"[\x7e\xa0-\xaf]|\x00(?:\x01|\Z)")


class Header(NamedTuple):
    """Where the parts of an HDLC header end, counted from the frame's format."""

    destination: int
    source: int
    control: int


def _address_end(buffer: bytes, at: int) -> int:
    """Return where an address ends, 0 where more bytes are needed, -1 where it is none."""
    for size in _ADDRESS_SIZES:
        piece = buffer[at : at + size]
        if len(piece) < size:
            return 0
        if piece[-1] & 1:
            return at + size if not any(byte & 1 for byte in piece[:-1]) else -1
    return -1


def header_of(buffer: bytes, start: int) -> Header | int:
    """Return the header's parts, 0 where more bytes are needed, -1 where it is none."""
    destination = _address_end(buffer, start + FORMAT_BYTES)
    if destination <= 0:
        return destination
    source = _address_end(buffer, destination)
    if source <= 0:
        return source
    return Header(destination, source, source + 1) if source < len(buffer) else 0


def _measure_hdlc(buffer: bytes, start: int) -> int:
    """Return a frame's length with its closing flag, 0 for more bytes, -1 for no frame."""
    if start + FORMAT_BYTES > len(buffer):
        return 0
    size = (buffer[start] & 0x07) << 8 | buffer[start + 1]
    header = header_of(buffer, start)
    if isinstance(header, int):
        return header
    end = start + size
    if header.control + CRC_BYTES == end:
        return size + 1
    if header.control + 2 * CRC_BYTES > end:
        return -1
    covered = header.control + CRC_BYTES
    if covered > len(buffer):
        return 0
    # Told by the header alone, so that what only looks like a frame holds nothing back.
    return size + 1 if x25(buffer[start : header.control]) == _crc(buffer, covered) else -1


def _crc(buffer: bytes, end: int) -> int:
    return buffer[end - 2] | buffer[end - 1] << 8


def _measure_wrapper(buffer: bytes, start: int) -> int:
    if start + WRAPPER_BYTES >= len(buffer):
        return 0
    source, destination, size = (
        int.from_bytes(buffer[at : at + 2], "big") for at in range(start + 2, start + 8, 2)
    )
    if not (source and destination and 0 < size <= MOST_APDU_BYTES):
        return -1
    return WRAPPER_BYTES + size if buffer[start + WRAPPER_BYTES] in TAGS else -1


def _fits(buffer: bytes, start: int, end: int) -> bool:
    """Whether a whole frame is proven: by its FCS, or by an APDU that fills the wrapper."""
    if buffer[start] == WRAPPER_HEAD[0]:
        try:
            return is_whole(buffer[start + WRAPPER_BYTES : end])
        except ProtocolError:
            return False
    begin = start + (buffer[start] == FLAG)
    return buffer[end - 1] == FLAG and x25(buffer[begin : end - 3]) == _crc(buffer, end - 1)


def _measure(buffer: bytes, start: int) -> int:
    """Return the length of what begins here, 0 for more bytes, -1 for no frame."""
    begin = start + (buffer[start] == FLAG)
    if begin == len(buffer):
        return 0
    if buffer[begin] & 0xF0 == 0xA0:
        size = _measure_hdlc(buffer, begin)
        return size + begin - start if size > 0 else size
    if begin == start and buffer.startswith(WRAPPER_HEAD, start):
        return _measure_wrapper(buffer, start)
    is_last = start + 1 == len(buffer)
    return 0 if is_last and buffer[start] == WRAPPER_HEAD[0] else -1


@dataclass(frozen=True, slots=True)
class DlmsOutline:
    """Frames in HDLC, with an opening flag or after the closing one of another, or in the wrapper.

    Flags that open nothing are separators.
    """

    fits: Callable[[bytes, int, int], bool] = _fits
    head: bytes = FLAGS
    most_bytes: int = MOST_BYTES
    separators: bytes = FLAGS

    def cut(self, buffer: bytes, start: int, searched: int) -> Cut:  # noqa: ARG002, D102  # seam
        size = _measure(buffer, start)
        end = start + size
        if size == 0 or end > len(buffer):
            return (MORE, start)
        if size > 0 and self.fits(buffer, start, end):
            return (FRAME, end)
        if buffer.startswith(FLAGS * 2, start):
            return (SKIP, start + 1)
        found = _BEGIN.search(buffer, start + 1)
        return (NOISE, len(buffer) if found is None else found.start())

    def run(  # noqa: D102  # described by Outline
        self,
        buffer: bytes,  # noqa: ARG002  # seam
        start: int,
        frames: list[bytes],  # noqa: ARG002  # seam
    ) -> int:
        return start

    def cut_strictly(  # noqa: D102  # described by Outline
        self, buffer: bytes, start: int, searched: int = 0
    ) -> Cut:
        return self.cut(buffer, start, searched)


OUTLINE: Final = DlmsOutline()


def recognise(head: bytes) -> Claim:
    """Know HDLC by checksums that fit, the wrapper by its version, ports and its APDU."""
    head = head[:MAX_HEAD_BYTES]
    start = max(begin_of(head) - 1, 0)
    if start == len(head):
        return Claim.MORE
    size = _measure(head, start)
    if size > 0 and start + size <= len(head):
        return Claim.YES if _fits(head, start, start + size) else Claim.NO
    if size <= 0:
        return Claim.NO if size else Claim.MORE
    return Claim.YES if start + size > MAX_HEAD_BYTES else Claim.MORE


class Link(NamedTuple):
    """What is around the information of a frame.

    ``control`` and ``segmented`` are HDLC's, None and False in the wrapper; ``begin`` is where
    ``information`` begins in the frame.
    """

    destination: bytes
    source: bytes
    control: int | None
    segmented: bool
    information: bytes
    begin: int

    @property
    def is_hdlc(self) -> bool:
        """Whether the frame is one of HDLC."""
        return self.control is not None


def begin_of(frame: bytes) -> int:
    """Return where the first byte stands that is no flag."""
    return len(frame) - len(frame.lstrip(FLAGS))


def take_apart(frame: bytes) -> Link:
    """Take one whole frame apart, opening flags allowed, checking everything.

    Raises:
        ProtocolError: of every kind.
    """
    start = begin_of(frame)
    if start < len(frame) and frame[start] & 0xF0 == 0xA0:
        return _take_hdlc(frame, start)
    if frame.startswith(WRAPPER_HEAD):
        return _take_wrapper(frame)
    raise ProtocolError(Refusal.UNKNOWN, "a frame of DLMS begins with 7E A or 0001")


def _take_hdlc(frame: bytes, start: int) -> Link:
    header = header_of(frame, start)
    if isinstance(header, int):
        raise ProtocolError(Refusal.LENGTH, "the frame ends in its header", len(frame))
    at = header.control + CRC_BYTES
    size = ((frame[start] & 0x07) << 8 | frame[start + 1]) + 1
    rest = start + size - 1 - at
    if start + size != len(frame) or (rest and rest < CRC_BYTES):
        message = f"the length field says {size - 1} bytes, the frame has {len(frame) - start - 1}"
        raise ProtocolError(Refusal.LENGTH, message, start)
    if frame[-1] != FLAG:
        raise ProtocolError(Refusal.LENGTH, "a frame ends with 7E", len(frame) - 1)
    has_information = rest > 0
    if has_information and x25(frame[start : header.control]) != _crc(frame, at):
        message = f"HCS does not fit, {x25(frame[start : header.control]):04X} would"
        raise ProtocolError(Refusal.CHECKSUM, message, header.control)
    if not _fits(frame, start, len(frame)):
        message = f"FCS does not fit, {x25(frame[start:-3]):04X} would"
        raise ProtocolError(Refusal.CHECKSUM, message, len(frame) - 3)
    return Link(
        destination=frame[start + FORMAT_BYTES : header.destination],
        source=frame[header.destination : header.source],
        control=frame[header.source],
        segmented=bool(frame[start] & SEGMENTED),
        information=frame[at:-3] if has_information else b"",
        begin=at,
    )


def _take_wrapper(frame: bytes) -> Link:
    if len(frame) <= WRAPPER_BYTES:
        raise ProtocolError(Refusal.LENGTH, "the frame ends in its header", len(frame))
    size = _measure_wrapper(frame, 0) - WRAPPER_BYTES
    found = len(frame) - WRAPPER_BYTES
    if size < 0:
        raise ProtocolError(Refusal.UNKNOWN, "no APDU in a wrapper of version 1")
    if size == found and not is_whole(frame[WRAPPER_BYTES:]):
        raise ProtocolError(Refusal.DECODE, "the APDU ends before its wrapper", WRAPPER_BYTES)
    if size != found:
        message = f"the length field says {size} bytes, the frame has {found}"
        raise ProtocolError(Refusal.LENGTH, message, 6)
    return Link(frame[4:6], frame[2:4], None, segmented=False, information=frame[8:], begin=8)


def apdu_begin(information: bytes) -> int:
    """Return where the APDU begins: behind the bytes of the logical link control, if any."""
    return len(LLC_RESPONSE) if information.startswith((LLC_REQUEST, LLC_RESPONSE)) else 0


def seal(link: Link) -> bytes:
    """Return the frame of some information, with both flags in HDLC.

    Raises:
        ValueError: a part does not fit into its field.
    """
    information = link.information
    if link.control is None:
        if len(link.source) != 2 or len(link.destination) != 2 or not information:
            raise ValueError("ports have two bytes, and an APDU has some")
        length = len(information).to_bytes(2, "big")
        return WRAPPER_HEAD + link.source + link.destination + length + information
    rest = link.destination + link.source + bytes([link.control])
    size = FORMAT_BYTES + len(rest) + CRC_BYTES * (2 if information else 1) + len(information)
    if size >= MOST_HDLC_BYTES:
        message = f"a frame has at most {MOST_HDLC_BYTES - 1} bytes, this one {size}"
        raise ValueError(message)
    high = 0xA0 | (SEGMENTED if link.segmented else 0) | size >> 8
    covered = bytes([high, size & 0xFF]) + rest
    if information:
        covered += x25(covered).to_bytes(CRC_BYTES, "little") + information
    return FLAGS + covered + x25(covered).to_bytes(CRC_BYTES, "little") + FLAGS
