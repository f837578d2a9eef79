"""Packets of a capture file: pcap and pcapng, as tcpdump and Wireshark write them.

pcap      header 24 | { seconds 4, fraction 4, kept 4, was 4 | bytes } …
pcapng    { type 4, size 4 | body | size 4 } …    sections, interfaces, packets; others pass

Source: draft-ietf-opsawg-pcap and draft-ietf-opsawg-pcapng.
"""

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import BinaryIO, Final, NamedTuple

from wattwarden.tools.errors import CommandError

# libpcap's own bound for what one packet may keep (MAXIMUM_SNAPLEN).
MAX_PACKET_BYTES: Final = 262_144
# Blocks hold a packet and its options; Wireshark refuses more than this as well.
MAX_BLOCK_BYTES: Final = 16 * 1024 * 1024

_MICROSECONDS: Final = 1_000_000
_NANOSECONDS: Final = 1_000_000_000
# The first four bytes: byte order and how many parts a second has.
_PCAP_MAGIC: Final = {
    b"\xd4\xc3\xb2\xa1": ("<", _MICROSECONDS),
    b"\xa1\xb2\xc3\xd4": (">", _MICROSECONDS),
    b"\x4d\x3c\xb2\xa1": ("<", _NANOSECONDS),
    b"\xa1\xb2\x3c\x4d": (">", _NANOSECONDS),
}
_SECTION, _INTERFACE, _SIMPLE, _ENHANCED = 0x0A0D0D0A, 1, 3, 6
_SECTION_MAGIC: Final = struct.pack(">I", _SECTION)
_ORDER_MARKS: Final = {b"\x4d\x3c\x2b\x1a": "<", b"\x1a\x2b\x3c\x4d": ">"}
_IF_TSRESOL: Final = 9

MAGIC_BYTES: Final = 4


class Packet(NamedTuple):
    """One captured packet.  ``at`` is microseconds UTC, ``link`` the link type's number."""

    at: int
    link: int
    data: bytes


def is_capture(head: bytes) -> bool:
    """Tell a capture by its first four bytes."""
    return head in _PCAP_MAGIC or head == _SECTION_MAGIC


def packets(file: BinaryIO) -> Iterator[Packet]:
    """Yield the packets of a capture; one that was cut off while being written ends early.

    Raises:
        CommandError: it is no capture, or is damaged.
    """
    magic = file.read(MAGIC_BYTES)
    if magic == _SECTION_MAGIC:
        return _pcapng(file)
    if magic not in _PCAP_MAGIC:
        raise CommandError("neither pcap nor pcapng", "give a capture of tcpdump or Wireshark")
    return _pcap(file, *_PCAP_MAGIC[magic])


def _pcap(file: BinaryIO, order: str, resolution: int) -> Iterator[Packet]:
    header = file.read(20)
    if len(header) < 20:
        raise _damaged("its header is cut short")
    # The upper bits of the link field describe a frame check sequence at the end of packets.
    link = struct.unpack(order + "I", header[16:20])[0] & 0xFFFF
    record = struct.Struct(order + "4I")
    while len(head := file.read(record.size)) == record.size:
        seconds, fraction, kept, _was = record.unpack(head)
        if kept > MAX_PACKET_BYTES:
            raise _oversized("packet", kept)
        data = file.read(kept)
        if len(data) == kept:
            at = seconds * _MICROSECONDS + fraction * _MICROSECONDS // resolution
            yield Packet(at, link, data)


@dataclass(slots=True)
class _Section:
    """What blocks of a section need to be read.  ``interfaces``: link type, parts of a second."""

    order: str
    interfaces: list[tuple[int, int]]


def _pcapng(file: BinaryIO) -> Iterator[Packet]:
    section = _start_section(file, file.read(4))
    head = struct.Struct(section.order + "II")
    while len(raw := file.read(head.size)) == head.size:
        if raw.startswith(_SECTION_MAGIC):
            section = _start_section(file, raw[4:])
            head = struct.Struct(section.order + "II")
            continue
        kind, size = head.unpack(raw)
        if size < 12 or size > MAX_BLOCK_BYTES:
            raise _oversized("block", size)
        body = file.read(size - 12)
        if len(body) < size - 12 or len(file.read(4)) < 4:
            return
        reader = _BLOCKS.get(kind)
        packet = reader(section, body) if reader else None
        if packet is not None:
            yield packet


def _start_section(file: BinaryIO, raw_size: bytes) -> _Section:
    """Read a section header whose type and size have just been read."""
    order = _ORDER_MARKS.get(file.read(4))
    if order is None or len(raw_size) < 4:
        raise _damaged("a section without its byte-order mark")
    size = struct.unpack(order + "I", raw_size)[0]
    if size < 28 or size > MAX_BLOCK_BYTES:
        raise _oversized("section header", size)
    file.read(size - 12)
    return _Section(order, [])


def _interface(section: _Section, body: bytes) -> None:
    if len(body) < 8:
        raise _damaged("an interface block is cut short")
    link = struct.unpack_from(section.order + "H", body)[0]
    section.interfaces.append((link, _resolution(section.order, body[8:])))


def _resolution(order: str, options: bytes) -> int:
    """Return how many parts a second has: 10 or 2 to the power that the option names."""
    at = 0
    while at + 4 <= len(options):
        code, size = struct.unpack_from(order + "HH", options, at)
        if code == _IF_TSRESOL and size == 1 and at + 4 < len(options):
            power = options[at + 4]
            return 1 << (power & 0x7F) if power & 0x80 else int(10**power)
        at += 4 + (size + 3) // 4 * 4
    return _MICROSECONDS


def _enhanced(section: _Section, body: bytes) -> Packet:
    if len(body) < 20:
        raise _damaged("a packet block is cut short")
    interface, high, low, kept = struct.unpack_from(section.order + "4I", body)
    if interface >= len(section.interfaces) or kept > len(body) - 20:
        raise _damaged("a packet block contradicts itself")
    link, resolution = section.interfaces[interface]
    at = (high << 32 | low) * _MICROSECONDS // resolution
    return Packet(at, link, body[20 : 20 + kept])


def _simple(section: _Section, body: bytes) -> Packet:
    """A packet without time: all of a file made of these are sent at once."""
    if len(body) < 4 or not section.interfaces:
        raise _damaged("a packet block contradicts itself")
    size = struct.unpack_from(section.order + "I", body)[0]
    return Packet(0, section.interfaces[0][0], body[4 : 4 + size])


_BLOCKS: Final[dict[int, Callable[[_Section, bytes], Packet | None]]] = {
    _INTERFACE: _interface,
    _ENHANCED: _enhanced,
    _SIMPLE: _simple,
}


def _oversized(what: str, size: int) -> CommandError:
    return _damaged(f"a {what} of {size} bytes")


def _damaged(what: str) -> CommandError:
    return CommandError(f"the capture is damaged: {what}", "capture again, or repair with editcap")
