"""Ticks: one each real second, covering what the clock's seconds are."""

import pytest

from wattwarden.protocol.envelope import FORMAT, Tick, decode_tick, encode
from wattwarden.server.ticker import ClockRefusedError, Ticker, check_clock
from wattwarden.storage.journal.entry import Entry, Kind
from wattwarden.storage.journal.lease import Verdict
from wattwarden.storage.moments import moment_of

SECOND = 1_000_000


class FakeLease:
    async def acquire_or_renew(self, _now: float) -> Verdict:
        return Verdict.HELD

    def is_held(self, _now: float) -> bool:
        return True


class FakeJournal:
    """One shard; remembers its ticks."""

    shards = 1

    def __init__(self, *ticks: Tick) -> None:
        self.ticks = list(ticks)

    async def append(self, _shard: int, _kind: Kind, payload: bytes, _msg_id: str) -> int:
        self.ticks.append(decode_tick(payload))
        return len(self.ticks)

    async def last(self, _shard: int, kind: Kind) -> Entry | None:
        if not self.ticks:
            return None
        return Entry(len(self.ticks), kind, "", encode(self.ticks[-1]), moment_of(0))


def ticker(journal: FakeJournal, now: list[int], rate: int) -> Ticker:
    return Ticker(journal, FakeLease(), lambda: now[0], rate)  # type: ignore[arg-type]  # fakes


async def test_at_a_rate_each_tick_covers_as_many_seconds() -> None:
    journal, now = FakeJournal(), [6_000 * SECOND + 7]
    ticking = ticker(journal, now, rate=60)
    for _ in range(3):
        await ticking._round()
        now[0] += 60 * SECOND
    assert [(tick.number, tick.second, tick.covers_s) for tick in journal.ticks] == [
        (1, 6_000, 60),
        (2, 6_060, 60),
        (3, 6_120, 60),
    ]


async def test_it_sleeps_to_the_next_tick_in_real_seconds() -> None:
    journal, now = FakeJournal(), [6_015 * SECOND]
    pause = await ticker(journal, now, rate=60)._round()
    assert 0.75 <= pause < 0.76


async def test_missed_seconds_are_told_by_the_next_tick() -> None:
    journal, now = FakeJournal(Tick(FORMAT, 7, 5_400, 60)), [6_000 * SECOND]
    await ticker(journal, now, rate=60)._round()
    last = journal.ticks[-1]
    assert (last.number, last.second, last.covers_s) == (8, 6_000, 600)


@pytest.mark.parametrize("rate", [1, 240])
def test_a_clock_is_refused_that_is_a_real_minute_behind(rate: int) -> None:
    check_clock(1_000_000, (1_000_000 - 60 * rate) * SECOND, rate)
    with pytest.raises(ClockRefusedError, match="behind the last tick"):
        check_clock(1_000_000, (1_000_000 - 61 * rate) * SECOND, rate)
