"""Days of rows, and all that can be read of them."""

import random
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import numpy as np

from wattwarden.protocol.quantity import QUANTITIES
from wattwarden.storage.archive.catalogue import ArchiveFile
from wattwarden.storage.archive.export import Closed, Exporter
from wattwarden.storage.archive.store import Store
from wattwarden.storage.database import Connection
from wattwarden.storage.meters import find_meter, parse_meter
from wattwarden.storage.readings import Span, StoredReading, read_readings
from wattwarden.storage.rows.partitions import Partitions

FIRST: Final = date(2026, 8, 1)
FIRST_DAY: Final = 20_666
START: Final = datetime(2026, 8, 1, tzinfo=UTC)
NOW: Final = datetime(2026, 11, 22, 3, tzinfo=UTC)
READING: Final = Closed("reading", FIRST)
FACTOR: Final = Closed("factor", FIRST)
HOUR: Final = timedelta(hours=1)


async def meters(store: Connection, count: int) -> list[int]:
    """Meters fake:m1, fake:m2, …, by their numbers."""
    rows = await store.fetch(
        "INSERT INTO meter (codec, address, state, enrolled_at)"
        " SELECT 'fake', 'm' || n, 'accepted', $2 FROM generate_series(1, $1::integer) AS n"
        " RETURNING id",
        count,
        START,
    )
    return [row["id"] for row in rows]


async def make_days(store: Connection, *days: int) -> None:
    """Partitions of days, which count from the first."""
    for table in ("reading", "factor"):
        await Partitions(0).ensure(store, table, [FIRST_DAY + day for day in days])


async def fill(store: Connection, seed: int, days: int = 2, rows: int = 24) -> list[int]:
    """Random rows of three meters: channels, periods, missing values, extremes."""
    noise = random.Random(seed)
    ids = await meters(store, 3)
    await make_days(store, *range(days))
    layout = await store.fetchval(
        "INSERT INTO factor_layout (codes, digest, first_meter, first_at)"
        " VALUES ('{a34004,w01018}', decode(md5($1::text), 'hex'), 1, $2) RETURNING id",
        str(seed),
        START,
    )
    async with store.transaction():
        for _ in range(rows):
            await put_reading(store, *_key(noise, ids, days), **_values(noise))
            await put_factor(store, layout, *_key(noise, ids, days), noise.choice((0.5, None)))
    await taken(store)
    return ids


def _key(noise: random.Random, ids: list[int], days: int) -> tuple[int, str, str, datetime]:
    at = START + timedelta(
        seconds=30 * noise.randrange(days * 2880), microseconds=noise.choice((0, 1))
    )
    return noise.choice(ids), noise.choice(("", "1-1", "12345678")), noise.choice("imh"), at


def _values(noise: random.Random) -> dict[str, Any]:
    pick = {
        "voltage_a": float(np.float32(noise.choice((0.0, -0.0, 230.1, 3.4e38)))),
        "power_total": float(np.float32(noise.uniform(-1e6, 1e6))),
        "energy_forward": noise.choice((0, -1, 2**62, noise.randrange(10**9))),
        "current_c": None,
    }
    return {name: value for name, value in pick.items() if noise.random() < 0.7}


async def put_reading(
    store: Connection,
    meter: int,
    channel: str,
    period: str,
    at: datetime,
    *,
    late: timedelta = timedelta(seconds=1),
    step: int = 1,
    **values: Any,
) -> None:
    """One row, as a writer would have it; the same key again is nothing."""
    assert values.keys() <= QUANTITIES.keys()
    names = "".join(f", {name}" for name in values)
    given = "".join(f", ${7 + place}" for place in range(len(values)))
    await store.execute(
        "INSERT INTO reading (meter, channel, period, at, received_at, step, quality"  # noqa: S608  our names
        f'{names}) VALUES ($1, $2, $3::text::"char", $4, $5, $6, 0{given})'
        " ON CONFLICT DO NOTHING",
        *(meter, channel, period, at, at + late, step, *values.values()),
    )


async def put_factor(
    store: Connection, layout: int, meter: int, channel: str, period: str, at: datetime, said: Any
) -> None:
    """One row of two factors."""
    await store.execute(
        "INSERT INTO factor (meter, channel, period, at, received_at, step, quality, layout,"
        ' amounts, flags) VALUES ($1, $2, $3::text::"char", $4, $4, 1, 4, $5, $6, $7)'
        " ON CONFLICT DO NOTHING",
        *(meter, channel, period, at, layout, [said, 2.25], None if said is None else "N "),
    )


async def taken(store: Connection, step: int = 10**6) -> None:
    """Every warden has folded up to a step."""
    await store.execute("UPDATE slice_position SET step = $1", step)


def exporter(store: Connection, folder: Path, tell: Callable[[int], object] = int) -> Exporter:
    return Exporter(store, Store(folder.as_uri()), tell=tell)


async def archive(store: Connection, folder: Path, *days: Closed) -> list[ArchiveFile]:
    """Archive days, which have to go."""
    done = [await exporter(store, folder).archive(day, NOW) for day in days]
    assert all(isinstance(one, ArchiveFile) for one in done), done
    return [one for one in done if isinstance(one, ArchiveFile)]


async def read_all(store: Connection, *spans: Span) -> list[list[StoredReading]]:
    """All that is read of every meter."""
    rows = await store.fetch("SELECT address FROM meter ORDER BY id")
    known = [await find_meter(store, parse_meter(row["address"])) for row in rows]
    return [
        [one async for one in read_readings(store, meter, span)]
        for meter in known
        for span in spans or (Span(),)
    ]


def files_below(folder: Path) -> dict[str, int]:
    """Sizes of files by their names."""
    return {one.name: one.stat().st_size for one in folder.rglob("*") if one.is_file()}


async def partitions(store: Connection) -> set[str]:
    """Which partitions of August there are."""
    rows = await store.fetch(
        r"SELECT relname FROM pg_class WHERE relname ~ '^(reading|factor)_202608\d\d$'"
    )
    return {row["relname"] for row in rows}
