"""The journal against a real nats-server: what is appended, read, purged and missing."""

import asyncio
import time

import pytest
from tests.storage.journal.feeding import SMALL, api, append_many, sequences

from wattwarden.storage.journal import journal as journal_module
from wattwarden.storage.journal.journal import (
    Journal,
    JournalAway,
    JournalFull,
    JournalGap,
    JournalRefused,
    Kind,
    StreamLimits,
)

pytestmark = pytest.mark.integration


async def test_what_was_appended_is_read_in_order_with_kind_id_payload_and_time(
    journal: Journal,
) -> None:
    assert await journal.append(0, Kind.FRAMES, b"\x00one", "chain:1") == 1
    assert await journal.append(0, Kind.TICK, b"", "tick:1") == 2
    one, two = await journal.read(0, 0, most=10, most_bytes=1000)
    assert (one.sequence, one.kind, one.msg_id, one.payload) == (
        1,
        Kind.FRAMES,
        "chain:1",
        b"\x00one",
    )
    assert (two.sequence, two.kind, two.msg_id, two.payload) == (2, Kind.TICK, "tick:1", b"")
    offset = one.stored_at.utcoffset()
    assert offset is not None
    assert offset.total_seconds() == 0
    assert abs(one.stored_at.timestamp() - time.time()) < 60
    assert one.stored_at <= two.stored_at


async def test_shards_are_independent(journal: Journal) -> None:
    assert await journal.append(1, Kind.FRAMES, b"there", "chain:1") == 1
    assert await journal.read(0, 0, most=1, most_bytes=1) == []
    assert [e.payload for e in await journal.read(1, 0, most=1, most_bytes=1)] == [b"there"]


async def test_the_same_id_again_is_stored_once_and_keeps_its_sequence(journal: Journal) -> None:
    first = await journal.append(0, Kind.FRAMES, b"once", "chain:1")
    assert await journal.append(0, Kind.FRAMES, b"once", "chain:1") == first
    assert (await journal.status(0)).messages == 1
    assert journal.counters.duplicates == 1


async def test_many_appends_in_flight_are_all_stored(journal: Journal) -> None:
    flying = [journal.append(0, Kind.FRAMES, bytes(28_000), f"c{i}:1") for i in range(50)]
    assert sorted(await asyncio.gather(*flying)) == list(range(1, 51))
    assert journal.counters.appended_bytes == 50 * 28_000


@pytest.mark.parametrize(
    ("most", "most_bytes", "expected"),
    [
        pytest.param(3, 10_000, [3, 4, 5], id="count"),
        pytest.param(100, 10_000, [3, 4, 5, 6, 7, 8, 9, 10], id="all"),
        pytest.param(100, 1, [3], id="one_at_least"),
    ],
)
async def test_a_read_is_bounded(
    journal: Journal, most: int, most_bytes: int, expected: list[int]
) -> None:
    await append_many(journal, 10)
    assert sequences(await journal.read(0, 2, most=most, most_bytes=most_bytes)) == expected


@pytest.mark.parametrize(
    ("after", "most", "most_bytes"),
    [
        pytest.param(-1, 1, 1, id="after"),
        pytest.param(0, 0, 1, id="most"),
        pytest.param(0, 1, 0, id="no_bytes"),
        pytest.param(0, 1, 17 * 1024**2, id="too_many_bytes"),
    ],
)
async def test_a_read_out_of_bounds_is_the_callers_mistake(
    journal: Journal, after: int, most: int, most_bytes: int
) -> None:
    with pytest.raises(ValueError, match="out of bounds"):
        await journal.read(0, after, most=most, most_bytes=most_bytes)


async def test_nothing_new_reads_as_empty(journal: Journal) -> None:
    await append_many(journal, 2)
    assert await journal.read(0, 2, most=10, most_bytes=1000) == []


async def test_a_full_journal_stores_nothing_and_says_so(nats_url: str, prefix: str) -> None:
    limits = StreamLimits(max_bytes=10_000)
    journal = await Journal.connect(nats_url, prefix=prefix, shards=1, limits=limits)
    await journal.append(0, Kind.FRAMES, bytes(9_000), "chain:1")
    with pytest.raises(JournalFull, match="maximum bytes exceeded") as refusal:
        await journal.append(0, Kind.FRAMES, bytes(2_000), "chain:2")
    assert refusal.value.retryable
    status = await journal.status(0)
    assert (status.messages, status.first, status.last, status.max_bytes) == (1, 1, 1, 10_000)
    assert journal.counters.refused_full == 1
    await journal.purge(0, 2)
    assert await journal.append(0, Kind.FRAMES, bytes(2_000), "chain:2") == 2
    await journal.close()


async def test_a_payload_beyond_the_servers_limit_is_refused_before_it_is_sent(
    journal: Journal,
) -> None:
    with pytest.raises(JournalRefused, match="1048576"):
        await journal.append(0, Kind.FRAMES, bytes(1024**2 - 10), "chain:1")
    assert await journal.append(0, Kind.FRAMES, bytes(1024**2 - 100), "chain:2") == 1
    assert journal.link.counters.disconnects == 0


async def test_purged_entries_are_skipped_and_reported_once(journal: Journal) -> None:
    await append_many(journal, 10)
    assert await journal.purge(0, 6) == 5
    for _ in range(2):
        assert sequences(await journal.read(0, 0, most=3, most_bytes=10_000)) == [6, 7, 8]
    assert journal.first_available(0) == 6
    assert journal.counters.purged_unread == 5


async def test_a_wholly_purged_shard_reads_as_empty_and_names_what_comes_next(
    journal: Journal,
) -> None:
    await append_many(journal, 3)
    assert await journal.purge(0, 1_000) == 3
    assert await journal.read(0, 1, most=3, most_bytes=10_000) == []
    assert journal.first_available(0) == 4
    status = await journal.status(0)
    assert (status.messages, status.first, status.last) == (0, 4, 3)
    assert await journal.append(0, Kind.FRAMES, b"", "chain:4") == 4


@pytest.mark.parametrize("before", [pytest.param(0, id="zero"), pytest.param(1, id="first")])
async def test_a_purge_before_the_first_entry_purges_nothing(journal: Journal, before: int) -> None:
    await append_many(journal, 3)
    assert await journal.purge(0, before) == 0
    assert (await journal.status(0)).messages == 3


async def test_an_entry_lost_inside_the_stream_is_a_gap_and_never_skipped(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wattwarden.storage.journal.journal.REREAD_PAUSES_S", (0.0, 0.0))
    stream = journal.stream_name(0)
    config = (await api(journal, f"STREAM.INFO.{stream}", None)).config or {}
    await api(journal, f"STREAM.DELETE.{stream}", None)
    await api(journal, f"STREAM.CREATE.{stream}", config | {"deny_delete": False})
    await append_many(journal, 5)
    await api(journal, f"STREAM.MSG.DELETE.{stream}", {"seq": 3})
    assert sequences(await journal.read(0, 0, most=10, most_bytes=10_000)) == [1, 2]
    with pytest.raises(JournalGap, match="lost entry 3") as gap:
        await journal.read(0, 2, most=10, most_bytes=10_000)
    assert not gap.value.retryable


async def test_what_a_lagging_replica_does_not_have_yet_is_read_from_the_leader(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    await append_many(journal, 3)

    async def lagging(*_: object, **__: object) -> tuple[list[object], str]:
        return [], "404"

    monkeypatch.setattr(journal.link, "collect", lagging)
    (entry,) = await journal.read(0, 1, most=10, most_bytes=10_000)
    assert (entry.sequence, entry.payload, entry.msg_id) == (2, b"payload 2", "chain:2")
    assert entry.kind is Kind.FRAMES
    assert journal.counters.from_leader == 1


async def test_a_journal_that_ends_before_the_position_is_a_gap(journal: Journal) -> None:
    await append_many(journal, 2)
    with pytest.raises(JournalGap, match="ends at 2, yet 7 was read"):
        await journal.read(0, 7, most=1, most_bytes=1)


async def test_a_server_of_a_cluster_that_lags_is_asked_again_before_that_is_a_gap(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal, "_replicas", 3)
    await append_many(journal, 2)
    with pytest.raises(JournalAway, match="ends at 2, yet 3 was read"):
        await journal.read(0, 3, most=1, most_bytes=1)
    monkeypatch.setattr(journal_module, "STALE_LEADER_S", 0.0)
    with pytest.raises(JournalGap, match="ends at 2, yet 3 was read"):
        await journal.read(0, 3, most=1, most_bytes=1)
    await append_many(journal, 1, start=3)
    assert await journal.read(0, 3, most=1, most_bytes=1) == []


async def test_the_last_entry_of_a_kind_is_found(journal: Journal) -> None:
    await journal.append(0, Kind.TICK, b"tick 1", "0:1")
    await journal.append(0, Kind.TICK, b"tick 2", "0:2")
    await journal.append(0, Kind.FRAMES, b"frames", "chain:1")
    last = await journal.last(0, Kind.TICK)
    assert last is not None
    assert (last.sequence, last.payload, last.msg_id) == (2, b"tick 2", "0:2")
    assert await journal.last(0, Kind.ALIVE) is None
    assert await journal.last(1, Kind.TICK) is None


async def test_an_entry_of_a_kind_from_a_newer_version_is_refused_by_name(
    journal: Journal, prefix: str
) -> None:
    await journal.link.request(f"{prefix.lower()}.0.weather", b"", timeout_s=1)
    with pytest.raises(JournalRefused, match="weather"):
        await journal.read(0, 0, most=1, most_bytes=1)


async def test_a_nudge_wakes_a_waiting_reader_only_when_there_is_something_to_read(
    journal: Journal, nats_url: str, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader = await Journal.connect(nats_url, prefix=prefix, shards=2, limits=SMALL)
    monkeypatch.setattr(journal_module, "POLL_INTERVAL_S", 0.0)
    await reader.wait(0, 0)
    # Whoever is answered is listening; a busy machine may take as long as a poll for the rest.
    await reader.status(0)
    monkeypatch.setattr(journal_module, "POLL_INTERVAL_S", 60.0)
    for number in range(20):
        waiting = asyncio.create_task(reader.wait(0, number))
        await append_many(journal, 1, start=number + 1)
        await waiting
        assert sequences(await reader.read(0, number, most=9, most_bytes=999)) == [number + 1]
    assert reader.counters.polls == 1
    assert reader.counters.nudges == 20
    await reader.close()


async def test_waiting_ends_at_once_for_what_is_known_and_after_a_poll_otherwise(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal_module, "POLL_INTERVAL_S", 0.05)
    await append_many(journal, 3)
    await journal.wait(0, 2)
    assert journal.counters.polls == 0
    started = time.monotonic()
    await journal.wait(0, 3)
    assert time.monotonic() - started >= 0.05
    assert journal.counters.polls == 1


async def test_waiting_behind_a_purge_does_not_spin(journal: Journal) -> None:
    await append_many(journal, 3)
    await journal.purge(0, 4)
    await journal.wait(0, 0)
    assert journal.counters.polls == 1
