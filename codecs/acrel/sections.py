"""The sections of an upload: readings of one meter, or of the channels behind it.

[serial 20]  { 5B5B address 2828 payload 2929 5D5D } …

payload: a Modbus RTU reply with its own CRC; its size selects the layout
"""

from dataclasses import dataclass
from typing import Final

from wattwarden.codecs.acrel.frame import BODY_BEGIN, SECTION_HEAD, SERIAL_BYTES
from wattwarden.codecs.acrel.layouts import BLOCKS, LAYOUTS
from wattwarden.protocol import rtu
from wattwarden.protocol.codec import MAX_CHANNEL_BYTES
from wattwarden.protocol.errors import ProtocolError, Refusal
from wattwarden.protocol.wire import fixed_text

PAYLOAD_HEAD: Final = b"(("
SECTION_TAIL: Final = b"))]]"
FRAME_END_BYTES: Final = 4  # CRC and tail
ERROR_TEXT: Final = b"un"  # how a payload begins that a meter writes when its bus does not answer


@dataclass(frozen=True, slots=True)
class Section:
    """One section of an upload.  ``begin`` and ``end`` bound its payload within the frame.

    ``layout`` names the block, "" when the payload is none that is known; ``leads`` says that it is
    the first block of a reading, which the following sections may complete.
    """

    channel: str
    begin: int
    end: int
    layout: str
    leads: bool = False

    @property
    def data(self) -> int:
        """Where the registers of the Modbus reply begin."""
        return self.begin + rtu.REPLY_HEAD_BYTES

    @property
    def data_end(self) -> int:
        """Where they end."""
        return self.end - rtu.CRC_BYTES

    @property
    def closed(self) -> int:
        """Where the section ends."""
        return self.end + len(SECTION_TAIL)


def write_section(channel: str, payload: bytes) -> bytes:
    """Return the bytes of a section.  Raises ValueError for an address beyond ASCII."""
    return SECTION_HEAD + channel.encode("ascii") + PAYLOAD_HEAD + payload + SECTION_TAIL


def sections_begin(frame: bytes) -> int:
    """Return where the first section begins: behind the serial, when there is one."""
    return BODY_BEGIN + (0 if frame.startswith(SECTION_HEAD, BODY_BEGIN) else SERIAL_BYTES)


def sections(frame: bytes) -> tuple[Section, ...]:
    """Find the sections of an upload or alarm.

    Raises:
        ProtocolError: something else stands where a section should begin or end.
    """
    at = sections_begin(frame)
    end = len(frame) - FRAME_END_BYTES
    if at > end:
        raise ProtocolError(Refusal.DECODE, f"a serial has {SERIAL_BYTES} bytes", BODY_BEGIN)
    found: list[Section] = []
    naming = _Naming()
    while at < end:
        opened = frame.find(PAYLOAD_HEAD, at, at + 2 + MAX_CHANNEL_BYTES + 2)
        if not frame.startswith(SECTION_HEAD, at) or opened < 0:
            raise ProtocolError(Refusal.DECODE, "a section begins with [[address((", at)
        begin = opened + len(PAYLOAD_HEAD)
        finish = _payload_end(frame, begin, end)
        channel = _channel(frame[at + 2 : opened], at)
        is_counted = rtu.counted_end(frame, begin, finish) == finish
        layout, leads = naming.name(channel, frame[begin + 2] if is_counted else None)
        found.append(Section(channel, begin, finish, layout, leads))
        at = finish + len(SECTION_TAIL)
    return tuple(found)


def _channel(raw: bytes, at: int) -> str:
    channel = fixed_text(raw)
    if not channel or len(channel) != len(raw):
        raise ProtocolError(Refusal.DECODE, "a section's address is printable ASCII", at + 2)
    return channel


def _payload_end(frame: bytes, begin: int, end: int) -> int:
    """Trust the byte count of a Modbus reply; else take the first close that ends a section."""
    counted = rtu.counted_end(frame, begin, end)
    if counted is not None and _closes(frame, counted, end):
        return counted
    at = frame.find(SECTION_TAIL, begin, end)
    while at >= 0:
        if _closes(frame, at, end):
            return at
        at = frame.find(SECTION_TAIL, at + 1, end)
    raise ProtocolError(Refusal.DECODE, "a section ends with ))]]", begin)


def _closes(frame: bytes, at: int, end: int) -> bool:
    behind = at + len(SECTION_TAIL)
    is_closed = frame.startswith(SECTION_TAIL, at, end)
    return is_closed and (behind == end or frame.startswith(SECTION_HEAD, behind))


class _Naming:
    """Names the blocks of one upload, section by section.  A channel has one reading a frame."""

    __slots__ = ("_following", "_leading")

    def __init__(self) -> None:
        self._leading: set[str] = set()
        self._following: tuple[str, ...] = ()

    def name(self, channel: str, size_bytes: int | None) -> tuple[str, bool]:
        """Name a block by its size, None for what is no block; say whether it begins a reading."""
        expected, self._following = self._following[:1], self._following[1:]
        if size_bytes is None:
            return "", False
        if expected and LAYOUTS[expected[0]].size == size_bytes:
            return expected[0], False
        if size_bytes not in BLOCKS or channel in self._leading:
            return "", False
        self._leading.add(channel)
        first, *following = (name for name, _ in BLOCKS[size_bytes])
        self._following = tuple(following)
        return first, True
