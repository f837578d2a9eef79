"""Values, clocks and partitions of rows, connections and signs of life."""

import math

import pytest
from tests.storage.fakes import DAY, NOON, SECOND, MemoryJournal, factors, reading
from tests.storage.rows.written import rows_of

from wattwarden.protocol.quality import Quality
from wattwarden.storage.database import Connection
from wattwarden.storage.moments import moment_of
from wattwarden.storage.rows.writer import Writer


async def test_factors_keep_amounts_and_flags_under_their_list_of_codes(
    writer: Writer, journal: MemoryJournal, store: Connection
) -> None:
    codes = {"a34004": 0.1, "w01018": None, "e1": 3.0}
    journal.frames(
        factors("m1", NOON, codes, "N D"),
        factors("m2", NOON, codes),
        factors("m2", NOON, {"a34004": 0.5}),
        factors("m1", NOON, {"a34004": 0.1, "w01018": None, "e1": 4.0}, "N D"),
        factors("m1", NOON, {"a34004": 0.1, "w01018": 9.0, "e1": 3.0}, "NND"),
    )

    await writer.round()

    rows = await store.fetch(
        "SELECT address, codes, amounts, flags FROM factor JOIN meter ON meter.id = meter"
        " JOIN factor_layout AS l ON l.id = layout ORDER BY address, array_length(codes, 1) DESC"
    )
    f = pytest.approx
    assert [tuple(row) for row in rows] == [
        ("m1", list(codes), [f(0.1), 9, 3], "NND"),
        ("m2", list(codes), [f(0.1), None, 3], None),
        ("m2", ["a34004"], [0.5], None),
    ]
    assert await store.fetchval("SELECT offered FROM revision") == '{"e1": 4.0}'
    assert writer.counters.factor_rows == 3


async def test_numbers_that_are_none_become_null_and_infinite_ones_make_the_row_doubtful(
    writer: Writer, journal: MemoryJournal, store: Connection
) -> None:
    journal.frames(
        reading("m1", volts=math.inf, amps=1), reading("m2", volts=2), reading("m3", volts=math.nan)
    )

    await writer.round()

    doubtful = int(Quality.DOUBTFUL)
    assert await rows_of(store, "voltage_a, quality") == [(None, doubtful), (2, 0), (None, 0)]


async def test_connections_and_signs_of_life_are_stored(
    writer: Writer, journal: MemoryJournal, store: Connection
) -> None:
    entry = journal.occurrence("login")
    journal.alive()
    journal.alive()

    await writer.round()

    events = await store.fetch("SELECT sequence, place, what, identity, reason FROM session_event")
    assert [tuple(event) for event in events] == [
        (entry.sequence, place, "login", "m1", "why\\0") for place in (0, 1)
    ]
    (alive,) = await store.fetch("SELECT gateway, at, sessions, refused FROM alive")
    assert tuple(alive) == ("g1", moment_of(NOON), 7, f'[[{NOON}, {NOON + 1}, "full"]]')


async def test_a_clock_a_year_ahead_is_kept_apart_until_its_day_has_come(
    writer: Writer, journal: MemoryJournal, store: Connection
) -> None:
    year = NOON + 365 * DAY
    journal.frames(reading("m1", year, volts=1), factors("m1", year, {"a": 1.0}))
    await writer.round()
    bits = Quality.CLOCK_AHEAD | Quality.DEFAULT_PARTITION
    assert await rows_of(store, "tableoid::regclass::text, quality") == [("reading_default", bits)]

    journal.tick(3)
    journal.frames(reading("m2", year, volts=2), received_at=year)
    await writer.round()

    name = "reading_20271121"
    assert await rows_of(store, "tableoid::regclass::text, quality, step") == [
        (name, Quality.CLOCK_AHEAD, 1),
        (name, 0, 4),
    ]
    parts = await store.fetch("SELECT step, rows FROM step_part WHERE partition = $1", name)
    assert sorted(tuple(part) for part in parts) == [(1, 1), (4, 1)]
    assert await rows_of(store, "tableoid::regclass::text", "factor") == ["factor_default"]
    assert writer.counters.default_rows == 2


async def test_a_time_is_judged_by_its_receipt(
    writer: Writer, journal: MemoryJournal, store: Connection
) -> None:
    ahead, old, apart = Quality.CLOCK_AHEAD, Quality.CLOCK_OLD, Quality.DEFAULT_PARTITION
    judged = {
        300 * SECOND: (0, False),
        301 * SECOND: (ahead, False),
        2 * DAY: (ahead, False),
        3 * DAY: (ahead | apart, True),
        -400 * DAY: (0, False),
        -401 * DAY: (old | apart, True),
        -9000 * DAY: (old | apart, True),
    }
    journal.frames(*(reading(at=NOON + lead) for lead in judged))

    await writer.round()

    found = await rows_of(store, "at, quality, tableoid = 'reading_default'::regclass")
    assert {at: (quality, apart) for at, quality, apart in found} == {
        moment_of(NOON + lead): judgement for lead, judgement in judged.items()
    }


async def test_a_row_beyond_retention_goes_to_its_day_where_that_day_has_a_partition(
    writer: Writer, journal: MemoryJournal, store: Connection
) -> None:
    old = NOON - 400 * DAY
    journal.frames(reading("m1", old))
    journal.frames(reading("m2", old), received_at=NOON + 30 * DAY)

    await writer.round()

    assert await rows_of(store, "quality") == [0, Quality.CLOCK_OLD]
    assert writer.counters.default_rows == 0
