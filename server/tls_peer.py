"""One meter that speaks TLS: ciphertext of its wire below, plain segments of its connection above.

    Wire ── hear ──► TlsPeer ── handshake, records ──► MeterConnection, or its lane
      ▲                 │ ▲                                │
      └── ciphertext ───┘ └──────────── write ─────────────┘

The wire and the connection are those of the meter port: neither knows of the other that it is
not alone.  Nothing of a meter exists above before its handshake is done.
"""

import asyncio
import ssl
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from wattwarden.server.certificates import certificate_of
from wattwarden.server.lane import RECEIVE_BYTES

if TYPE_CHECKING:
    from wattwarden.protocol.access import Certificate
    from wattwarden.server.connection import MeterConnection
    from wattwarden.server.tls_door import TlsDoor
    from wattwarden.server.wire import Wire

CERTIFICATE: Final = "certificate"
"""By which name the transport tells what certificate its peer showed (``get_extra_info``)."""
SECURITY: Final = "security"
"""By which name it tells, in words, how the peer is secured; transports of others tell nothing."""
# Three certificates of 4 KiB and as much of everything else; OpenSSL's own bound is ten times that.
MOST_HANDSHAKE_BYTES: Final = 32 * 1024

LATE: Final = "took too long"
GONE: Final = "hung up"
LONG: Final = "was too long"


class TlsPeer(asyncio.Transport):
    """The transport of a meter's connection, and the connection of its wire.

    ``lane`` is always None: ciphertext is never routine.  ``is_secured`` tells whether the
    handshake is done.
    """

    __slots__ = (
        "_certificate",
        "_connection",
        "_deadline",
        "_door",
        "_incoming",
        "_is_told",
        "_outgoing",
        "_received_bytes",
        "_tls",
        "_wire",
        "host",
        "is_pressing",
        "is_secured",
        "lane",
    )

    _wire: "Wire"
    _connection: "MeterConnection"
    _deadline: asyncio.TimerHandle

    def __init__(self, door: "TlsDoor", context: ssl.SSLContext) -> None:
        # No super: as of wires.
        self._door = door
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        self._certificate: Certificate | None = None
        self._received_bytes = 0
        self._is_told = False
        self.lane: None = None
        self.is_pressing = False
        self.host = ""
        self.is_secured = False

    # --- the wire's side

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Wait for the handshake when it is the peer's turn, or close."""
        self._wire = transport  # type: ignore[assignment]  # a wire, by Sockets
        self.host = str(transport.get_extra_info("peername")[0])
        loop = asyncio.get_running_loop()
        wait_s = self._door.turn(self)
        if wait_s is None:
            self._is_told = True
            self._wire.abort()
            wait_s = 0.0
        elif wait_s > 0:
            self._wire.pause_reading()
            loop.call_later(wait_s, self._wire.resume_reading)
        self._deadline = loop.call_later(wait_s + self._door.patience_s, self._give_up, LATE)

    def hear(self, data: bytes, now: int) -> None:
        """Take a segment of ciphertext."""
        self._incoming.write(data)
        try:
            if not self.is_secured and not self._shake(len(data)):
                return
            self._pass_on(now)
        except ssl.SSLError as error:
            # What tells the peer why goes out first.
            self._flush()
            if self.is_secured:
                self._wire.end(error)
            else:
                self._give_up(_reason(error))
        else:
            self._flush()

    def pause_writing(self) -> None:
        """The peer takes nothing more."""
        if self.is_secured:
            self._connection.pause_writing()

    def resume_writing(self) -> None:
        """It took everything."""
        if self.is_secured:
            self._connection.resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        """The wire is closed."""
        self._deadline.cancel()
        if self.is_secured:
            self._connection.connection_lost(exc)
        else:
            self._tell(GONE)
        self._door.forget(self)

    # --- the connection's side

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Return what TLS came to as ``security``, who showed what; else what the wire knows."""
        if name == CERTIFICATE:
            return default if self._certificate is None else self._certificate
        if name == SECURITY:
            return self._security()
        return self._wire.get_extra_info(name, default)

    def write(self, data: bytes) -> None:  # type: ignore[override]  # bytes only: they are kept
        """Send, or keep what the kernel does not take."""
        if self._wire.is_closing():
            return
        try:
            for at in range(0, len(data), _MOST_RECORD_BYTES):
                self._tls.write(data[at : at + _MOST_RECORD_BYTES])
        except ssl.SSLError as error:
            self._wire.end(error)
        else:
            self._flush()

    def is_closing(self) -> bool:
        """Whether it is closed, or will be once what waits is sent."""
        return self._wire.is_closing()

    def pause_reading(self) -> None:
        """Read nothing."""
        self._wire.pause_reading()

    def resume_reading(self) -> None:
        """Read again."""
        self._wire.resume_reading()

    def close(self) -> None:
        """Say that this is the end, send what waits, then close."""
        with suppress(ssl.SSLError):
            # It has said so once it waits for the peer to say the same.
            self._tls.unwrap()
        self._flush()
        self._wire.close()

    def abort(self) -> None:
        """Close without sending what waits."""
        self._wire.abort()

    # --- in between

    def _shake(self, size: int) -> bool:
        """Go on with the handshake; return whether it is done."""
        self._received_bytes += size
        if self._received_bytes > MOST_HANDSHAKE_BYTES:
            self._give_up(LONG)
            return False
        try:
            self._tls.do_handshake()
        except ssl.SSLWantReadError:
            self._flush()
            return False
        self._deadline.cancel()
        self._flush()
        self._certificate = certificate_of(self._tls)
        self._connection = self._door.let_in(self)
        self.is_secured = True
        self._connection.connection_made(self)
        return True

    def _pass_on(self, now: int) -> None:
        """Hand over what is plain by now.

        Raises:
            ssl.SSLError: What follows that is nothing that a peer would say.
        """
        segments: list[bytes] = []
        fault: ssl.SSLError | None = None
        try:
            while data := self._tls.read(RECEIVE_BYTES):
                segments.append(data)
        except ssl.SSLError as error:
            fault = error
        self._hand_over(segments, now)
        if fault is None:
            # The peer said that this is the end.
            self.close()
        elif not isinstance(fault, ssl.SSLWantReadError):
            raise fault

    def _hand_over(self, segments: list[bytes], now: int) -> None:
        connection = self._connection
        lane = connection.lane
        if len(segments) == 1 and lane is not None:
            lane.sources.append(connection)
            lane.segments.append(segments[0])
        else:
            # More than a turn takes of a plain wire is for its session: lanes take one of each.
            connection.is_pressing = connection.is_pressing or len(segments) > 1
            for segment in segments:
                if self._wire.is_closing():
                    # As of a plain wire: of whoever was hung up on, nothing more is read.
                    return
                connection.hear(segment, now)

    def _flush(self) -> None:
        if self._outgoing.pending:
            self._wire.write(self._outgoing.read())

    def _give_up(self, reason: str) -> None:
        self._tell(reason)
        self._wire.abort()

    def _tell(self, reason: str) -> None:
        """Tell the door, once, that there will be no handshake."""
        if not (self.is_secured or self._is_told):
            self._is_told = True
            self._door.note_failure(self.host, reason)

    def _security(self) -> str:
        shown = self._certificate
        version = self._tls.version() or ""
        return version if shown is None else f"{version}, {shown.described}"


# What a record of TLS holds at most (RFC 8446, 5.1).
_MOST_RECORD_BYTES: Final = 16_384


def _reason(error: ssl.SSLError) -> str:
    """Say why a handshake failed, in one of OpenSSL's few hundred words, never in the peer's."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"certificate: {error.verify_message}"
    return (error.reason or "protocol error").lower().replace("_", " ")
