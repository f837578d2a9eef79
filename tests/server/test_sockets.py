"""Meters' sockets over loopback: what is read, answered, held back, and how wires end."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from tests.server.fakes import FakeSource

from wattwarden.protocol.codec import default_profile
from wattwarden.protocol.events import SessionLimits
from wattwarden.protocol.session import Session
from wattwarden.server.lane import RECEIVE_BYTES, Lane
from wattwarden.server.sockets import Sockets, open_listeners
from wattwarden.server.wire import Wire

NOW = 1_795_316_400_000_000


class FakePeer(FakeSource):
    """A connection that remembers what its wire told it."""

    def __init__(self) -> None:
        super().__init__("a")
        self.session = Session((), default_profile, SessionLimits(), 0)
        self.lane: Lane | None = None
        self.is_pressing = False
        self.heard: list[bytes] = []
        self.told: list[str] = []
        self.lost: asyncio.Future[Exception | None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, Wire)
        self.wire = transport

    def hear(self, data: bytes, now: int) -> None:
        assert now == NOW
        self.heard.append(data)

    def pause_writing(self) -> None:
        self.told.append("pause")

    def resume_writing(self) -> None:
        self.told.append("resume")

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost.set_result(exc)


class Place:
    """Sockets that listen on loopback, and both ends of what is dialled there."""

    def __init__(self) -> None:
        self.turns = 0
        self.address = ""
        self.peers: list[FakePeer] = []
        self.sockets = Sockets(self.connect, lambda: NOW, self.end_turn)

    def connect(self) -> FakePeer:
        self.peers.append(FakePeer())
        return self.peers[-1]

    def end_turn(self, now: int) -> None:
        assert now == NOW
        self.turns += 1

    async def dial(self) -> tuple[socket.socket, FakePeer]:
        loop = asyncio.get_running_loop()
        sock = socket.socket()
        sock.settimeout(0)
        host, _, port = self.address.rpartition(":")
        before = len(self.peers)
        try:
            await loop.sock_connect(sock, (host, int(port)))
        except OSError:
            sock.close()
            raise
        await until(lambda: len(self.peers) > before and hasattr(self.peers[-1], "wire"))
        return sock, self.peers[-1]


@asynccontextmanager
async def place() -> AsyncIterator[Place]:
    made = Place()
    made.address = made.sockets.accept_at(await open_listeners("127.0.0.1", 0))
    try:
        yield made
    finally:
        for peer in made.peers:
            peer.wire.abort()
        made.sockets.close()


async def until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not is_so():  # noqa: ASYNC110  what happens is the kernel's
            await asyncio.sleep(0)


async def test_a_segment_is_heard_and_answered_and_the_end_is_told() -> None:
    async with place() as at:
        sock, peer = await at.dial()
        host, port = sock.getsockname()
        assert peer.wire.get_extra_info("peername") == (host, port)
        sock.send(b"frame")
        await until(lambda: peer.heard == [b"frame"])
        assert at.turns
        assert not peer.is_pressing
        congestion = peer.wire.sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, 16)
        assert congestion.rstrip(b"\0") == b"reno"
        peer.wire.write(b"answer")
        assert await asyncio.get_running_loop().sock_recv(sock, 100) == b"answer"
        sock.close()
        assert await peer.lost is None
        assert peer.wire.is_closing()
        peer.wire.write(b"nobody hears this")


async def test_more_than_one_turn_takes_is_heard_in_turns() -> None:
    async with place() as at:
        sock, peer = await at.dial()
        sent = bytes(range(256)) * 64
        sock.send(sent)
        await until(lambda: b"".join(peer.heard) == sent)
        assert max(map(len, peer.heard)) <= RECEIVE_BYTES
        assert peer.is_pressing
        sock.close()


async def test_what_one_stumbles_over_costs_no_other_its_word(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stumbled: list[object] = []
    asyncio.get_running_loop().set_exception_handler(
        lambda _loop, told: stumbled.append(told["exception"])
    )

    def stumble(_data: bytes, _now: int) -> None:
        raise ZeroDivisionError

    async with place() as at:
        (first, one), (second, other) = await at.dial(), await at.dial()
        monkeypatch.setattr(one, "hear", stumble)
        # Of both before anybody looks: one turn is told of both.
        first.send(b"of one")
        second.send(b"of the other")
        await asyncio.wait_for(until(lambda: other.heard == [b"of the other"]), 5)
        assert list(map(type, stumbled)) == [ZeroDivisionError]
        first.close()
        second.close()


async def test_a_last_word_and_the_end_behind_it_are_both_told() -> None:
    async with place() as at:
        sock, peer = await at.dial()
        sock.send(b"last")
        sock.shutdown(socket.SHUT_WR)
        assert await asyncio.wait_for(peer.lost, 5) is None
        assert peer.heard == [b"last"]
        sock.close()


async def test_of_a_peer_that_takes_no_answers_nothing_is_read_though_it_says_its_last() -> None:
    async with place() as at:
        sock, peer = await at.dial()
        while not peer.told:
            peer.wire.write(bytes(1 << 16))
        peer.wire.pause_reading()
        sock.send(b"last")
        sock.shutdown(socket.SHUT_WR)
        other, loud = await at.dial()
        other.send(b"louder")
        await until(lambda: loud.heard == [b"louder"])
        assert peer.heard == []
        peer.wire.resume_reading()
        await until(lambda: peer.heard == [b"last"])
        sock.close()
        other.close()


async def test_what_is_paused_is_read_when_it_goes_on() -> None:
    async with place() as at:
        sock, peer = await at.dial()
        peer.wire.pause_reading()
        sock.send(b"frame")
        other, loud = await at.dial()
        other.send(b"louder")
        await until(lambda: loud.heard == [b"louder"])
        assert peer.heard == []
        peer.wire.resume_reading()
        await until(lambda: peer.heard == [b"frame"])
        sock.close()
        other.close()


async def test_what_the_peer_does_not_take_waits_and_goes_out_before_the_wire_closes() -> None:
    async with place() as at:
        sock, peer = await at.dial()
        answer = bytes(1 << 16)
        written = 0
        while not peer.told:
            peer.wire.write(answer)
            written += len(answer)
        peer.wire.write(answer)
        written += len(answer)
        assert peer.told == ["pause"]
        loop, taken = asyncio.get_running_loop(), 0
        while taken < written:
            taken += len(await loop.sock_recv(sock, 1 << 20))
        await until(lambda: peer.told == ["pause", "resume"])
        while peer.told == ["pause", "resume"]:
            peer.wire.write(answer)
            written += len(answer)
        peer.wire.close()
        peer.wire.write(b"too late")
        while data := await loop.sock_recv(sock, 1 << 20):
            taken += len(data)
        assert taken == written
        assert await peer.lost is None
        sock.close()


async def test_a_peer_that_resets_ends_the_wire_with_its_reason() -> None:
    async with place() as at:
        sock, peer = await at.dial()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        sock.close()
        assert isinstance(await peer.lost, ConnectionResetError)


async def test_nobody_is_let_in_once_listening_ends() -> None:
    async with place() as at:
        sock, peer = await at.dial()
        at.sockets.stop_listening()
        with pytest.raises(ConnectionRefusedError):
            await at.dial()
        assert at.peers == [peer]
        sock.close()
