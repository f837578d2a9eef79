"""Whatever fails in a round, nothing is lost and nothing doubled."""

import asyncio
from typing import Any

import pytest
from tests.storage.fakes import DAY, NOON, REFUSED, MemoryJournal, factors, frame, readers, reading
from tests.storage.rows.written import FAST, held, rows_of

from wattwarden.protocol.quality import Quality
from wattwarden.storage.database import Connection
from wattwarden.storage.errors import StorageError
from wattwarden.storage.journal.entry import Kind
from wattwarden.storage.rows import position as position_module
from wattwarden.storage.rows import round as round_module
from wattwarden.storage.rows.position import Fenced
from wattwarden.storage.rows.writer import Writer, WriterLimits


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


async def test_what_another_took_while_the_connection_was_lost_is_missed_by_nobody(
    writer: Writer, journal: MemoryJournal, store_dsn: str
) -> None:
    journal.frames(reading("m1"))
    await writer.round()
    journal.frames(reading("m2"))
    other = Writer(0, journal, store_dsn, readers(), FAST)
    await other.round()
    await other.close()
    await writer.close()
    journal.frames(reading("m3"))

    await writer.round()

    assert writer.counters.frames == 2
    assert (writer.counters.chain_jumps, writer.counters.chain_breaks) == (0, 0)


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
        await asyncio.wait_for(writer.run(asyncio.Event()), 60)

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


async def test_entries_that_were_purged_unread_are_counted(
    writer: Writer, journal: MemoryJournal, store: Connection
) -> None:
    for number in range(4):
        journal.frames(reading(f"m{number}"))
    del journal.entries[:2]

    await writer.round()

    assert writer.counters.entries_purged == 2
    assert await store.fetchval("SELECT sequence FROM journal_position") == 4
