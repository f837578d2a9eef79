"""The journal against a real nats-server, which is also killed, stopped and filled up."""

import asyncio
import contextlib
import logging
import signal
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Protocol

import pytest
from nats.aio.client import Client
from nats.aio.msg import Msg

from wattwarden.storage.journal import jetstream
from wattwarden.storage.journal import link as nats_link
from wattwarden.storage.journal.jetstream import ApiFault, ask_monitors, complaints, error_of
from wattwarden.storage.journal.journal import (
    Durability,
    Entry,
    Journal,
    JournalAway,
    JournalFull,
    JournalGap,
    JournalRefused,
    Kind,
    StreamLimits,
)

pytestmark = pytest.mark.integration

SMALL = StreamLimits(max_bytes=16 * 1024**2)


class Server(Protocol):
    """What the fixture ``mortal_nats`` gives."""

    @property
    def url(self) -> str: ...
    @property
    def monitor_url(self) -> str: ...
    def start(self, sync_interval: str = "always") -> None: ...
    def kill(self) -> None: ...
    def restart(self) -> None: ...
    def signal(self, number: signal.Signals) -> None: ...


@pytest.fixture
async def journal(nats_url: str, prefix: str) -> AsyncIterator[Journal]:
    journal = await Journal.connect(nats_url, prefix=prefix, shards=2, limits=SMALL)
    yield journal
    await journal.close()


@pytest.fixture
async def mortal_journal(mortal_nats: Server) -> AsyncIterator[Journal]:
    journal = await Journal.connect(mortal_nats.url, shards=1, limits=SMALL)
    yield journal
    await journal.close()


async def append_many(journal: Journal, count: int, start: int = 1) -> None:
    for number in range(start, start + count):
        await journal.append(0, Kind.FRAMES, b"payload %d" % number, f"chain:{number}")


async def api(journal: Journal, name: str, body: object) -> jetstream.ApiReply:
    reply = await jetstream.call(journal.link, name, body, timeout_s=2)
    assert reply.error is None, reply.error
    return reply


def sequences(entries: list[Entry]) -> list[int]:
    return [entry.sequence for entry in entries]


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
    journal: Journal, nats_url: str, prefix: str
) -> None:
    reader = await Journal.connect(nats_url, prefix=prefix, shards=2, limits=SMALL)
    await reader.wait(0, 0)
    polls = reader.counters.polls
    for number in range(20):
        waiting = asyncio.create_task(reader.wait(0, number))
        await append_many(journal, 1, start=number + 1)
        await waiting
        assert sequences(await reader.read(0, number, most=9, most_bytes=999)) == [number + 1]
    assert reader.counters.polls == polls
    assert reader.counters.nudges == 20
    await reader.close()


async def test_waiting_ends_at_once_for_what_is_known_and_after_a_poll_otherwise(
    journal: Journal,
) -> None:
    await append_many(journal, 3)
    await journal.wait(0, 2)
    assert journal.counters.polls == 0
    started = time.monotonic()
    await journal.wait(0, 3)
    assert 0.2 < time.monotonic() - started < 1
    assert journal.counters.polls == 1


async def test_waiting_behind_a_purge_does_not_spin(journal: Journal) -> None:
    await append_many(journal, 3)
    await journal.purge(0, 4)
    await journal.wait(0, 0)
    assert journal.counters.polls == 1


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        pytest.param({"discard": "old"}, "would delete the oldest", id="discard_old"),
        pytest.param({"allow_direct": False}, "allow_direct is False", id="no_direct_get"),
        pytest.param({"max_age": 10**12}, "would delete by age", id="expires"),
        pytest.param({"persist_mode": "async"}, "before the disk has it", id="persist_async"),
        pytest.param({"storage": "memory"}, "not survive", id="memory"),
        pytest.param({"max_msgs_per_subject": 5}, "delete by subject", id="per_subject"),
        pytest.param({"max_msgs": 5}, "must be unlimited", id="max_msgs"),
        pytest.param({"duplicate_window": 10**9}, "duplicate_window", id="short_window"),
        pytest.param({"no_ack": True}, "acknowledged means stored", id="no_ack"),
    ],
)
def test_a_stream_that_could_lose_entries_is_complained_of(
    change: dict[str, Any], complaint: str
) -> None:
    config = jetstream.wanted_config("S", "s.0.*", "s.stored.0", SMALL)
    (found,) = complaints(config | change, "s.0.*")
    assert complaint in found


@pytest.mark.parametrize(
    "change", [{"persist_mode": "async"}, {"discard": "old", "max_age": 10**12}]
)
async def test_a_stream_that_could_lose_entries_is_refused_as_the_server_describes_it(
    journal: Journal, nats_url: str, prefix: str, change: dict[str, Any]
) -> None:
    stream = journal.stream_name(1)
    config = (await api(journal, f"STREAM.INFO.{stream}", None)).config or {}
    await api(journal, f"STREAM.DELETE.{stream}", None)
    await api(journal, f"STREAM.CREATE.{stream}", config | change)
    with pytest.raises(JournalRefused, match=f"{stream} is no journal: {next(iter(change))}"):
        await Journal.connect(nats_url, prefix=prefix, shards=2, limits=SMALL)


def test_a_stream_with_other_subjects_is_refused() -> None:
    limits = StreamLimits(max_bytes=1)
    config = jetstream.wanted_config("S", "s.0.*", "s.stored.0", limits)
    assert complaints(config, "s.0.*") == []
    (complaint,) = complaints(config | {"subjects": ["s.>"]}, "s.0.*")
    assert "must be ['s.0.*'] alone" in complaint


async def test_other_limits_are_given_to_a_stream_without_losing_entries(
    journal: Journal, nats_url: str, prefix: str
) -> None:
    await append_many(journal, 5)
    limits = StreamLimits(max_bytes=100)
    again = await Journal.connect(nats_url, prefix=prefix, shards=2, limits=limits)
    status = await again.status(0)
    assert (status.messages, status.max_bytes) == (5, 100)
    with pytest.raises(JournalFull):
        await again.append(0, Kind.FRAMES, bytes(200), "chain:6")
    await again.close()


async def test_more_replicas_than_servers_are_refused(nats_url: str, prefix: str) -> None:
    limits = StreamLimits(max_bytes=1000, replicas=3)
    with pytest.raises(JournalRefused, match="replicas"):
        await Journal.connect(nats_url, prefix=prefix, limits=limits)


async def test_a_server_without_room_for_the_streams_says_full(nats_url: str, prefix: str) -> None:
    with pytest.raises(JournalFull, match="insufficient storage"):
        await Journal.connect(nats_url, prefix=prefix, limits=StreamLimits(max_bytes=10**12))


async def test_an_old_server_is_refused(
    nats_url: str, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jetstream, "OLDEST_SERVER", (99, 1))
    with pytest.raises(JournalRefused, match=r"nats-server is 2\.\d+, 99\.1 is needed"):
        await Journal.connect(nats_url, prefix=prefix)


async def test_a_subject_that_went_to_another_stream_is_refused(
    journal: Journal, prefix: str
) -> None:
    await api(journal, f"STREAM.DELETE.{journal.stream_name(0)}", None)
    thief = {"name": f"{prefix}_THIEF", "subjects": [f"{prefix.lower()}.0.*"]}
    await api(journal, f"STREAM.CREATE.{prefix}_THIEF", thief)
    with pytest.raises(JournalRefused, match="THIEF"):
        await journal.append(0, Kind.FRAMES, b"", "chain:1")


async def test_single_entries_cannot_be_deleted(journal: Journal) -> None:
    await append_many(journal, 1)
    name = f"STREAM.MSG.DELETE.{journal.stream_name(0)}"
    reply = await jetstream.call(journal.link, name, {"seq": 1}, timeout_s=2)
    assert reply.error is not None
    assert (await journal.status(0)).messages == 1


async def test_a_prefix_that_is_no_stream_name_is_the_callers_mistake() -> None:
    with pytest.raises(ValueError, match="prefix"):
        await Journal.connect("nats://127.0.0.1:1", prefix="a.b")


async def test_a_server_that_is_not_there_is_away_within_the_timeout() -> None:
    started = time.monotonic()
    with pytest.raises(
        JournalAway, match=r"no connection within 0\.2 s: .*Connect call failed"
    ) as away:
        await Journal.connect("nats://127.0.0.1:1", timeout_s=0.2)
    assert away.value.retryable
    assert time.monotonic() - started < 1


async def test_an_address_that_is_none_is_told_as_the_reason() -> None:
    with pytest.raises(JournalAway, match="invalid connect url"):
        await Journal.connect("nats://127.0.0.1:not-a-port", timeout_s=0.1)


async def test_the_next_server_of_a_list_is_tried(nats_url: str, prefix: str) -> None:
    servers = f"nats://127.0.0.1:1, {nats_url}"
    journal = await Journal.connect(servers, prefix=prefix, shards=1, limits=SMALL)
    assert await journal.append(0, Kind.TICK, b"", "0:1") == 1
    await journal.close()


async def test_after_close_nothing_is_sent_and_nothing_hangs(journal: Journal) -> None:
    flying = asyncio.create_task(journal.append(0, Kind.FRAMES, b"last words", "chain:1"))
    await asyncio.wait({flying}, timeout=0)
    await journal.close()
    assert await flying == 1
    with pytest.raises(JournalAway, match="closed"):
        await journal.append(0, Kind.FRAMES, b"too late", "chain:2")


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        pytest.param(ApiFault(503, 10077, "maximum bytes exceeded"), JournalFull, id="max_bytes"),
        pytest.param(ApiFault(503, 10047, "insufficient storage"), JournalFull, id="no_storage"),
        pytest.param(ApiFault(503, 10023, "insufficient resources"), JournalFull, id="resources"),
        pytest.param(ApiFault(503, 10077, "no space left on device"), JournalFull, id="disk_full"),
        pytest.param(ApiFault(503, 10077, "input/output error"), JournalAway, id="disk_broken"),
        pytest.param(ApiFault(503, 10008, "temporarily unavailable"), JournalAway, id="not_yet"),
        pytest.param(ApiFault(500, 10009, "not leader"), JournalAway, id="election"),
        pytest.param(ApiFault(429, 0, "too many requests"), JournalAway, id="hurry"),
        pytest.param(ApiFault(404, 10059, "stream not found"), JournalRefused, id="no_stream"),
    ],
)
def test_a_fault_means_away_full_or_never(fault: ApiFault, kind: type[Exception]) -> None:
    error = error_of(fault, "append")
    assert type(error) is kind
    assert fault.description in str(error)


async def test_the_monitoring_port_tells_whether_the_server_syncs_always(
    mortal_nats: Server,
) -> None:
    assert await ask_monitors([mortal_nats.monitor_url]) is Durability.MONITORED
    assert await ask_monitors([mortal_nats.monitor_url, "http://127.0.0.1:1"]) is Durability.UNKNOWN
    mortal_nats.kill()
    mortal_nats.start(sync_interval="2m")
    lazy = await ask_monitors([mortal_nats.monitor_url, "http://127.0.0.1:1"])
    assert lazy is Durability.LAZY
    with pytest.raises(JournalRefused, match="sync_interval: always"):
        await Journal.connect(mortal_nats.url, durability=lazy)


async def test_no_monitoring_port_means_unknown(nats_url: str) -> None:
    assert await ask_monitors([]) is Durability.UNKNOWN
    assert await ask_monitors([nats_url.replace("nats", "http")]) is Durability.UNKNOWN


async def test_kills_in_the_middle_of_appends_and_reads_lose_and_double_nothing(
    mortal_nats: Server, mortal_journal: Journal
) -> None:
    acknowledged: dict[str, int] = {}
    received: list[Entry] = []
    kills = {count: asyncio.Event() for count in (100, 200, 300)}

    async def write(chain: int, count: int) -> None:
        for number in range(1, count + 1):
            msg_id = f"{chain}:{number}"
            while msg_id not in acknowledged:
                try:
                    acknowledged[msg_id] = await mortal_journal.append(
                        0, Kind.FRAMES, bytes(1000), msg_id
                    )
                except JournalAway:
                    continue
            if len(acknowledged) in kills:
                kills[len(acknowledged)].set()

    async def follow(count: int) -> None:
        while len(received) < count:
            after = received[-1].sequence if received else 0
            try:
                entries = await mortal_journal.read(0, after, most=20, most_bytes=10**6)
                if not entries:
                    await mortal_journal.wait(0, after)
            except JournalAway:
                continue
            received.extend(entries)

    async with asyncio.timeout(20), asyncio.TaskGroup() as group:
        group.create_task(follow(400))
        for chain in range(4):
            group.create_task(write(chain, 100))
        for moment in kills.values():
            await moment.wait()
            await asyncio.to_thread(mortal_nats.restart)
    assert sequences(received) == list(range(1, 401))
    assert {entry.msg_id: entry.sequence for entry in received} == acknowledged
    assert mortal_journal.link.counters.disconnects == 3


async def test_reading_goes_on_within_a_second_of_a_restart(
    mortal_nats: Server, mortal_journal: Journal
) -> None:
    await append_many(mortal_journal, 3)
    await mortal_journal.wait(0, 3)
    await asyncio.to_thread(mortal_nats.restart)
    started = time.monotonic()
    entries: list[Entry] = []
    while not entries:
        with contextlib.suppress(JournalAway):
            entries = await mortal_journal.read(0, 0, most=10, most_bytes=1000)
    assert time.monotonic() - started < 1
    assert sequences(entries) == [1, 2, 3]
    await append_many(mortal_journal, 1, start=4)
    async with asyncio.timeout(2):
        while not mortal_journal.counters.nudges:
            await mortal_journal.wait(0, 4)
    assert mortal_journal.link.counters.connects == 2


async def test_an_append_in_flight_fails_when_the_server_dies_not_when_its_time_is_up(
    mortal_nats: Server,
) -> None:
    journal = await Journal.connect(mortal_nats.url, shards=1, limits=SMALL, timeout_s=30)
    mortal_nats.signal(signal.SIGSTOP)
    # More than the sockets' buffers take: some of it is still with us when the line breaks.
    flying = [
        asyncio.create_task(journal.append(0, Kind.FRAMES, bytes(900_000), f"c{chain}:1"))
        for chain in range(20)
    ]
    done, _ = await asyncio.wait(flying, timeout=0.05)
    assert not done
    started = time.monotonic()
    mortal_nats.kill()
    failures = await asyncio.gather(*flying, return_exceptions=True)
    assert time.monotonic() - started < 0.8
    assert {type(failure) for failure in failures} == {JournalAway}
    assert "connection lost" in str(failures[0])
    assert journal.counters.attempts_away == 20
    await journal.close()


async def test_a_hung_server_is_left_when_its_pings_stay_unanswered(
    mortal_nats: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nats_link, "PING_INTERVAL_S", 0.15)
    journal = await Journal.connect(mortal_nats.url, shards=1, limits=SMALL, timeout_s=30)
    monkeypatch.undo()  # the next connection gets the patience that a busy machine needs
    mortal_nats.signal(signal.SIGSTOP)
    with pytest.raises(JournalAway, match="stale connection"):
        await journal.append(0, Kind.FRAMES, b"", "chain:1")
    mortal_nats.signal(signal.SIGCONT)
    assert await journal.append(0, Kind.FRAMES, b"", "chain:1") == 1
    await journal.close()


async def test_what_could_not_be_written_does_not_keep_a_lost_connection_from_ending(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def reset() -> None:
        raise ConnectionResetError

    client = journal.link._client
    assert client is not None
    monkeypatch.setattr(client._transport, "drain", reset)
    client._pending, client._pending_data_size = [b"PUB x 0\r\n\r\n"], 13
    await client._process_op_err(ConnectionResetError())
    assert client.is_closed
    assert await journal.append(0, Kind.FRAMES, b"", "chain:1") == 1
    assert journal.link.counters.connects == 2


async def test_a_connection_that_ended_without_a_word_is_replaced(
    nats_url: str, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nats_link, "LOOK_INTERVAL_S", 0.05)
    journal = await Journal.connect(nats_url, prefix=prefix, shards=1, limits=SMALL)
    client = journal.link._client
    assert client is not None
    client._status = client.DISCONNECTED
    assert await journal.append(0, Kind.FRAMES, b"", "chain:1") == 1
    assert journal.link.counters.connects == 2
    client._status = client.CONNECTED
    await client.close()
    await journal.close()


async def test_close_ends_even_a_dial_that_swallows_its_cancellation(
    mortal_nats: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = await Journal.connect(mortal_nats.url, shards=1, limits=SMALL)
    dialing = asyncio.Event()

    async def stubborn(*_: object, **__: object) -> None:
        dialing.set()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
        raise ConnectionRefusedError

    monkeypatch.setattr(Client, "connect", stubborn)
    mortal_nats.kill()
    await dialing.wait()
    async with asyncio.timeout(2):
        await journal.close()
    assert journal.link._keeper is not None
    assert journal.link._keeper.cancelled()


async def test_a_caller_that_tries_again_at_once_does_not_starve_the_loop(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ConnectionResetError

    monkeypatch.setattr(journal.link._client, "send", broken)
    turns = asyncio.Event()
    asyncio.get_running_loop().call_soon(turns.set)
    for _ in range(10):
        with pytest.raises(JournalAway, match="was not sent"):
            await journal.append(0, Kind.FRAMES, b"", "chain:1")
    assert turns.is_set()


async def test_more_answers_than_asked_for_are_dropped(journal: Journal, nats_url: str) -> None:
    peer = Client()
    await peer.connect(nats_url)

    async def answer(message: Msg) -> None:
        for _ in range(5):
            await message.respond(b"answer")
        await peer.publish(message.reply, headers={"Status": "204"})

    await peer.subscribe("many", cb=answer)
    # The first one's ping may go out ahead of the subscription that waits to be written.
    await peer.flush()
    await peer.flush()
    messages, status = await journal.link.collect("many", b"", most=3, timeout_s=2)
    assert (len(messages), status) == (3, "204")
    await peer.close()


async def test_nats_py_has_a_logger_that_does_not_end_on_stderr(journal: Journal) -> None:
    assert journal.link.is_up
    assert logging.getLogger("nats").handlers


async def test_a_hung_server_is_away_after_the_timeout_and_nothing_doubles_when_it_wakes(
    mortal_nats: Server,
) -> None:
    journal = await Journal.connect(mortal_nats.url, shards=1, limits=SMALL)
    mortal_nats.signal(signal.SIGSTOP)
    journal._timeout_s = 0.2
    with pytest.raises(JournalAway, match=r"no answer .* within 0\.2 s"):
        await journal.append(0, Kind.FRAMES, b"slow", "chain:1")
    with pytest.raises(JournalAway, match="no answer"):
        await journal.read(0, 0, most=1, most_bytes=1)
    journal._timeout_s = 5.0
    mortal_nats.signal(signal.SIGCONT)
    assert await journal.append(0, Kind.FRAMES, b"slow", "chain:1") == 1
    assert (await journal.status(0)).messages == 1
    await journal.close()


async def test_an_emptied_store_is_not_filled_again_in_silence(
    mortal_nats: Server, mortal_journal: Journal, tmp_path: Path
) -> None:
    await append_many(mortal_journal, 3)
    mortal_nats.kill()
    (tmp_path / "jetstream").rename(tmp_path / "gone")
    mortal_nats.start()
    async with AsyncExitStack() as stack:
        with pytest.raises((JournalAway, JournalRefused)):
            await mortal_journal.append(0, Kind.FRAMES, b"", "chain:4")
        anew = await Journal.connect(mortal_nats.url, shards=1, limits=SMALL)
        stack.push_async_callback(anew.close)
        with pytest.raises(JournalGap, match="ends at 0, yet 3 was read"):
            await anew.read(0, 3, most=1, most_bytes=1)
