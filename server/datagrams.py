"""Meters over UDP: each datagram whole frames of one peer, answered in the same exchange.

    datagram ─ recognised among the codecs that allow it ─► frames ─► Chain ─► journal ─► reply
               └ nobody's: kept as unknown bytes, within the allowances

Whoever sends may write any address into a datagram, so nobody is sent more bytes than came from
his address; a meter with a profile may be.  NAT forgets a peer within minutes, and so does this.
"""

import asyncio
import socket
from collections import Counter, OrderedDict
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import structlog

from wattwarden.protocol.access import OPEN
from wattwarden.protocol.asking import Doubting
from wattwarden.protocol.codec import DEFAULT_PROFILE, Codec, Dialogue
from wattwarden.protocol.envelope import SessionRow
from wattwarden.protocol.framer import Framer
from wattwarden.protocol.microseconds import SECOND_US
from wattwarden.protocol.recognition import claim
from wattwarden.server.gatekeeper import fault_of
from wattwarden.server.sockets import address_of
from wattwarden.server.trace import What, happening

if TYPE_CHECKING:
    from wattwarden.server.port import MeterPort

# The longest frame of a protocol that comes so; an Ethernet frame carries a third of it unbroken.
MOST_BYTES: Final = 4096
# A carrier's NAT puts thousands of meters behind an address, each of which reports once a minute.
MOST_PER_HOST_S: Final = 1000
# Twice the meters of a gateway; some 1 KiB each.
MOST_PEERS: Final = 65_536
# NAT bindings of UDP live two to five minutes (RFC 4787 asks for two); twice that.
PEER_S: Final = 600
# A second of a city's datagrams while the loop is busy.
RECEIVE_BUFFER_BYTES: Final = 4 * 1024 * 1024

_log: Final = structlog.get_logger(__name__)

Address = tuple[str, int]


class DatagramPeer:
    """An address that datagrams come from, and a source of their frames."""

    __slots__ = ("_address", "_codec", "_dialogue", "_door", "_owed_bytes", "heard_at", "row")

    def __init__(self, door: "DatagramDoor", address: Address, now: int) -> None:
        self._door = door
        self._address = address
        self._codec: Codec | None = None
        self._dialogue: Dialogue | None = None
        self._owed_bytes = 0
        self.heard_at = now
        self.row = SessionRow(door.port.new_epoch(), f"{address[0]}:{address[1]}", None)

    def hear(self, data: bytes, now: int) -> None:
        """Take a datagram; what a codec stumbles over is kept, and the others go on."""
        self.heard_at = now
        self._owed_bytes += len(data)
        try:
            self._hear(data, now)
        except Exception as error:  # noqa: BLE001  # a defect of a codec is this peer's alone
            _log.error("a codec failed", peer=self.row.peer, exc_info=error)
            self._door.counts["datagrams that a codec failed at"] += 1
            self._keep(data, f"the codec failed: {type(error).__name__}", now)

    def _hear(self, data: bytes, now: int) -> None:
        start, codec = claim(self._door.codecs, data, 0)
        if codec is None or start:
            self._keep(data, "no codec knows it", now)
            return
        framer = Framer(codec.outline)
        frames = framer.feed(data)
        rest = framer.take_noise() + framer.pending
        if rest:
            self._keep(rest, "no whole frame of its datagram", now)
        if frames:
            self._take(codec, frames, now)

    def reply(self, data: bytes) -> None:
        """Send, unless that is more than has come from this address."""
        if len(data) > self._owed_bytes and not self._is_registered():
            self._door.counts["replies longer than requests"] += 1
            return
        self._owed_bytes = max(0, self._owed_bytes - len(data))
        port = self._door.port
        if port.looker is not None:
            now = port.now_us()
            codec = None if self._codec is None else self._codec.name
            waited_us = now - self.heard_at
            port.looker(happening(now, What.ANSWERED, self.row, codec, data, waited_us=waited_us))
        self._door.send(data, self._address)

    def reject(self, frame: bytes) -> None:
        """Keep a frame whose checksum does not fit."""
        self._keep(frame, "checksum does not fit", self._door.port.now_us())

    def _take(self, codec: Codec, frames: list[bytes], now: int) -> None:
        port = self._door.port
        if codec is not self._codec or self._dialogue is None:
            self._codec, self._dialogue = codec, codec.dialogue(port.profile_of)
        dialogue = self._dialogue
        out = dialogue.receive(frames, now)
        identity = dialogue.identity
        denial = self._denial(dialogue)
        if denial is not None:
            self._door.counts["datagrams of peers that did not prove themselves"] += 1
            self._keep(b"".join(frames), denial, now)
            self._dialogue = None
            return
        if identity != self.row.identity:
            version = port.profile_of(identity).version if identity else 0
            self.row = SessionRow(self.row.epoch, self.row.peer, identity, version)
        if port.looker is not None:
            for frame in frames:
                port.looker(happening(now, What.HEARD, self.row, codec.name, frame))
        name = f"{codec.name}:{identity}" if identity else self.row.peer
        port.chain_of(name).add(self, codec, frames, now, dialogue.asked)
        if out:
            self.reply(out)

    def _denial(self, dialogue: Dialogue) -> str | None:
        """Say why the peer is not believed to be whom it says, None when it is."""
        if isinstance(dialogue, Doubting) and dialogue.denial is not None:
            return dialogue.denial.reason
        identity = dialogue.identity
        access = OPEN if identity is None else self._door.port.profile_of(identity).access
        return None if access is OPEN else fault_of(access, self._address[0], None)

    def _is_registered(self) -> bool:
        identity = self.row.identity
        return bool(identity) and self._door.port.profile_of(identity or "") is not DEFAULT_PROFILE

    def _keep(self, data: bytes, reason: str, now: int) -> None:
        """Journal bytes that are no frame, within the allowances; count the rest."""
        port = self._door.port
        port.counters.unknown_bytes += len(data)
        if port.looker is not None:
            port.looker(happening(now, What.NOISE, self.row, None, data, reason=reason))
        if port.unknown.allows(self._address[0], now):
            port.chain_of(self.row.peer).add_unknown(self, data, reason, now)
        else:
            port.counters.unknown_dropped_bytes += len(data)


class DatagramDoor(asyncio.DatagramProtocol):
    """Listens for datagrams.  ``counts`` tells how many were taken, or why not."""

    def __init__(self, port: "MeterPort", codecs: Sequence[Codec]) -> None:
        self.counts: Counter[str] = Counter()
        self.port = port
        self.codecs = tuple(codec for codec in codecs if codec.is_datagram)
        self._peers: OrderedDict[Address, DatagramPeer] = OrderedDict()
        self._per_host: Counter[str] = Counter()
        self._second = 0
        self._draining = False
        self._transport: asyncio.DatagramTransport | None = None

    async def start(self, sock: socket.socket) -> str:
        """Listen at a socket of ``open_datagrams``; return HOST:PORT."""
        await asyncio.get_running_loop().create_datagram_endpoint(lambda: self, sock=sock)
        return address_of(sock)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = transport  # type: ignore[assignment]  # a datagram transport, by start()

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """Take a datagram, or count why not."""
        now, port = self.port.now_us(), self.port
        refusal = self._refusal(data, addr[0], now)
        self.counts[refusal or "datagrams"] += 1
        if refusal is not None:
            return
        address = (addr[0], addr[1])
        peer = self._peers.pop(address, None)
        if peer is None:
            peer = DatagramPeer(self, address, now)
        self._peers[address] = peer
        peer.hear(data, now)
        self._forget(now)
        port.press_back()

    def send(self, data: bytes, address: Address) -> None:
        """Send a datagram, unless the door is closed."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.sendto(data, address)

    def drain(self) -> None:
        """Take no more datagrams; those taken get their answers."""
        self._draining = True

    async def close(self) -> None:
        """Listen no more."""
        if self._transport is not None:
            self._transport.close()

    def _refusal(self, data: bytes, host: str, now: int) -> str | None:
        port = self.port
        if self._draining or port.paused or port.trouble is not None:
            return "datagrams while the journal takes nothing"
        if len(data) > MOST_BYTES:
            return "datagrams too long"
        if not port.gatekeeper.is_allowed(host):
            return "datagrams from networks that are not allowed"
        if now // SECOND_US != self._second:
            self._second = now // SECOND_US
            self._per_host.clear()
        self._per_host[host] += 1
        return (
            "datagrams of an address too many" if self._per_host[host] > MOST_PER_HOST_S else None
        )

    def _forget(self, now: int) -> None:
        """Forget peers that have been silent for long; they stand in order of their last word."""
        while self._peers:
            oldest = next(iter(self._peers))
            is_old = now - self._peers[oldest].heard_at > PEER_S * SECOND_US
            if not is_old and len(self._peers) <= MOST_PEERS:
                return
            del self._peers[oldest]


def open_datagrams(host: str, port: int) -> socket.socket:
    """Bind a socket for datagrams, whose address others who do the same share with us.

    Raises:
        OSError: The address cannot be listened on.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_DGRAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
        sock.settimeout(0)
        sock.bind((host, port))
    except OSError:
        sock.close()
        raise
    return sock
