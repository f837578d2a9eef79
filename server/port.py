"""The meter port: all connections of one gateway process, and what bounds them.

    Sockets ─► MeterConnection ─► Session, or a lane ─► Chain ─► journal

One sweep a second serves all deadlines.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final
from zlib import crc32

from wattwarden.codecs import Profiles, load_codecs, port_codecs
from wattwarden.protocol.access import OPEN
from wattwarden.protocol.codec import Codec, ProfileOf
from wattwarden.protocol.events import SessionLimits
from wattwarden.protocol.microseconds import SECOND_US
from wattwarden.server.chain import Chain
from wattwarden.server.connection import MeterConnection
from wattwarden.server.fleet import Fleet
from wattwarden.server.gatekeeper import FOREIGN_NETWORK, Gatekeeper
from wattwarden.server.lane import Lane
from wattwarden.server.loud import LoudMeters
from wattwarden.server.pacer import Pacer, UnknownAllowance
from wattwarden.server.settings import GatewaySettings

if TYPE_CHECKING:
    from wattwarden.server.trace import Happened

HOUR_US: Final = 3_600_000_000
# TCP gives up by itself after a quarter of an hour; until then a peer that reads nothing would
# hold its connection and what it was answered.
BLOCKED_S: Final = 60


@dataclass(slots=True)
class PortCounters:
    """What happened at the meter port since the process started."""

    opened: int = 0
    silent: int = 0
    logins: int = 0
    takeovers: int = 0
    duplicate_ids: int = 0
    paced: int = 0
    held: int = 0
    denied: int = 0
    pauses: int = 0
    unknown_bytes: int = 0
    unknown_dropped_bytes: int = 0
    refused: dict[str, int] = field(default_factory=dict)
    closed: dict[str, int] = field(default_factory=dict)

    def refuse(self, reason: str) -> None:
        """Count a connection that was not let in."""
        self.refused[reason] = self.refused.get(reason, 0) + 1

    def close(self, reason: str) -> None:
        """Count a connection that we closed."""
        self.closed[reason] = self.closed.get(reason, 0) + 1


class MeterPort:
    """All connections of one gateway process.

    ``rate`` seconds of ``now_us`` pass in a real one.  What waits for the network waits in real
    time; what the protocols count, such as silence in heartbeats, goes by ``now_us``.
    """

    def __init__(
        self,
        codecs: Sequence[Codec],
        chains: Sequence[Chain],
        profile_of: ProfileOf,
        now_us: Callable[[], int],
        settings: GatewaySettings,
        rate: int = 1,
    ) -> None:
        self.counters = PortCounters()
        self.codecs = codecs
        self.profile_of = profile_of
        self.now_us = now_us
        self.settings = settings
        self._rate = rate
        self.fleet: Fleet[MeterConnection] = Fleet()
        self.connections: set[MeterConnection] = set()
        self.per_host: dict[str, int] = {}
        self.blocked_us = BLOCKED_S * rate * SECOND_US
        self.renew()
        self._chains = chains
        self._lanes: dict[tuple[Codec, Chain], Lane] = {}
        # Codec and address by listener and host, None for any host.
        self._bound: dict[tuple[str, str | None], tuple[str, str]] = {}
        self._epoch = 0
        self._paused = False
        self._draining = False
        self.trouble: str | None = None
        self.meet: Callable[[MeterConnection], None] = _let_be
        """Called with each connection when it comes, and when it says who it is."""
        self.looker: Callable[[Happened], None] | None = None
        """Who sees what comes and goes at the doors beside this port, while somebody wants to."""

    def renew(self) -> None:
        """Take the limits of the settings, also when these changed.

        What was used up of allowances is forgotten; connections that are open keep their limits.
        """
        settings, rate = self.settings, self._rate
        # Looked up for every segment, where a setting costs more.
        self.most_pending_bytes = settings.pending_bytes
        self.limits = SessionLimits(
            settings.pre_login_s * rate,
            settings.partial_frame_s * rate,
            settings.noise_before_login_bytes,
            settings.noise_bytes,
        )
        self.pacer = Pacer(settings.logins_per_second, rate)
        self.gatekeeper = Gatekeeper(settings, rate)
        self._loud = LoudMeters(
            settings.meter_bytes_per_second, settings.meter_burst_bytes, SECOND_US * rate
        )
        self.unknown = UnknownAllowance(settings.unknown_records_per_peer_hour, HOUR_US)

    def new_epoch(self) -> int:
        """Number a connection."""
        self._epoch += 1
        return self._epoch

    def chain_of(self, name: str) -> Chain:
        """Return the chain that writes for an identity (or a peer, before it has one)."""
        return self._chains[crc32(name.encode()) % len(self._chains)]

    def connect(self, listener: str | None = None) -> MeterConnection:
        """Make the connection of a newcomer, at the meter port or at a listener of its own."""
        return MeterConnection(self, listener)

    def know(self, profiles: Profiles) -> None:
        """Hear newcomers by what is configured.

        Some say who they are in words of their own; some never do, and dial in at a listener.
        """
        self.codecs = port_codecs(profiles)
        # Profiles come once a minute, changed or not: guesses must not begin anew each time.
        self.gatekeeper.expect(
            {name: its.access for name, its in profiles.items() if its.access is not OPEN}
        )
        self._bound = {}
        for (codec, address), profile in profiles.items():
            if profile.listener is not None:
                peer = profile.options.get("peer")
                name = (profile.listener, peer if isinstance(peer, str) else None)
                self._bound[name] = (codec, address)

    def bound(self, listener: str, host: str) -> tuple[Codec, str] | None:
        """Return whose a connection at a listener is, None where nobody is bound to it.

        Of several, one is told by the host that its option ``peer`` names.
        """
        found = self._bound.get((listener, host)) or self._bound.get((listener, None))
        codec = None if found is None else load_codecs().get(found[0])
        return None if found is None or codec is None else (codec, found[1])

    def lane_of(self, codec: Codec, chain: Chain) -> Lane:
        """Return the lane for what connections of a codec bring for a chain."""
        lane = self._lanes.get((codec, chain))
        if lane is None:
            lane = self._lanes[codec, chain] = Lane(codec, chain)
        return lane

    def end_turn(self, now: int) -> None:
        """Take what the sockets gathered in one turn, of the time ``now``."""
        for lane in self._lanes.values():
            if lane.segments:
                lane.end_turn(now)
        if self._pending_bytes() > self.most_pending_bytes:
            self.press_back()

    def _pending_bytes(self) -> int:
        return sum([chain.pending_bytes for chain in self._chains])

    def refusal(self, host: str, now: int) -> str | None:
        """Say why a newcomer is not let in, None when it is."""
        refusal = self.gatekeeper.refusal(host, now) or self._fullness(host)
        if refusal is None and self.pacer.is_full(now):
            return "logins_per_second"
        return refusal

    def early_refusal(self, host: str) -> str | None:
        """Say why a peer is not even to shake hands; it counts as a newcomer once that is done."""
        return self._fullness(host) if self.gatekeeper.is_allowed(host) else FOREIGN_NETWORK

    def _fullness(self, host: str) -> str | None:
        if len(self.connections) > self.settings.max_sessions:
            return "max_sessions"
        if self.per_host.get(host, 0) > self.settings.max_sessions_per_peer:
            return "max_sessions_per_peer"
        return None

    def enter(self, connection: MeterConnection) -> None:
        """Count a connection, also of its address."""
        self.connections.add(connection)
        self.per_host[connection.host] = self.per_host.get(connection.host, 0) + 1

    def leave(self, connection: MeterConnection) -> None:
        """Count a connection no more."""
        self.connections.discard(connection)
        left = self.per_host.get(connection.host, 1) - 1
        if left > 0:
            self.per_host[connection.host] = left
        else:
            self.per_host.pop(connection.host, None)

    def press_back(self) -> None:
        """Stop reading while more waits for the journal than may, and read again at half of it."""
        pending = self._pending_bytes()
        most = self.most_pending_bytes
        if not self._paused and (pending > most or self.trouble is not None):
            self._paused = True
            self.counters.pauses += 1
            for connection in self.connections:
                connection.pause()
        elif self._paused and pending < most // 2 and self.trouble is None and not self._draining:
            self._paused = False
            for connection in self.connections:
                connection.resume()

    def drain(self) -> None:
        """Stop reading for good; who is connected still gets the answers to what was received.

        What a peer had begun and not finished is kept, as if it had hung up.
        """
        self._draining = self._paused = True
        now = self.now_us()
        for connection in list(self.connections):
            connection.pause()
            connection.finish(now)

    @property
    def paused(self) -> bool:
        """Whether reading is stopped for all."""
        return self._paused

    def sweep(self, now: int) -> None:
        """Serve the deadlines of all connections; call once a second."""
        for connection in [c for c in self.connections if c.session.next_deadline() <= now]:
            connection.tick(now)
        for connection in [c for c in self.connections if c.is_stuck(now)]:
            self.counters.close("took nothing")
            connection.abort()
        self.counters.held += self._loud.sweep(self.connections, now)
        self.fleet.expire(now)
        self.unknown.expire(now)
        self.gatekeeper.expire(now)
        self.press_back()

    def close_all(self, reason: str) -> None:
        """Hang up on everybody."""
        for connection in list(self.connections):
            connection.hang_up(reason)


def _let_be(connection: MeterConnection) -> None:
    """Nobody wants to see anything."""
