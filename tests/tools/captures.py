"""Makes capture files byte by byte, so that the reader is held against the formats, not itself."""

import struct
from collections.abc import Sequence
from ipaddress import ip_address

SYN, FIN, RST, ACK = 2, 1, 4, 16
AT = 1_700_000_000_000_000


def ipv4(source: str, target: str, protocol: int, body: bytes, *, fragment: int = 0) -> bytes:
    addresses = ip_address(source).packed + ip_address(target).packed
    size = 20 + len(body)
    return struct.pack(">BBHHHBBH", 0x45, 0, size, 1, fragment, 64, protocol, 0) + addresses + body


def ipv6(source: str, target: str, protocol: int, body: bytes, *, options: int = 0) -> bytes:
    addresses = ip_address(source).packed + ip_address(target).packed
    extra = b"".join(
        bytes([0 if i + 1 < options else protocol, 0]) + bytes(6) for i in range(options)
    )
    first = 0 if options else protocol
    return struct.pack(">IHBB", 6 << 28, len(extra + body), first, 64) + addresses + extra + body


def tcp(source: int, target: int, number: int, data: bytes = b"", flags: int = ACK) -> bytes:
    return (
        struct.pack(">HHIIBBHHH", source, target, number % 2**32, 0, 5 << 4, flags, 0, 0, 0) + data
    )


def udp(source: int, target: int, data: bytes) -> bytes:
    return struct.pack(">HHHH", source, target, 8 + len(data), 0) + data


def ethernet(packet: bytes, *, vlans: int = 0) -> bytes:
    kind = 0x0800 if packet[0] >> 4 == 4 else 0x86DD
    tags = b"".join(struct.pack(">HH", 0x8100, 5) for _ in range(vlans))
    return bytes(12) + tags + struct.pack(">H", kind) + packet


def pcap(
    packets: Sequence[bytes],
    *,
    link: int = 1,
    order: str = "<",
    nano: bool = False,
    gap_us: int = 1000,
) -> bytes:
    magic = 0xA1B23C4D if nano else 0xA1B2C3D4
    out = struct.pack(order + "IHHiIII", magic, 2, 4, 0, 0, 65535, link)
    for index, packet in enumerate(packets):
        at = AT + index * gap_us
        fraction = at % 1_000_000 * (1000 if nano else 1)
        out += (
            struct.pack(order + "IIII", at // 1_000_000, fraction, len(packet), len(packet))
            + packet
        )
    return out


def block(kind: int, body: bytes, order: str = "<") -> bytes:
    body += bytes(-len(body) % 4)
    size = struct.pack(order + "I", 12 + len(body))
    return struct.pack(order + "I", kind) + size + body + size


def section(order: str = "<") -> bytes:
    return block(0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1), order)


def interface(link: int = 1, order: str = "<", resolution: int | None = None) -> bytes:
    options = b""
    if resolution is not None:
        options = struct.pack(order + "HH", 2, 3) + b"en0\0"
        options += struct.pack(order + "HH", 9, 1) + bytes([resolution, 0, 0, 0]) + bytes(4)
    return block(1, struct.pack(order + "HHI", link, 0, 65535) + options, order)


def enhanced(packet: bytes, ticks: int, order: str = "<", number: int = 0) -> bytes:
    high, low = ticks >> 32, ticks & 0xFFFFFFFF
    head = struct.pack(order + "IIIII", number, high, low, len(packet), len(packet))
    return block(6, head + packet, order)


def simple(packet: bytes, order: str = "<") -> bytes:
    return block(3, struct.pack(order + "I", len(packet)) + packet, order)


def conversation(*parts: bytes, client: int = 40_000, server: int = 10_212) -> list[bytes]:
    """A whole TCP connection: handshake, the client's parts, goodbye; the server answers each."""
    near, far = "10.0.0.2", "10.0.0.1"
    number, back = 1000, 5000
    packets = [
        ipv4(near, far, 6, tcp(client, server, number, flags=SYN)),
        ipv4(far, near, 6, tcp(server, client, back, flags=SYN | ACK)),
    ]
    number += 1
    for part in parts:
        packets.append(ipv4(near, far, 6, tcp(client, server, number, part)))
        packets.append(ipv4(far, near, 6, tcp(server, client, back + 1, b"answer")))
        number += len(part)
    packets.append(ipv4(near, far, 6, tcp(client, server, number, flags=FIN | ACK)))
    return [ethernet(packet) for packet in packets]
