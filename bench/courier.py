"""What the courier costs beside a bare aiohttp client: outbox → signed POSTs → attempts.

Both send documents of the same size to the same receiver, a process of its own that reads and says
200, with as many on their way.  The client has its bodies ready and keeps nothing.  The courier
reads notices from the database, signs each, keeps an attempt of each, and commits before and after
it sends.  Each has a process; what counts is its user and system time.
"""

import asyncio
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from subprocess import PIPE
from typing import Final

import aiohttp
import orjson
import structlog
import uvloop
from bench.figures import AtLeast, Figure, Section, Series, Table, beside, ratios
from bench.processes import tree_cpu_s

from wattwarden.alarms.channels.channel import Message
from wattwarden.alarms.channels.payload import payload
from wattwarden.alarms.routing.bodies import Routing
from wattwarden.alarms.routing.table import default_text
from wattwarden.server.clock import Clock
from wattwarden.server.courier import Courier, Place, wall_us
from wattwarden.server.errands import MAX_SENDING_PER_ENDPOINT
from wattwarden.storage.database import Connection, connect
from wattwarden.storage.engines.postgres import EmbeddedPostgres
from wattwarden.storage.migrate import load_migrations, migrate
from wattwarden.storage.moments import moment_of
from wattwarden.storage.registry.decisions import Decision
from wattwarden.storage.registry.entering import enter

HERE: Final = Path(__file__).resolve().parent
NOTICES: Final = 5_000  # of a turn: some seconds
WARM_UP: Final = 500
WANTED_RATE: Final = 1_000
WANTED_RATIO: Final = 0.4
PATIENCE_S: Final = 120.0
POLL_S: Final = 0.01
SECRET: Final = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # noqa: S105  of Standard Webhooks' own example
ENDPOINT: Final = """
[endpoint.hook]
channel = "webhook"
settings = { url = "URL/in" }
secrets = { secret = "key" }
allow = ["127.0.0.0/8"]
"""
NOTICES_PER_ALARM: Final = 5
FIRMS: Final = 344
TITLE: Final = "报警：某某铸造厂熔炼线治污停用"
TEXT: Final = "熔炼线生产中，布袋除尘器停用 35 分钟。请立即核查治污设施运行情况。"
FIELDS: Final = (
    '{"enterprise": "某某铸造厂", "line": "熔炼线", "rule": "治污设施停用", "state": "报警",'
    ' "level": "2", "at": "2026-11-22 11:00", "deadline": "2026-11-22 13:00"}'
)
BODY: Final = payload(
    Message(
        "ww_4a3d3a9c7f8c4c0b8a4b2d0a1f7b9e61",
        2,
        TITLE,
        TEXT,
        "",
        (),
        orjson.loads(FIELDS),
        1_795_316_400_000_000,
        "alarm.raised",
    )
)


@dataclass(frozen=True, slots=True)
class Turn:
    """Messages a second, CPU µs a message of who sent them and of PostgreSQL."""

    rate: float
    client_us: float
    postgres_us: float


@dataclass(frozen=True, slots=True)
class Bench:
    """A database with an outbox, and the folder with the key."""

    engine: EmbeddedPostgres
    store: Connection
    folder: Path


def measure_courier(rounds: int) -> Section:
    """Deliveries a second, and CPU a delivery beside a bare client's, in turn."""
    # The courier tells what it did on standard output, between the lines of the table.
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())
    return uvloop.run(_measure(rounds))


async def _measure(rounds: int) -> Section:
    turns: dict[str, list[Turn]] = {"client": [], "courier": []}
    async with _sink() as url, _place(url) as place:
        await _courier(place, WARM_UP)
        await _client(url, WARM_UP)
        for _ in range(rounds):
            turns["client"].append(await _client(url, NOTICES))
            turns["courier"].append(await _courier(place, NOTICES))
    rates = Series(tuple(turn.rate for turn in turns["courier"]))
    cpu = {name: [turn.client_us for turn in found] for name, found in turns.items()}
    figures = (
        Figure(
            "courier.rate",
            f"webhooks/s of one courier, {NOTICES:,} notices",
            rates,
            AtLeast(WANTED_RATE),
        ),
        Figure(
            "courier.client",
            "CPU a POST, bare aiohttp client ÷ courier",
            ratios(cpu["client"], cpu["courier"]),
            AtLeast(WANTED_RATIO),
            beside(cpu["courier"], cpu["client"], "µs"),
        ),
    )
    return Section(figures, (_table(turns),))


@asynccontextmanager
async def _sink() -> AsyncIterator[str]:
    """Run the receiver; yield where it is."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(HERE / "sink.py"), stdin=PIPE, stdout=PIPE
    )
    if process.stdin is None or process.stdout is None:
        raise RuntimeError("the receiver has no pipes")
    port = int(await asyncio.wait_for(process.stdout.readline(), PATIENCE_S))
    yield f"http://127.0.0.1:{port}"
    process.stdin.close()
    await process.wait()


@asynccontextmanager
async def _place(url: str) -> AsyncIterator[Bench]:
    """Run a database whose routing table has one endpoint."""
    with tempfile.TemporaryDirectory(prefix="wattwarden-bench-") as name:
        folder = _with_key(Path(name))
        engine = EmbeddedPostgres(folder / "data")
        await engine.start()
        try:
            store = await connect(engine.dsn, name="bench")
            await migrate(store, load_migrations())
            text = default_text() + ENDPOINT.replace("URL", url)
            await enter(store, Decision(Routing(version="bench", text=text), "bench", _now()))
            yield Bench(engine, store, folder)
            await store.close()
        finally:
            await engine.stop()


def _with_key(folder: Path) -> Path:
    # PostgreSQL runs as another user when this one is root, and must be able to pass.
    folder.chmod(0o755)
    (folder / "key").write_text(SECRET)
    return folder


async def _client(url: str, count: int) -> Turn:
    """Post documents that are ready, as many at a time as the courier does."""
    left = iter(range(count))
    headers = {
        "content-type": "application/json",
        "webhook-id": "ww_4a3d3a9c7f8c4c0b8a4b2d0a1f7b9e61",
        "webhook-timestamp": "1795316400",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }

    async def work(session: aiohttp.ClientSession) -> None:
        for _ in left:
            async with session.post(f"{url}/in", data=BODY, headers=headers) as answer:
                await answer.read()

    connector = aiohttp.TCPConnector(limit=MAX_SENDING_PER_ENDPOINT)
    async with aiohttp.ClientSession(connector=connector) as session:
        began, cpu = time.perf_counter(), time.process_time()
        await asyncio.gather(*(work(session) for _ in range(MAX_SENDING_PER_ENDPOINT)))
        seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
    return Turn(count / seconds, cpu * 1e6 / count, 0.0)


async def _courier(place: Bench, count: int) -> Turn:
    """Let a courier that has just been started send so many notices."""
    await _fill(place.store, count)
    stop = asyncio.Event()
    courier = Courier(Place(place.engine.dsn, place.folder, lambda *_: ""), Clock())
    postgres = tree_cpu_s([place.engine.pid])
    began, cpu = time.perf_counter(), time.process_time()
    running = asyncio.create_task(courier.run(stop))
    async with asyncio.timeout(PATIENCE_S):
        while courier.outcomes["delivered"] < count:  # noqa: ASYNC110  counters wake nobody
            await asyncio.sleep(POLL_S)
    seconds = time.perf_counter() - began
    stop.set()
    await running
    cpu = time.process_time() - cpu
    postgres = tree_cpu_s([place.engine.pid]) - postgres
    await _check(place.store, count)
    return Turn(count / seconds, cpu * 1e6 / count, postgres * 1e6 / count)


async def _fill(store: Connection, count: int) -> None:
    """Write notices that are due, five of each alarm."""
    now = _now()
    await store.execute("TRUNCATE outbox CASCADE")
    await store.executemany(
        "INSERT INTO outbox (alarm, enterprise, at, why, level, recipient, reason, endpoint, title,"
        " body, fields, state, due, expires) VALUES ($1, $2, $3, 'raised', 2, 'stream:hook',"
        " 'first', 'hook', $4, $5, $6, 'waiting', $7, $8)",
        [
            (
                n // NOTICES_PER_ALARM,
                f"E{n % FIRMS}",
                now + timedelta(microseconds=n),
                TITLE,
                TEXT,
                FIELDS,
                now,
                now + timedelta(hours=1),
            )
            for n in range(count)
        ],
    )


async def _check(store: Connection, count: int) -> None:
    """Every notice was delivered, and has its attempt."""
    kept = await store.fetchval(
        "SELECT count(*) FROM outbox AS o JOIN attempt AS a ON a.outbox = o.id"
        " WHERE o.state = 'delivered' AND a.outcome = 'delivered'"
    )
    if kept != count:
        message = f"{kept} attempts are kept of {count}"
        raise ValueError(message)


def _now() -> datetime:
    return moment_of(wall_us())


def _table(turns: Mapping[str, list[Turn]]) -> Table:
    def series(values: list[float]) -> str:
        return str(Series(tuple(values)))

    rows = tuple(
        (
            name,
            series([turn.rate for turn in found]),
            series([turn.client_us for turn in found]),
            series([turn.postgres_us for turn in found]) if name == "courier" else "",
        )
        for name, found in turns.items()
    )
    return Table(("POSTs to a local receiver", "a second", "its µs", "PostgreSQL's µs"), rows)
