"""Rollups against a plain recomputation of the same rows, however and whenever these came."""

import json
import math
import random
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from tests.storage.fakes import NOON, SECOND, MemoryJournal, readers, reading

from wattwarden.storage.counting import COUNT
from wattwarden.storage.database import Connection
from wattwarden.storage.moments import moment_of
from wattwarden.storage.rolling import SPANS, forget
from wattwarden.storage.rollups import (
    HOURS_PER_NOTE,
    Rollup,
    Width,
    note_touched,
    read_rollups,
    recompute_due,
    touched_hours,
)
from wattwarden.storage.rows.tables import Rows
from wattwarden.storage.rows.writer import Writer, WriterLimits

FAST = WriterLimits(lull_s=0.001, first_pause_s=0.001, last_pause_s=0.002)
SECONDS = {Width.QUARTER: 900, Width.HOUR: 3600, Width.DAY: 86_400}
MINUTE = 60 * SECOND
LONG_AGO = datetime(2026, 11, 20, tzinfo=UTC)
LATER = datetime(2026, 11, 24, tzinfo=UTC)


async def write(dsn: str, journal: MemoryJournal) -> None:
    writer = Writer(0, journal, dsn, readers(), FAST)
    while writer.position is None or writer.position.sequence < journal.entries[-1].sequence:
        await writer.round()
    await writer.close()


def plain(rows: list[Any], width: Width) -> dict[tuple[int, str, datetime], dict[str, Any]]:
    """Spans of rows (meter, channel, at, volts, amps, energy), one by one."""
    spans: dict[tuple[int, str, datetime], list[Any]] = defaultdict(list)
    for row in rows:
        seconds = SECONDS[width]
        start = row["at"].timestamp() // seconds * seconds
        key = (row["meter"], row["channel"], datetime.fromtimestamp(start, UTC))
        spans[key].append(row)
    return {key: _span(rows, found, SECONDS[width]) for key, found in spans.items()}


def _span(rows: list[Any], found: list[Any], seconds: int) -> dict[str, Any]:
    found = sorted(found, key=lambda row: row["at"])
    volts = [row["voltage_a"] for row in found if row["voltage_a"] is not None]
    energies = [row["energy_forward"] for row in found if row["energy_forward"] is not None]
    return {
        "received": len(found),
        "expected": seconds // 60,
        "voltage": (np.mean(volts), min(volts), max(volts)) if volts else (None,) * 3,
        "energy_first": energies[0] if energies else None,
        "energy_last": energies[-1] if energies else None,
        "energy_used": _used(rows, found),
    }


def _used(rows: list[Any], found: list[Any]) -> int | None:
    used = None
    for row in found:
        if row["energy_forward"] is None:
            continue
        hour = row["at"].replace(minute=0, second=0, microsecond=0)
        before = [
            one
            for one in rows
            if (one["meter"], one["channel"]) == (row["meter"], row["channel"])
            and hour - timedelta(hours=24) <= one["at"] < row["at"]
            and one["energy_forward"] is not None
        ]
        last = max(before, key=lambda one: one["at"], default=row)
        used = (used or 0) + max(0, row["energy_forward"] - last["energy_forward"])
    return used


async def compare(store: Connection) -> None:
    rows = [
        dict(row)
        for row in await store.fetch(
            "SELECT meter, channel, at, voltage_a, energy_forward FROM reading"
        )
    ]
    meters = sorted({row["meter"] for row in rows})
    for width in Width:
        wanted = plain(rows, width)
        found = await read_rollups(store, width, meters, LONG_AGO, LATER)
        assert [(one.meter, one.channel, one.start) for one in found] == sorted(wanted)
        for one in found:
            _same(one, wanted[one.meter, one.channel, one.start], width)


def _same(one: Rollup, span: dict[str, Any], width: Width) -> None:
    for name in ("received", "expected", "energy_first", "energy_last", "energy_used"):
        assert getattr(one, name) == span[name], (name, width, one)
    volts = (one.voltage_mean, one.voltage_min, one.voltage_max)
    assert volts[1:] == span["voltage"][1:]
    if volts[0] is not None:
        assert volts[0] == pytest.approx(span["voltage"][0], rel=1e-5)


def frames(seed: int, count: int) -> list[bytes]:
    """Readings of three meters over a day and a half, some twice, with counters that may fall."""
    noise = random.Random(seed)
    made = []
    energy = dict.fromkeys("abc", 1000)
    for minute in sorted(noise.sample(range(2_160), count)):
        name = noise.choice("abc")
        energy[name] += noise.choice([0, 5, 70, -200 if noise.random() < 0.05 else 1])
        made.append(
            reading(
                name,
                NOON + minute * MINUTE,
                channel=noise.choice(["", "1-1"]),
                volts=220.0 + noise.random(),
                energy=energy[name],
            )
        )
    return made


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_rollups_equal_a_plain_recomputation_whatever_the_order_of_arrival(
    store: Connection, store_dsn: str, seed: int
) -> None:
    journal = MemoryJournal()
    sent = frames(seed, 120)
    random.Random(seed).shuffle(sent)
    journal.frames(*sent[:60], received_at=NOON + 2 * 86_400 * SECOND)
    await write(store_dsn, journal)
    await store.execute("UPDATE meter SET codec = codec")
    for row in await store.fetch("SELECT id FROM meter"):
        await store.execute(
            "INSERT INTO meter_profile (meter, version, body, entered_at, actor)"
            " VALUES ($1, 1, '{\"cycle_s\": 60}', now(), 'test')",
            row["id"],
        )
    assert await recompute_due(store) > 0
    await compare(store)
    journal.frames(*sent[60:], received_at=NOON + 2 * 86_400 * SECOND)
    await write(store_dsn, journal)
    assert await recompute_due(store) > 0
    await compare(store)
    assert await recompute_due(store) == 0


async def test_the_hour_after_a_late_row_is_computed_again(
    store: Connection, store_dsn: str
) -> None:
    journal = MemoryJournal()
    journal.frames(reading("m1", NOON + 60 * MINUTE, energy=500))
    await write(store_dsn, journal)
    await recompute_due(store)
    journal.frames(reading("m1", NOON + 59 * MINUTE, energy=480))
    await write(store_dsn, journal)
    await recompute_due(store)
    found = await read_rollups(store, Width.HOUR, [1], LONG_AGO, LATER)
    assert [(one.start, one.energy_used) for one in found] == [
        (moment_of(NOON), 0),
        (moment_of(NOON + 60 * MINUTE), 20),
    ]
    (day,) = await read_rollups(store, Width.DAY, [1], LONG_AGO, LATER)
    assert (day.received, day.expected, day.energy_used) == (2, 0, 20)
    assert day.voltage_mean is None
    assert not math.isnan(day.received)


def made_rows(meters: list[int], hours: list[int]) -> Rows:
    meter, at = np.array(meters, np.int32), np.array(hours, np.int64) * 60 * MINUTE
    zeros = np.zeros(len(meter), np.int32)
    return Rows(zeros, meter, at, at, zeros, zeros.astype(np.int16), "", "i", {})


def test_each_hour_of_a_meter_is_touched_once_however_its_rows_lie() -> None:
    scattered = made_rows([1, 1, 2, 1, 1, 2], [5, 5, 5, 5, 6, 5])

    touched = touched_hours([scattered, made_rows([], []), made_rows([2, 3], [5, 5])])

    assert [divmod(pair, 1 << 32) for pair in touched.tolist()] == [(5, 1), (5, 2), (5, 3), (6, 1)]
    assert touched_hours([]).tolist() == []


async def test_many_touched_hours_are_noted_whole_in_rows_that_stay_in_their_page(
    store: Connection,
) -> None:
    touched = np.arange(2 * HOURS_PER_NOTE + 1, dtype=np.int64) << 32

    await note_touched(store, touched)

    notes = await store.fetch("SELECT touched FROM rollup_due ORDER BY id")
    assert [hour for note in notes for hour in note["touched"]] == touched.tolist()
    outside = "SELECT pg_relation_size(reltoastrelid) FROM pg_class WHERE relname = 'rollup_due'"
    assert await store.fetchval(outside) == 0


async def test_nothing_touched_is_not_noted(store: Connection) -> None:
    await note_touched(store, np.empty(0, np.int64))

    assert await store.fetchval("SELECT count(*) FROM rollup_due") == 0


def scanned(plan: dict[str, Any]) -> set[str]:
    """Tables that a plan looks into, by any way."""
    own = {plan["Relation Name"]} if "Relation Name" in plan else set()
    return own.union(*map(scanned, plan.get("Plans", ())))


def loops_over_rows(plan: dict[str, Any]) -> list[str]:
    """Ways in which a plan reads a table of rows that are no search by the meter."""
    own = []
    name = plan.get("Relation Name", plan.get("Index Name", ""))
    if name.startswith(("reading", "factor")) and "Scan" in plan["Node Type"]:
        sought = plan.get("Index Cond", "")
        if "meter" not in sought and plan["Node Type"] != "Bitmap Heap Scan":
            own.append(f"{plan['Node Type']} on {name} by {sought!r}")
    return own + [one for part in plan.get("Plans", ()) for one in loops_over_rows(part)]


# A day and the one before it both have partitions.
NEXT_NOON = NOON + 86_400 * SECOND
HOUR = NEXT_NOON // (3600 * SECOND)
MANY = 5_000
BOUNDS = (moment_of(NEXT_NOON), moment_of(NEXT_NOON + 3600 * SECOND))


@pytest.mark.parametrize("analyzed", [False, True], ids=["no statistics", "statistics"])
@pytest.mark.parametrize(
    ("statement", "values", "tables"),
    [
        (
            SPANS,
            ([60] * MANY, *BOUNDS, BOUNDS[0] - timedelta(hours=24)),
            {"reading_20261121", "reading_20261122"},
        ),
        (COUNT, BOUNDS, {"reading_20261122", "factor_20261122"}),
    ],
    ids=["rollups", "counts"],
)
async def test_only_the_partitions_of_the_day_are_looked_into_and_meter_by_meter(
    store: Connection,
    statement: str,
    values: tuple[Any, ...],
    tables: set[str],
    *,
    analyzed: bool,
) -> None:
    pairs = (list(range(MANY)), [HOUR] * MANY)
    transaction = store.transaction()
    await transaction.start()
    if analyzed:
        await store.execute(
            "INSERT INTO reading (meter, step, at, received_at, quality, period, channel)"
            " SELECT m, 1, t, t, 0, 'i', '' FROM generate_series(1, 20) AS m, generate_series("
            "$1::timestamptz, $1::timestamptz + interval '3 hours', '1 minute') AS t",
            BOUNDS[0],
        )
        await store.execute("ANALYZE reading_20261122")
    told = await store.fetchval(f"EXPLAIN (FORMAT JSON) {statement}", *pairs, *values)
    await transaction.rollback()
    plan = json.loads(told)[0]["Plan"]
    assert {name for name in scanned(plan) if name.startswith(("reading", "factor"))} == tables
    assert loops_over_rows(plan) == []


@pytest.mark.parametrize("table", ["rollup_15min", "rollup_hour", "collected_hour"])
async def test_what_is_made_anew_is_forgotten_by_its_places(store: Connection, table: str) -> None:
    told = await store.fetchval(
        f"EXPLAIN (FORMAT JSON) {forget(table)}", list(range(MANY)), [HOUR] * MANY
    )
    plan = json.loads(told)[0]["Plan"]
    ways = {part["Node Type"] for part in plan["Plans"] if part.get("Relation Name") == table}
    assert ways == {"Tid Scan"}
    assert "Seq Scan" not in str(plan)
