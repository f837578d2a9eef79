"""A server that is not there, hangs or answers too much."""

import asyncio
import contextlib
import logging
import signal

import pytest
from nats.aio.client import Client
from nats.aio.msg import Msg
from tests.storage.journal.feeding import SMALL, Server

from wattwarden.storage.journal import link as nats_link
from wattwarden.storage.journal.jetstream import ApiFault, error_of
from wattwarden.storage.journal.journal import (
    Journal,
    JournalAway,
    JournalFull,
    JournalRefused,
    Kind,
)

pytestmark = pytest.mark.integration

PATIENCE_S = 20.0  # for what takes a fraction of a second


async def test_a_server_that_is_not_there_is_away_within_the_timeout() -> None:
    with pytest.raises(
        JournalAway, match=r"no connection within 0\.2 s: .*Connect call failed"
    ) as away:
        async with asyncio.timeout(PATIENCE_S):
            await Journal.connect("nats://127.0.0.1:1", timeout_s=0.2)
    assert away.value.retryable


async def test_an_address_that_is_none_is_told_as_the_reason() -> None:
    with pytest.raises(JournalAway, match="invalid connect url"):
        await Journal.connect("nats://127.0.0.1:not-a-port", timeout_s=0.1)


async def test_the_next_server_of_a_list_is_tried(nats_url: str, prefix: str) -> None:
    servers = f"nats://127.0.0.1:1, {nats_url}"
    journal = await Journal.connect(servers, prefix=prefix, shards=1, limits=SMALL)
    assert await journal.append(0, Kind.TICK, b"", "0:1") == 1
    await journal.close()


async def test_a_server_that_is_cut_off_from_the_others_is_left_for_one_that_is_not(
    nats_url: str, prefix: str, mortal_nats: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nats_link, "DOUBT_S", 0.0)
    journal = await Journal.connect(nats_url, prefix=prefix, shards=1, limits=SMALL)
    link = await nats_link.Link.open(mortal_nats.url, token=None, name="test", timeout_s=2)
    # It answers, and has no such stream: nobody listens to what is said to it.
    with pytest.raises(JournalAway, match="nothing answers"):
        await link.request(f"{prefix.lower()}.0.tick", b"", timeout_s=2)
    assert link.counters.disconnects == 0
    link._servers.append(nats_url)
    async with asyncio.timeout(PATIENCE_S):
        while True:
            with contextlib.suppress(JournalAway):
                await link.request(f"{prefix.lower()}.0.tick", b"", timeout_s=2)
                break
    assert (link.counters.connects, link.counters.disconnects) == (2, 1)
    await link.close()
    await journal.close()


async def test_what_anybody_appends_is_overheard(nats_url: str, prefix: str) -> None:
    one, other = [
        await Journal.connect(nats_url, prefix=prefix, shards=2, limits=SMALL) for _ in range(2)
    ]
    heard: list[bytes] = []
    came = asyncio.Event()

    def hear(payload: bytes) -> None:
        heard.append(payload)
        came.set()

    await one.overhear(Kind.SESSION, hear)
    await one.status(0)
    async with asyncio.timeout(PATIENCE_S):
        await other.append(1, Kind.FRAMES, b"frames", "f")
        await other.append(1, Kind.SESSION, b"news", "s")
        await came.wait()
    assert heard == [b"news"]
    await one.close()
    await other.close()


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
        pytest.param(
            ApiFault(409, 10158, "duplicate message id is in process"),
            JournalAway,
            id="the attempt before is on its way",
        ),
        pytest.param(ApiFault(429, 0, "too many requests"), JournalAway, id="hurry"),
        pytest.param(ApiFault(404, 10059, "stream not found"), JournalRefused, id="no_stream"),
    ],
)
def test_a_fault_means_away_full_or_never(fault: ApiFault, kind: type[Exception]) -> None:
    error = error_of(fault, "append")
    assert type(error) is kind
    assert fault.description in str(error)


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
    async with asyncio.timeout(PATIENCE_S):
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
