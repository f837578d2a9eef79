"""A small city and what its meters say, written straight into the store with steps and ticks."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from wattwarden.alarms.registry.changes import difference
from wattwarden.alarms.registry.nouns import (
    Agency,
    Drive,
    Enterprise,
    Line,
    Link,
    Point,
    Region,
    Unit,
    UnitKind,
)
from wattwarden.alarms.registry.registry import Registry
from wattwarden.storage.database import Connection
from wattwarden.storage.moments import moment_of, us_of
from wattwarden.storage.registry.registry import save_registry
from wattwarden.storage.rows.partitions import Partitions, note_parts, partition_name

# 22:00 in Shanghai: two hours later a local day begins.
START: Final = us_of(datetime(2026, 11, 21, 14, tzinfo=UTC))
SECOND: Final = 1_000_000
MINUTE: Final = 60 * SECOND
DAY: Final = 86_400 * SECOND
TICK_S: Final = 20
BACKFILL: Final = 8
LONG_AGO: Final = datetime(2026, 1, 1, tzinfo=UTC)

PowerOf = Callable[[str, str, int], float | None]
"""(enterprise, "p" or "t", minute) → share of the rated power, None for silence."""


@dataclass(frozen=True, slots=True)
class Row:
    """A reading: whose, when it was measured and received (µs), W, and its mark."""

    meter: str
    at: int
    received_at: int
    power: float
    quality: int = 0


def small_city(enterprises: Iterable[str]) -> Registry:
    """Enterprises with a line each: a production unit of 30 kW, a treatment unit of 15 kW."""
    registry = Registry()
    registry.put("region", Region(id="R", name="region"))
    registry.put("agency", Agency(id="A", name="agency", region="R"))
    for name in enterprises:
        firm = Enterprise(id=name, name=name, agency="A", region="R", industry="coating")
        registry.put("enterprise", firm)
        registry.put("line", Line(id=f"{name}-l", enterprise=name, name="line"))
        for part, kind, rated in (
            ("p", UnitKind.PRODUCTION, 30_000.0),
            ("t", UnitKind.TREATMENT, 15_000.0),
        ):
            unit = f"{name}-{part}"
            made = Unit(
                id=unit, enterprise=name, name=unit, kind=kind, rated_power=rated,
                drive=Drive.DIRECT,
            )  # fmt: skip
            registry.put("unit", made)
            registry.put("link", Link(id=f"{unit}-k", line=f"{name}-l", unit=unit))
            point = Point(id=f"{unit}-pt", meter=f"fake:{unit}", valid_from=LONG_AGO, unit=unit)
            registry.put("point", point)
    return registry


async def register(store: Connection, registry: Registry) -> None:
    await save_registry(store, difference(Registry(), registry), "test", now=LONG_AGO)


def readings(
    enterprises: Iterable[str], minutes: Iterable[int], power_of: PowerOf, delay_s: float = 1.0
) -> list[Row]:
    """What meters say each minute, each at its own second, received after ``delay_s``."""
    rows = []
    minutes = list(minutes)
    for number, name in enumerate(enterprises):
        for place, (part, rated) in enumerate((("p", 30_000.0), ("t", 15_000.0))):
            phase = (12 + 7 * number + 19 * place) % 48 * SECOND
            for minute in minutes:
                share = power_of(name, part, minute)
                if share is not None:
                    at = START + minute * MINUTE + phase
                    # Nothing that turns draws the same power twice.
                    noise = 1 + ((minute * 37 + place) % 11 - 5) / 1000
                    rows.append(
                        Row(
                            f"{name}-{part}",
                            at,
                            at + round(delay_s * SECOND),
                            share * rated * noise,
                        )
                    )
    return rows


def late(rows: Iterable[Row], received_at: int, per_second: int = 50) -> list[Row]:
    """The same rows, marked as repeated, received one after another from a moment on."""
    ordered = sorted(rows, key=lambda row: (row.at, row.meter))
    return [
        Row(row.meter, row.at, received_at + place * SECOND // per_second, row.power, BACKFILL)
        for place, row in enumerate(ordered)
    ]


async def store_signs(store: Connection, gateway: str, minutes: range) -> None:
    """Let a gateway give a sign of life with each tick."""
    await store.executemany(
        "INSERT INTO alive (gateway, at, sessions, refused) VALUES ($1, $2, 1, '[]')",
        [
            (gateway, moment_of(START + second * SECOND))
            for second in range(minutes.start * 60, minutes.stop * 60, TICK_S)
        ],
    )


async def store_rows(store: Connection, rows: Iterable[Row], missed: range = range(0)) -> None:
    """Put rows into the store, each in the step of the tick that follows its receipt."""
    rows = list(rows)
    names = sorted({row.meter for row in rows})
    await store.executemany(
        "INSERT INTO meter (codec, address, state, enrolled_at)"
        " VALUES ('fake', $1, 'accepted', now()) ON CONFLICT DO NOTHING",
        [(name,) for name in names],
    )
    ids = {row["address"]: row["id"] for row in await store.fetch("SELECT id, address FROM meter")}
    days = {row.at // DAY for row in rows}
    await Partitions(0).ensure(store, "reading", days)
    columns = (
        "meter", "step", "at", "received_at", "quality", "period", "channel", "power_total",
        "current_a", "current_b", "current_c", "voltage_a", "voltage_b", "voltage_c",
        "power_factor_total",
    )  # fmt: skip
    records = [_record(row, ids[row.meter], missed) for row in rows]
    await store.copy_records_to_table("reading", records=records, columns=columns)
    parts: dict[tuple[int, str], int] = {}
    for row in rows:
        key = (step_of(row, missed), partition_name("reading", row.at // DAY))
        parts[key] = parts.get(key, 0) + 1
    await note_parts(store, 0, parts)


async def store_ticks(
    store: Connection, upto_minute: int, from_step: int = 0, missed: range = range(0)
) -> int:
    """Store ticks up to a minute after the start; return the last one's number.

    Between minutes that were ``missed`` none passed: the next one says so.
    """
    last = upto_minute * 60 // TICK_S
    covers = dict.fromkeys(range(1, last + 1), TICK_S)
    seconds = {number: START // SECOND + number * TICK_S for number in covers}
    if missed:
        first = missed.start * 60 // TICK_S + 1
        covers[first] += len(missed) * 60
        for number in range(first, last + 1):
            seconds[number] += len(missed) * 60
    await store.copy_records_to_table(
        "tick",
        records=[
            (0, number, seconds[number], covers[number])
            for number in range(from_step + 1, last + 1)
        ],
    )
    await store.execute(
        "INSERT INTO journal_position (shard, sequence, tick) VALUES (0, $1::integer, $1::integer)"
        " ON CONFLICT (shard) DO UPDATE SET tick = excluded.tick",
        last,
    )
    return last


def step_of(row: Row, missed: range = range(0)) -> int:
    since = row.received_at - START
    if missed and since >= missed.stop * MINUTE:
        since -= len(missed) * MINUTE
    return max(1, since // (TICK_S * SECOND) + 1)


def _record(row: Row, meter: int, missed: range) -> tuple[object, ...]:
    share = min(1.0, row.power / 15_000.0)
    factor = 0.85 if share > 0.3 else 0.3
    # The mains never stand still, whatever hangs on them.
    volts = 218.0 + row.at // SECOND * 7 % 40 / 10
    current = row.power / (3 * volts * factor)
    return (
        meter, step_of(row, missed), moment_of(row.at), moment_of(row.received_at), row.quality,
        b"i", "", row.power, current, current, current, volts, volts, volts, factor,
    )  # fmt: skip
