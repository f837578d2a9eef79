"""What clients said in a capture: TCP and UDP payload in the order in which it was sent.

packet ─ link ─► IPv4 | IPv6 ─► TCP | UDP ─ reassemble ─► Chunk(flow, at, bytes from the client)
"""

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from wattwarden.tools.pcap import Packet

# A window of TCP; a gap that more than this has overtaken was lost by the capture.
MAX_OVERTAKEN_BYTES: Final = 1024 * 1024
# Connections followed at a time; the one silent for longest is forgotten first.
MAX_FLOWS: Final = 65_536

Endpoint = tuple[bytes, int]

_IPV4, _IPV6 = 0x0800, 0x86DD
_VLAN: Final = frozenset({0x8100, 0x88A8, 0x9100})
_TCP, _UDP = 6, 17
_FIN, _SYN, _RST, _ACK = 1, 2, 4, 16
_WRAP: Final = 1 << 32
# Link types with a protocol number at a fixed place: number → (where, size of the header).
_ETHERNET: Final = 1
_WITH_PROTOCOL: Final = {_ETHERNET: (12, 14), 113: (14, 16), 276: (0, 20)}
# Raw IP in its several numbers, then the two loopbacks with four bytes in front.
_BARE: Final = {12: 0, 14: 0, 101: 0, 228: 0, 229: 0, 0: 4, 108: 4}
# Hop-by-hop, routing, destination options: all are next header 1, size in 8 bytes 1.
_IPV6_OPTIONS: Final = frozenset({0, 43, 60})


class Segment(NamedTuple):
    """Payload of one packet.  ``number`` places it in its stream, None for a datagram."""

    at: int
    source: Endpoint
    target: Endpoint
    number: int | None
    flags: int
    data: bytes


class Chunk(NamedTuple):
    """Bytes that a client sent.  ``flow`` numbers its connections in the capture."""

    flow: int
    at: int
    data: bytes


@dataclass(slots=True)
class FlowCounters:
    """What a capture held beside the chunks."""

    packets: int = 0
    foreign_packets: int = 0
    fragments: int = 0
    gaps: int = 0


@dataclass(slots=True)
class _Direction:
    """One side of a connection: the number of its next byte, and what came too early."""

    flow: int
    following: int | None = None
    early: dict[int, bytes] = field(default_factory=dict)
    early_bytes: int = 0


class Flows:
    """Follows the clients of a capture.

    A client is who sent the SYN; where that was missed, who does not sit on ``port``, or on the
    lower port.  ``port`` other than 0 ignores connections to other ports.
    """

    def __init__(self, port: int = 0) -> None:
        self.counters = FlowCounters()
        self._port = port
        self._sides: dict[tuple[Endpoint, Endpoint], _Direction] = {}
        self._flows = 0

    def chunks(self, packets: Iterable[Packet]) -> Iterator[Chunk]:
        """Yield what clients sent, each connection's bytes in order."""
        at = 0
        for packet in packets:
            self.counters.packets += 1
            at = packet.at
            segment = self._segment(packet)
            if segment is None:
                self.counters.foreign_packets += 1
            else:
                yield from self._follow(segment)
        for side in self._sides.values():
            yield from self._flush(side, at)

    def _segment(self, packet: Packet) -> Segment | None:
        data = _network(packet)
        if not data:
            return None
        return self._ipv4(packet.at, data) if data[0] >> 4 == 4 else self._ipv6(packet.at, data)

    def _ipv4(self, at: int, data: bytes) -> Segment | None:
        size = (data[0] & 15) * 4
        if len(data) < max(20, size):
            return None
        total, fragment = struct.unpack_from(">H2xH", data, 2)
        if fragment & 0x3FFF:
            self.counters.fragments += 1
            return None
        body = data[size:total] if total else data[size:]
        return _transport(at, data[9], data[12:16], data[16:20], body)

    @staticmethod
    def _ipv6(at: int, data: bytes) -> Segment | None:
        if len(data) < 40 or data[0] >> 4 != 6:
            return None
        size, protocol = struct.unpack_from(">HB", data, 4)
        body = data[40 : 40 + size] if size else data[40:]
        while protocol in _IPV6_OPTIONS and len(body) >= 8:
            protocol, body = body[0], body[8 * (body[1] + 1) :]
        return _transport(at, protocol, data[8:24], data[24:40], body)

    def _follow(self, segment: Segment) -> Iterator[Chunk]:
        key = (segment.source, segment.target)
        if segment.number is not None and segment.flags & (_SYN | _ACK) == _SYN:
            old = self._sides.pop(key, None)
            if old is not None:
                yield from self._flush(old, segment.at)
            if self._wanted(segment.target):
                self._open(key).following = (segment.number + 1) % _WRAP
            return
        side = self._sides.get(key)
        if side is None:
            if not segment.data or not self._is_client(segment):
                return
            side = self._open(key)
        if segment.data:
            yield from self._take(side, segment)
        if segment.flags & (_FIN | _RST):
            yield from self._flush(side, segment.at)
            self._sides.pop(key, None)

    def _open(self, key: tuple[Endpoint, Endpoint]) -> _Direction:
        if len(self._sides) >= MAX_FLOWS:
            del self._sides[next(iter(self._sides))]
        self._flows += 1
        side = self._sides[key] = _Direction(self._flows)
        return side

    def _wanted(self, server: Endpoint) -> bool:
        return not self._port or server[1] == self._port

    def _is_client(self, segment: Segment) -> bool:
        if (segment.target, segment.source) in self._sides:
            return False
        if self._port:
            return segment.target[1] == self._port
        return segment.target[1] <= segment.source[1]

    def _take(self, side: _Direction, segment: Segment) -> Iterator[Chunk]:
        number = segment.number
        if number is None:
            yield Chunk(side.flow, segment.at, segment.data)
            return
        if side.following is None:
            side.following = number
        ahead = _distance(number, side.following)
        if ahead > 0:
            if number not in side.early:
                side.early_bytes += len(segment.data)
                side.early[number] = segment.data
            if side.early_bytes > MAX_OVERTAKEN_BYTES:
                yield from self._flush(side, segment.at)
            return
        fresh = segment.data[-ahead:] if ahead else segment.data
        if fresh:
            yield from self._advance(side, segment.at, fresh)
            yield from self._drain(side, segment.at)

    @staticmethod
    def _advance(side: _Direction, at: int, data: bytes) -> Iterator[Chunk]:
        side.following = ((side.following or 0) + len(data)) % _WRAP
        yield Chunk(side.flow, at, data)

    def _drain(self, side: _Direction, at: int) -> Iterator[Chunk]:
        """Yield what came early and now follows."""
        while side.early:
            number = min(side.early, key=lambda one: _distance(one, side.following or 0))
            ahead = _distance(number, side.following or 0)
            if ahead > 0:
                return
            data = side.early.pop(number)
            side.early_bytes -= len(data)
            fresh = data[-ahead:] if ahead else data
            if fresh:
                yield from self._advance(side, at, fresh)

    def _flush(self, side: _Direction, at: int) -> Iterator[Chunk]:
        """Yield what came early although something before it never came."""
        while side.early:
            following = side.following or 0
            side.following = min(side.early, key=lambda one: _distance(one, following))
            self.counters.gaps += 1
            yield from self._drain(side, at)


def _network(packet: Packet) -> bytes:
    """Return the packet from its IP header on, b"" when it carries no IP."""
    data, link = packet.data, packet.link
    if link in _BARE:
        return data[_BARE[link] :]
    if link not in _WITH_PROTOCOL:
        return b""
    where, size = _WITH_PROTOCOL[link]
    if len(data) < size:
        return b""
    protocol = struct.unpack_from(">H", data, where)[0]
    while protocol in _VLAN and len(data) >= size + 4:
        protocol = struct.unpack_from(">H", data, size + 2)[0]
        size += 4
    return data[size:] if protocol in (_IPV4, _IPV6) else b""


def _transport(at: int, protocol: int, source: bytes, target: bytes, body: bytes) -> Segment | None:
    if protocol == _UDP and len(body) >= 8:
        near, far = struct.unpack_from(">HH", body)
        return Segment(at, (source, near), (target, far), None, 0, body[8:])
    if protocol == _TCP and len(body) >= 20:
        near, far, number = struct.unpack_from(">HHI", body)
        header = (body[12] >> 4) * 4
        return Segment(at, (source, near), (target, far), number, body[13], body[header:])
    return None


def _distance(number: int, following: int) -> int:
    """How far a sequence number lies ahead, negative for behind; the numbers wrap."""
    ahead = (number - following) % _WRAP
    return ahead - _WRAP if ahead >= _WRAP // 2 else ahead
