"""The meter port: sockets to sessions, frames to chains, replies back.

    socket ── data_received ──► Session ── Received ──► Chain ──► journal
       ▲                           │ at once                        │ when stored
       └───────── reply ───────────┴────────────────────────────────┘

One object a connection beside its session, no task, no timer; one sweep a second serves all
deadlines.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final
from zlib import crc32

import structlog

from wattwarden.protocol.codec import Codec, ProfileOf
from wattwarden.protocol.envelope import Occurrence, SessionRow
from wattwarden.protocol.session import (
    SECOND_US,
    Closing,
    LoggedIn,
    Received,
    Session,
    SessionLimits,
    Skipped,
)
from wattwarden.server.chain import Chain
from wattwarden.server.fleet import Fleet, Verdict
from wattwarden.server.pacer import Pacer, UnknownAllowance
from wattwarden.server.settings import GatewaySettings

_log: Final = structlog.get_logger(__name__)

HOUR_US: Final = 3_600_000_000
# TCP gives up by itself after a quarter of an hour; until then a peer that reads nothing would
# hold its connection and what it was answered.
BLOCKED_S: Final = 60


@dataclass(slots=True)
class PortCounters:
    """What happened at the meter port since the process started."""

    opened: int = 0
    logins: int = 0
    takeovers: int = 0
    duplicate_ids: int = 0
    paced: int = 0
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
        # Segments that one turn of the loop brings came at one time: uvloop gives a turn one time.
        self.turn = asyncio.get_running_loop().time
        self.turned = 0.0
        self.turned_us = 0
        # Looked up for every segment, where a setting costs more.
        self.most_pending_bytes = settings.pending_bytes
        self.limits = SessionLimits(
            settings.pre_login_s * rate,
            settings.partial_frame_s * rate,
            settings.noise_before_login_bytes,
            settings.noise_bytes,
        )
        self.fleet: Fleet[MeterConnection] = Fleet()
        self.connections: set[MeterConnection] = set()
        self.per_host: dict[str, int] = {}
        self.pacer = Pacer(settings.logins_per_second, rate)
        self.blocked_us = BLOCKED_S * rate * SECOND_US
        self.unknown = UnknownAllowance(settings.unknown_records_per_peer_hour, HOUR_US)
        self._chains = chains
        self._epoch = 0
        self._paused = False
        self._draining = False
        self.trouble: str | None = None

    def new_epoch(self) -> int:
        """Number a connection."""
        self._epoch += 1
        return self._epoch

    def chain_of(self, name: str) -> Chain:
        """Return the chain that writes for an identity (or a peer, before it has one)."""
        return self._chains[crc32(name.encode()) % len(self._chains)]

    def refusal(self, host: str) -> str | None:
        """Say why a newcomer is not let in, None when it is."""
        if len(self.connections) > self.settings.max_sessions:
            return "max_sessions"
        if self.per_host.get(host, 0) > self.settings.max_sessions_per_peer:
            return "max_sessions_per_peer"
        return None

    def press_back(self) -> None:
        """Stop reading while more waits for the journal than may, and read again at half of it."""
        pending = sum(chain.pending_bytes for chain in self._chains)
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
        self.fleet.expire(now)
        self.unknown.expire(now)
        self.press_back()

    def close_all(self, reason: str) -> None:
        """Hang up on everybody."""
        for connection in list(self.connections):
            connection.hang_up(reason)


class MeterConnection(asyncio.Protocol):
    """One peer on the meter port."""

    __slots__ = (
        "_admitted",
        "_blocked_since",
        "_chain",
        "_finishing",
        "_host",
        "_key",
        "_paced",
        "_peer",
        "_port",
        "_reason",
        "_row",
        "_transport",
        "_unknown_bytes",
        "epoch",
        "session",
    )

    _transport: asyncio.Transport
    _chain: Chain
    session: Session

    def __init__(self, port: MeterPort) -> None:
        self._port = port
        self._row: SessionRow | None = None
        self._unknown_bytes = 0
        self._admitted = self._finishing = False
        self._blocked_since = 0
        self._paced = False
        self._reason = ""
        self.epoch = 0
        self._peer = self._host = self._key = ""

    # --- the socket's side

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Let the peer in, at its pace, or close."""
        port = self._port
        now = port.now_us()
        self._transport = transport  # type: ignore[assignment]  # a stream transport, by listen()
        self._host, self._peer = _peer_of(transport)
        self.epoch = port.new_epoch()
        self.session = Session(port.codecs, port.profile_of, port.limits, now)
        port.counters.opened += 1
        port.per_host[self._host] = port.per_host.get(self._host, 0) + 1
        port.connections.add(self)
        self._chain = port.chain_of(self._peer)
        refusal = port.refusal(self._host)
        if refusal is not None:
            # Counted, not journalled: a flood must not fill the journal.
            port.counters.refuse(refusal)
            self._transport.abort()
            return
        self._admitted = True
        self._note("open", now)
        delay = port.pacer.delay_s(now)
        if delay > 0:
            port.counters.paced += 1
            self._paced = True
            self._transport.pause_reading()
            asyncio.get_running_loop().call_later(delay, self._let_in)
        elif port.paused:
            self._transport.pause_reading()

    def data_received(self, data: bytes) -> None:
        """Feed the session and act on what it says."""
        port = self._port
        turn = port.turn()
        if turn != port.turned:
            port.turned, port.turned_us = turn, port.now_us()
        now = port.turned_us
        session = self.session
        frames = session.take_frames(data, now)
        if not frames:
            if frames is None:
                session.receive_data(data, now)
            self._pump(now)
            return
        chain = self._chain
        chain.add(self, session.codec, frames, now)
        if chain.pending_bytes > port.most_pending_bytes:
            port.press_back()
        if session.unsent:
            self.reply(session.data_to_send())

    def _pump(self, now: int) -> None:
        """Act on what the session says."""
        session = self.session
        for event in session.take_events():
            if isinstance(event, Received):
                chain = self._chain
                chain.add(self, event.codec, event.frames, now, event.asked)
                if chain.pending_bytes > self._port.most_pending_bytes:
                    self._port.press_back()
            else:
                self._act(event, now)
        if session.unsent:
            self.reply(session.data_to_send())

    def connection_lost(self, exc: Exception | None) -> None:
        """Keep what the peer left unfinished, and forget the peer."""
        port = self._port
        now = port.now_us()
        if self._admitted:
            self.session.end(now)
            self._pump(now)
        port.connections.discard(self)
        left = port.per_host.get(self._host, 1) - 1
        if left > 0:
            port.per_host[self._host] = left
        else:
            port.per_host.pop(self._host, None)
        if self._key:
            port.fleet.logout(self._key, self)
        if self._admitted:
            self._note("close", now, self._reason or ("" if exc is None else type(exc).__name__))

    def pause_writing(self) -> None:
        """Ask the peer nothing more while it does not take what it was answered."""
        self._blocked_since = self._port.now_us()
        self.pause()

    def resume_writing(self) -> None:
        """Go on once it has."""
        self._blocked_since = 0
        if not self._port.paused:
            self.resume()

    # --- the chain's side

    def row(self) -> SessionRow:
        """Describe the connection for the envelope."""
        row = self._row
        identity = self.session.identity
        if row is None or row.identity != identity:
            version = self._port.profile_of(identity).version if identity else 0
            row = self._row = SessionRow(self.epoch, self._peer, identity, version)
        return row

    def reply(self, data: bytes) -> None:
        """Send, unless the peer has hung up meanwhile (writing then would raise)."""
        if not self._transport.is_closing():
            self._transport.write(data)

    def reject(self, frame: bytes) -> None:
        """Take back a frame whose checksum does not fit; sound ones inside it are taken anew."""
        now = self._port.now_us()
        if self.session.is_over or self._transport.is_closing():
            self._keep(frame, "checksum does not fit", now)
            return
        self.session.reject(frame, now)
        self._pump(now)

    # --- the port's side

    def is_stuck(self, now: int) -> bool:
        """Whether the peer has taken nothing for so long that nobody waits any more."""
        return bool(self._blocked_since) and now - self._blocked_since > self._port.blocked_us

    def abort(self) -> None:
        """Close without waiting for what was written."""
        self._transport.abort()

    def tick(self, now: int) -> None:
        """Let time pass."""
        self.session.tick(now)
        self._pump(now)

    def pause(self) -> None:
        """Stop reading."""
        if not self._transport.is_closing() and not self._paced:
            self._transport.pause_reading()

    def resume(self) -> None:
        """Read again."""
        if not (self._transport.is_closing() or self._paced or self._blocked_since):
            self._transport.resume_reading()

    def finish(self, now: int) -> None:
        """End the session, and leave the connection open for the answers that are due."""
        if self._admitted:
            self._finishing = True
            self.session.end(now)
            self._pump(now)

    def hang_up(self, reason: str) -> None:
        """Close once what was written has gone out."""
        if not self._transport.is_closing():
            self._port.counters.close(reason)
            self._reason = reason
            self._transport.close()

    def _let_in(self) -> None:
        self._paced = False
        if not self._port.paused:
            self.resume()

    def _act(self, event: LoggedIn | Skipped | Closing, now: int) -> None:
        match event:
            case LoggedIn():
                self._login(now)
            case Skipped(data, reason):
                self._keep(data, reason, now)
            case Closing(reason):
                if not self._finishing:
                    self.hang_up(reason)

    def _login(self, now: int) -> None:
        port = self._port
        key = f"{self.session.codec.name if self.session.codec else ''}:{self.session.identity}"
        if self._key and self._key != key:
            port.fleet.logout(self._key, self)
        self._key = key
        self._chain = port.chain_of(key)
        verdict, older = port.fleet.login(key, self, self._host, now)
        port.counters.logins += 1
        self._note("login", now, verdict.value if verdict is not Verdict.ADMITTED else "")
        if older is None or older is self:
            return
        if verdict is Verdict.TAKEN_OVER:
            port.counters.takeovers += 1
            older.hang_up("taken over by the same meter")
            return
        port.counters.duplicate_ids += 1
        if port.fleet.is_worth_an_alarm(key, now):
            _log.warning("two meters under one id", meter=key, peers=[self._peer, older.peer])
            self._note("duplicate_id", now, f"{self._peer} and {older.peer}")
        self.hang_up("another peer uses the same id")

    @property
    def peer(self) -> str:
        """Address and port of the peer."""
        return self._peer

    def _keep(self, data: bytes, reason: str, now: int) -> None:
        """Journal bytes that belong to no frame, within the allowances; count the rest."""
        port = self._port
        port.counters.unknown_bytes += len(data)
        room = port.settings.unknown_bytes_per_connection - self._unknown_bytes
        kept = data[: max(0, room)]
        if not kept or not port.unknown.allows(self._host, now):
            port.counters.unknown_dropped_bytes += len(data)
            return
        self._unknown_bytes += len(kept)
        port.counters.unknown_dropped_bytes += len(data) - len(kept)
        self._chain.add_unknown(self, kept, reason, now)

    def _note(self, what: str, now: int, reason: str = "") -> None:
        session = self.session
        codec = session.codec.name if session.codec is not None else None
        self._chain.note(
            Occurrence(now, self.epoch, what, self._peer, codec, session.identity, reason)
        )


def _peer_of(transport: asyncio.BaseTransport) -> tuple[str, str]:
    address = transport.get_extra_info("peername")
    if not address:
        return "unknown", "unknown"
    host, number = address[0], address[1]
    return str(host), f"{host}:{number}"
