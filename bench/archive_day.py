"""What it costs to keep a day of a city as a file: rows/s, bytes, memory, and reading it again.

    .venv/bin/python bench/archive_day.py --units 2724 --days 30 --few 200

A made-up day of one reading a minute is written into the store, archived, verified, read by unit
and given back; then a month of fewer units, of which one unit's month is read hot and archived.
"""

import argparse
import asyncio
import resource
import sys
import tempfile
import time
from collections.abc import Awaitable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Final, TypeVar

# Behind everything else: the rooms in the repository root must shadow no library.
sys.path.append(str(Path(__file__).resolve().parents[1]))

import numpy as np
import structlog
import uvloop

from wattwarden.protocol.microseconds import SECOND_US
from wattwarden.storage.archive.catalogue import ArchiveFile, Waits
from wattwarden.storage.archive.export import Closed, Exporter
from wattwarden.storage.archive.files import verify
from wattwarden.storage.archive.giveback import give_back
from wattwarden.storage.archive.store import Store
from wattwarden.storage.database import Connection, connect
from wattwarden.storage.engines.postgres import EmbeddedPostgres
from wattwarden.storage.meters import Meter, find_meter, parse_meter
from wattwarden.storage.migrate import load_migrations, migrate
from wattwarden.storage.moments import us_of
from wattwarden.storage.readings import Span, read_readings
from wattwarden.storage.rows import pgcopy
from wattwarden.storage.rows.partitions import DAY_US, Partitions, partition_name
from wattwarden.storage.rows.tables import READING, Rows, copy_columns, copy_names

FIRST: Final = date(2026, 8, 1)
START: Final = datetime(2026, 8, 1, tzinfo=UTC)
NOW: Final = datetime(2026, 11, 22, tzinfo=UTC)
MINUTES: Final = 1440
MINUTE_US: Final = 60 * SECOND_US
MIB: Final = 1024**2

T = TypeVar("T")


def minute_of(noise: np.random.Generator, at: int, energy: np.ndarray) -> Rows:
    """One reading of each meter, with the digits that meters send."""
    count = len(energy)
    load = np.clip(0.6 + 0.1 * noise.standard_normal(count), 0, 1) * (noise.random(count) < 0.8)
    power = np.round(20_000 * load)
    energy += (power / 60).astype(np.int64)
    values = {f"voltage_{p}": np.round(220 + 3 * noise.standard_normal(count), 1) for p in "abc"}
    values |= {f"current_{p}": np.round(power / 600 + noise.random(count), 2) for p in "abc"}
    values |= {"power_total": power, "power_factor_total": np.round(0.8 + 0.1 * load, 3)}
    floats = {name: value.astype(np.float32) for name, value in values.items()}
    return Rows(
        order=np.arange(count, dtype=np.int32),
        meter=np.arange(1, count + 1, dtype=np.int32),
        at=np.full(count, at, np.int64),
        received_at=at + noise.integers(0, 2 * SECOND_US, count),
        step=np.full(count, at // SECOND_US % 2**30, np.int32),
        quality=np.zeros(count, np.int16),
        channel="",
        period="i",
        values=floats | {"energy_forward": energy.copy()},
    )


async def fill(connection: Connection, units: int, days: int) -> None:
    """Write days of so many units, minute by minute, as they come."""
    noise = np.random.default_rng(7)
    energy = noise.integers(0, 10**8, units)
    first = us_of(START)
    await Partitions(0).ensure(
        connection, "reading", range(first // DAY_US, first // DAY_US + days)
    )
    for minute in range(days * MINUTES):
        rows = minute_of(noise, first + minute * MINUTE_US, energy)
        names = copy_names(READING, [rows])
        chunks = list(pgcopy.encode(copy_columns(READING, rows, names), len(rows)))
        await connection.copy_to_table(
            partition_name("reading", int(rows.at[0] // DAY_US)),
            source=pgcopy.stream(chunks),
            columns=names,
            format="binary",
        )
    await connection.execute("UPDATE slice_position SET step = 2147483647")


async def timed(what: str, work: Awaitable[T]) -> T:
    """Do something, and print how long it took and the most memory this process ever had."""
    before = time.perf_counter()
    cpu = time.process_time()
    done = await work
    took = time.perf_counter() - before
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"{what:<44} {took:8.3f} s  CPU {time.process_time() - cpu:7.3f} s  RSS ≤ {most:5.0f} MiB"
    )
    return done


async def month(connection: Connection, meter: Meter, days: int) -> int:
    """Read a unit's days; return how many readings that is."""
    span = Span(since=START, until=START + timedelta(days=days))
    return sum([1 async for _ in read_readings(connection, meter, span)])


async def measure(connection: Connection, folder: Path, units: int, days: int) -> None:
    """Archive days of so many units and read one unit's."""
    meter = await find_meter(connection, parse_meter(f"bench:m{units // 2}"))
    size = await connection.fetchval("SELECT pg_total_relation_size('reading_20260801')")
    hot = await timed(f"{days} days of a unit, hot", month(connection, meter, days))
    exporter = Exporter(connection, Store(folder.as_uri()))

    async def archive() -> list[ArchiveFile | Waits | None]:
        closed = [Closed("reading", FIRST + timedelta(days=day)) for day in range(days)]
        return [await exporter.archive(one, NOW) for one in closed]

    done = await timed(f"{days} days of {units} units archived", archive())
    files = [one for one in done if isinstance(one, ArchiveFile)]
    rows, kept = sum(one.rows for one in files), sum(one.bytes for one in files)
    print(
        f"    {rows:,} rows, {kept / MIB:,.1f} MiB, {kept / rows:.2f} bytes a row;"
        f" a day was {size / MIB:,.0f} MiB in the database, {size * days / rows:.0f} bytes a row"
    )
    verifying = asyncio.to_thread(verify, Store(files[0].store), files[0])
    await timed("one of them verified again", verifying)
    for turn in ("first", "again"):
        found = await timed(
            f"{days} days of a unit, archived, {turn}", month(connection, meter, days)
        )
        print(f"    {found:,} readings, {hot:,} when they were hot")
    await timed("one of them given back", give_back(connection, files[0]))


async def main() -> None:
    """Measure a large day, then a month of few units."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--units", type=int, default=2724)
    parser.add_argument("--few", type=int, default=200)
    parser.add_argument("--days", type=int, default=30)
    asked = parser.parse_args()
    for units, days in ((asked.units, 1), (asked.few, asked.days)):
        with tempfile.TemporaryDirectory(prefix="ww-") as name:
            folder = Path(name)
            folder.chmod(0o755)  # noqa: ASYNC240  nothing else goes on
            engine = EmbeddedPostgres(folder)
            await engine.start()
            connection = await connect(engine.dsn, name="bench", command_timeout_s=None)
            await migrate(connection, load_migrations())
            await connection.execute(
                "INSERT INTO meter (codec, address, state, enrolled_at)"
                " SELECT 'bench', 'm' || n, 'accepted', $2 FROM generate_series(1, $1::integer) n",
                units,
                START,
            )
            await timed(f"{days} days of {units} units written", fill(connection, units, days))
            await connection.execute("VACUUM (ANALYZE, FREEZE)")
            await measure(connection, folder / "days", units, days)
            await connection.close()
            await engine.stop()


if __name__ == "__main__":
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    uvloop.run(main())
