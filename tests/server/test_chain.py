"""Frames are answered after the journal has them, and only then."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from tests.server.fakes import FakeJournal, FakeSource

from wattwarden.codecs.acrel import CODEC
from wattwarden.codecs.acrel.frame import ACKS, UPLOAD
from wattwarden.codecs.acrel.message import encode
from wattwarden.codecs.dtu import CODEC as DTU
from wattwarden.protocol.codec import Message, default_profile
from wattwarden.protocol.envelope import (
    MAX_ENVELOPE_FRAMES,
    Occurrence,
    decode_envelope,
    decode_occurrences,
    digest,
)
from wattwarden.server import chain as chain_module
from wattwarden.server.chain import Chain
from wattwarden.server.waiting import LULL_S
from wattwarden.storage.journal.journal import JournalAway, JournalFull, JournalRefused, Kind

FRAME = encode(Message("upload", fields={"serial": "1", "sections": []}))
HEARTBEAT = encode(Message("heartbeat"))
ACK = ACKS[UPLOAD]
# Slave 1 says 0: a reply to a poll.
REPLY = bytes.fromhex("0103020000b844")


@asynccontextmanager
async def running(
    journal: FakeJournal, on_trouble: Callable[[str, str | None], None] = lambda _, __: None
) -> AsyncIterator[Chain]:
    loop = asyncio.get_running_loop()
    chain = Chain(
        journal, 1, "gw", lambda _: default_profile, lambda: round(loop.time() * 1e6), on_trouble
    )
    task = asyncio.create_task(chain.run())
    yield chain
    chain.close()
    await asyncio.wait_for(task, 60)


def now() -> int:
    return round(asyncio.get_running_loop().time() * 1e6)


async def test_nothing_is_answered_before_the_journal_has_it() -> None:
    journal = FakeJournal(gate=asyncio.Event())
    source = FakeSource("a")
    async with running(journal) as chain:
        chain.add(source, CODEC, [FRAME], now())
        await journal.attempted.wait()
        await asyncio.sleep(0.01)
        assert source.sent == []
        assert journal.gate is not None
        journal.gate.set()
    assert source.sent == [ACK]


async def test_frames_of_one_segment_are_answered_in_one_write() -> None:
    journal = FakeJournal()
    first, second = FakeSource("a"), FakeSource("b")
    async with running(journal) as chain:
        chain.add(first, CODEC, [FRAME, HEARTBEAT, FRAME], now())
        chain.add(second, CODEC, [FRAME], now())
    assert first.sent == [ACK + ACK]
    assert second.sent == [ACK]


async def test_a_lull_is_real_time_at_any_rate_of_the_clock() -> None:
    journal, clock = FakeJournal(), 0
    chain = Chain(
        journal, 1, "gw", lambda _: default_profile, lambda: clock, lambda *_: None, rate=1000
    )
    task = asyncio.create_task(chain.run())
    chain.add(FakeSource("a"), CODEC, [FRAME], 0)
    lull = round(LULL_S * 1_000_000 * 1000)
    clock = lull - 500_000  # half a millisecond of real time is left
    for _ in range(5):
        await asyncio.sleep(0)
    assert not journal.attempts
    clock = lull + 1
    async with asyncio.timeout(60):
        await journal.attempted.wait()
    chain.close()
    await asyncio.wait_for(task, 60)


async def test_what_nobody_waits_for_gathers_while_others_are_answered() -> None:
    journal, polled, meter = FakeJournal(), FakeSource("dtu"), FakeSource("a")
    async with running(journal) as chain:
        chain.add(polled, DTU, [REPLY], now())
        chain.add(meter, CODEC, [FRAME], now())
        await journal.attempted.wait()
        chain.add(polled, DTU, [REPLY], now())
        assert len(journal.attempts) == 1
    envelopes = [decode_envelope(payload) for _, _, payload, _ in journal.stored]
    assert [(one.codec, len(one)) for one in envelopes] == [("acrel", 1), ("dtu", 2)]
    assert (meter.sent, polled.sent) == ([ACK], [])
    # Only who was answered counts as answered.
    assert sum(chain.counters.ack_s.counts) == 1


async def test_an_envelope_gives_back_what_was_added() -> None:
    journal = FakeJournal()
    a, b = FakeSource("a", "1"), FakeSource("b")
    async with running(journal) as chain:
        chain.add(a, CODEC, [FRAME], 10)
        chain.add(b, CODEC, [HEARTBEAT, FRAME], 20)
        chain.add(a, CODEC, [HEARTBEAT], 30)
    shard, kind, payload, msg_id = journal.stored[0]
    envelope = decode_envelope(payload)
    batch = envelope.batch()
    assert (shard, kind, msg_id) == (1, Kind.FRAMES, "gw.1:1")
    assert batch.frames() == [FRAME, HEARTBEAT, FRAME, HEARTBEAT]
    assert batch.received_at.tolist() == [10, 20, 20, 30]
    assert [envelope.sessions[index].peer for index in batch.session] == ["a", "b", "b", "a"]
    assert batch.identities == ("1", None)


async def test_what_frames_continue_goes_with_them_and_counts_as_bytes() -> None:
    journal = FakeJournal(gate=asyncio.Event())
    count = 2 * chain_module.MOST_FRAMES_AT_ONCE + 1
    asked = {0: b"first", 40: b"amid", count - 1: b"last"}
    async with running(journal) as chain:
        chain.add(FakeSource("a"), CODEC, [FRAME] * count, now(), asked)
        assert chain.pending_bytes == count * len(FRAME) + len(b"firstamidlast")
        assert journal.gate is not None
        journal.gate.set()
    batch = decode_envelope(journal.stored[0][2]).batch()
    numbers = batch.request.tolist()
    assert {at: batch.requests[n] for at, n in enumerate(numbers) if n >= 0} == asked
    assert chain.pending_bytes == 0


async def test_envelopes_are_numbered_and_name_their_predecessor() -> None:
    journal = FakeJournal()
    async with running(journal) as chain:
        for number in range(1, 4):
            chain.add(FakeSource("a"), CODEC, [FRAME], now())
            while len(journal.stored) < number:  # noqa: ASYNC110  nobody tells
                await asyncio.sleep(0)
    payloads = [payload for _, _, payload, _ in journal.stored]
    envelopes = [decode_envelope(payload) for payload in payloads]
    assert [envelope.number for envelope in envelopes] == [1, 2, 3]
    previous = [envelope.previous for envelope in envelopes]
    assert previous == [b"", digest(payloads[0]), digest(payloads[1])]


async def test_an_envelope_is_retried_under_its_own_id_until_it_is_stored() -> None:
    journal = FakeJournal(answers=[JournalAway("away"), JournalAway("away")])
    source = FakeSource("a")
    async with running(journal) as chain:
        chain.add(source, CODEC, [FRAME], now())
    assert journal.attempts == ["gw.1:1"] * 3
    assert source.sent == [ACK]
    assert chain.counters.retries == 2


async def test_a_full_journal_stops_reading_and_answers_nothing_until_it_has_room(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(chain_module, "FULL_PAUSE_S", 0.01)
    journal = FakeJournal(answers=[JournalFull("maximum bytes")])
    troubles: list[str | None] = []

    def note(_chain: str, reason: str | None) -> None:
        troubles.append(reason)

    source = FakeSource("a")
    async with running(journal, note) as chain:
        chain.add(source, CODEC, [FRAME], now())
    assert troubles[0] is not None
    assert "full" in troubles[0]
    assert troubles[-1] is None
    assert source.sent == [ACK]


async def test_what_waits_is_counted_in_bytes_and_given_back_when_stored() -> None:
    journal = FakeJournal(gate=asyncio.Event())
    async with running(journal) as chain:
        chain.add(FakeSource("a"), CODEC, [FRAME] * 5, now())
        assert chain.pending_bytes == 5 * len(FRAME)
        assert journal.gate is not None
        journal.gate.set()
    assert chain.pending_bytes == 0


async def test_no_envelope_outgrows_its_bound_however_much_comes_at_once() -> None:
    journal = FakeJournal()
    source = FakeSource("a")
    async with running(journal) as chain:
        chain.add(source, CODEC, [HEARTBEAT] * (3 * MAX_ENVELOPE_FRAMES + 5), now())
    envelopes = [decode_envelope(payload) for _, _, payload, _ in journal.stored]
    assert sum(map(len, envelopes)) == 3 * MAX_ENVELOPE_FRAMES + 5
    assert max(map(len, envelopes)) <= MAX_ENVELOPE_FRAMES


async def test_unknown_bytes_are_kept_with_their_reason_and_never_answered() -> None:
    journal = FakeJournal()
    source = FakeSource("scanner")
    async with running(journal) as chain:
        chain.add_unknown(source, b"GET / HTTP/1.1", "HTTP request on the meter port", now())
    envelope = decode_envelope(journal.stored[0][2])
    assert envelope.codec == "unknown"
    assert envelope.reasons == ["HTTP request on the meter port"]
    assert envelope.data == b"GET / HTTP/1.1"
    assert source.sent == []


async def test_what_happens_to_connections_is_recorded_when_the_chain_ends() -> None:
    journal = FakeJournal()
    async with running(journal) as chain:
        chain.note(Occurrence(5, 1, "open", "peer"))
    _, kind, payload, msg_id = journal.stored[0]
    assert kind is Kind.SESSION
    assert msg_id == "gw.1:s1"
    assert decode_occurrences(payload).rows[0].what == "open"


async def test_occurrences_noted_while_others_are_stored_wait_for_the_next_time() -> None:
    journal = FakeJournal(gate=asyncio.Event())
    async with running(journal) as chain:
        chain.note(Occurrence(5, 1, "open", "peer"))
        flush = asyncio.create_task(chain.flush_occurrences())
        await journal.attempted.wait()
        chain.note(Occurrence(6, 2, "open", "peer"))
        assert journal.gate is not None
        journal.gate.set()
        await flush
        assert [len(decode_occurrences(payload).rows) for _, _, payload, _ in journal.stored] == [1]
    assert [len(decode_occurrences(payload).rows) for _, _, payload, _ in journal.stored] == [1, 1]


async def test_an_envelope_that_was_refused_is_no_link_of_the_chain() -> None:
    journal = FakeJournal(answers=[JournalRefused("too long")])
    source = FakeSource("a")
    async with running(journal) as chain:
        chain.add(source, CODEC, [FRAME], now())
        await journal.attempted.wait()
        await asyncio.sleep(0.01)
        assert source.sent == []
        chain.add(source, CODEC, [FRAME], now())
    envelope = decode_envelope(journal.stored[-1][2])
    assert (envelope.number, envelope.previous) == (1, b"")
    assert chain.counters.refused == 1
    assert source.sent == [ACK]


async def until_refused(chain: Chain) -> None:
    async with asyncio.timeout(10):
        while not chain.counters.refused:  # noqa: ASYNC110  # a counter tells nobody
            await asyncio.sleep(0.001)


async def test_an_envelope_that_may_be_stored_keeps_its_number_though_it_was_refused() -> None:
    """Else the next one comes under its id, which the journal takes for the same again."""
    answers = [JournalAway("no answer"), JournalRefused("conflict")]
    journal = FakeJournal(answers=list(answers))
    source = FakeSource("a")
    async with running(journal) as chain:
        chain.add(source, CODEC, [FRAME], now())
        await until_refused(chain)
        assert source.sent == []
        chain.add(source, CODEC, [FRAME], now())
    envelope = decode_envelope(journal.stored[-1][2])
    assert envelope.number == 2
    assert envelope.previous != b""
    assert source.sent == [ACK]


async def test_what_found_no_room_and_was_then_refused_is_nowhere_and_keeps_no_number(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("wattwarden.server.chain.FULL_PAUSE_S", 0.001)
    journal = FakeJournal(answers=[JournalFull("no room"), JournalRefused("never")])
    source = FakeSource("a")
    async with running(journal) as chain:
        chain.add(source, CODEC, [FRAME], now())
        await until_refused(chain)
        chain.add(source, CODEC, [FRAME], now())
    envelope = decode_envelope(journal.stored[-1][2])
    assert (envelope.number, envelope.previous) == (1, b"")


async def test_frames_are_counted_by_codec_and_what_became_of_them() -> None:
    journal, source = FakeJournal(), FakeSource("a")
    async with running(journal) as chain:
        chain.add(source, CODEC, [FRAME, FRAME], now() - 30_000)
    async with running(FakeJournal(answers=[JournalRefused("never")])) as refused:
        refused.add(source, CODEC, [FRAME], now())
    assert chain.counters.outcomes == {("acrel", "stored"): 2}
    assert refused.counters.outcomes == {("acrel", "refused"): 1}
    assert sum(chain.counters.sizes.counts) == 1
    # Both frames, from their receipt on.
    assert sum(chain.counters.ack_s.counts) == 2
    assert chain.counters.ack_s.total >= 0.06
