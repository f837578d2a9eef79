"""How fast the warden folds what is stored: rows from PostgreSQL into states and alarms.

    make soak, or  .venv/bin/python bench/diagnosis_store.py --days 3 --units 2724

A made-up city says the same every day but for noise; one treatment unit in fifty stops for an hour.
Rows, ticks and steps are written straight into the store; the warden is the real one, in this
process, and reads, folds and commits as it always does.
"""

import argparse
import resource
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

# Behind everything else: the rooms in the repository root must shadow no library.
sys.path.append(str(Path(__file__).resolve().parents[1]))

import asyncpg
import numpy as np
import structlog
import uvloop
from numpy.typing import NDArray

from wattwarden.alarms.registry.changes import difference
from wattwarden.alarms.registry.nouns import (
    Agency,
    Enterprise,
    Line,
    Link,
    Point,
    Region,
    Unit,
    UnitKind,
)
from wattwarden.alarms.registry.registry import Registry
from wattwarden.server.warden import Warden
from wattwarden.storage.database import Connection
from wattwarden.storage.engines.postgres import EmbeddedPostgres
from wattwarden.storage.migrate import load_migrations, migrate
from wattwarden.storage.moments import us_of
from wattwarden.storage.registry.registry import save_registry
from wattwarden.storage.rows import pgcopy
from wattwarden.storage.rows.partitions import DAY_US, Partitions, note_parts, partition_name
from wattwarden.storage.rows.tables import READING, Rows, copy_columns, copy_names

START: Final = us_of(datetime(2026, 10, 31, 16, tzinfo=UTC))  # midnight in Shanghai
LONG_AGO: Final = datetime(2026, 1, 1, tzinfo=UTC)
SECOND: Final = 1_000_000
HOUR_S: Final = 3_600
UNITS_PER_FIRM: Final = 8
RATED_W: Final = 20_000.0
QUANTITIES: Final = (
    "power_total", "current_a", "current_b", "current_c", "voltage_a", "voltage_b", "voltage_c",
    "power_factor_total",
)  # fmt: skip


def city_of(units: int) -> Registry:
    """Firms of eight units, five of production and three of treatment, one meter each."""
    registry = Registry()
    registry.put("region", Region(id="R", name="region"))
    registry.put("agency", Agency(id="A", name="agency", region="R"))
    for number in range(units):
        firm = f"E{number // UNITS_PER_FIRM:04d}"
        if firm not in registry.enterprise:
            made = Enterprise(id=firm, name=firm, agency="A", region="R", industry="coating")
            registry.put("enterprise", made)
            registry.put("line", Line(id=f"{firm}-l", enterprise=firm, name="line"))
        treats = number % UNITS_PER_FIRM >= 5
        kind = UnitKind.TREATMENT if treats else UnitKind.PRODUCTION
        name = f"U{number:05d}"
        unit = Unit(id=name, enterprise=firm, name=name, kind=kind, rated_power=RATED_W)
        registry.put("unit", unit)
        registry.put("link", Link(id=f"{name}-k", line=f"{firm}-l", unit=name))
        point = Point(id=f"{name}-p", meter=f"bench:{name}", valid_from=LONG_AGO, unit=name)
        registry.put("point", point)
    return registry


async def fill(store: Connection, units: int, hours: int, cycle_s: int) -> int:
    """Store the city's rows, hour by hour; return how many."""
    await save_registry(store, difference(Registry(), city_of(units)), "bench", now=LONG_AGO)
    await store.execute(
        "INSERT INTO meter (codec, address, state, enrolled_at)"
        " SELECT 'bench', 'U' || lpad(n::text, 5, '0'), 'accepted', now()"
        " FROM generate_series(0, $1 - 1) AS n ORDER BY n",
        units,
    )
    first = await store.fetchval("SELECT min(id) FROM meter")
    days = range(START // DAY_US, (START + hours * HOUR_S * SECOND) // DAY_US + 1)
    await Partitions(0).ensure(store, READING.name, days)
    noise = np.random.default_rng(1)
    for hour in range(hours):
        await _hour(store, noise, first + np.arange(units, dtype=np.int32), hour, cycle_s)
    await store.execute(
        "INSERT INTO tick SELECT 0, n, $1 + n, 1 FROM generate_series(1, $2::integer) AS n",
        START // SECOND,
        hours * HOUR_S,
    )
    await store.execute(
        "INSERT INTO journal_position (shard, sequence, tick) VALUES (0, 1, $1)", hours * HOUR_S
    )
    await store.execute("ANALYZE")
    return units * hours * (HOUR_S // cycle_s)


async def _hour(
    store: Connection,
    noise: np.random.Generator,
    meters: NDArray[np.int32],
    hour: int,
    cycle_s: int,
) -> None:
    """One hour of rows, in the order in which they arrive."""
    phase = (meters * 7) % cycle_s
    second = np.arange(0, HOUR_S, cycle_s)[:, None] + phase[None, :] + hour * HOUR_S
    meter = np.broadcast_to(meters, second.shape)
    stops = (meter % 50 == 7) & (hour % 24 == 9)
    power = np.where(stops, 0.0, RATED_W * (0.8 + 0.01 * noise.standard_normal(second.shape)))
    order = np.argsort(second, axis=None, kind="stable")
    second, meter, power = second.ravel()[order], meter.ravel()[order], power.ravel()[order]
    at = START + second.astype(np.int64) * SECOND
    factor = np.where(power > 0, 0.85, 0.0)
    current = np.where(power > 0, power / (3 * 220 * 0.85), 0.0)
    rows = Rows(
        order=np.arange(len(at), dtype=np.int32),
        meter=meter,
        at=at,
        received_at=at + SECOND // 2,
        step=(second + 1).astype(np.int32),
        quality=np.zeros(len(at), np.int16),
        channel="",
        period="i",
        values={
            name: (
                power
                if name == "power_total"
                else factor
                if name == "power_factor_total"
                else current
                if name.startswith("current")
                # The mains never stand still.
                else 220 + noise.standard_normal(len(at))
            ).astype(np.float32)
            for name in QUANTITIES
        },
    )
    names = copy_names(READING, [rows])
    for day in np.unique(at // DAY_US).tolist():
        part = rows.take(at // DAY_US == day)
        chunks = pgcopy.encode(copy_columns(READING, part, names), len(part))
        name = partition_name(READING.name, day)
        await store.copy_to_table(
            name, source=pgcopy.stream(chunks), columns=names, format="binary"
        )
        steps, counts = np.unique(part.step, return_counts=True)
        noted = zip(steps.tolist(), counts.tolist(), strict=True)
        await note_parts(store, 0, {(step, name): count for step, count in noted})


async def measure(folder: Path, units: int, hours: int, cycle_s: int) -> None:
    """Fill a store, fold it, print what that took."""
    engine = EmbeddedPostgres(folder)
    await engine.start()
    try:
        store = await asyncpg.connect(engine.dsn)
        await migrate(store, load_migrations())
        started = time.perf_counter()
        rows = await fill(store, units, hours, cycle_s)
        print(f"{rows:,} rows of {units:,} units stored in {time.perf_counter() - started:.1f} s")
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        warden = Warden(engine.dsn, 1)
        started, cpu = time.perf_counter(), time.process_time()
        while await warden.round():
            pass
        seconds, used = time.perf_counter() - started, time.process_time() - cpu
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        counters = warden.counters
        alarms = await store.fetchval("SELECT count(*) FROM alarm")
        print(
            f"folded in {seconds:.1f} s, {used:.1f} s of CPU: {counters.rows / seconds:,.0f} rows/s"
        )
        print(
            f"{counters.passes} passes, {alarms} alarms, {counters.late_rows} late rows,"
            f" peak {peak / 1024:.0f} MiB (before {before / 1024:.0f})"
        )
        await store.close()
    finally:
        await engine.stop()


def main() -> None:
    """Read the options and run."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--days", type=float, default=1.0)
    parser.add_argument("--units", type=int, default=300)
    parser.add_argument("--cycle", type=int, default=60, help="s between readings")
    options = parser.parse_args()
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())
    with tempfile.TemporaryDirectory(prefix="wattwarden-bench-") as name:
        folder = Path(name)
        # PostgreSQL runs as another user when this one is root, and must be able to pass.
        folder.chmod(0o755)
        uvloop.run(measure(folder, options.units, round(options.days * 24), options.cycle))


if __name__ == "__main__":
    main()
