"""Back-tests in processes of their own: followed, cancelled, broken; nothing is touched."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime

import asyncpg
import pytest
import pytest_asyncio
from tests.server.backtest.history import SINCE, UNTIL, counted, fill, quicker
from tests.storage.store import EMPTY_STORE

from wattwarden.console.store import Store
from wattwarden.server.aside.bounds import NO_MEMORY
from wattwarden.server.backtest import running
from wattwarden.server.backtest.running import Backtests
from wattwarden.storage.backtests import (
    Backtest,
    BusyError,
    State,
    Wanted,
    end_early,
    find_backtest,
)
from wattwarden.storage.database import Connection

# Whatever the machine does beside it.
PATIENCE_S = 90
WANTED = Wanted(
    "city", "ND1", "quicker", quicker(), datetime.fromisoformat(SINCE),
    datetime.fromisoformat(UNTIL), (),
)  # fmt: skip


@pytest_asyncio.fixture
async def link(store_server: str) -> AsyncIterator[Connection]:
    connection = await asyncpg.connect(store_server)
    await connection.execute(EMPTY_STORE)
    yield connection
    await connection.close()


@pytest_asyncio.fixture
async def history(link: Connection, store_server: str) -> Connection:
    await fill(link, store_server)
    return link


@pytest_asyncio.fixture
async def backtests(store_server: str) -> AsyncIterator[Backtests]:
    store = Store(store_server)
    made = Backtests(store)
    yield made
    await made.close()
    await store.close()


async def ended(connection: Connection, number: int) -> Backtest:
    async with asyncio.timeout(PATIENCE_S):
        while True:
            found = await find_backtest(connection, number)
            assert found is not None
            if found.state is not State.RUNNING:
                return found
            await asyncio.sleep(0.05)


async def test_it_comes_to_what_the_command_says_and_touches_nothing(
    history: Connection, backtests: Backtests
) -> None:
    before = await counted(history)
    number = await backtests.begin(WANTED)
    with pytest.raises(BusyError):
        await backtests.begin(WANTED)
    done = await ended(history, number)
    assert done.state is State.DONE, done.outcome
    assert (done.done, done.total) == (2, 2)
    assert done.outcome is not None
    kinds = ("appears", "vanishes", "moves", "regrades")
    assert [done.outcome.count(one) for one in kinds] == [1, 1, 1, 0]
    assert {one.enterprise for one in done.outcome.differences} == {"E1"}
    assert await counted(history) == before


class Scripted:
    """A process that says some lines and ends; it waits for ever after the last where told so."""

    def __init__(self, *lines: bytes, status: int = 0, waits: bool = False) -> None:
        self.lines = list(lines)
        self.code = status
        self.waits = waits
        self.is_ended = False

    @asynccontextmanager
    async def begin(self, _task: str, _question: bytes) -> AsyncIterator["Scripted"]:
        try:
            yield self
        finally:
            self.is_ended = True

    async def line(self) -> bytes:
        if not self.lines and self.waits:
            await asyncio.Event().wait()
        return self.lines.pop(0) if self.lines else b""

    async def status(self) -> int:
        return self.code


SAYS = b'{"done":1,"of":3}'
REFUSED = b'{"done":0,"of":0,"outcome":{"refused_zh":"x","refused_en":"nothing"}}'


@pytest.mark.parametrize(
    ("process", "state", "said"),
    [
        pytest.param(Scripted(SAYS, REFUSED), State.FAILED, "nothing", id="nothing to fold"),
        pytest.param(Scripted(SAYS, status=NO_MEMORY), State.FAILED, "memory", id="no memory"),
        pytest.param(Scripted(SAYS, status=1), State.FAILED, None, id="broken"),
        pytest.param(Scripted(b"no json"), State.FAILED, None, id="nonsense"),
        pytest.param(Scripted(SAYS, waits=True), State.CANCELLED, None, id="cancelled"),
        pytest.param(Scripted(SAYS, waits=True), State.FAILED, "too long", id="too long"),
    ],
)
async def test_whatever_becomes_of_the_process_is_kept(
    link: Connection,
    backtests: Backtests,
    monkeypatch: pytest.MonkeyPatch,
    process: Scripted,
    state: State,
    said: str | None,
) -> None:
    monkeypatch.setattr(running, "aside", process.begin)
    monkeypatch.setattr(running, "FOLLOW_S", 0.01)
    if said == "too long":
        monkeypatch.setattr(running, "MOST_RUN_S", 0.1)
    number = await backtests.begin(WANTED)
    if state is State.CANCELLED:
        assert await end_early(link, number)
    found = await ended(link, number)
    assert found.state is state
    assert said is None or (found.outcome is not None and said in found.outcome.refused_en)
    assert process.is_ended


async def test_what_runs_ends_with_the_console(
    link: Connection, backtests: Backtests, monkeypatch: pytest.MonkeyPatch
) -> None:
    process = Scripted(SAYS, waits=True)
    monkeypatch.setattr(running, "aside", process.begin)
    number = await backtests.begin(WANTED)
    await asyncio.sleep(0)
    await backtests.close()
    assert (await ended(link, number)).state is State.FAILED
