"""What the sample city's meters said: rollups of its time, readings of its last days, states."""

from typing import Any, Final

import numpy as np
from bench.sample_course import DAY_MIN, STANDBY
from bench.sample_drawn import City
from numpy.typing import NDArray

from wattwarden.storage.database import Connection
from wattwarden.storage.moments import us_of
from wattwarden.storage.rows import pgcopy
from wattwarden.storage.rows.partitions import DAY_US, Partitions, partition_name
from wattwarden.storage.rows.tables import READING, Rows, copy_columns, copy_names

CHANNEL: Final = "1-1"
MINUTE_US: Final = 60_000_000
QUARTER_MIN: Final = 15
VOLTS: Final = 230.0
_MEASURES: Final = ("power", "voltage", "current", "power_factor")
_ROLLUP: Final = (
    "meter", "channel", "start", "received", "expected",
    *(f"{what}_{how}" for what in _MEASURES for how in ("mean", "min", "max")),
    "energy_first", "energy_last", "energy_used",
)  # fmt: skip


async def rollups(store: Connection, city: City, days: int) -> None:
    """Quarters by what each minute says, hours and days by their quarters; then the keys."""
    tables = ("rollup_15min", "rollup_hour", "rollup_day", "collected_hour")
    for table in tables:
        await store.execute(f"ALTER TABLE {table} DROP CONSTRAINT {table}_pkey")
    for day in range(days):
        await _quarters(store, city, day)
    mean = ", ".join(f"avg({one}_mean), min({one}_min), max({one}_max)" for one in _MEASURES)
    for source, table, unit in (("15min", "hour", "hour"), ("hour", "day", "day")):
        await store.execute(
            f"INSERT INTO rollup_{table} SELECT meter, channel, date_trunc('{unit}', start, 'UTC'),"  # noqa: S608  words of this function
            f" sum(received), sum(expected), {mean}, min(energy_first), max(energy_last),"
            f" sum(energy_used) FROM rollup_{source} GROUP BY 1, 2, 3"
        )
    await store.execute(
        "INSERT INTO collected_hour SELECT meter, channel, FALSE, start, received, received,"
        " least(12, received / 5) FROM rollup_hour"
    )
    for table in tables:
        key = "meter, channel, factors, start" if table[0] == "c" else "meter, channel, start"
        await store.execute(f"ALTER TABLE {table} ADD PRIMARY KEY ({key})")


async def _quarters(store: Connection, city: City, day: int) -> None:
    minutes = min(DAY_MIN, city.course.minutes - day * DAY_MIN) // QUARTER_MIN * QUARTER_MIN
    power = city.course.day(day)[:, :minutes].reshape(-1, minutes // QUARTER_MIN, QUARTER_MIN)
    heard = np.isfinite(power).sum(axis=2)
    known = heard > 0
    filled = np.nan_to_num(power)
    mean = np.where(known, filled.sum(axis=2) / np.maximum(heard, 1), 0).astype(np.float32)
    most, least = filled.max(axis=2), filled.min(axis=2)
    rows, quarters = np.nonzero(known)
    began = us_of(city.began) + day * DAY_MIN * MINUTE_US
    mean, most, least = (one[rows, quarters] for one in (mean, most, least))
    working = mean > 2 * STANDBY * mean.max()
    used = (mean / 4).astype(np.int64)
    total = ((day * 96 + quarters) * 500 + used).astype(np.int64)
    volts = np.full(len(mean), VOLTS, np.float32)
    factor = np.where(working, 0.86, 0.1).astype(np.float32)
    columns = [
        pgcopy.integers(">i4", (city.first + rows).astype(np.int32)),
        pgcopy.constant(CHANNEL.encode()),
        pgcopy.times(began + quarters.astype(np.int64) * QUARTER_MIN * MINUTE_US),
        pgcopy.integers(">i4", heard[rows, quarters].astype(np.int32)),
        pgcopy.constant((QUARTER_MIN).to_bytes(4, "big")),
        *map(pgcopy.floats, (mean, least, most, volts, volts - 4, volts + 4)),
        *map(pgcopy.floats, (_amperes(mean), _amperes(least), _amperes(most))),
        *map(pgcopy.floats, (factor, factor - 0.02, factor + 0.02)),
        *(pgcopy.integers(">i8", one) for one in (total, total + used, used)),
    ]
    chunks = pgcopy.encode(columns, len(mean))
    await store.copy_to_table(
        "rollup_15min", source=pgcopy.stream(chunks), columns=_ROLLUP, format="binary"
    )


def _amperes(watts: NDArray[np.float32]) -> NDArray[np.float32]:
    return (watts / (3 * VOLTS * 0.86)).astype(np.float32)


async def readings(store: Connection, city: City, days: int, raw_days: int) -> None:
    """What meters said in each minute of the last days."""
    for day in range(days - raw_days, days):
        power = city.course.day(day)[:, : city.course.minutes - day * DAY_MIN].T
        minute, unit = np.nonzero(np.isfinite(power))
        watts = power[minute, unit]
        at = us_of(city.began) + (day * DAY_MIN + minute.astype(np.int64)) * MINUTE_US
        at += unit % 60 * 1_000_000
        amperes = _amperes(watts)
        volts = (VOLTS + np.random.default_rng(day).standard_normal(len(watts))).astype(np.float32)
        energy = (unit * 1_000_000 + at // MINUTE_US % 10_000_000).astype(np.int64)
        values: dict[str, NDArray[Any]] = {
            "power_total": watts,
            **{f"current_{phase}": amperes for phase in "abc"},
            **{f"voltage_{phase}": volts for phase in "abc"},
            "power_factor_total": np.where(amperes > 1, 0.86, 0.1).astype(np.float32),
            "energy_forward": energy,
        }
        count = len(watts)
        rows = Rows(
            order=np.arange(count, dtype=np.int32),
            meter=(city.first + unit).astype(np.int32),
            at=at,
            received_at=at + 500_000,
            step=np.ones(count, np.int32),
            quality=np.zeros(count, np.int16),
            channel=CHANNEL,
            period="i",
            values=values,
        )
        names = copy_names(READING, [rows])
        found = np.unique(at // DAY_US).tolist()
        await Partitions(0).ensure(store, READING.name, found)
        for number in found:
            part = rows.take(at // DAY_US == number)
            chunks = pgcopy.encode(copy_columns(READING, part, names), len(part))
            await store.copy_to_table(
                partition_name(READING.name, number),
                source=pgcopy.stream(chunks),
                columns=names,
                format="binary",
            )


async def states(store: Connection, city: City) -> None:
    """What each unit did, change by change."""
    machines = city.course.machines
    async with store.transaction():
        await store.execute("SET LOCAL session_replication_role = replica")
        await store.copy_records_to_table(
            "unit_transition",
            records=(
                (machines[unit].firm, machines[unit].name, city.at(minute), state)
                for unit, minute, state in city.course.changes()
            ),
            columns=["enterprise", "unit", "at", "state"],
        )
