"""What gives no row waits, and costs no other its place."""

from dataclasses import replace
from typing import Any

import pytest
from tests.storage.fakes import (
    DEADLY,
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
from tests.storage.rows.written import FAST, held, rows_of

from wattwarden.storage.database import Connection
from wattwarden.storage.enrolment import Admission, Policy
from wattwarden.storage.journal.entry import Kind
from wattwarden.storage.moments import moment_of
from wattwarden.storage.rows.ingest import Prepared, prepare
from wattwarden.storage.rows.writer import Writer


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


async def test_what_ended_the_writer_before_ends_no_other_and_costs_no_other_its_row(
    store: Connection, store_dsn: str, journal: MemoryJournal
) -> None:
    frames = [reading(f"m{number}", volts=number) for number in range(20)]
    frames[7:7] = [DEADLY["SIGKILL"]]
    journal.frames(*frames, identity="m1")
    # What follows is read when nothing is doubted any more: only who sent it tells.
    limits = replace(FAST, round_entries=1)
    for number in range(4):
        journal.frames(reading("m2", at=NOON + (number + 1) * SECOND), identity="m2", chain="b")
    journal.frames(DEADLY["0"], reading("m1", at=NOON + SECOND), identity="m1")
    successors = [Writer(0, journal, store_dsn, readers(), limits) for _ in range(2)]

    for _ in range(5):
        await successors[0].round()
    await successors[0].close()
    assert await held(store, "frame, kind, reason, identity") == [
        (7, "decode", "decoder_died", "m1"),
    ]
    # Another does not know it, but that it waits.
    await successors[1].round()
    for _ in range(4):
        journal.frames(HEARTBEAT, identity="m2", chain="b")
        await successors[1].round()
    journal.frames(DEADLY["SIGSEGV"], identity="m1", chain="c")
    await successors[1].round()
    await successors[1].close()

    assert await held(store, "reason") == ["decoder_died"] * 3
    assert len(await rows_of(store, "at")) == 25
    assert [one.counters.decoder_errors for one in successors] == [1, 2]


@pytest.mark.parametrize(("room_bytes", "died"), [(10**6, True), (0, False)])
async def test_doubt_ends_where_no_predecessor_can_have_been(
    store: Connection,
    store_dsn: str,
    journal: MemoryJournal,
    monkeypatch: pytest.MonkeyPatch,
    room_bytes: int,
    *,
    died: bool,
) -> None:
    monkeypatch.setattr("wattwarden.storage.rows.writer.MAX_ENVELOPE_BYTES", room_bytes)
    decoded: list[bool] = []

    def prepared(*args: Any, apart: bool, **kwargs: Any) -> Prepared:
        decoded.append(apart)
        return prepare(*args, apart=apart, **kwargs)

    monkeypatch.setattr("wattwarden.storage.rows.round.prepare", prepared)
    limits = replace(FAST, first_bytes=1, round_bytes=1)
    writer = Writer(0, journal, store_dsn, readers(), limits)
    for number in range(3):
        journal.frames(reading("m1", at=NOON + number * SECOND))
        await writer.round()
    await writer.close()
    assert len(await rows_of(store, "at")) == 3
    assert decoded == [True, died, died]


async def test_only_what_another_had_in_hand_is_doubted(
    store: Connection, store_dsn: str, journal: MemoryJournal
) -> None:
    writers = [Writer(0, journal, store_dsn, readers(), FAST) for _ in range(2)]
    doubted = []
    for number, whose in enumerate((0, 0, 1, 0)):
        journal.frames(reading("m1", at=NOON + number * SECOND))
        await writers[whose].close()
        writers[whose].position = None
        await writers[whose].round()
        doubted.append(writers[whose]._desk.doubted - 2 * FAST.round_entries)
    for writer in writers:
        await writer.close()
    # The first, which then goes on without doubt, the second, and the first behind the second.
    assert doubted == [0, 0, 2, 3]
    assert await held(store, "reason") == []


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


async def test_frames_are_counted_by_codec_by_what_they_carry_and_what_became_of_them(
    writer: Writer, journal: MemoryJournal, store: Connection
) -> None:
    told = factors("m1", NOON, {"a01001": 1.0})
    journal.frames(HEARTBEAT, REFUSED, POISON, reading("m1"), reading("m2"), told)
    journal.frames(b"?", codec="unknown", reasons=("noise",))

    await writer.round()

    assert writer.counters.decoded == {
        ("fake", "other", "stored"): 1,
        ("fake", "other", "refused"): 1,
        ("fake", "other", "decoder_error"): 1,
        ("fake", "reading", "stored"): 2,
        ("fake", "factor", "stored"): 1,
        ("unknown", "other", "unframed"): 1,
    }
    assert len(await rows_of(store, "at")) == 2
    assert sum(writer.round_frames.counts) == sum(writer.round_s.counts) == 1


async def test_who_may_enrol_is_decided_anew_while_the_writer_runs(
    writer: Writer, journal: MemoryJournal, store: Connection
) -> None:
    journal.frames(reading("m1"))
    await writer.round()
    writer.admit(Admission(Policy.KNOWN))
    journal.frames(reading("m1", volts=2), reading("m2"))
    await writer.round()
    assert [row["address"] for row in await store.fetch("SELECT address FROM meter")] == ["m1"]
    assert writer.counters.frames_denied == 1
