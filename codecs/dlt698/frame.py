"""Where a frame of DL/T 698.45 begins and ends, and its link layer.

68 | L 2 | C | AF | SA n | CA | HCS 2 | APDU | FCS 2 | 16          two bytes: low byte first

L: bits 0–13 the bytes between 68 and 16, in KiB where bit 14 is set.
C: bit 7 from the meter, 6 the client began, 5 a fragment, 3 the APDU is scrambled (+33H), 0–2
   function (1 link, 3 data).
AF: bits 6–7 kind of address, 4–5 logical address, 0–3 bytes of SA less one.
HCS covers L to CA, FCS L to the end of the APDU, both CRC-16/X-25.
fragment: number in bits 0–11, in 14–15 first, last, confirmation, middle; then a piece of the APDU.
"""

from typing import Final, NamedTuple

from wattwarden.protocol.checksum import x25
from wattwarden.protocol.codec import Claim
from wattwarden.protocol.errors import ProtocolError, Refusal
from wattwarden.protocol.outline import LengthPrefixed
from wattwarden.protocol.recognition import MAX_HEAD_BYTES

HEAD: Final = b"\x68"
TAIL: Final = 0x16
CRC_BYTES: Final = 2
SIZE_MASK: Final = 0x3FFF
KIBIBYTES: Final = 0x4000
KIBIBYTE: Final = 1024
# What 14 bits count in bytes; meters announce 512 to 2,048 as their largest.
MOST_BYTES: Final = SIZE_MASK + 2
ADDRESS_BEGIN: Final = 5
FRAGMENT_BYTES: Final = 2

FROM_METER: Final = 0x80
BY_CLIENT: Final = 0x40
FRAGMENTED: Final = 0x20
SCRAMBLED: Final = 0x08
LINK: Final = 0x01
USER: Final = 0x03
SCRAMBLE: Final = 0x33
_SCRAMBLE_TABLE: Final = bytes((byte + SCRAMBLE) & 0xFF for byte in range(256))
_UNSCRAMBLE_TABLE: Final = bytes((byte - SCRAMBLE) & 0xFF for byte in range(256))

NUMBER_MASK: Final = 0x0FFF
PLACE_SHIFT: Final = 14
FIRST, LAST, CONFIRMATION, MIDDLE = range(4)
SINGLE: Final = 0
WILDCARD_DIGIT: Final = "A"


def header_bytes(buffer: bytes, start: int) -> int:
    """Return how many bytes stand before the APDU; AF must be there."""
    return 9 + (buffer[start + 4] & 0x0F)


def measure(buffer: bytes, start: int) -> int:
    """Return the length of a frame, 0 before its header has arrived, -1 when there is none."""
    if start + ADDRESS_BEGIN > len(buffer):
        return 0
    word = buffer[start + 1] | buffer[start + 2] << 8
    size = (word & SIZE_MASK) * (KIBIBYTE if word & KIBIBYTES else 1) + 2
    header = header_bytes(buffer, start)
    if not header + CRC_BYTES + 1 <= size <= MOST_BYTES:
        return -1
    end = start + header
    if end > len(buffer):
        return 0
    # Told by the header alone, so that what only looks like a frame holds nothing back.
    return size if _crc_at(buffer, end - 2) == x25(buffer[start + 1 : end - 2]) else -1


def _crc_at(buffer: bytes, at: int) -> int:
    return buffer[at] | buffer[at + 1] << 8


def _fits(buffer: bytes, start: int, end: int) -> bool:
    """Whether tail and FCS fit; ``measure`` has checked the header."""
    if buffer[end - 1] != TAIL:
        return False
    return x25(buffer[start + 1 : end - 3]) == _crc_at(buffer, end - 3)


OUTLINE: Final = LengthPrefixed(head=HEAD, most_bytes=MOST_BYTES, measure=measure, fits=_fits)


def recognise(head: bytes) -> Claim:
    """Know a meter by a header whose checksum fits, and by the frame's where it is short enough."""
    head = head[:MAX_HEAD_BYTES]
    if not head.startswith(HEAD):
        return Claim.NO if head else Claim.MORE
    size = measure(head, 0)
    if size <= 0:
        return Claim.MORE if size == 0 else Claim.NO
    if size <= len(head):
        return Claim.YES if _fits(head, 0, size) else Claim.NO
    return Claim.YES if size > MAX_HEAD_BYTES else Claim.MORE


class Link(NamedTuple):
    """The link layer of a frame.  ``apdu`` is what it carries, in the clear, a fragment's too.

    ``address`` as printed, ``flags`` the two bits above the length, ``fragment`` the word that says
    which piece of an APDU this is, None where it is whole.
    """

    control: int
    flags: int
    kind: int
    logical: int
    address: str
    client: int
    fragment: int | None
    apdu: bytes

    @property
    def from_meter(self) -> bool:
        """Whether the meter sent the frame."""
        return bool(self.control & FROM_METER)

    @property
    def number(self) -> int:
        """The number of a fragment."""
        return (self.fragment or 0) & NUMBER_MASK

    @property
    def place(self) -> int:
        """Where in its APDU a fragment belongs: FIRST, LAST, MIDDLE; or CONFIRMATION of one."""
        return (self.fragment or 0) >> PLACE_SHIFT

    @property
    def meter(self) -> str | None:
        """Whose frame it is, None where no single meter is addressed."""
        if self.kind != SINGLE or WILDCARD_DIGIT in self.address:
            return None
        return self.address


def take_apart(frame: bytes) -> Link:
    """Take one whole frame apart, checking everything.  Raises ProtocolError."""
    if not frame.startswith(HEAD):
        raise ProtocolError(Refusal.UNKNOWN, "a frame of DL/T 698.45 begins with 68")
    if len(frame) < ADDRESS_BEGIN or len(frame) < header_bytes(frame, 0):
        raise ProtocolError(Refusal.LENGTH, "the frame ends in its header", len(frame))
    header = header_bytes(frame, 0)
    if _crc_at(frame, header - 2) != x25(frame[1 : header - 2]):
        message = f"HCS does not fit, {x25(frame[1 : header - 2]):04X} would"
        raise ProtocolError(Refusal.CHECKSUM, message, header - 2)
    size = measure(frame, 0)
    if size != len(frame):
        message = f"the length field says {size} bytes, the frame has {len(frame)}"
        raise ProtocolError(Refusal.LENGTH, message, 1)
    if frame[-1] != TAIL:
        raise ProtocolError(Refusal.LENGTH, "a frame ends with 16", len(frame) - 1)
    if not _fits(frame, 0, size):
        message = f"FCS does not fit, {x25(frame[1:-3]):04X} would"
        raise ProtocolError(Refusal.CHECKSUM, message, size - 3)
    return _link(frame, header)


def _link(frame: bytes, header: int) -> Link:
    control, features = frame[3], frame[4]
    fragment, apdu = None, frame[header:-3]
    apdu = unscrambled(control, apdu)
    if control & FRAGMENTED:
        if len(apdu) < FRAGMENT_BYTES:
            raise ProtocolError(Refusal.DECODE, "a fragment begins with its number", header)
        fragment = int.from_bytes(apdu[:FRAGMENT_BYTES], "little")
        apdu = apdu[FRAGMENT_BYTES:]
    address = frame[ADDRESS_BEGIN : header - 3][::-1].hex().upper()
    return Link(
        control, frame[2] >> 6, features >> 6, features >> 4 & 3, address, frame[header - 3],
        fragment, apdu,
    )  # fmt: skip


def unscrambled(control: int, data: bytes) -> bytes:
    """Return what a frame carries in the clear."""
    return data.translate(_UNSCRAMBLE_TABLE) if control & SCRAMBLED else data


def seal(link: Link) -> bytes:
    """Return the frame of a link layer.

    Raises:
        ValueError: a part does not fit into its field.
    """
    address = bytes.fromhex(link.address)[::-1]
    if not 1 <= len(address) <= 16:
        message = f"an address has 1 to 16 bytes, got {link.address!r}"
        raise ValueError(message)
    data = link.apdu
    if link.fragment is not None:
        data = link.fragment.to_bytes(FRAGMENT_BYTES, "little") + data
    if link.control & SCRAMBLED:
        data = data.translate(_SCRAMBLE_TABLE)
    features = link.kind << 6 | link.logical << 4 | len(address) - 1
    rest = bytes([link.control, features]) + address + bytes([link.client])
    size = 2 + len(rest) + CRC_BYTES + len(data) + CRC_BYTES
    head = _length_field(size, link.flags) + rest
    covered = head + x25(head).to_bytes(CRC_BYTES, "little") + data
    return HEAD + covered + x25(covered).to_bytes(CRC_BYTES, "little") + bytes([TAIL])


def _length_field(size: int, flags: int) -> bytes:
    if size > SIZE_MASK:
        message = f"a frame has at most {SIZE_MASK} bytes between its flags, this one {size}"
        raise ValueError(message)
    if flags & 1:
        if size % KIBIBYTE:
            message = f"a length in KiB fits whole ones, got {size} bytes"
            raise ValueError(message)
        size //= KIBIBYTE
    return (size | flags << 14).to_bytes(2, "little")
