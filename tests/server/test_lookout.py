"""Roles that answer, and roles that do not."""

import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest
from aiohttp import web

from wattwarden.server.lookout import ENDING_S, MUTE_S, Lookout


@dataclass
class Stub:
    """A role as a lookout sees it."""

    address: str
    pid: int = 7
    label: str = "writer"
    killed: list[int] = field(default_factory=list)

    def kill(self) -> None:
        self.killed.append(self.pid)


class Clock:
    """Seconds that pass when they are told to."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
async def living() -> AsyncIterator[str]:
    async def alive(_request: web.Request) -> web.Response:
        return web.Response(text="ok")

    app = web.Application()
    app.router.add_get("/healthz", alive)
    runner = web.AppRunner(app)
    await runner.setup()
    with socket.create_server(("127.0.0.1", 0)) as door:
        await web.SockSite(runner, door).start()
        yield f"127.0.0.1:{door.getsockname()[1]}"
        await runner.cleanup()


@pytest.fixture
def nobody() -> str:
    with socket.create_server(("127.0.0.1", 0)) as door:
        return f"127.0.0.1:{door.getsockname()[1]}"


async def test_roles_that_answer_are_well(living: str) -> None:
    role, clock = Stub(living), Clock()
    lookout = Lookout([role], clock)
    assert await lookout.look()
    clock.now += 10 * MUTE_S
    assert await lookout.look()
    assert role.killed == []


async def test_one_that_is_mute_for_long_is_ended_and_a_new_one_has_all_its_time(
    nobody: str,
) -> None:
    role, clock = Stub(nobody), Clock()
    lookout = Lookout([role], clock)
    assert await lookout.look()
    clock.now += MUTE_S - 1
    assert await lookout.look()
    assert role.killed == []
    clock.now += 1
    assert await lookout.look()
    assert role.killed == [7]
    role.pid = 8
    clock.now += ENDING_S
    assert await lookout.look()
    assert role.killed == [7]


async def test_one_that_cannot_be_ended_is_somebody_elses_business(nobody: str) -> None:
    role, clock = Stub(nobody), Clock()
    lookout = Lookout([role], clock)
    assert await lookout.look()
    clock.now += MUTE_S
    assert await lookout.look()
    clock.now += ENDING_S
    assert not await lookout.look()


async def test_one_that_answers_again_begins_anew(living: str, nobody: str) -> None:
    role, clock = Stub(nobody), Clock()
    lookout = Lookout([role], clock)
    assert await lookout.look()
    role.address = living
    clock.now += MUTE_S
    assert await lookout.look()
    role.address = nobody
    assert await lookout.look()
    clock.now += MUTE_S - 1
    assert await lookout.look()
    assert role.killed == []


@pytest.mark.parametrize("role", [Stub(""), Stub("127.0.0.1:9", pid=0)], ids=["off", "away"])
async def test_nobody_asks_one_that_tells_nothing_or_is_being_started(role: Stub) -> None:
    clock = Clock()
    lookout = Lookout([role], clock)
    for _ in range(3):
        assert await lookout.look()
        clock.now += MUTE_S
    assert role.killed == []
