import asyncio
import math
from collections.abc import AsyncIterator, Callable
from typing import Any

import asyncpg
import pytest
import pytest_asyncio
from tests.storage.fakes import (
    DAY,
    HEARTBEAT,
    LYING,
    NOON,
    POISON,
    REFUSED,
    SECOND,
    MemoryJournal,
    factors,
    frame,
    readers,
    reading,
    together,
)

from wattwarden.protocol.quality import Quality
from wattwarden.storage.database import Connection
from wattwarden.storage.enrolment import Admission, Policy
from wattwarden.storage.errors import StorageError
from wattwarden.storage.journal.entry import Kind
from wattwarden.storage.moments import moment_of
from wattwarden.storage.rows import position as position_module
from wattwarden.storage.rows import round as round_module
from wattwarden.storage.rows.position import Fenced
from wattwarden.storage.rows.writer import Writer, WriterLimits

FAST = WriterLimits(lull_s=0.001, first_pause_s=0.001, last_pause_s=0.002)


@pytest.fixture
def journal() -> MemoryJournal:
    return MemoryJournal()


@pytest_asyncio.fixture(loop_scope="session")
async def writer(store_dsn: str, journal: MemoryJournal) -> AsyncIterator[Writer]:
    writer = Writer(0, journal, store_dsn, readers(), FAST)
    yield writer
    await writer.close()


async def rows_of(store: Connection, columns: str, table: str = "reading") -> list[Any]:
    key = ", channel, period" if table in {"reading", "factor"} else ""
    query = f"SELECT {columns} FROM {table} ORDER BY meter, at{key}"  # noqa: S608  # our own
    rows = await store.fetch(query)
    return [tuple(row) if len(row) > 1 else row[0] for row in rows]


async def held(store: Connection, columns: str = "reason") -> list[Any]:
    query = f"SELECT {columns} FROM quarantine ORDER BY sequence, frame, id"  # noqa: S608  # our own
    rows = await store.fetch(query)
    return [tuple(row) if len(row) > 1 else row[0] for row in rows]


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


async def test_the_position_goes_with_the_rows(
    writer: Writer, journal: MemoryJournal, store: Connection, store_dsn: str
) -> None:
    journal.frames(reading("m1"))
    journal.tick(1)
    await writer.round()
    journal.frames(reading("m2"))

    successor = Writer(0, journal, store_dsn, readers(), FAST)
    await successor.round()
    await successor.close()

    assert successor.counters.entries == 1
    assert await rows_of(store, "step") == [1, 2]
    found = await store.fetchrow("SELECT sequence, tick FROM journal_position WHERE shard = 0")
    assert tuple(found or ()) == (3, 1)


async def test_an_envelope_that_its_chain_has_had_is_skipped(
    writer: Writer, journal: MemoryJournal, store_dsn: str
) -> None:
    entry = journal.frames(reading("m1", volts=1))
    await writer.round()
    journal.add(Kind.FRAMES, entry.payload)
    journal.frames(reading("m2"))
    journal.add(Kind.FRAMES, entry.payload)

    successor = Writer(0, journal, store_dsn, readers(), FAST)
    await successor.round()
    await successor.close()

    assert successor.counters.envelopes_repeated == 2
    assert successor.counters.frames == 1
    assert successor.counters.rows_repeated == 0
    assert successor.counters.chain_jumps == 0


async def test_a_jump_and_a_break_in_a_chain_are_counted_and_taken_nevertheless(
    writer: Writer, journal: MemoryJournal, store: Connection
) -> None:
    journal.frames(reading("m1"))
    journal.chains["g1:0"] = (3, b"lost")
    journal.frames(reading("m2"))
    journal.chains["g1:0"] = (4, b"another")
    journal.frames(reading("m3"))

    await writer.round()

    assert (writer.counters.chain_jumps, writer.counters.chain_breaks) == (2, 1)
    assert len(await rows_of(store, "at")) == 3


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


async def test_what_a_codec_refuses_waits_with_its_bytes_and_origin(
    writer: Writer, journal: MemoryJournal, store: Connection
) -> None:
    entry = journal.frames(HEARTBEAT, REFUSED, reading("m1"), identity="m1")

    await writer.round()

    (row,) = await store.fetch("SELECT * FROM quarantine")
    found = {name: row[name] for name in ("shard", "sequence", "frame", "codec", "kind", "reason")}
    assert found == {
        "shard": 0, "sequence": entry.sequence, "frame": 1, "codec": "fake", "kind": "decode",
        "reason": "refused",
    }  # fmt: skip
    assert (row["message"], row["byte_offset"], row["raw"]) == ("month is 13", 7, REFUSED)
    assert (row["peer"], row["identity"], row["program"]) == ("10.0.0.1:4000", "m1", "test 1")
    assert (row["received_at"], row["state"], row["tries"]) == (moment_of(NOON), "open", 1)
    assert len(await rows_of(store, "at")) == 1
    assert (writer.counters.frames_refused, writer.counters.quarantined) == (1, 1)


@pytest.mark.parametrize("bad", [POISON, LYING], ids=["raises", "contradicts itself"])
async def test_a_frame_that_breaks_its_codec_costs_no_other_its_row(
    writer: Writer, journal: MemoryJournal, store: Connection, bad: bytes
) -> None:
    frames = [reading(f"m{number}", volts=number) for number in range(20)]
    frames[7:7] = [bad]
    frames.append(frame(bad[4:] + b"2"))
    journal.frames(*frames)

    await writer.round()

    assert len(await rows_of(store, "at")) == 20
    assert await held(store, "frame, kind, reason") == [
        (7, "decode", "decoder_error"),
        (21, "decode", "decoder_error"),
    ]
    assert writer.counters.decoder_errors == 2


async def test_a_row_that_the_table_refuses_costs_no_other_its_place(
    writer: Writer, journal: MemoryJournal, store: Connection
) -> None:
    await store.execute("ALTER TABLE reading ADD CONSTRAINT sane CHECK (voltage_a < 1000)")
    frames = [reading(f"m{number}", volts=number) for number in range(30)]
    frames[11] = reading("m11", volts=5000)
    journal.frames(*frames, reading("m3", volts=3), reading("m3", volts=9999))

    await writer.round()
    await store.execute("ALTER TABLE reading DROP CONSTRAINT sane")

    assert len(await rows_of(store, "at")) == 29
    assert await held(store, "frame, reason") == [(11, "row_refused"), (31, "row_refused")]
    assert "sane" in (await held(store, "message"))[0]
    assert writer.counters.rows_refused == 2
    assert writer.counters.rows_repeated == 1


async def test_of_a_frame_with_one_bad_row_the_others_are_stored(
    writer: Writer, journal: MemoryJournal, store: Connection
) -> None:
    await store.execute("ALTER TABLE reading ADD CONSTRAINT sane CHECK (voltage_a < 1000)")
    rows = [reading(channel=str(number), volts=number) for number in range(5)]
    rows[2] = reading(channel="2", volts=5000)
    journal.frames(together(*rows), together(*rows[:2]))

    await writer.round()
    await store.execute("ALTER TABLE reading DROP CONSTRAINT sane")

    assert await rows_of(store, "channel") == ["0", "1", "3", "4"]
    assert await held(store, "frame, reason") == [(0, "row_refused")]
    assert writer.counters.rows_repeated == 2


async def test_bytes_of_nobody_and_of_codecs_we_lack_wait_with_the_reason(
    writer: Writer, journal: MemoryJournal, store: Connection
) -> None:
    journal.frames(b"GET /", b"?", codec="unknown", chain="a", reasons=["HTTP", ""])
    journal.frames(b"\x68", codec="later", chain="b")

    await writer.round()

    assert await held(store, "codec, kind, reason, message, raw") == [
        ("unknown", "unknown", "unframed", "HTTP", b"GET /"),
        ("unknown", "unknown", "unframed", "", b"?"),
        ("later", "unknown", "unknown_codec", "this program has no codec later", b"\x68"),
    ]


async def test_an_entry_that_cannot_be_read_is_set_aside(
    writer: Writer, journal: MemoryJournal, store: Connection
) -> None:
    for kind in Kind:
        journal.add(kind, b"\x93nonsense" + kind.encode() + bytes([7]))
    journal.frames(reading("m1"))

    await writer.round()

    assert await held(store, "codec, reason") == [("journal", "spoilt_entry")] * 4
    assert len(await rows_of(store, "at")) == 1
    assert writer.counters.entries_spoilt == 4


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


async def test_meters_that_nobody_registered_wait_when_only_known_ones_are_taken(
    store_dsn: str, journal: MemoryJournal, store: Connection
) -> None:
    await store.execute(
        "INSERT INTO meter (codec, address, state, enrolled_at)"
        " VALUES ('fake', 'm2', 'accepted', now())"
    )
    known = readers(admission=Admission(Policy.KNOWN))
    writer = Writer(0, journal, store_dsn, known, FAST)
    journal.frames(reading("m1"), reading("m2"), factors("m3", NOON, {"a": 1.0}), reading("m1", 0))

    await writer.round()
    await writer.close()

    assert await rows_of(store, "meter") == [1]
    assert await held(store, "frame, kind, reason, meter") == [
        (0, "unknown", "unknown_meter", "m1"),
        (2, "unknown", "unknown_meter", "m3"),
        (3, "unknown", "unknown_meter", "m1"),
    ]
    assert writer.counters.frames_denied == 3


async def test_a_peer_enrols_a_limited_number_of_meters_an_hour(
    store_dsn: str, journal: MemoryJournal, store: Connection
) -> None:
    few = readers(admission=Admission(enrolments_per_peer_hour=3))
    writer = Writer(0, journal, store_dsn, few, FAST)
    journal.frames(*(reading(f"a{number}") for number in range(2)), peer="1.1.1.1:1")
    await writer.round()
    journal.frames(*(reading(f"b{number}") for number in range(2)), peer="1.1.1.1:2")
    journal.frames(reading("c"), peer="[2::2]:1")
    journal.frames(reading("d"), peer="1.1.1.1:9", received_at=NOON + 3600 * SECOND)
    journal.frames(reading("a0", NOON + 1), peer="1.1.1.1:9")
    await writer.round()
    await writer.close()

    addresses = [
        row["address"] for row in await store.fetch("SELECT address FROM meter ORDER BY 1")
    ]
    assert addresses == ["a0", "a1", "b0", "c", "d"]
    assert await held(store, "reason, meter") == [("enrolment_limit", "b1")]
    assert writer.counters.meters_enrolled == 5
    assert writer.counters.rows == 6


async def test_a_meter_invents_a_limited_number_of_factor_lists_an_hour(
    store_dsn: str, journal: MemoryJournal, store: Connection
) -> None:
    few = readers(admission=Admission(layouts_per_meter_hour=2))
    writer = Writer(0, journal, store_dsn, few, FAST)
    journal.frames(*(factors("m1", NOON + n, {f"a{n}": 1.0}) for n in range(4)))
    journal.frames(factors("m1", NOON + 9, {"a0": 2.0}), factors("m2", NOON, {"a9": 2.0}))

    await writer.round()
    await writer.close()

    assert await held(store, "frame, reason") == [(2, "layout_limit"), (3, "layout_limit")]
    assert len(await rows_of(store, "at", "factor")) == 4


async def test_two_writers_of_one_shard_end_one_of_them(
    writer: Writer, journal: MemoryJournal, store: Connection, store_dsn: str
) -> None:
    other = Writer(0, journal, store_dsn, readers(), FAST)
    journal.frames(reading("m1"))
    await writer.round()
    journal.frames(reading("m2"))
    await other.round()
    journal.frames(reading("m3"))

    with pytest.raises(Fenced, match="another writer") as caught:
        await asyncio.wait_for(writer.run(asyncio.Event()), 5)

    assert not caught.value.retryable
    await other.round()
    await other.close()
    assert len(await rows_of(store, "at")) == 3


# Every call of the round that speaks to the database inside the transaction, or just before it.
STEPS: list[tuple[object, str]] = [
    (position_module, "load_chains"),
    (position_module, "move_position"),
    (position_module, "save_chains"),
    (position_module, "save_ticks"),
    (round_module, "store"),
    (round_module, "file"),
    (round_module, "note_parts"),
]


@pytest.mark.parametrize(("module", "name"), STEPS, ids=[name for _, name in STEPS])
async def test_a_failure_after_any_step_neither_loses_nor_doubles(
    writer: Writer,
    journal: MemoryJournal,
    store: Connection,
    monkeypatch: pytest.MonkeyPatch,
    module: object,
    name: str,
) -> None:
    real = getattr(module, name)
    failures = [OSError("cut")]

    async def fail_once(*arguments: Any) -> Any:
        result = await real(*arguments)
        if failures:
            raise failures.pop()
        return result

    journal.frames(reading("m1", volts=1), REFUSED, factors("m1", NOON, {"a": 1.0}))
    journal.tick(1)
    journal.frames(reading("m2", volts=1), frame(b"B2"))
    monkeypatch.setattr(module, name, fail_once)
    with pytest.raises(StorageError) as caught:
        await writer.round()
    assert caught.value.retryable
    assert await rows_of(store, "at") == []

    await writer.round()

    assert await rows_of(store, "step") == [1, 2]
    assert len(await rows_of(store, "at", "factor")) == 1
    assert await held(store) == ["refused", "refused"]
    assert writer.counters.rows == 2
    assert writer.counters.rows_repeated == 0


@pytest.mark.parametrize(
    ("event", "table"),
    [("INSERT", "reading"), ("INSERT", "quarantine"), ("UPDATE", "journal_position")],
    ids=["COPY", "quarantine", "position"],
)
async def test_a_connection_that_dies_in_a_statement_neither_loses_nor_doubles(
    writer: Writer, journal: MemoryJournal, store: Connection, event: str, table: str
) -> None:
    journal.frames(*(reading(f"m{number}", volts=1) for number in range(50)), REFUSED)
    await store.execute(
        "CREATE FUNCTION die() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NEW; END $$;"
        f"CREATE TRIGGER die AFTER {event} ON {table}"
        " FOR EACH ROW EXECUTE FUNCTION die()"
    )
    with pytest.raises(StorageError) as caught:
        await writer.round()
    assert caught.value.retryable
    await store.execute("DROP FUNCTION die CASCADE")

    await writer.round()

    assert len(await rows_of(store, "at")) == 50
    assert await held(store) == ["refused"]
    assert writer.counters.rows == 50


async def test_a_commit_whose_answer_is_lost_is_found_out_and_not_repeated(
    writer: Writer, journal: MemoryJournal, store: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def commit_and_lose(*arguments: Any) -> Any:
        await real(*arguments)
        raise OSError("the answer was lost")

    real = round_module.commit_round
    journal.frames(reading("m1", volts=1), REFUSED)
    with monkeypatch.context() as patch:
        patch.setattr("wattwarden.storage.rows.writer.commit_round", commit_and_lose)
        with pytest.raises(StorageError):
            await writer.round()

    journal.frames(reading("m2", volts=1))
    await writer.round()

    assert len(await rows_of(store, "at")) == 2
    assert await held(store) == ["refused"]
    assert writer.counters.rows_repeated == 0


async def test_a_round_that_takes_too_long_is_cut_and_the_next_is_smaller(
    store_dsn: str, journal: MemoryJournal, store: Connection
) -> None:
    limits = WriterLimits(round_entries=8, round_s=0.3)
    writer = Writer(0, journal, store_dsn, readers(), limits)
    for number in range(8):
        journal.frames(reading(f"m{number}", volts=1))
    await writer.round()
    for number in range(8):
        journal.frames(reading(f"m{number}", NOON + 1, volts=1))

    async with store.transaction():
        await store.execute("LOCK TABLE reading_20261121")
        with pytest.raises(StorageError) as caught:
            await writer.round()
    assert caught.value.retryable
    assert writer.counters.timeouts == 1

    await writer.round()
    assert len(await rows_of(store, "at")) == 12
    await writer.round()
    await writer.close()
    assert len(await rows_of(store, "at")) == 16


async def test_a_partition_that_was_dropped_is_made_again(
    writer: Writer, journal: MemoryJournal, store: Connection
) -> None:
    journal.frames(reading("m1", NOON - 9 * DAY))
    await writer.round()
    await store.execute("DROP TABLE reading_20261112")
    journal.frames(reading("m2", NOON - 9 * DAY))
    with pytest.raises(StorageError, match="gone") as caught:
        await writer.round()
    assert caught.value.retryable

    await writer.round()

    assert len(await rows_of(store, "meter")) == 1


async def test_a_partition_that_another_shard_made_meanwhile_takes_the_row(
    writer: Writer, journal: MemoryJournal, store: Connection
) -> None:
    year = NOON + 365 * DAY
    journal.frames(reading("m1", year))
    await writer.round()
    await store.execute(
        "DELETE FROM reading_default; CREATE TABLE reading_20271121 PARTITION OF reading"
        " FOR VALUES FROM ('2027-11-21+00') TO ('2027-11-22+00')"
    )
    journal.frames(reading("m2", year))
    with pytest.raises(StorageError, match="any more") as caught:
        await writer.round()
    assert caught.value.retryable

    await writer.round()

    assert await rows_of(store, "quality") == [Quality.CLOCK_AHEAD]


async def run_until(writer: Writer, done: Callable[[], bool]) -> None:
    """Run a writer until something holds, then stop it."""
    stop = asyncio.Event()
    running = asyncio.create_task(writer.run(stop))
    async with asyncio.timeout(10):
        while not done() and not running.done():  # noqa: ASYNC110  # a counter tells nobody
            await asyncio.sleep(0.005)
    stop.set()
    await running


async def test_it_runs_until_it_is_stopped_and_leaves_no_connection(
    writer: Writer, journal: MemoryJournal, store: Connection
) -> None:
    for number in range(3):
        journal.frames(reading(f"m{number}"))

    await run_until(writer, lambda: journal.waits > 0)

    assert writer.counters.rows == 3
    async with asyncio.timeout(5):
        while await store.fetchval(  # noqa: ASYNC110  # the server tells nobody
            "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'wattwarden writer 0'"
        ):
            await asyncio.sleep(0.005)


async def test_it_waits_for_a_database_that_is_away(
    writer: Writer, journal: MemoryJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = asyncpg.connect
    away = [ConnectionRefusedError("away"), asyncpg.CannotConnectNowError("starting up")]

    async def connect(*arguments: Any, **settings: Any) -> Any:
        if away:
            raise away.pop()
        return await real(*arguments, **settings)

    monkeypatch.setattr(asyncpg, "connect", connect)
    journal.frames(reading("m1"))

    await run_until(writer, lambda: writer.counters.rows == 1)

    assert writer.counters.failures == 2


async def test_a_database_without_our_schema_is_no_reason_to_wait(
    store_dsn: str, journal: MemoryJournal
) -> None:
    writer = Writer(0, journal, f"{store_dsn}&search_path=nowhere", readers(), FAST)

    with pytest.raises(StorageError, match="journal_position") as caught:
        await asyncio.wait_for(writer.run(asyncio.Event()), 5)

    assert not caught.value.retryable


async def test_entries_that_were_purged_unread_are_counted(
    writer: Writer, journal: MemoryJournal, store: Connection
) -> None:
    for number in range(4):
        journal.frames(reading(f"m{number}"))
    del journal.entries[:2]

    await writer.round()

    assert writer.counters.entries_purged == 2
    assert await store.fetchval("SELECT sequence FROM journal_position") == 4
