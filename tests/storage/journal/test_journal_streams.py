"""Streams and servers that could lose entries are refused."""

from typing import Any

import pytest
from tests.storage.journal.feeding import SMALL, Server, api, append_many

from wattwarden.storage.journal import jetstream
from wattwarden.storage.journal.jetstream import ask_monitors, complaints
from wattwarden.storage.journal.journal import (
    Durability,
    Journal,
    JournalFull,
    JournalRefused,
    Kind,
    StreamLimits,
)

pytestmark = pytest.mark.integration


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
