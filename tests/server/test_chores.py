"""Closed segments leave the stream once they are files, and only what every writer has stored."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from wattwarden.server.chores import segment_chores
from wattwarden.server.settings import ArchivistSettings
from wattwarden.storage.errors import StorageError
from wattwarden.storage.journal import segments
from wattwarden.storage.journal.journal import Entry, Kind, ShardStatus
from wattwarden.storage.journal.segments import SegmentCorrupt, load_chain

START = datetime(2026, 11, 22, 3, tzinfo=UTC)
NOW = START + timedelta(hours=2)


class FakeJournal:
    """Two shards of 40 entries, one a minute; some are ticks."""

    shards = 2

    def __init__(self, ticks: set[int]) -> None:
        self.kept = [[self._entry(number, ticks) for number in range(1, 41)] for _ in range(2)]

    def _entry(self, number: int, ticks: set[int]) -> Entry:
        kind = Kind.TICK if number in ticks else Kind.FRAMES
        stored_at = START + timedelta(minutes=number - 1)
        return Entry(number, kind, str(number), bytes(100), stored_at)

    def stream_name(self, shard: int) -> str:
        return f"FAKE_{shard}"

    async def read(self, shard: int, after: int, *, most: int, most_bytes: int) -> list[Entry]:
        assert most_bytes
        return [entry for entry in self.kept[shard] if entry.sequence > after][:most]

    async def status(self, shard: int) -> ShardStatus:
        kept = self.kept[shard]
        return ShardStatus(len(kept), 100 * len(kept), kept[0].sequence, 40, 10**9)

    async def purge(self, shard: int, before_sequence: int) -> int:
        self.kept[shard] = [one for one in self.kept[shard] if one.sequence >= before_sequence]
        return 0

    async def last(self, shard: int, kind: Kind) -> Entry | None:
        return next((one for one in reversed(self.kept[shard]) if one.kind is kind), None)

    def first(self) -> list[int]:
        return [kept[0].sequence for kept in self.kept]


async def archived(
    journal: FakeJournal, positions: dict[int, int], archive: Path
) -> tuple[list[int], list[str]]:
    """Where the shards begin after the chores, and what failed."""

    async def stored_up_to() -> dict[int, int]:
        return positions

    settings = ArchivistSettings(segment_age_s=600)
    failed = []
    for chore in segment_chores(journal, stored_up_to, archive, settings):
        try:
            await chore.do(NOW)
        except StorageError as error:
            failed.append(f"{chore.name}: {error.message}")
    return journal.first(), failed


@pytest.mark.parametrize(
    ("positions", "first"),
    [
        pytest.param({0: 40, 1: 40}, [31, 31], id="all is stored"),
        pytest.param({0: 25, 1: 9}, [21, 1], id="writers are behind"),
        pytest.param({0: 40}, [31, 1], id="a writer never was"),
    ],
)
async def test_only_what_is_stored_goes(
    positions: dict[int, int], first: list[int], tmp_path: Path
) -> None:
    archive = tmp_path / "not" / "yet"
    assert await archived(FakeJournal({40}), positions, archive) == (first, [])
    for shard in range(2):
        chain = load_chain(archive / f"FAKE_{shard}")
        assert sum(one.count for one in chain) == first[shard] - 1
    assert {archive.stat().st_mode & 0o777, (archive / "FAKE_0").stat().st_mode & 0o777} == {0o700}


async def test_the_last_tick_stays(tmp_path: Path) -> None:
    everything = {0: 40, 1: 40}
    assert await archived(FakeJournal({3, 15}), everything, tmp_path) == ([11, 11], [])


async def test_nothing_is_purged_that_cannot_be_read_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def spoilt(path: Path) -> None:
        text = f"{path.name} differs"
        raise SegmentCorrupt(text)

    journal = FakeJournal({40})
    with monkeypatch.context() as patch:
        patch.setattr(segments, "verify_segment", spoilt)
        first, failed = await archived(journal, {0: 40, 1: 40}, tmp_path)
    assert first == [1, 1]
    assert [text.partition(":")[0] for text in failed] == [
        "segments of FAKE_0",
        "segments of FAKE_1",
    ]
    assert await archived(journal, {0: 40, 1: 40}, tmp_path) == ([31, 31], [])
