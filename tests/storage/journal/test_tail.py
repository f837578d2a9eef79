"""The end of a journal is read backwards, bounded, up to a moment."""

from datetime import UTC, datetime, timedelta
from itertools import chain

import pytest
from tests.storage.journal.feeding import append_many

from wattwarden.storage.journal.journal import Entry, Journal, Kind, ShardStatus
from wattwarden.storage.journal.tail import BITE, READ_BYTES, Reach, bites_before

START = datetime(2026, 11, 22, 3, tzinfo=UTC)
FAR = Reach(entries=10_000, bytes=1 << 30)
END = START + timedelta(days=1)


class Shard:
    """A journal of a hundred bytes a second; of each entry it is known that it was read."""

    def __init__(self, first: int, last: int, size: int = 100) -> None:
        self.first, self.last, self.size = first, last, size
        self.asked = 0

    async def status(self, shard: int) -> ShardStatus:
        assert shard == 1
        return ShardStatus(self.last - self.first + 1, 1000, self.first, self.last, 10**9)

    async def read(self, shard: int, after: int, *, most: int, most_bytes: int) -> list[Entry]:
        self.asked += 1
        assert (shard, most > 0, 0 < most_bytes <= READ_BYTES) == (1, True, True)
        begin = max(after + 1, self.first)
        count = min(most, max(1, -(-most_bytes // self.size)), self.last - begin + 1)
        return [self.entry(number) for number in range(begin, begin + count)]

    def entry(self, number: int) -> Entry:
        at = START + timedelta(seconds=number)
        return Entry(number, Kind.FRAMES, "", bytes(self.size), at)


async def numbers(shard: Shard, until: datetime, reach: Reach) -> list[list[int]]:
    return [[one.sequence for one in bite] async for bite in bites_before(shard, 1, until, reach)]


async def test_everything_is_found_from_the_end_on_in_order_and_once() -> None:
    found = await numbers(Shard(1, 200), END, FAR)
    assert [bite[-1] for bite in found] == [200, 200 - BITE, 200 - 2 * BITE, 200 - 3 * BITE]
    assert sorted(chain(*found)) == list(range(1, 201))
    assert all(bite == sorted(bite) for bite in found)


@pytest.mark.parametrize(
    ("second", "last"),
    [(0, None), (1, None), (2, 1), (100, 99), (200, 199), (201, 200), (999, 200)],
)
async def test_it_ends_with_what_was_stored_before_the_moment(
    second: int, last: int | None
) -> None:
    shard = Shard(1, 200)
    found = await numbers(shard, START + timedelta(seconds=second), Reach(5, 1 << 30))
    assert (found[0][-1] if found else None) == last


async def test_a_moment_in_millions_of_entries_is_found_with_a_few_questions() -> None:
    shard = Shard(7, 20_000_000)
    until = START + timedelta(seconds=12_345_678)
    assert await numbers(shard, until, Reach(1, 1 << 30)) == [[12_345_677]]
    assert shard.asked < 30


async def test_what_was_purged_is_not_asked_for() -> None:
    (bite,) = await numbers(Shard(190, 200), END, FAR)
    assert bite == list(range(190, 201))


async def test_an_empty_shard_has_nothing() -> None:
    assert await numbers(Shard(1, 0), END, FAR) == []
    assert await numbers(Shard(51, 50), END, FAR) == []


async def test_a_look_back_is_bounded_by_entries_and_by_bytes() -> None:
    few = await numbers(Shard(1, 1000), END, Reach(100, 1 << 30))
    assert sum(map(len, few)) == 100
    heavy = await numbers(Shard(1, 1000, size=1 << 18), END, Reach(1000, 1 << 20))
    assert sum(map(len, heavy)) == BITE, "the bite that reaches the bound is the last"


async def test_bites_of_many_bytes_are_read_in_several_pages() -> None:
    shard = Shard(1, BITE, size=1 << 18)
    (bite,) = await numbers(shard, END, FAR)
    assert bite == list(range(1, BITE + 1))
    assert shard.asked > BITE * (1 << 18) // READ_BYTES


async def test_entries_that_are_purged_meanwhile_end_it() -> None:
    shard = Shard(1, 200)
    found = []
    async for bite in bites_before(shard, 1, END, FAR):
        found.append(bite[-1].sequence)
        shard.first = 201
    assert found == [200]


@pytest.mark.integration
async def test_a_real_journal_is_read_backwards_up_to_a_moment(journal: Journal) -> None:
    await append_many(journal, 150)
    await journal.purge(0, 11)
    found = [bite async for bite in bites_before(journal, 0, END + timedelta(days=9999), FAR)]
    entries = sorted(chain(*found), key=lambda one: one.sequence)
    assert [one.sequence for one in entries] == list(range(11, 151))
    until = entries[100].stored_at
    before = [one.sequence for one in entries if one.stored_at < until]
    (bite, *_) = [some async for some in bites_before(journal, 0, until, FAR)]
    assert bite[-1].sequence == before[-1]
    assert [some async for some in bites_before(journal, 1, until, FAR)] == []
