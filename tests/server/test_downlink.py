"""Commands of a gateway process: sent to the sessions it holds, and ended whatever happens."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import asyncpg
import pytest
from tests.storage.store import EMPTY_STORE

from wattwarden.protocol.both import Both
from wattwarden.protocol.codec import DEFAULT_PROFILE, Profile
from wattwarden.protocol.command import CannotAskError, Command, Ending, Outcome, Peer, Verb
from wattwarden.protocol.polling import PollCounters
from wattwarden.server.downlink import Downlink
from wattwarden.server.fleet import Fleet
from wattwarden.storage.commands.counts import load_counts
from wattwarden.storage.commands.listing import Entered, find_command
from wattwarden.storage.commands.queue import AWAY, enter
from wattwarden.storage.database import Connection
from wattwarden.storage.meters import add_meter

if TYPE_CHECKING:
    from wattwarden.server.port import MeterPort

NOW = datetime(2026, 11, 22, 3, tzinfo=UTC)
NOW_US = round(NOW.timestamp() * 1_000_000)
TIME = Command(Verb.ASK, ("time",))


class Here:
    """A connection: keeps what it was asked, and says what it was told to say."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.orders: list[tuple[int, Peer]] = []
        self.outcomes: list[Outcome] = []
        self.is_asking = True
        self.session = SimpleNamespace(line=None, codec=None, identity=None)

    def order(self, number: int, _command: Command, peer: Peer) -> None:
        self.orders.append((number, peer))
        if self.error is not None:
            raise self.error

    def take_outcomes(self, _now: int) -> list[Outcome]:
        outcomes, self.outcomes = self.outcomes, []
        return outcomes


class Port:
    """The port, as far as commands need it."""

    def __init__(self) -> None:
        self.fleet: Fleet[Here] = Fleet()
        self.connections: set[Here] = set()
        self.profile_of: Callable[[str], Profile] = lambda _: DEFAULT_PROFILE


@pytest.fixture
async def database(store_server: str) -> AsyncIterator[Connection]:
    connection = await asyncpg.connect(store_server)
    await connection.execute(EMPTY_STORE)
    yield connection
    await connection.close()


@asynccontextmanager
async def serving(
    dsn: str, port: Port, profiles: Mapping[tuple[str, str], Profile] | None = None
) -> AsyncIterator[Downlink]:
    downlink = Downlink(cast("MeterPort", port), "gw-1", dsn, lambda: NOW_US)
    downlink.know(profiles or {})
    task = asyncio.create_task(downlink.run())
    try:
        yield downlink
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def ordered(database: Connection, codec: str = "hj212", address: str = "m1") -> int:
    meter = await add_meter(database, codec, address, actor="li", now=NOW)
    expires_at = NOW + timedelta(hours=1)
    return await enter(database, meter.id, TIME, actor="li", now=NOW, expires_at=expires_at)


async def ended(database: Connection, number: int) -> Entered:
    async with asyncio.timeout(60):
        while True:
            found = await find_command(database, number)
            assert found is not None
            if not found.is_open:
                return found
            await asyncio.sleep(0.01)


async def asked(here: Here) -> tuple[int, Peer]:
    async with asyncio.timeout(60):
        while not here.orders:  # noqa: ASYNC110  nobody tells
            await asyncio.sleep(0.01)
    return here.orders[0]


def outcome(number: int, ending: Ending, **values: Any) -> Outcome:
    return Outcome(number, ending, values, None, (b"\1",), (b"\2",), 1)


@pytest.mark.parametrize(
    ("ending", "state"),
    [
        (Ending.ANSWERED, "answered"),
        (Ending.REFUSED, "refused"),
        (Ending.SILENT, "expired"),
    ],
)
async def test_a_meter_that_dials_in_later_is_asked_and_its_answer_kept(
    database: Connection, store_server: str, ending: Ending, state: str
) -> None:
    port, here = Port(), Here()
    number = await ordered(database)
    async with serving(store_server, port) as downlink:
        port.fleet.login("hj212:m1", here, "h", NOW_US)
        got, peer = await asked(here)
        assert (got, peer.address, peer.identity, peer.number) == (number, "m1", "m1", number)
        here.outcomes = [outcome(number, ending, time="12:00")]
        found = await ended(database, number)
        assert (found.state, found.gateway) == (state, "gw-1")
        assert found.reply == {
            "values": {"time": "12:00"}, "message": "", "zh": "", "heard": 1,
            "requests": ["01"], "frames": ["02"],
        }  # fmt: skip
        counters = downlink.counters
        assert counters.sent == 1
        assert counters.answered + counters.refused + counters.silent == 1


async def test_a_meter_behind_another_is_asked_through_that_ones_session(
    database: Connection, store_server: str
) -> None:
    port, here = Port(), Here()
    owner = Profile(options={"meters": [{"address": "m1"}]}, version=1)
    port.fleet.login("dtu:861", here, "h", NOW_US)
    await ordered(database, "dtu")
    async with serving(store_server, port, {("dtu", "861"): owner}):
        _, peer = await asked(here)
    assert (peer.address, peer.identity, peer.profile) == ("m1", "861", owner)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (
            CannotAskError(Both("没有此项", "no such item"), Both("请问 time", "ask for time")),
            Both("没有此项；请问 time", "no such item; ask for time"),
        ),
        (
            RuntimeError("a defect"),
            Both("规约程序出错：RuntimeError", "the codec failed: RuntimeError"),
        ),
    ],
    ids=["cannot be asked", "a defect"],
)
async def test_what_cannot_be_sent_is_refused_and_the_gateway_goes_on(
    database: Connection, store_server: str, error: Exception, said: Both
) -> None:
    port, here = Port(), Here(error)
    port.fleet.login("hj212:m1", here, "h", NOW_US)
    number = await ordered(database)
    async with serving(store_server, port):
        found = await ended(database, number)
    assert (found.state, found.reply) == (
        "refused",
        found.reply | {"zh": said.zh, "message": said.en},
    )


async def test_a_meter_that_hangs_up_in_between_has_not_answered(
    database: Connection, store_server: str
) -> None:
    port, here = Port(), Here()
    port.fleet.login("hj212:m1", here, "h", NOW_US)
    number = await ordered(database)
    async with serving(store_server, port):
        await asked(here)
        here.is_asking = False
        found = await ended(database, number)
    assert found.state == "expired"
    assert "hung up" in found.reply["message"]


async def test_what_waits_for_meters_that_are_away_hides_no_other(
    database: Connection, store_server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("server.downlink", "storage.commands.queue"):
        monkeypatch.setattr(f"wattwarden.{module}.MOST_WAITING", 1)
    monkeypatch.setattr("wattwarden.server.downlink.RELOAD_S", 0.0)
    port, here = Port(), Here()
    away = [await ordered(database, address=f"away-{number}") for number in range(2)]
    number = await ordered(database)
    last = await ordered(database, address="away-2")
    async with serving(store_server, port):
        port.fleet.login("hj212:m1", here, "h", NOW_US)
        assert (await asked(here))[0] == number
        # Also what comes again from the first is seen.
        port.fleet.login("hj212:away-0", other := Here(), "h", NOW_US)
        assert (await asked(other))[0] == away[0]
    for still in (away[1], last):
        found = await find_command(database, still)
        assert found is not None
        assert found.state == "queued"


async def test_an_answer_that_cannot_be_kept_ends_its_command_and_holds_up_no_other(
    database: Connection, store_server: str
) -> None:
    port, here, other = Port(), Here(), Here()
    port.fleet.login("hj212:m1", here, "h", NOW_US)
    port.fleet.login("hj212:m2", other, "h", NOW_US)
    first, second = await ordered(database), await ordered(database, address="m2")
    await database.execute(
        "ALTER TABLE command ADD CONSTRAINT taken CHECK (reply::text NOT LIKE '%unheard-of%')"
    )
    try:
        async with serving(store_server, port):
            await asked(here)
            await asked(other)
            here.outcomes = [outcome(first, Ending.ANSWERED, time="unheard-of")]
            other.outcomes = [outcome(second, Ending.ANSWERED, time="12:00")]
            unkept, kept = await ended(database, first), await ended(database, second)
    finally:
        await database.execute("ALTER TABLE command DROP CONSTRAINT taken")
    assert (unkept.state, kept.state) == ("answered", "answered")
    assert "cannot be kept" in unkept.reply["message"]
    assert kept.reply["values"] == {"time": "12:00"}


async def test_what_waited_beyond_its_time_is_ended_and_what_is_under_way_is_not(
    database: Connection, store_server: str
) -> None:
    port, here = Port(), Here()
    port.fleet.login("hj212:m1", here, "h", NOW_US)
    under_way = await ordered(database)
    away = (await add_meter(database, "hj212", "m2", actor="li", now=NOW)).id
    before = NOW - timedelta(hours=2)
    expires_at = before + timedelta(hours=1)
    async with serving(store_server, port):
        await asked(here)
        late = await enter(database, away, TIME, actor="li", now=before, expires_at=expires_at)
        found = await ended(database, late)
        assert (found.state, found.reply) == ("expired", {"message": AWAY.en, "zh": AWAY.zh})
        still = await find_command(database, under_way)
        assert still is not None
        assert still.state == "sent"


async def test_what_a_gateway_took_and_forgot_is_not_sent_again(
    database: Connection, store_server: str
) -> None:
    port, here = Port(), Here()
    port.fleet.login("hj212:m1", here, "h", NOW_US)
    number = await ordered(database)
    await database.execute("UPDATE command SET state = 'sent', gateway = 'gw-1', sent_at = now()")
    async with serving(store_server, port):
        found = await ended(database, number)
    assert (found.state, here.orders) == ("expired", [])
    assert "not known" in found.reply["message"]


async def test_what_came_of_polls_is_kept_by_meter(database: Connection, store_server: str) -> None:
    port, polled, silent = Port(), Here(), Here()
    line = SimpleNamespace(counters=PollCounters(asked=3, answered=2, timed_out=1))
    polled.session = SimpleNamespace(line=line, codec=SimpleNamespace(name="dtu"), identity="861")
    port.connections = {polled, silent}
    async with serving(store_server, port), asyncio.timeout(60):
        while (row := await load_counts(database, "dtu", "861")) is None:  # noqa: ASYNC110  nobody tells
            await asyncio.sleep(0.01)
    assert (row["asked"], row["answered"], row["timed_out"], row["told_at"]) == (3, 2, 1, NOW)
