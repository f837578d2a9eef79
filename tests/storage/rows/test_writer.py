import pytest
from tests.storage.fakes import DAY, NOON, SECOND, MemoryJournal, factors, reading
from tests.storage.rows.written import rows_of

from wattwarden.storage.database import Connection
from wattwarden.storage.moments import moment_of
from wattwarden.storage.rows.writer import Writer


async def test_a_frame_becomes_a_row_with_its_values_and_no_others(
    writer: Writer, journal: MemoryJournal, store: Connection
) -> None:
    journal.frames(
        reading(volts=230.5, energy=12_345_678_901),
        reading("m2", NOON + SECOND, channel="1-1", amps=1.5),
        received_at=NOON + 2 * SECOND,
    )

    assert await writer.round() == 2

    first, second = await store.fetch("SELECT * FROM reading ORDER BY meter")
    assert first["voltage_a"] == 230.5
    assert first["energy_forward"] == 12_345_678_901
    assert (first["at"], first["received_at"]) == (moment_of(NOON), moment_of(NOON + 2 * SECOND))
    assert (first["channel"], first["period"], first["quality"]) == ("", b"i", 0)
    assert (second["channel"], second["current_a"]) == ("1-1", 1.5)
    given = [name for name, value in second.items() if value is not None]
    assert given == [
        "meter", "step", "at", "received_at", "quality", "period", "channel", "current_a",
    ]  # fmt: skip
    assert writer.counters.rows == 2
    meters = await store.fetch("SELECT codec, address, state, enrolled_from FROM meter ORDER BY id")
    assert [tuple(meter) for meter in meters] == [
        ("fake", "m1", "unconfirmed", "10.0.0.1"),
        ("fake", "m2", "unconfirmed", "10.0.0.1"),
    ]


async def test_rows_lie_in_the_partition_of_their_day(
    writer: Writer, journal: MemoryJournal, store: Connection
) -> None:
    for day in (0, 10, 30):
        journal.frames(reading(at=NOON - day * DAY, volts=1))

    await writer.round()

    found = await rows_of(store, "tableoid::regclass::text")
    assert found == ["reading_20261022", "reading_20261111", "reading_20261121"]
    assert writer.counters.partitions_made == 2
    assert writer.counters.default_rows == 0


async def test_a_row_belongs_to_the_step_after_the_last_tick_before_its_envelope(
    writer: Writer, journal: MemoryJournal, store: Connection
) -> None:
    journal.frames(reading("m1"))
    journal.tick(7)
    journal.frames(reading("m2"))
    journal.tick(8)
    journal.frames(reading("m3"), reading("m4"))
    await writer.round()
    journal.frames(reading("m5"))
    await writer.round()

    assert await rows_of(store, "step") == [1, 8, 9, 9, 9]
    parts = await store.fetch("SELECT step, shard, partition, rows FROM step_part ORDER BY step")
    name = "reading_20261121"
    assert [tuple(part) for part in parts] == [(1, 0, name, 1), (8, 0, name, 1), (9, 0, name, 3)]
    ticks = await store.fetch("SELECT number, second, covers_s FROM tick ORDER BY number")
    base = NOON // SECOND
    assert [tuple(tick) for tick in ticks] == [(7, base + 7, 1), (8, base + 8, 1)]


async def test_a_tick_that_comes_twice_counts_once_and_a_missing_one_is_counted(
    writer: Writer, journal: MemoryJournal, store: Connection
) -> None:
    for number in (1, 2, 2, 1, 5):
        journal.tick(number)

    await writer.round()

    assert await store.fetchval("SELECT tick FROM journal_position") == 5
    assert writer.counters.ticks == 3
    assert writer.counters.ticks_missed == 2


async def test_the_same_frame_again_changes_nothing(
    writer: Writer, journal: MemoryJournal, store: Connection
) -> None:
    frames = [reading("m1", volts=230, energy=5), factors("m1", NOON, {"a34004": 0.1}, "N")]
    journal.frames(*frames)
    await writer.round()
    before = await rows_of(store, "*")
    journal.tick(1)
    journal.frames(*frames, reading("m2"), frames[0])
    await writer.round()

    assert (await rows_of(store, "*"))[:1] == before
    assert len(await rows_of(store, "*")) == 2
    assert len(await rows_of(store, "*", "factor")) == 1
    assert await store.fetchval("SELECT count(*) FROM revision") == 0
    counters = writer.counters
    assert (counters.rows_repeated, counters.merges, counters.revisions) == (3, 2, 0)


async def test_a_later_row_that_says_otherwise_is_kept_as_a_revision(
    writer: Writer, journal: MemoryJournal, store: Connection
) -> None:
    journal.frames(reading(volts=230.1, energy=5))
    await writer.round()
    journal.tick(4)
    later = journal.frames(
        reading("m2"), reading(volts=231.3, energy=5, amps=2), received_at=NOON + 9 * SECOND
    )
    journal.frames(reading(volts=231.3, energy=5, amps=2))
    await writer.round()

    first, _ = await store.fetch("SELECT * FROM reading ORDER BY meter")
    assert first["voltage_a"] == pytest.approx(230.1)
    assert (first["current_a"], first["step"]) == (None, 1)
    (revision,) = await store.fetch("SELECT * FROM revision")
    assert revision["offered"] == '{"current_a": 2.0, "voltage_a": 231.3}'
    assert (revision["shard"], revision["sequence"], revision["frame"]) == (0, later.sequence, 1)
    assert (revision["received_at"], revision["step"]) == (moment_of(NOON + 9 * SECOND), 5)
    assert revision["times"] == 2
    assert writer.counters.revisions == 2


async def test_a_later_row_that_fills_what_was_open_completes_the_first(
    writer: Writer, journal: MemoryJournal, store: Connection
) -> None:
    journal.frames(reading(volts=230))
    await writer.round()
    journal.tick(4)
    journal.frames(reading(volts=230, amps=2), reading(energy=7), reading(volts=1, energy=7))
    await writer.round()

    (row,) = await store.fetch("SELECT * FROM reading")
    assert (row["voltage_a"], row["current_a"], row["energy_forward"]) == (230, 2, 7)
    assert row["step"] == 5
    assert writer.counters.complements == 2
    assert await store.fetchval("SELECT offered FROM revision") == '{"voltage_a": 1.0}'
    found = await store.fetch("SELECT step, rows FROM step_part ORDER BY step")
    assert [tuple(part) for part in found] == [(1, 1), (5, 1)]


async def test_within_a_batch_the_first_to_arrive_stays(
    writer: Writer, journal: MemoryJournal, store: Connection
) -> None:
    journal.frames(reading(volts=1), reading(amps=2), reading(volts=3), reading(volts=1))
    journal.frames(reading(channel="2", volts=7), reading(volts=4))

    await writer.round()

    rows = await rows_of(store, "channel, voltage_a, current_a")
    assert rows == [("", 1, 2), ("2", 7, None)]
    offered = await store.fetch("SELECT offered FROM revision ORDER BY sequence, frame")
    assert [row["offered"] for row in offered] == ['{"voltage_a": 3.0}', '{"voltage_a": 4.0}']
