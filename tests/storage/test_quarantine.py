import asyncio
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from tests.storage.fakes import (
    DAY,
    DEADLY,
    FAKE,
    NOON,
    POISON,
    REFUSED,
    SECOND,
    MemoryJournal,
    decode,
    factors,
    frame,
    readers,
    reading,
)

from wattwarden.protocol.codec import Batch, Columns
from wattwarden.storage.database import Connection
from wattwarden.storage.enrolment import Admission, Policy
from wattwarden.storage.meters import add_meter
from wattwarden.storage.moments import moment_of
from wattwarden.storage.quarantine import Held, Selection, list_held
from wattwarden.storage.retrying import Readers, Retried, retry
from wattwarden.storage.rows import outliving
from wattwarden.storage.rows.filing import MAX_RAW_BYTES, Allowance
from wattwarden.storage.rows.writer import Writer

KNOWN = readers(admission=Admission(Policy.KNOWN))
NOW = datetime(2026, 11, 22, tzinfo=UTC)


async def write(dsn: str, journal: MemoryJournal, readers: Readers) -> Writer:
    writer = Writer(0, journal, dsn, readers)
    await writer.round()
    await writer.close()
    return writer


async def states(store: Connection) -> list[tuple[Any, ...]]:
    rows = await store.fetch("SELECT state, tries, reason FROM quarantine ORDER BY id")
    return [tuple(row) for row in rows]


async def test_frames_of_a_meter_become_rows_once_it_is_registered(
    store: Connection, store_dsn: str
) -> None:
    journal = MemoryJournal()
    journal.frames(reading("m1", volts=1), reading("m2", volts=2), factors("m1", NOON, {"a": 1.0}))
    journal.tick(6)
    await write(store_dsn, journal, KNOWN)
    await add_meter(store, "fake", "m1", actor="li", now=NOW)

    done = await retry(store, Selection(codec="fake", meter="m1"), KNOWN)

    assert done == Retried(tried=2, resolved=2, rows=2)
    assert await states(store) == [
        ("resolved", 2, "unknown_meter"),
        ("open", 1, "unknown_meter"),
        ("resolved", 2, "unknown_meter"),
    ]
    (row,) = await store.fetch("SELECT * FROM reading")
    assert (row["voltage_a"], row["step"], row["received_at"]) == (1, 7, moment_of(NOON))
    parts = await store.fetch("SELECT step, partition, rows FROM step_part ORDER BY partition")
    assert [tuple(part) for part in parts] == [
        (7, "factor_20261121", 1), (7, "reading_20261121", 1),
    ]  # fmt: skip
    assert await retry(store, Selection(meter="m1"), KNOWN) == Retried()


async def test_what_is_still_wrong_stays_open_with_the_reason_of_today(
    store: Connection, store_dsn: str
) -> None:
    journal = MemoryJournal()
    journal.frames(POISON, reading("m1", volts=1), REFUSED)
    await write(store_dsn, journal, readers())

    def stricter(_batch: Batch) -> Columns:
        raise ValueError("still broken")

    later = readers(codecs={"fake": replace(FAKE, decode=stricter)}, program="test 2")
    done = await retry(store, Selection(), later)

    assert done == Retried(tried=2, resolved=0, rows=0)
    assert await states(store) == [("open", 2, "decoder_error"), ("open", 2, "refused")]
    rows = await store.fetch("SELECT message, program FROM quarantine")
    assert {tuple(row) for row in rows} == {("ValueError: still broken", "test 2")}


async def test_what_ended_a_process_is_tried_again_in_another_until_it_is_mended(
    store: Connection, store_dsn: str
) -> None:
    journal = MemoryJournal()
    journal.frames(DEADLY["0"], reading("m1", volts=1))
    await write(store_dsn, journal, readers())

    done = await retry(store, Selection(), readers())

    assert done == Retried(tried=1, resolved=0, rows=0)
    assert await states(store) == [("open", 2, "decoder_died")]

    def repaired(batch: Batch) -> Columns:
        return decode(replace(Batch.of([reading("m2", volts=7)], 0), received_at=batch.received_at))

    done = await retry(store, Selection(), readers(codecs={"fake": replace(FAKE, decode=repaired)}))
    assert done == Retried(tried=1, resolved=1, rows=1)


async def test_a_repaired_codec_gives_the_rows_and_the_origin_remains(
    store: Connection, store_dsn: str
) -> None:
    journal = MemoryJournal()
    journal.frames(reading("m1", volts=5))
    entry = journal.frames(POISON, reading("m2", volts=5), frame(b"P2"), received_at=NOON + SECOND)
    await write(store_dsn, journal, readers())

    def repaired(batch: Batch) -> Columns:
        # What was poison is an old form of a reading of m1: one that differs, one that completes.
        news = [reading("m1", volts=7), reading("m1", amps=3)]
        return decode(replace(Batch.of(news[: len(batch)], 0), received_at=batch.received_at))

    done = await retry(store, Selection(), readers(codecs={"fake": replace(FAKE, decode=repaired)}))

    assert done == Retried(tried=2, resolved=2, rows=1)
    assert await store.fetchval("SELECT current_a FROM reading WHERE meter = 1") == 3
    revision = await store.fetchrow("SELECT offered, sequence, frame, step FROM revision")
    assert tuple(revision or ()) == ('{"voltage_a": 7.0}', entry.sequence, 0, 1)
    held = await list_held(store, Selection(state="resolved"))
    assert [(one.sequence, one.frame) for one in held] == [(entry.sequence, 2), (entry.sequence, 0)]


async def test_an_operator_who_retries_is_not_held_up_by_the_limit(
    store: Connection, store_dsn: str
) -> None:
    journal = MemoryJournal()
    journal.frames(*(reading(f"m{number}") for number in range(5)))
    few = readers(admission=Admission(enrolments_per_peer_hour=2))
    await write(store_dsn, journal, few)
    free = readers(admission=Admission(enrolments_per_peer_hour=None))

    assert await retry(store, Selection(reason="enrolment_limit"), few) == Retried(3, 0, 0)
    assert await retry(store, Selection(reason="enrolment_limit"), free) == Retried(3, 3, 3)


async def test_bytes_that_nobody_knew_are_recognised_by_a_codec_that_came_later(
    store: Connection, store_dsn: str
) -> None:
    journal = MemoryJournal()
    two = reading("m1", volts=1) + reading("m2", volts=2)
    journal.frames(two, two + b"rest", b"GET /", codec="unknown", reasons=["?"] * 3)
    await write(store_dsn, journal, readers(codecs={}))

    done = await retry(store, Selection(), readers())

    assert done == Retried(tried=3, resolved=1, rows=2)
    assert [state for state, *_ in await states(store)] == ["resolved", "open", "open"]


async def test_rows_of_other_days_get_their_partitions(store: Connection, store_dsn: str) -> None:
    journal = MemoryJournal()
    journal.frames(*(reading("m1", NOON - days * DAY) for days in (0, 20, 21)))
    await write(store_dsn, journal, KNOWN)
    await add_meter(store, "fake", "m1", actor="li", now=NOW)

    await retry(store, Selection(ids=(1, 3)), KNOWN)

    rows = await store.fetch("SELECT tableoid::regclass::text AS name FROM reading ORDER BY at")
    assert [row["name"] for row in rows] == ["reading_20261031", "reading_20261121"]


async def test_more_than_a_page_is_retried(
    store: Connection, store_dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wattwarden.storage.retrying.RETRY_PAGE", 3)
    journal = MemoryJournal()
    journal.frames(*(reading(f"m{number}") for number in range(7)), REFUSED)
    await write(store_dsn, journal, KNOWN)

    assert await retry(store, Selection(), readers()) == Retried(tried=8, resolved=7, rows=7)


async def test_a_list_is_filtered_and_paged(store: Connection, store_dsn: str) -> None:
    journal = MemoryJournal()
    journal.frames(REFUSED, POISON, frame(b"B2"), identity="m1")
    journal.frames(frame(b"B m9"), codec="later", chain="b")
    await write(store_dsn, journal, readers())

    def frames(held: list[Held]) -> list[tuple[str, int]]:
        return [(one.codec, one.frame) for one in held]

    newest = await list_held(store, Selection(), most=2)
    rest = await list_held(store, Selection(), before_id=newest[-1].id)

    assert frames(newest) == [("later", 0), ("fake", 2)]
    assert frames(rest) == [("fake", 1), ("fake", 0)]
    assert frames(await list_held(store, Selection(reason="decoder_error"))) == [("fake", 1)]
    assert frames(await list_held(store, Selection(kind="unknown"))) == [("later", 0)]
    assert len(await list_held(store, Selection(meter="m1", state="open"))) == 3
    assert frames(await list_held(store, Selection(meter="m9"))) == [("later", 0)]
    assert await list_held(store, Selection(codec="none")) == []


async def test_a_monster_is_cut_and_not_retried(store: Connection, store_dsn: str) -> None:
    journal = MemoryJournal()
    monster = reading("m1") + bytes(MAX_RAW_BYTES)
    journal.frames(monster, codec="unknown", reasons=["long"], peer="p" * 999, identity="a\0b")
    await write(store_dsn, journal, readers())

    (held,) = await list_held(store, Selection())
    assert (len(held.raw), held.raw_size) == (MAX_RAW_BYTES, len(monster))
    assert len(held.peer) == 128
    assert await retry(store, Selection(), readers()) == Retried(tried=1)
    assert await states(store) == [("open", 2, "unframed")]


async def test_an_address_files_a_limited_number_of_frames_an_hour(
    store: Connection, store_dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wattwarden.storage.rows.writer.Allowance", lambda: Allowance(per_hour=3))
    journal = MemoryJournal()
    journal.frames(*(frame(b"B%d" % number) for number in range(5)), peer="1.1.1.1:1")
    journal.frames(REFUSED, peer="2.2.2.2:1")
    journal.frames(frame(b"B7"), peer="1.1.1.1:7", received_at=NOON + 3600 * SECOND)

    writer = await write(store_dsn, journal, readers())

    assert (writer.counters.quarantined, writer.counters.quarantine_overflow) == (5, 2)
    assert len(await states(store)) == 5


HOUR = 3600 * SECOND


async def counts(store: Connection) -> list[tuple[Any, ...]]:
    rows = await store.fetch(
        "SELECT sequence, frame, times, received_at, last_received_at FROM quarantine ORDER BY id"
    )
    return [tuple(row) for row in rows]


async def test_the_same_frame_again_is_counted_on_the_row_that_waits(
    store: Connection, store_dsn: str
) -> None:
    journal = MemoryJournal()
    first = journal.frames(REFUSED, POISON, identity="m1")
    await write(store_dsn, journal, readers())
    journal.frames(REFUSED, REFUSED, POISON, identity="m1", received_at=NOON + HOUR)
    # Behind another port it is the same meter, and earlier than what was filed.
    journal.frames(REFUSED, identity="m1", peer="10.0.0.1:4001", received_at=NOON - HOUR)

    writer = await write(store_dsn, journal, readers())

    last = moment_of(NOON + HOUR)
    assert await counts(store) == [
        (first.sequence, 0, 4, moment_of(NOON), last),
        (first.sequence, 1, 2, moment_of(NOON), last),
    ]
    assert writer.counters.quarantined == 4
    (poison, refused) = await list_held(store, Selection())
    assert [one.received_at for one in refused.occurrences()] == [
        moment_of(NOON), last, moment_of(NOON - HOUR),
    ]  # fmt: skip
    assert len(list(poison.occurrences())) == 2


@pytest.mark.parametrize(
    "other",
    [
        pytest.param({"identity": "m2"}, id="another meter"),
        pytest.param({"identity": None}, id="nobody"),
        pytest.param({"identity": "m1", "codec": "later"}, id="another codec"),
        pytest.param({"identity": None, "peer": "10.0.0.2:4000"}, id="another address"),
    ],
)
async def test_frames_that_differ_in_anything_but_the_time_keep_rows_of_their_own(
    store: Connection, store_dsn: str, other: dict[str, Any]
) -> None:
    journal = MemoryJournal()
    journal.frames(REFUSED, frame(b"BB"), identity="m1")
    journal.frames(REFUSED, peer="10.0.0.1:1")
    journal.frames(REFUSED, chain="b", **other)
    await write(store_dsn, journal, readers())

    (*_, (_, _, times, *_)) = rows = await counts(store)

    nobody_again = other == {"identity": None}
    assert (len(rows), times) == ((3, 2) if nobody_again else (4, 1))


async def test_what_was_resolved_is_not_counted_up(store: Connection, store_dsn: str) -> None:
    journal = MemoryJournal()
    journal.frames(reading("m1", volts=1))
    await write(store_dsn, journal, KNOWN)
    assert (await retry(store, Selection(), readers())).resolved == 1
    await store.execute("UPDATE meter SET address = 'm9'")
    journal.frames(reading("m1", volts=1), received_at=NOON + SECOND)

    await write(store_dsn, journal, KNOWN)

    assert [(times, last) for *_, times, _, last in await counts(store)] == [(1, None), (1, None)]


def clockless(batch: Batch) -> Columns:
    """Every frame is a reading of m1 at the moment of its receipt."""
    news = [reading("m1", int(at), volts=1) for at in batch.received_at]
    return decode(replace(Batch.of(news, 0), received_at=batch.received_at))


async def test_a_frame_without_a_clock_gives_a_reading_for_every_time_it_came(
    store: Connection, store_dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wattwarden.storage.retrying.RETRY_FRAMES", 2)
    journal = MemoryJournal()
    for minute in range(4):
        journal.frames(REFUSED, POISON, identity="m1", received_at=NOON + minute * 60 * SECOND)
    await write(store_dsn, journal, readers())
    mended = readers(codecs={"fake": replace(FAKE, decode=clockless)})

    done = await retry(store, Selection(reason="refused"), mended)

    assert done == Retried(tried=1, resolved=1, rows=4)
    assert await store.fetchval("SELECT count(DISTINCT at) FROM reading") == 4
    assert await retry(store, Selection(), mended) == Retried(tried=1, resolved=1, rows=0)
    assert await store.fetchval("SELECT count(*) FROM revision") == 0


async def test_a_frame_with_a_clock_gives_one_reading_however_often_it_came(
    store: Connection, store_dsn: str
) -> None:
    journal = MemoryJournal()
    for minute in range(3):
        journal.frames(reading("m1", volts=1), received_at=NOON + minute * 60 * SECOND)
    await write(store_dsn, journal, KNOWN)

    assert await retry(store, Selection(), readers()) == Retried(tried=1, resolved=1, rows=1)
    received = await store.fetchval("SELECT received_at FROM reading")
    assert received == moment_of(NOON)


async def test_a_row_notes_a_bounded_number_of_moments(store: Connection, store_dsn: str) -> None:
    journal = MemoryJournal()
    for second in range(300):
        journal.frames(REFUSED, identity="m1", received_at=NOON + second * SECOND)
    for _ in range(2):  # a round takes 256 entries
        await write(store_dsn, journal, readers())

    assert [times for _, _, times, *_ in await counts(store)] == [256, 44]
    mended = readers(codecs={"fake": replace(FAKE, decode=clockless)})
    assert await retry(store, Selection(), mended) == Retried(tried=2, resolved=2, rows=300)


async def test_a_frame_that_comes_again_while_it_is_read_waits_on(
    store: Connection, store_dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The writer tries the frame in a child while the retry, which waits for it, computes.
    monkeypatch.setattr(outliving, "QUIET_S", 0.0)
    journal = MemoryJournal()
    journal.frames(REFUSED, identity="m1")
    await write(store_dsn, journal, readers())
    other = asyncio.new_event_loop()

    async def come_again() -> None:
        journal.frames(REFUSED, identity="m1", received_at=NOON + SECOND)
        await write(store_dsn, journal, readers())

    def meanwhile(batch: Batch) -> Columns:
        if len(journal.entries) == 1:
            with ThreadPoolExecutor(1) as pool:
                pool.submit(other.run_until_complete, come_again()).result()
        return clockless(batch)

    mended = readers(codecs={"fake": replace(FAKE, decode=meanwhile)})
    assert await retry(store, Selection(), mended) == Retried(tried=1, resolved=0, rows=1)
    assert await retry(store, Selection(), mended) == Retried(tried=1, resolved=1, rows=1)
    other.close()
