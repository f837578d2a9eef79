"""The sockets of all meters of one gateway process: accepted, read and watched a turn at a time.

    listeners ─ accept, by the hundred ─► Wire ─► epoll of our own, which the loop watches
    epoll ─ one turn ─► each readable wire: one recv ─► the connection's lane, or the connection

A transport of the loop's costs three calls of Python for each segment, and libuv lets in one
connection a turn; a turn of ours takes what hundreds have sent.  Events are told once, as they
happen (edge-triggered): else the kernel would look again at whoever was read in the turn before.
"""

import asyncio
import select
import socket
from collections.abc import Callable, Iterable, Sequence
from select import EPOLLET, EPOLLIN, EPOLLOUT, EPOLLRDHUP
from typing import Any, Final

import structlog

from wattwarden.server.lane import RECEIVE_BYTES
from wattwarden.server.wire import Peer, Wire

# A whole city may dial in at once; the kernel caps this at net.core.somaxconn.
BACKLOG: Final = 4096
# What one turn takes on: more would keep timers and the journal waiting for tens of milliseconds.
MOST_EVENTS: Final = 512
MOST_ACCEPTED: Final = 128
# Out of file descriptors or memory: looking again at once would burn the processor for nothing.
ACCEPT_PAUSE_S: Final = 1.0

_log: Final = structlog.get_logger(__name__)


class Sockets:
    """Sockets that listen and sockets of meters."""

    def __init__(
        self,
        connect: Callable[[], Peer],
        now_us: Callable[[], int],
        end_turn: Callable[[int], None],
    ) -> None:
        self._connect = connect
        self._now_us = now_us
        self._end_turn = end_turn
        self._loop = asyncio.get_running_loop()
        self._epoll = select.epoll()
        self._wires: dict[int, Wire] = {}
        self._watched: set[int] = set()
        self._listening: list[socket.socket] = []
        self._loop.add_reader(self._epoll.fileno(), self._turn)

    def accept_at(self, listening: Sequence[socket.socket]) -> str:
        """Accept at sockets that listen, one at least; return the first one's address."""
        for sock in listening:
            self._listening.append(sock)
            self._loop.add_reader(sock.fileno(), self._accept, sock)
        return address_of(self._listening[0])

    def stop_listening(self) -> None:
        """Accept nobody more."""
        for sock in self._listening:
            self._loop.remove_reader(sock.fileno())
            sock.close()
        self._listening.clear()

    def close(self) -> None:
        """Watch nothing more."""
        self.stop_listening()
        self._loop.remove_reader(self._epoll.fileno())
        self._epoll.close()

    def watch(self, wire: Wire, events: int) -> None:
        """Wait for these events of a wire."""
        number = wire.number
        if not events:
            # Else a peer that has hung up would be reported again and again.
            self._watched.discard(number)
            self._epoll.unregister(number)
        elif number in self._watched:
            self._epoll.modify(number, _once(events))
        else:
            self._watched.add(number)
            self._wires[number] = wire
            self._epoll.register(number, _once(events))

    def forget(self, wire: Wire) -> None:
        """Wait for nothing of a wire that is about to close."""
        if wire.number in self._watched:
            self._watched.discard(wire.number)
            self._epoll.unregister(wire.number)
        self._wires.pop(wire.number, None)

    def _accept(self, listening: socket.socket) -> None:
        for _ in range(MOST_ACCEPTED):
            try:
                sock, peer = listening.accept()
            except BlockingIOError:
                return
            except ConnectionAbortedError:
                continue  # gone while it waited
            except OSError as error:
                _log.warning("nobody can be let in", reason=str(error))
                self._loop.remove_reader(listening.fileno())
                self._loop.call_later(ACCEPT_PAUSE_S, self._accept_again, listening)
                return
            sock.settimeout(0)
            Wire(sock, peer, self).begin(self._connect())

    def _accept_again(self, listening: socket.socket) -> None:
        if listening in self._listening:
            self._loop.add_reader(listening.fileno(), self._accept, listening)

    def _turn(self) -> None:
        now = self._now_us()
        told = self._epoll.poll(0, MOST_EVENTS)
        try:
            self._hear(told, now)
        except Exception:
            # What one stumbles over is not to cost the others, of whom nothing is told again.
            for number, _ in told:
                if number in self._watched:
                    self._wires[number].look_again()
            raise
        finally:
            self._end_turn(now)

    def _hear(self, told: Iterable[tuple[int, int]], now: int) -> None:
        wires = self._wires
        for number, events in told:
            wire = wires.get(number)
            if wire is None:
                continue  # closed by what came before in this turn
            if events & EPOLLOUT:
                wire.go_on()
                if not events & ~EPOLLOUT:
                    continue
            receive = wire.receive  # a call of an attribute costs twice that of a name
            try:
                data = receive(RECEIVE_BYTES)
            except BlockingIOError:
                continue
            except OSError as error:
                wire.end(error)
                continue
            if not data:
                wire.close()
                continue
            if events != EPOLLIN or len(data) == RECEIVE_BYTES:
                # Of what is left nothing more would be told.
                wire.look_again()
            connection = wire.connection
            lane = connection.lane
            if lane is None:
                connection.hear(data, now)
            else:
                lane.sources.append(connection)
                lane.segments.append(data)


def _once(events: int) -> int:
    """Return the mask by which events are told once each.

    That the peer says no more may be told together with its last word, and never again.
    """
    return events | EPOLLET | EPOLLRDHUP if events & EPOLLIN else events | EPOLLET


async def open_listeners(host: str, port: int) -> list[socket.socket]:
    """Listen at all addresses of a host, which others who do the same share with us.

    Port 0 is chosen by the kernel for the first address and holds for the others.

    Raises:
        OSError: one of them cannot be listened on.
    """
    opened: list[socket.socket] = []
    try:
        for family, kind, number, _, address in await _resolved(host, port):
            sock = socket.socket(family, kind, number)
            opened.append(sock)
            sock.settimeout(0)
            for option in (socket.SO_REUSEADDR, socket.SO_REUSEPORT):
                sock.setsockopt(socket.SOL_SOCKET, option, 1)
            if family == socket.AF_INET6:
                sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            # Whoever is accepted inherits these: answers are small, and waited for; what paces and
            # models long transfers costs each of them time (3 % of a gateway's with bbr).
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, b"reno")
            chosen = opened[0].getsockname()[1] if len(opened) > 1 else port
            sock.bind((address[0], chosen, *address[2:]))
            sock.listen(BACKLOG)
    except OSError:
        for sock in opened:
            sock.close()
        raise
    return opened


def address_of(sock: socket.socket) -> str:
    """Return HOST:PORT of a socket."""
    host, port = sock.getsockname()[:2]
    return f"{host}:{port}"


async def check_free(host: str, port: int) -> None:
    """Make sure that nobody listens at any address of a host.

    Raises:
        OSError: somebody does, or nobody may.
    """
    for family, kind, number, _, address in await _resolved(host, port):
        with socket.socket(family, kind, number) as trial:
            # Connections of an earlier run that are dying away do not count.
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            trial.bind(address)


async def _resolved(host: str, port: int) -> Iterable[tuple[int, int, int, str, Any]]:
    # Plain addresses are resolved here: a loop would start threads for them, and every call of the
    # kernel costs more in a process that has some.
    found = await asyncio.get_running_loop().getaddrinfo(
        host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )
    return dict.fromkeys(found)
