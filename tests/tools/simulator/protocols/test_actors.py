"""Simulated meters on real sockets of this process: what they keep, send again, and give up."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, closing, suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest
from aiohttp import web
from tests.server.fakes import FakeJournal
from tests.tools.simulator.protocols.decoded import expected, rows_of
from tests.tools.simulator.test_fleet import meter_port

from wattwarden.codecs.acrel.frame import ACKS, UPLOAD
from wattwarden.codecs.modbus import requests
from wattwarden.protocol.codec import Profile
from wattwarden.protocol.envelope import decode_envelope
from wattwarden.storage.journal.journal import Kind
from wattwarden.tools.errors import UsageError
from wattwarden.tools.simulator.protocols import datagrams, stage
from wattwarden.tools.simulator.protocols.acrel_gateway import Gateway
from wattwarden.tools.simulator.protocols.answering import Answerer
from wattwarden.tools.simulator.protocols.calling import Caller
from wattwarden.tools.simulator.protocols.cast import Cast, Doors, make_cast
from wattwarden.tools.simulator.protocols.datagrams import Sender
from wattwarden.tools.simulator.protocols.dtu import Slave
from wattwarden.tools.simulator.protocols.platforms import Platform
from wattwarden.tools.simulator.protocols.play import Plan, Show
from wattwarden.tools.simulator.protocols.rows import ACKED, KEPT, SENT, Line, Truth, read_truth
from wattwarden.tools.simulator.protocols.stage import MOST_PAUSE_S, Stage

SEED = 5
NOW = datetime(2026, 11, 22, 3, 4, 5, tzinfo=UTC)
NOWHERE = ("127.0.0.1", 9)
TOKENS = {"ctwing": "one", "onenet": "two"}


Made = Callable[[tuple[str, int]], Stage]


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Made]:
    """Stages whose meters wait for nobody."""
    monkeypatch.setattr(stage, "FIRST_PAUSE_S", 0.001)
    with closing(Truth(tmp_path / "truth")) as truth:
        yield lambda target: Stage(target, truth, SEED)


def told(one: Stage, tmp_path: Path) -> list[Line]:
    one.truth.close()
    return read_truth(tmp_path / "truth")


def cast_of(protocol: str, meters: int, doors: Doors | None = None) -> Cast:
    return make_cast(protocol, meters, 60.0, SEED, doors or Doors())


async def until(probe: Callable[[], object]) -> None:
    async with asyncio.timeout(60):
        while not probe():  # noqa: ASYNC110  # sockets of this process: a few turns of the loop
            await asyncio.sleep(0.001)


def stored_rows(journal: FakeJournal, codec: str) -> list[object]:
    envelopes = [decode_envelope(p) for _, kind, p, _ in journal.stored if kind is Kind.FRAMES]
    frames = [f for one in envelopes if one.codec == codec for f in one.batch().frames()]
    return list(rows_of(codec, frames, None))


@pytest.mark.parametrize("protocol", ["acrel", "hj212", "gdw376", "dlt698", "dlms"])
async def test_reports_are_said_until_they_are_stored_whatever_breaks(
    protocol: str,
    made: Made,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.setattr(stage, "BREAK_SHARE", 0.3)
    journal = FakeJournal()
    async with meter_port(journal) as target:
        run = made(target)
        [dialect] = cast_of(protocol, 1).callers
        caller = Caller(dialect, run)
        caller.line.dial()
        for turn in range(12):
            at = datetime(2026, 11, 22, 3, turn, tzinfo=UTC)
            caller.say(turn, at)
            await asyncio.sleep(0.002)
        await until(lambda: not caller.memory.kept)
        await caller.give_up()
        rows = [dialect.report(turn, NOW.replace(minute=turn, second=0)).rows for turn in range(12)]
        wanted = expected([row for those in rows for row in those])
        await until(lambda: len({repr(one) for one in stored_rows(journal, protocol)}) >= 12)
    assert {repr(one) for one in stored_rows(journal, protocol)} == set(map(repr, wanted))
    assert run.tally.connections > 1
    lines = told(run, tmp_path)
    assert len(lines) == run.tally.reports == 12
    assert {line.state for line in lines} == {ACKED if dialect.is_answered else SENT}


async def test_a_meter_keeps_its_reports_when_nobody_listens_and_tells_so(
    made: Made, tmp_path: Path
) -> None:
    async with meter_port(FakeJournal()) as target:
        pass
    run = made(target)
    [dialect] = cast_of("acrel", 1).callers
    caller = Caller(dialect, run)
    caller.line.dial()
    caller.say(0, NOW)
    await until(lambda: run.tally.refused_dials > 3)
    await caller.give_up()
    [line] = told(run, tmp_path)
    assert (line.state, line.meter, run.tally.acked) == (KEPT, dialect.address, 0)


async def hung_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Wait until the other side hangs up, and hang up too."""
    with suppress(OSError):
        await reader.read()
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()


async def test_a_meter_hangs_up_on_who_does_not_answer(
    made: Made,
) -> None:
    heard: list[bytes] = []
    gone: list[bytes] = []

    async def deaf(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.read(100))
        await hung_up(reader, writer)
        gone.append(b"")

    server = await asyncio.start_server(deaf, "127.0.0.1", 0)
    run = made(server.sockets[0].getsockname()[:2])
    [dialect] = cast_of("hj212", 1).callers
    caller = Caller(dialect, run)
    caller.line.dial()
    await until(lambda: heard)
    now_s = asyncio.get_running_loop().time()
    caller.look(now_s)
    assert caller.line.is_open
    caller.look(now_s + stage.PATIENCE_S + 1)
    await until(lambda: len(heard) > 1)
    await caller.give_up()
    await until(lambda: len(gone) == run.tally.connections)
    # Who gave up does not dial again when its connection is lost, however long one waits.
    caller.line.dial()
    await asyncio.sleep(0.2)
    assert run.tally.connections == len(gone)
    server.close()


def test_pauses_grow_up_to_the_longest() -> None:
    run = Stage(NOWHERE, None, SEED)  # type: ignore[arg-type]  # nothing is told
    pauses = [run.pause_s("M", failures) for failures in range(12)]
    assert pauses[0] < pauses[3] < pauses[-1]
    assert MOST_PAUSE_S / 2 <= pauses[-1] <= MOST_PAUSE_S


async def test_a_dtu_answers_who_asks_and_dials_anew_when_nobody_does(
    made: Made, tmp_path: Path
) -> None:
    [site] = cast_of("modbus", 1).sites
    [meter] = site.meters
    assert isinstance(meter, Slave)
    asked = requests(meter.slave, meter.kind)[0]
    heard: list[bytes] = []
    gone: list[bytes] = []

    async def asking(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.read(100))
        if len(heard) == 1:
            writer.write(asked)
            heard.append(await reader.read(300))
        await hung_up(reader, writer)
        gone.append(b"")

    server = await asyncio.start_server(asking, "127.0.0.1", 0)
    run = made(server.sockets[0].getsockname()[:2])
    answerer = Answerer(site, run)
    answerer.line.dial()
    await until(lambda: len(heard) == 2)
    answerer.look(asyncio.get_running_loop().time() + 1_000)
    await until(lambda: len(heard) == 3)
    await answerer.give_up()
    await until(lambda: len(gone) == run.tally.connections)
    server.close()
    assert heard[0] == heard[2] == site.opening
    profile = Profile(options=site.options)
    found = rows_of("dtu", [heard[1]], site.address, lambda _: profile, asked={0: asked})
    [line] = told(run, tmp_path)
    assert found == expected([line])
    assert line.state == SENT


async def test_a_datagram_is_sent_again_until_it_is_answered(
    made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(datagrams, "FIRST_WAIT_S", 0.0)
    heard: list[bytes] = []

    class Door(asyncio.DatagramProtocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            self.transport = transport

        def datagram_received(self, data: bytes, addr: object) -> None:
            heard.append(data)
            if len(heard) > 1:
                self.transport.sendto(ACKS[UPLOAD], addr)  # type: ignore[attr-defined]  # made by connection_made

    loop = asyncio.get_running_loop()
    door, _ = await loop.create_datagram_endpoint(Door, local_addr=("127.0.0.1", 0))
    run = made(NOWHERE)
    [dialect] = cast_of("acrel", 1).callers
    sender = Sender(dialect, run, door.get_extra_info("sockname"))
    await sender.open()
    sender.say(0, NOW)
    sender.say(1, NOW.replace(minute=5))
    await until(lambda: heard)

    def look() -> bool:
        sender.look(loop.time())
        return not sender.memory.kept

    await until(look)
    await sender.give_up()
    door.close()
    reports = [dialect.report(0, NOW).frame, dialect.report(1, NOW.replace(minute=5)).frame]
    assert heard[0] == heard[1] == reports[0]
    assert reports[1] in heard
    assert [line.state for line in told(run, tmp_path)] == [ACKED, ACKED]


@asynccontextmanager
async def door_of(answers: list[int], heard: list[tuple[str, bytes]]) -> AsyncIterator[str]:
    async def push(request: web.Request) -> web.Response:
        heard.append((request.path, await request.read()))
        return web.Response(status=answers.pop(0) if answers else 200)

    app = web.Application()
    app.router.add_post("/push/{name}", push)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def test_a_platform_pushes_again_what_was_not_taken(made: Made, tmp_path: Path) -> None:
    heard: list[tuple[str, bytes]] = []
    run = made(NOWHERE)
    async with door_of([503, 500], heard) as url:
        doors = Doors(url, None, TOKENS)
        [pushed] = cast_of("onenet", 1, doors).pushed
        platform = Platform(run, url, TOKENS)
        await platform.open()
        platform.saying(pushed)(0, NOW)
        await until(lambda: not platform.memory.kept)
        await platform.give_up()
    assert heard == 3 * [("/push/onenet", pushed.report(0, NOW).frame)]
    assert [line.state for line in told(run, tmp_path)] == [ACKED]


async def test_everybody_plays_to_the_end_and_garbage_harms_nobody(
    made: Made,
) -> None:
    journal = FakeJournal()
    async with meter_port(journal) as target:
        run = made(target)
        cast = make_cast("all", 12, 0.2, SEED, Doors())
        # Gateways prove who they are with a key, which nobody has registered here.
        cast.callers = [one for one in cast.callers if not isinstance(one, Gateway)]
        show = Show(cast, run, Doors(), Plan(cycle_s=0.2, turns=2, garbage=2))
        unacked = await show.play(lambda _: None, asyncio.Event())
    assert unacked == 0
    assert run.tally.reports == 2 * len(cast.callers)
    assert run.tally.garbage > 0
    assert run.truth.counts[KEPT] == 0


async def test_a_stop_ends_a_run_at_once(made: Made) -> None:
    stop = asyncio.Event()
    async with meter_port(FakeJournal()) as target:
        run = made(target)
        show = Show(cast_of("hj212", 2), run, Doors(), Plan(cycle_s=600, turns=9, garbage=0))
        playing = asyncio.create_task(show.play(lambda _: None, stop))
        await asyncio.sleep(0)
        stop.set()
        assert await asyncio.wait_for(playing, 60) == 0
    assert run.tally.reports <= 2


def test_a_truth_that_cannot_be_written_is_told_before_anybody_speaks(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be written"):
        Truth(tmp_path / "missing/truth")
