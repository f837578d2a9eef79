"""One peer on the meter port: its socket to its session, frames to its chain, replies back.

    transport ── hear ──► Session ── Received ──► Chain ──► journal
       ▲          └ or a lane ─► Codec.routine ─────┘         │ when stored
       └──────────────────────── reply ───────────────────────┘

One object a connection beside its session, no task, no timer.
"""

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

import structlog

from wattwarden.protocol.both import Both
from wattwarden.protocol.codec import NOTHING_ASKED, Asked, Codec
from wattwarden.protocol.command import CannotAskError, Command, Outcome, Peer
from wattwarden.protocol.envelope import Occurrence, SessionRow
from wattwarden.protocol.events import Closing, Denied, LoggedIn, Received, Skipped
from wattwarden.protocol.session import Session
from wattwarden.server.chain import Chain
from wattwarden.server.login import NOBODY_BOUND, bound_session, deny, log_in
from wattwarden.server.loud import RECEIVED_BYTES
from wattwarden.server.tls_peer import CERTIFICATE, SECURITY

if TYPE_CHECKING:
    from wattwarden.protocol.access import Certificate
    from wattwarden.server.lane import Lane
    from wattwarden.server.port import MeterPort
    from wattwarden.server.trace import Target

_log: Final = structlog.get_logger(__name__)


class MeterConnection(asyncio.Protocol):
    """One peer on the meter port.

    ``lane`` takes the segments that need no session of their own; None while each does.
    """

    __slots__ = (
        "_admitted",
        "_blocked_since",
        "_finishing",
        "_listener",
        "_opened_at",
        "_paced",
        "_peer",
        "_port",
        "_reason",
        "_transport",
        "_unknown_bytes",
        "chain",
        "denied",
        "epoch",
        "host",
        "is_pressing",
        "key",
        "lane",
        "reply",
        "row",
        "session",
        "targets",
    )

    _transport: asyncio.Transport
    session: Session
    chain: Chain
    """Where the peer's frames go: by its address, and by its name once it has one."""
    host: str
    """The peer's address without its port."""
    key: str
    """Codec and identity under which the peer was let in, "" before."""
    denied: str
    """Why it was not believed to be a meter, "" while it is."""
    reply: Callable[[bytes], None]
    """Send, unless the peer has hung up meanwhile."""
    row: SessionRow
    """What envelopes say of the connection."""
    targets: "tuple[Target, ...]"
    """Who sees what happens here; set while somebody does (``traced``)."""

    def __init__(self, port: "MeterPort", listener: str | None = None) -> None:
        self._port = port
        self._listener = listener
        self.lane: Lane | None = None
        self._unknown_bytes = 0
        self._admitted = self._finishing = False
        self._opened_at = self._blocked_since = 0
        self._paced = False
        self._reason = self.denied = ""
        self.epoch = 0
        # Whether more was waiting than a turn reads, since somebody last looked.
        self.is_pressing = False
        self._peer = self.host = self.key = ""

    # --- the socket's side

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Let the peer in, at its pace, or close."""
        port = self._port
        now = port.now_us()
        self._transport = transport  # type: ignore[assignment]  # a stream transport, by listen()
        self.reply = self._transport.write
        self.host, self._peer = _peer_of(transport)
        self.epoch = port.new_epoch()
        self.row = SessionRow(self.epoch, self._peer, None)
        self.session = Session(port.codecs, port.profile_of, port.limits, now)
        port.counters.opened += 1
        port.enter(self)
        self.chain = port.chain_of(self._peer)
        port.meet(self)
        refusal = port.refusal(self.host, now)
        if refusal is not None:
            # Counted, not journalled: a flood must not fill the journal.
            self._refuse(refusal)
            return
        if self._listener is not None:
            session = bound_session(port, self._listener, self.host, now)
            if session is None:
                self._refuse(NOBODY_BOUND)
                return
            self.session = session
        self._admitted = True
        self._opened_at = now
        if self._listener is not None:
            self._pump(now)
        delay = port.pacer.delay_s(now)
        if delay > 0:
            port.counters.paced += 1
            self.hold(delay)
        elif port.paused:
            self._transport.pause_reading()

    def _refuse(self, reason: str) -> None:
        self._port.counters.refuse(reason)
        self._transport.abort()

    def data_received(self, data: bytes) -> None:
        """Take a segment, at the time that it is."""
        self.hear(data, self._port.now_us())

    def hear(self, data: bytes, now: int) -> None:
        """Feed the session and act on what it says."""
        session = self.session
        try:
            # What was under way when a login was denied is no frame of the meter's.
            frames = None if self.denied else session.take_frames(data, now)
            if frames is None:
                session.receive_data(data, now)
            if frames:
                self._take(session.codec, frames, NOTHING_ASKED, now)
                if session.unsent:
                    self.reply(session.data_to_send())
                return
            self._pump(now)
        except Exception as error:  # noqa: BLE001  # a defect of a codec is this peer's alone
            self._fail(error, data, now)

    def _fail(self, error: Exception, data: bytes, now: int) -> None:
        """Keep what a codec stumbled over, and hang up; whatever the codec is, others go on."""
        codec = self.session.codec
        _log.error(
            "a codec failed", peer=self._peer, codec=codec.name if codec else None, exc_info=error
        )
        self.lane = None
        self._keep(data, f"the codec failed: {type(error).__name__}", now)
        self._port.counters.close("a codec failed")
        self._reason = "a codec failed"
        self._transport.abort()

    def _pump(self, now: int) -> None:
        """Act on what the session says."""
        session = self.session
        if self._opened_at:
            self._note_open()
        identity = self._believed()
        if identity != self.row.identity:
            self._describe(identity)
        for event in session.take_events():
            if not isinstance(event, Received):
                self._act(event, now)
            elif self.denied:
                self._keep(b"".join(event.frames), self.denied, now)
            else:
                self._take(event.codec, event.frames, event.asked, now)
        if session.unsent:
            self.reply(session.data_to_send())
        self.lane = self._short_way()

    def _short_way(self) -> "Lane | None":
        codec = self.session.routine_codec
        return None if codec is None or self.denied else self._port.lane_of(codec, self.chain)

    def _believed(self) -> str | None:
        """Return who the peer is; nothing is said of a meter whose name a stranger took."""
        return None if self.denied else self.session.identity

    def disbelieve(self, reason: str) -> None:
        """Take the peer for a stranger: what it sends is nobody's; and hang up."""
        self.denied = reason
        self._describe(None)
        self.hang_up(reason)

    def _describe(self, identity: str | None) -> None:
        version = self._port.profile_of(identity).version if identity else 0
        self.row = SessionRow(self.epoch, self._peer, identity, version)

    def _take(self, codec: Codec | None, frames: list[bytes], asked: Asked, now: int) -> None:
        chain = self.chain
        chain.add(self, codec, frames, now, asked)
        if chain.pending_bytes > self._port.most_pending_bytes:
            self._port.press_back()

    def connection_lost(self, exc: Exception | None) -> None:
        """Keep what the peer left unfinished, and forget the peer."""
        port = self._port
        now = port.now_us()
        port.leave(self)
        if self._opened_at and not self._reason:
            # Balancers look whether anybody is there, as scanners do: counted, not journalled.
            port.counters.silent += 1
            self._admitted = False
        if self._admitted:
            try:
                self.session.end(now)
                self._pump(now)
            except Exception as error:  # noqa: BLE001  # as in ``hear``
                self._fail(error, b"", now)
        if self.key:
            port.fleet.logout(self.key, self)
        if self._admitted:
            self.note("close", now, self._reason or ("" if exc is None else type(exc).__name__))

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

    def received_bytes(self) -> int:
        """Return how much has come, below all protocols."""
        received: int = self._transport.get_extra_info(RECEIVED_BYTES, 0)
        return received

    def certificate(self) -> "Certificate | None":
        """Return what certificate the peer showed, None where none was asked for."""
        shown: Certificate | None = self._transport.get_extra_info(CERTIFICATE)
        return shown

    def hold(self, seconds: float) -> None:
        """Read nothing for so long."""
        if not self._paced:
            self._transport.pause_reading()
            self._paced = True
            asyncio.get_running_loop().call_later(seconds, self._let_in)

    def tick(self, now: int) -> None:
        """Let time pass."""
        try:
            self.session.tick(now)
            self._pump(now)
        except Exception as error:  # noqa: BLE001  # as in ``hear``
            self._fail(error, b"", now)

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

    def _act(self, event: LoggedIn | Skipped | Denied | Closing, now: int) -> None:
        match event:
            case LoggedIn():
                log_in(self._port, self, now)
            case Denied(codec, identity, reason):
                deny(self._port, self, codec.name, identity, reason, now)
            case Skipped(data, reason):
                self._keep(data, reason, now)
            case Closing(reason):
                if not self._finishing:
                    self.hang_up(reason)

    def order(self, number: int, command: Command, peer: Peer) -> None:
        """Ask the peer what a command wants, as ``Session.order`` does.

        Raises:
            CannotAskError: it cannot be asked that.
        """
        if self._transport.is_closing():
            message = Both("设备刚刚断开", "the meter hung up at this moment")
            raise CannotAskError(message, Both("请再问一次", "ask again"))
        self.session.order(number, command, peer)
        self._pump(peer.now)

    def take_outcomes(self, now: int) -> list[Outcome]:
        """Return, once, what came of commands that ended."""
        outcomes = self.session.outcomes()
        if outcomes:
            # With nothing to wait for, segments may be routine again.
            self._pump(now)
        return outcomes

    @property
    def is_asking(self) -> bool:
        """Whether something may still come of a command: the peer is there, and the same."""
        line = self.session.line
        return not self._transport.is_closing() and line is not None and line.is_busy

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
        if not kept or not port.unknown.allows(self.host, now):
            port.counters.unknown_dropped_bytes += len(data)
            return
        self._unknown_bytes += len(kept)
        port.counters.unknown_dropped_bytes += len(data) - len(kept)
        self.chain.add_unknown(self, kept, reason, now)

    def _note_open(self) -> None:
        """Record that the peer dialled in, once it has said a word or something came of it."""
        opened_at, self._opened_at = self._opened_at, 0
        self.note("open", opened_at, str(self._transport.get_extra_info(SECURITY, "")))

    def note(self, what: str, now: int, reason: str = "") -> None:
        """Journal what happened to the connection; that it was opened comes first."""
        if self._opened_at:
            self._note_open()
        session = self.session
        codec = session.codec.name if session.codec is not None else None
        identity = self._believed()
        self.chain.note(Occurrence(now, self.epoch, what, self._peer, codec, identity, reason))


def _peer_of(transport: asyncio.BaseTransport) -> tuple[str, str]:
    address = transport.get_extra_info("peername")
    if not address:
        return "unknown", "unknown"
    host, number = address[0], address[1]
    return str(host), f"{host}:{number}"
