"""Meters that send more than their share are held back, and nobody else."""

import asyncio
import socket
from typing import TYPE_CHECKING, cast

import pytest

from wattwarden.server.loud import MOST_HELD_S, LoudMeters, received_bytes

if TYPE_CHECKING:
    from wattwarden.server.connection import MeterConnection

SECOND = 1_000_000
PER_SECOND, BURST = 1_000, 5_000


class FakeSession:
    def __init__(self) -> None:
        self.heard_at = 0


class FakeConnection:
    """A connection that sends evenly until it is held."""

    def __init__(self, per_second: int, epoch: int = 0, *, pressing: bool = True) -> None:
        self.session = FakeSession()
        self.epoch = epoch
        self.is_pressing = self._presses = pressing
        self.per_second = per_second
        self.sent = 0
        self.held: list[float] = []

    def send(self, now: int) -> None:
        self.sent += self.per_second
        self.session.heard_at = now
        self.is_pressing = self._presses

    def received_bytes(self) -> int:
        return self.sent

    def hold(self, seconds: float) -> None:
        self.held.append(seconds)


def swept(loud: LoudMeters, now: int, *connections: FakeConnection) -> int:
    return loud.sweep(cast("tuple[MeterConnection, ...]", connections), now)


def lived(loud: LoudMeters, seconds: int, *connections: FakeConnection) -> int:
    held = 0
    for second in range(1, seconds + 1):
        for one in connections:
            one.send(second * SECOND)
        held += swept(loud, second * SECOND, *connections)
    return held


@pytest.mark.parametrize("per_second", [10, PER_SECOND])
def test_who_keeps_to_the_share_is_never_held(per_second: int) -> None:
    quiet = FakeConnection(per_second)
    assert lived(LoudMeters(PER_SECOND, BURST, SECOND), 60, quiet) == 0


def test_what_is_beyond_share_and_burst_costs_the_time_that_it_would_have_taken() -> None:
    loud, quiet = FakeConnection(3_000), FakeConnection(10)
    assert lived(LoudMeters(PER_SECOND, BURST, SECOND), 4, loud, quiet) == 1
    # Of 9,000 bytes 5,000 were the burst and 3,000 came back: a second's share is owed.
    assert loud.held == [pytest.approx(1.0)]
    assert quiet.held == []


def test_nobody_is_held_for_long_at_a_time() -> None:
    loud = FakeConnection(10**9)
    lived(LoudMeters(PER_SECOND, BURST, SECOND), 2, loud)
    assert loud.held == [MOST_HELD_S]


def test_who_was_not_heard_this_moment_is_not_looked_at() -> None:
    loud, shares = FakeConnection(10**9), LoudMeters(PER_SECOND, BURST, SECOND)
    lived(shares, 1, loud)
    loud.sent = 10**12
    assert swept(shares, 3 * SECOND, loud) == 0


@pytest.mark.parametrize("epoch", range(8))
def test_who_never_fills_a_turn_is_looked_at_in_turns_and_pays_the_same(epoch: int) -> None:
    loud = FakeConnection(3_000, epoch, pressing=False)
    assert lived(LoudMeters(PER_SECOND, BURST, SECOND), 8, loud) == 1
    # Once in four seconds: of 12,000 bytes 5,000 were the burst and 4,000 came back.
    assert loud.held == [pytest.approx(3.0)]


def test_who_filled_a_turn_once_is_looked_at_once() -> None:
    loud = FakeConnection(3_000, epoch=3)
    shares = LoudMeters(PER_SECOND, BURST, SECOND)
    lived(shares, 1, loud)
    assert not loud.is_pressing


async def test_the_kernel_tells_how_much_came() -> None:
    loop = asyncio.get_running_loop()
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_connection(server.getsockname()) as meter,
    ):
        accepted, _ = server.accept()
        with accepted:
            meter.sendall(b"x" * 12_345)
            accepted.settimeout(0)
            await loop.sock_recv(accepted, 1)
            assert received_bytes(accepted) == 12_345
