"""A connection that somebody looks at: the same, and it tells what happens to it.

    MeterConnection ── look_at ──► TracedConnection ── let_be ──► MeterConnection

The class of the object is exchanged, so that connections at which nobody looks do not even ask.  A
traced one takes no short way: each of its segments is heard by itself.
"""

from collections.abc import Callable, Sequence

from wattwarden.protocol.codec import Asked, Codec
from wattwarden.protocol.envelope import SessionRow
from wattwarden.server.connection import MeterConnection
from wattwarden.server.lane import Lane
from wattwarden.server.trace import MOST_BYTES, Happened, Target, What


def look_at(connection: MeterConnection, targets: Sequence[Target]) -> None:
    """Have a connection tell these targets what happens; none of them: nobody any more."""
    if targets:
        connection.__class__ = TracedConnection
    if isinstance(connection, TracedConnection):
        connection.begin(targets)
    if not targets:
        connection.__class__ = MeterConnection


class TracedConnection(MeterConnection):
    """A connection whose ``targets`` see what happens to it."""

    # Other slots than those of its base, and no object could change over.
    __slots__ = ()

    def begin(self, targets: Sequence[Target]) -> None:
        """Tell these from now on; none: be as before."""
        self.targets = tuple(targets)
        if targets:
            self.reply = self._send
            self.lane = None
        else:
            self.reply = self._transport.write
            # What is routine may take the short way again.
            self.lane = super()._short_way()

    def tell(
        self,
        what: str,
        data: bytes = b"",
        *,
        at: int | None = None,
        reason: str = "",
        request: bytes | None = None,
        waited_us: int | None = None,
    ) -> None:
        """Tell what happened, now unless it is said when."""
        session = self.session
        happened = Happened(
            at=self._port.now_us() if at is None else at,
            what=what,
            peer=self._peer,
            codec=None if session.codec is None else session.codec.name,
            identity=session.identity,
            data=data[:MOST_BYTES],
            size=len(data),
            reason=reason,
            request=request,
            waited_us=waited_us,
        )
        for target in self.targets:
            target.see(happened)

    def clock_us(self) -> int:
        """Return the time that it is."""
        return self._port.now_us()

    def _send(self, data: bytes) -> None:
        self.tell(What.SENT, data)
        self._transport.write(data)

    def _short_way(self) -> Lane | None:
        return None

    def _take(self, codec: Codec | None, frames: list[bytes], asked: Asked, now: int) -> None:
        for index, frame in enumerate(frames):
            self.tell(What.HEARD, frame, at=now, request=asked.get(index))
        chain = self.chain
        chain.add(_Segment(self, self._transport.write, now), codec, frames, now, asked)
        if chain.pending_bytes > self._port.most_pending_bytes:
            self._port.press_back()

    def _keep(self, data: bytes, reason: str, now: int) -> None:
        self.tell(What.NOISE, data, at=now, reason=reason)
        super()._keep(data, reason, now)

    def note(self, what: str, now: int, reason: str = "") -> None:
        """Journal what happened, and tell it."""
        self.tell(what, at=now, reason=reason)
        super().note(what, now, reason)

    def _refuse(self, reason: str) -> None:
        self.tell(What.REFUSED, reason=reason)
        super()._refuse(reason)


class _Segment:
    """The frames of one segment, as an envelope's source: to it they are their connection's."""

    __slots__ = ("_connection", "_received_at", "_write")

    def __init__(
        self, connection: TracedConnection, write: Callable[[bytes], None], received_at: int
    ) -> None:
        self._connection = connection
        self._write = write
        self._received_at = received_at

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Segment) and other._connection is self._connection

    def __hash__(self) -> int:
        return hash(self._connection)

    @property
    def row(self) -> SessionRow:
        """What the envelope says of the connection."""
        return self._connection.row

    def reply(self, data: bytes) -> None:
        """Send what the frames are answered, and tell after how long."""
        connection = self._connection
        # Nobody may look any more.
        if isinstance(connection, TracedConnection):
            now = connection.clock_us()
            connection.tell(What.ANSWERED, data, at=now, waited_us=now - self._received_at)
        self._write(data)

    def reject(self, frame: bytes) -> None:
        """Take back a frame whose checksum does not fit."""
        connection = self._connection
        if isinstance(connection, TracedConnection):
            connection.tell(What.RETURNED, frame, reason="checksum does not fit")
        connection.reject(frame)
