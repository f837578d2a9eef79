"""What came of meters, counted from rows whenever some of them came, beside a plain count."""

import random
from collections import defaultdict

import numpy as np
import pytest
from tests.storage.feed import BACKFILL, MINUTE, START

from wattwarden.alarms.statistics.collection import Came, Listened
from wattwarden.alarms.statistics.timelines import Span
from wattwarden.protocol.quality import Quality
from wattwarden.storage.counting import count_hours
from wattwarden.storage.database import Connection
from wattwarden.storage.moments import moment_of
from wattwarden.storage.rolling import HOUR_US
from wattwarden.storage.rollups import note_touched, recompute
from wattwarden.storage.statistics.collected import Heard, load_came, load_uncounted

HOUR_MS = 3_600_000
SHANGHAI_MS = 8 * HOUR_MS
Row = tuple[int, int, str, int]
"""Meter, µs, period, quality."""


async def store_rows(store: Connection, rows: list[Row], table: str = "reading") -> None:
    more = ", layout, amounts" if table == "factor" else ""
    values = ", 1, ARRAY[1.0]::real[]" if table == "factor" else ""
    await store.executemany(
        f"INSERT INTO {table} (meter, step, at, received_at, quality, period, channel{more})"  # noqa: S608  ours
        f" VALUES ($1, 1, $2, $2, $4, $3::\"char\", '1'{values})",
        [(meter, moment_of(at), period.encode(), quality) for meter, at, period, quality in rows],
    )


def rows() -> list[Row]:
    """Two meters over six hours around a midnight of Shanghai, with holes and marks."""
    chance = random.Random(1)
    found: list[Row] = []
    for meter in (1, 2):
        for minute in range(6 * 60):
            if chance.random() < 0.7:
                quality = chance.choice([0, BACKFILL, int(Quality.DOUBTFUL), 1, 2])
                at = START + minute * MINUTE + chance.randrange(MINUTE)
                found.append((meter, at, "i", quality))
                if chance.random() < 0.3:
                    found.append((meter, at + 1, "m", 0))
    return found


def plain(found: list[Row], meter: int) -> dict[int, Came]:
    days: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for whose, at, period, quality in found:
        if whose == meter and period == "i":
            day = (at // 1000 + SHANGHAI_MS) // 86_400_000 * 86_400_000 - SHANGHAI_MS
            days[max(day, START // 1000)].append((at, quality))
    return {
        day: Came(
            len({at // (5 * MINUTE) for at, _ in said}),
            len(said),
            sum(quality in (0, 1, BACKFILL) for _, quality in said),
        )
        for day, said in days.items()
    }


async def told(store: Connection, meter: int, *, factors: bool = False) -> dict[int, Came]:
    span = Span(START // 1000, START // 1000 + 6 * HOUR_MS)
    listened = {"T": Listened("T", "U", 60, span)}
    heard = {"T": Heard(meter, "1", factors)}
    return (await load_came(store, listened, heard, {"T": SHANGHAI_MS}))["T"]


async def count(store: Connection, meters: list[int]) -> None:
    first = START // HOUR_US
    await count_hours(store, [(first + hour, meter) for meter in meters for hour in range(6)])


@pytest.mark.parametrize("table", ["reading", "factor"])
async def test_slots_rows_and_valid_ones_are_those_of_a_plain_count(
    store: Connection, table: str
) -> None:
    found = rows()
    await store_rows(store, found, table)
    await count(store, [1, 2])
    for meter in (1, 2):
        assert await told(store, meter, factors=table == "factor") == plain(found, meter)
        assert await told(store, meter, factors=table != "factor") == {}


async def test_rows_that_come_later_are_counted_again(store: Connection) -> None:
    found = rows()
    cut = len(found) // 3
    await store_rows(store, found[:cut])
    await count(store, [1])
    await store_rows(store, found[cut:])
    await count(store, [1])
    assert await told(store, 1) == plain(found, 1)


async def test_averages_count_where_a_meter_says_nothing_else(store: Connection) -> None:
    said = [(1, START + minute * MINUTE, "m", 0) for minute in range(0, 60, 15)]
    await store_rows(store, said)
    await count(store, [1])
    assert await told(store, 1) == {START // 1000: Came(4, 4, 4)}


async def test_the_rollups_of_an_hour_count_what_came_as_well(store: Connection) -> None:
    await store_rows(store, [(1, START, "i", 0)])
    await recompute(store, np.array([START // HOUR_US << 32 | 1]))
    assert await told(store, 1) == {START // 1000: Came(1, 1, 1)}


async def test_hours_that_wait_to_be_counted_are_not_counted_as_missing(store: Connection) -> None:
    hour = START // HOUR_US
    heard = {"T": Heard(1, "1", factors=False), "V": Heard(2, "1", factors=False)}
    await store_rows(store, [(1, START, "i", 0), (1, START + 60 * MINUTE, "i", 0)])
    await note_touched(store, np.array([hour + 1 << 32 | 1, hour << 32 | 1]))
    assert await load_uncounted(store, heard) == {"T": START // 1000}
    await count_hours(store, [(hour, 1), (hour + 1, 1)])
    # Of the last one more may have come since it was counted; an older one was told without.
    assert await load_uncounted(store, heard) == {"T": START // 1000 + HOUR_MS}
    await store.execute("DELETE FROM rollup_due")
    assert await load_uncounted(store, heard) == {}
