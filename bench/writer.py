r"""What the writer reaches of psql's speed: journal → rows, beside ``\copy`` of a prebuilt file.

Both fill the same day's partition with the same rows, freshly made for each turn, with its key and
its index, in the same database.  The journal is in memory, so that no journal server is measured;
all behind it is the writer's own: reading envelopes, decoding, checksums of sections, positions,
ticks, a transaction and its commit a round.  Its clock starts when it is at work, as psql's does;
what a writer does for the first entries it meets, after another may have died of them, is behind it
then.  psql's file is one COPY and one commit, its rows in the order in which they came; the writer
puts each meter's side by side.
"""

import asyncio
import resource
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import structlog
import uvloop
from bench.entries import MemoryJournal, entries_of
from bench.figures import AtLeast, Figure, Section, Series, Table, beside, ratios, series
from bench.processes import tree_cpu_s
from bench.psql import Psql
from bench.uploads import uploads

from wattwarden.codecs import load_codecs
from wattwarden.storage.database import Connection, connect
from wattwarden.storage.engines.binaries import find_postgres
from wattwarden.storage.engines.postgres import EmbeddedPostgres
from wattwarden.storage.engines.postgres_settings import ADMIN_ROLE, DATABASE
from wattwarden.storage.engines.postgres_socket import dsn_for
from wattwarden.storage.enrolment import Admission
from wattwarden.storage.migrate import load_migrations, migrate
from wattwarden.storage.moments import us_of
from wattwarden.storage.profiles import ProfileBook
from wattwarden.storage.retrying import Readers
from wattwarden.storage.rows.binding import ClockBounds
from wattwarden.storage.rows.partitions import DAY_US, Partitions, partition_name
from wattwarden.storage.rows.tables import READING
from wattwarden.storage.rows.writer import DEFAULT_LIMITS, Writer

METERS: Final = 1_000
SECONDS: Final = 200  # of each meter: a turn takes a second or two
ROWS: Final = METERS * SECONDS
# Between what gateways seal of 1,000 connections that wait for each answer, 300, and of such that
# send eight frames at once, 1,100.
FRAMES_PER_ENVELOPE: Final = 500
# What a predecessor may have died of is tried in a child process first: that is behind us.
DOUBTED: Final = 2 * DEFAULT_LIMITS.round_entries
WANTED_RATIO: Final = 0.85
LINE_DELAY: Final = timedelta(milliseconds=80)
METERS_ZONE: Final = timedelta(hours=8)


@dataclass(frozen=True, slots=True)
class Turn:
    """One filling of the partition: rows a second, CPU µs a row of the client and of PostgreSQL."""

    rows_per_s: float
    client_us: float
    postgres_us: float


@dataclass(frozen=True, slots=True)
class Place:
    """The database, and the partition that every turn fills anew."""

    folder: Path
    engine: EmbeddedPostgres
    admin: Connection
    owner: Connection
    psql: Psql
    day: int

    @property
    def partition(self) -> str:
        """Name of the day's partition."""
        return partition_name(READING.name, self.day)

    async def renew(self) -> None:
        """Make the partition anew and the writer's books empty; leave no pages to be written."""
        await self.owner.execute(f"DROP TABLE IF EXISTS {self.partition}")
        await self.owner.execute("TRUNCATE journal_position, chain_position, tick, step_part")
        await Partitions(0).ensure(self.owner, READING.name, [self.day])
        await self.admin.execute("CHECKPOINT")


def measure_writer(rounds: int) -> Section:
    """Rows a second into the keyed partition, in turn."""
    # Partitions that are made would be told on standard output, between the lines of the table.
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())
    return uvloop.run(_measure(rounds))


async def _measure(rounds: int) -> Section:
    noon = datetime.now(UTC).replace(hour=4, minute=0, second=0, microsecond=0) - timedelta(days=1)
    frames = uploads(METERS, SECONDS, (noon + METERS_ZONE).replace(tzinfo=None))
    received_at = us_of(noon + LINE_DELAY)
    entries = entries_of(frames, METERS, FRAMES_PER_ENVELOPE, received_at, DOUBTED)
    journal = MemoryJournal(entries)
    turns: dict[str, list[Turn]] = {"psql": [], "writer": []}
    async with _place(us_of(noon) // DAY_US) as place:
        # Meters enrol, and what is written is what psql will copy.
        await _turn(place, lambda: _write(place, journal))
        columns, file = await _save(place)
        for _ in range(rounds):
            turns["psql"].append(await _turn(place, lambda: _copy(place, columns, file)))
            turns["writer"].append(await _turn(place, lambda: _write(place, journal)))
    rates = {name: [turn.rows_per_s for turn in found] for name, found in turns.items()}
    what = f"rows/s, writer ÷ psql \\copy of a prebuilt file, {ROWS:,} rows, same keyed table"
    ours, limit = rates["writer"], rates["psql"]
    figure = Figure(
        "writer.psql",
        what,
        ratios(ours, limit),
        AtLeast(WANTED_RATIO),
        beside(ours, limit, "rows/s"),
    )
    return Section((figure,), (_table(turns),), {"writer.rows_per_s": series(ours)})


@contextmanager
def _folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="wattwarden-bench-") as name:
        folder = Path(name)
        # PostgreSQL runs as another user when this one is root, and must be able to pass.
        folder.chmod(0o755)
        yield folder


@asynccontextmanager
async def _place(day: int) -> AsyncIterator[Place]:
    with _folder() as folder:
        engine = EmbeddedPostgres(folder / "data")
        await engine.start()
        try:
            admin = await connect(dsn_for(folder / "data", ADMIN_ROLE, DATABASE), name="bench")
            owner = await connect(engine.dsn, name="bench")
            await migrate(owner, load_migrations())
            psql = Psql(find_postgres() / "psql", engine.dsn)
            yield Place(folder, engine, admin, owner, psql, day)
            await admin.close()
            await owner.close()
        finally:
            await engine.stop()


async def _turn(place: Place, fill: Callable[[], Awaitable[float]]) -> Turn:
    """Fill the partition; ``fill`` tells the seconds that count."""
    await place.renew()
    clients_s, postgres_s = _clients_cpu_s(), tree_cpu_s([place.engine.pid])
    seconds = await fill()
    clients_s, postgres_s = (
        _clients_cpu_s() - clients_s,
        tree_cpu_s([place.engine.pid]) - postgres_s,
    )
    count = f"SELECT count(*) FROM {place.partition}"  # noqa: S608  a name of the writer's making
    stored = await place.owner.fetchval(count)
    if stored != ROWS:
        message = f"{stored} rows are stored of {ROWS}"
        raise ValueError(message)
    return Turn(ROWS / seconds, clients_s * 1e6 / ROWS, postgres_s * 1e6 / ROWS)


async def _write(place: Place, journal: MemoryJournal) -> float:
    """The journal's rows by a writer that has just been started, and doubts none of them."""
    bounds, admission = ClockBounds(), Admission(enrolments_per_peer_hour=None)
    readers = Readers(load_codecs(), ProfileBook().of, bounds, admission, "bench")
    writer = Writer(0, journal, place.engine.dsn, readers)
    journal.shown = DOUBTED
    await _follow(writer, DOUBTED)
    journal.shown = journal.last
    started = time.perf_counter()
    await _follow(writer, journal.last)
    seconds = time.perf_counter() - started
    await writer.close()
    return seconds


async def _follow(writer: Writer, last: int) -> None:
    while writer.position is None or writer.position.sequence < last:
        await writer.round()


async def _save(place: Place) -> tuple[str, Path]:
    """Save the partition as a binary file: in order of arrival, with the columns of the writer."""
    first = f"SELECT * FROM {place.partition} LIMIT 1"  # noqa: S608  a name of the writer's making
    row = await place.owner.fetchrow(first)
    columns = ", ".join(
        name for name in READING.columns if row is not None and row[name] is not None
    )
    file = place.folder / "rows.pgcopy"
    query = f"SELECT {columns} FROM {place.partition} ORDER BY received_at, at, meter"  # noqa: S608  as above
    place.psql.copy_out(query, file)
    return columns, file


async def _copy(place: Place, columns: str, file: Path) -> float:
    return await asyncio.to_thread(place.psql.copy_in, place.partition, columns, file)


def _clients_cpu_s() -> float:
    """CPU of this process, which is the writer, and of those it has run, which are psql."""
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + ended.ru_utime + ended.ru_stime


def _table(turns: Mapping[str, list[Turn]]) -> Table:
    def text(values: list[float]) -> str:
        return str(Series(tuple(values)))

    rows = tuple(
        (
            name,
            text([turn.rows_per_s for turn in found]),
            text([turn.client_us for turn in found]),
            text([turn.postgres_us for turn in found]),
        )
        for name, found in turns.items()
    )
    return Table(
        ("into a keyed partition", "rows/s", "its µs a row", "PostgreSQL's µs a row"), rows
    )
