"""One meter's socket, as a transport that costs little for each segment.

    write ─► send at once ── the kernel takes no more ──► the rest waits, reading stops
    close ─► what waits goes out, then the socket is closed

What is written once the wire is closing is dropped: peers hang up while their frames are stored.
"""

import asyncio
import socket
from select import EPOLLIN, EPOLLOUT
from typing import Any, Protocol

from wattwarden.server.lane import Heard, Lane
from wattwarden.server.loud import RECEIVED_BYTES, received_bytes


class Peer(Heard, Protocol):
    """The connection on a wire.

    ``lane`` is None while every segment is to be heard; ``is_pressing`` is set when more waits than
    a turn reads.
    """

    lane: Lane | None
    is_pressing: bool

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin, on a wire that is read already."""

    def pause_writing(self) -> None:
        """The peer takes nothing more."""

    def resume_writing(self) -> None:
        """It took everything."""

    def connection_lost(self, exc: Exception | None) -> None:
        """The wire is closed."""


class Watch(Protocol):
    """Who watches the sockets of all wires."""

    def watch(self, wire: "Wire", events: int) -> None:
        """Wait for these events, and no others, from now on."""

    def forget(self, wire: "Wire") -> None:
        """Wait for nothing, and give the number of the socket free."""


class Wire(asyncio.Transport):
    """A connected socket; made by whoever accepts it, with the number of its file."""

    __slots__ = (
        "_closing",
        "_events",
        "_lost",
        "_peer",
        "_rest",
        "_send",
        "_watch",
        "connection",
        "number",
        "receive",
        "sock",
    )

    def __init__(self, sock: socket.socket, peer: tuple[str, int], watch: Watch) -> None:
        # No super: it would give each wire a dictionary.
        self.sock = sock
        self.number = sock.fileno()
        self.receive = sock.recv
        self._send = sock.send
        self._peer = peer
        self._watch = watch
        self._rest = b""
        self._events = 0
        self._closing = self._lost = False

    def begin(self, connection: Peer) -> None:
        """Read from now on, and tell this connection."""
        self.connection = connection
        self._wait_for(EPOLLIN)
        connection.connection_made(self)

    def look_again(self) -> None:
        """Be told in the next turn of what is there already."""
        self.connection.is_pressing = True
        if self._events:
            self._watch.watch(self, self._events)

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Return the address of the peer as ``peername``, and ``received_bytes``; no more."""
        if name == RECEIVED_BYTES:
            return default if self._lost else received_bytes(self.sock)
        return self._peer if name == "peername" else default

    def write(self, data: bytes) -> None:  # type: ignore[override]  # bytes only: they are kept
        """Send, or keep what the kernel does not take."""
        if self._closing:
            return
        if self._rest:
            self._rest += data
            return
        send = self._send  # a call of an attribute costs twice that of a name
        try:
            sent = send(data)
        except BlockingIOError:
            sent = 0
        except OSError as error:
            self.end(error)
            return
        if sent < len(data):
            self._rest = data[sent:]
            self._wait_for(self._events | EPOLLOUT)
            self.connection.pause_writing()

    def go_on(self) -> None:
        """Send what waits: the kernel takes more."""
        try:
            sent = self._send(self._rest)
        except BlockingIOError:
            return
        except OSError as error:
            self.end(error)
            return
        self._rest = self._rest[sent:]
        if self._rest:
            return
        if self._closing:
            self.end(None)
            return
        self._wait_for(self._events & ~EPOLLOUT)
        self.connection.resume_writing()

    def is_closing(self) -> bool:
        """Whether it is closed, or will be once what waits is sent."""
        return self._closing

    def pause_reading(self) -> None:
        """Read nothing; that the peer has hung up is noticed later, too."""
        if not self._closing:
            self._wait_for(self._events & ~EPOLLIN)

    def resume_reading(self) -> None:
        """Read again."""
        if not self._closing:
            self._wait_for(self._events | EPOLLIN)

    def close(self) -> None:
        """Send what waits, then close."""
        if self._closing:
            return
        if not self._rest:
            self.end(None)
            return
        self._closing = True
        self._wait_for(EPOLLOUT)

    def abort(self) -> None:
        """Close without sending what waits."""
        self.end(None)

    def end(self, error: Exception | None) -> None:
        """Close at once, and tell the connection in a turn of its own."""
        if self._lost:
            return
        self._closing = self._lost = True
        self._rest = b""
        self._watch.forget(self)
        self.sock.close()
        asyncio.get_running_loop().call_soon(self.connection.connection_lost, error)

    def _wait_for(self, events: int) -> None:
        if events != self._events:
            self._events = events
            self._watch.watch(self, events)
