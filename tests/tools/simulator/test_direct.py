"""What a direct simulation writes is what a gateway would: chains, signs of life, ticks."""

import pytest
from tests.server.fakes import FakeJournal
from tests.tools.simulator.worlds import SMALL, world

from wattwarden.protocol.envelope import (
    decode_alive,
    decode_envelope,
    decode_occurrences,
    decode_tick,
    digest,
)
from wattwarden.storage.journal.journal import Kind
from wattwarden.tools.simulator.direct import TICK_S, Direct
from wattwarden.tools.simulator.frames import Frames
from wattwarden.tools.simulator.sendings import Sending, sendings
from wattwarden.tools.simulator.straight import group_by_tick

SHARDS = 2


@pytest.fixture
async def journal() -> FakeJournal:
    made = world(SMALL)
    journal = FakeJournal()
    direct = Direct(journal, SHARDS, Frames(made.site), None)
    midnight_s = made.midnight_ms // 1000
    for second, due in group_by_tick(sendings(made, 0, 1200), midnight_s, (0, 1200)):
        await direct.minute(due, second)
    await direct.close(midnight_s + 1200)
    assert direct.tick == 1200 // TICK_S
    return journal


def payloads(journal: FakeJournal, kind: Kind, shard: int) -> list[bytes]:
    return [p for at, found, p, _ in journal.stored if found is kind and at == shard]


async def test_envelopes_hang_together_and_hold_every_frame(journal: FakeJournal) -> None:
    due: list[Sending] = list(sendings(world(SMALL), 0, 1200))
    frames = []
    for shard in range(SHARDS):
        previous = b""
        for number, payload in enumerate(payloads(journal, Kind.FRAMES, shard)):
            envelope = decode_envelope(payload)
            assert (envelope.number, envelope.previous) == (number + 1, previous)
            previous = digest(payload)
            frames += envelope.batch().frames()
    assert sorted(frames) == sorted(one.frame for one in due)


async def test_every_shard_has_every_tick_behind_what_came_before_it(
    journal: FakeJournal,
) -> None:
    for shard in range(SHARDS):
        ticks = [decode_tick(p) for p in payloads(journal, Kind.TICK, shard)]
        assert [tick.number for tick in ticks] == list(range(1, 21))
        assert {tick.covers_s for tick in ticks} == {TICK_S}
        passed = 0
        for at, kind, payload, _ in journal.stored:
            if at == shard and kind is Kind.TICK:
                passed = decode_tick(payload).second
            elif at == shard and kind is Kind.FRAMES:
                times = decode_envelope(payload).batch().received_at
                assert (times >= passed * 1_000_000).all()
                assert (times < (passed or times.min() // 1_000_000) * 1_000_000 + 60_000_000).all()


async def test_signs_of_life_and_sessions_are_there(journal: FakeJournal) -> None:
    assert len(payloads(journal, Kind.ALIVE, 0)) == 20
    assert decode_alive(payloads(journal, Kind.ALIVE, 0)[-1]).sessions == len(world(SMALL).units)
    rows = [
        row.what
        for payload in payloads(journal, Kind.SESSION, 0)
        for row in decode_occurrences(payload).rows
    ]
    assert rows.count("open") == rows.count("login") == rows.count("close")
    assert rows.count("open") == len(world(SMALL).units)


async def test_a_history_may_tick_seldom_and_ends_with_a_tick_at_its_end() -> None:
    made = world(SMALL)
    journal = FakeJournal()
    direct = Direct(journal, SHARDS, Frames(made.site), None, 600)
    midnight_s = made.midnight_ms // 1000
    due = sendings(made, 0, 1500)
    for second, group in group_by_tick(due, midnight_s, (0, 1500), 600):
        await direct.minute(group, second)
    ticks = [decode_tick(p) for p in payloads(journal, Kind.TICK, 0)]
    assert [tick.second - midnight_s for tick in ticks] == [600, 1200, 1500]
    assert [tick.covers_s for tick in ticks] == [600, 600, 300]
    assert direct.written.frames == len(list(sendings(made, 0, 1500)))
