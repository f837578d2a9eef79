"""Entries are read in order wherever they lie, also while segments are being closed."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from wattwarden.storage.journal.history import History
from wattwarden.storage.journal.journal import Entry, Kind, ShardStatus
from wattwarden.storage.journal.segments import SegmentCorrupt, SegmentLimits, export_segment

START = datetime(2026, 11, 22, 3, tzinfo=UTC)
TEN = SegmentLimits(max_age=timedelta(minutes=10))


def entry(number: int) -> Entry:
    stored_at = START + timedelta(minutes=number - 1)
    return Entry(number, Kind.FRAMES, f"c:{number}", bytes(100), stored_at)


class FakeJournal:
    """A shard in memory.  As the real one, it knows of a purge once it has looked."""

    def __init__(self, entries: list[Entry]) -> None:
        self.entries = entries
        self.purged = 0
        self.reads: list[int] = []
        self.waited: list[tuple[int, int]] = []

    def stream_name(self, shard: int) -> str:
        return f"FAKE_{shard}"

    def first_available(self, shard: int) -> int:
        assert shard == 0
        return self.purged + 1

    async def read(self, shard: int, after: int, *, most: int, most_bytes: int) -> list[Entry]:
        assert (shard, most_bytes > 0) == (0, True)
        self.reads.append(after)
        if self.entries and self.entries[0].sequence > after + 1:
            self.purged = self.entries[0].sequence - 1
        return [entry for entry in self.entries if entry.sequence > after][:most]

    async def wait(self, shard: int, after: int) -> None:
        self.waited.append((shard, after))

    async def status(self, shard: int) -> ShardStatus:
        assert shard == 0
        last = self.entries[-1].sequence
        return ShardStatus(len(self.entries), 1000, self.entries[0].sequence, last, 10**9)

    async def purge(self, shard: int, before_sequence: int) -> int:
        assert shard == 0
        self.entries = [entry for entry in self.entries if entry.sequence >= before_sequence]
        return 0


async def archived(archive: Path, segments: int) -> FakeJournal:
    """A journal of 35 entries whose first tens are segments."""
    journal = FakeJournal([entry(number) for number in range(1, 36)])
    for _ in range(segments):
        assert await export_segment(journal, 0, archive, position=35, limits=TEN)
    return journal


async def sequences(history: History, after: int = 0, most: int = 4) -> list[int]:
    found: list[int] = []
    while page := await history.read(0, after, most=most, most_bytes=10**6):
        assert len(page) <= most
        found += [one.sequence for one in page]
        after = found[-1]
    return found


@pytest.mark.parametrize("most", [1, 4, 100])
@pytest.mark.parametrize("segments", [0, 1, 3])
async def test_everything_is_read_wherever_it_lies(
    segments: int, most: int, tmp_path: Path
) -> None:
    journal = await archived(tmp_path, segments)
    history = History(journal, tmp_path)
    assert await sequences(history, most=most) == list(range(1, 36))
    assert await history.last(0) == 35


@pytest.mark.parametrize("after", [0, 7, 9, 10, 19, 29, 30, 33])
async def test_reading_begins_anywhere(after: int, tmp_path: Path) -> None:
    journal = await archived(tmp_path, 3)
    assert await sequences(History(journal, tmp_path), after) == list(range(after + 1, 36))


async def test_entries_at_rest_are_what_they_were(tmp_path: Path) -> None:
    journal = await archived(tmp_path, 1)
    assert await History(journal, tmp_path).read(0, 2, most=2, most_bytes=10**6) == [
        entry(3),
        entry(4),
    ]


async def test_bytes_bound_a_page_of_one_at_least(tmp_path: Path) -> None:
    history = History(await archived(tmp_path, 1), tmp_path)
    assert [len(await history.read(0, 0, most=9, most_bytes=size)) for size in (1, 101, 300)] == [
        1,
        2,
        3,
    ]


async def test_two_readings_of_one_shard_may_cross(tmp_path: Path) -> None:
    history = History(await archived(tmp_path, 3), tmp_path)
    pages = [await history.read(0, after, most=2, most_bytes=10**6) for after in (0, 20, 2, 22)]
    assert [[one.sequence for one in page] for page in pages] == [
        [1, 2],
        [21, 22],
        [3, 4],
        [23, 24],
    ]


async def test_a_segment_closed_between_two_reads_changes_nothing(tmp_path: Path) -> None:
    journal = await archived(tmp_path, 0)
    history = History(journal, tmp_path)
    first = await history.read(0, 0, most=4, most_bytes=10**6)
    assert [one.sequence for one in first] == [1, 2, 3, 4]
    for _ in range(2):
        await export_segment(journal, 0, tmp_path, position=35, limits=TEN)
    assert await sequences(history, 4) == list(range(5, 36))


async def test_what_is_nowhere_is_passed_over(tmp_path: Path) -> None:
    journal = await archived(tmp_path / "moved away", 1)
    assert await sequences(History(journal, tmp_path)) == list(range(11, 36))


async def test_a_damaged_segment_is_not_read(tmp_path: Path) -> None:
    journal = await archived(tmp_path, 1)
    [path] = (tmp_path / "FAKE_0").glob("*.zst")
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(SegmentCorrupt):
        await sequences(History(journal, tmp_path), most=100)


async def test_segments_that_ended_before_a_moment_are_skipped(tmp_path: Path) -> None:
    history = History(await archived(tmp_path, 3), tmp_path)
    for minutes, after in ((0, 0), (9, 0), (9.5, 10), (25, 20), (1000, 30)):
        assert await history.before(0, START + timedelta(minutes=minutes)) == after


async def test_a_broken_chain_of_segments_is_noticed(tmp_path: Path) -> None:
    history = History(await archived(tmp_path, 3), tmp_path)
    sorted((tmp_path / "FAKE_0").glob("*.json"))[1].unlink()
    with pytest.raises(SegmentCorrupt):
        await history.before(0, START)


async def test_waiting_is_the_journals(tmp_path: Path) -> None:
    journal = await archived(tmp_path, 0)
    await History(journal, tmp_path).wait(0, 3)
    assert journal.waited == [(0, 3)]
