"""The journal in a backup: all that is there, and what is not is said."""

from pathlib import Path

import pytest
from tests.storage.journal.test_history import FakeJournal, archived, entry

from wattwarden.storage.backup.files import BackupFolder
from wattwarden.storage.backup.journal import take_shard
from wattwarden.storage.backup.manifest import ShardFact
from wattwarden.storage.backup.share import Share
from wattwarden.storage.journal.entry import Entry, Kind
from wattwarden.storage.journal.segment_file import SegmentCorrupt, read_segment


class Ticking(FakeJournal):
    """One that has ticked once."""

    tick = 34

    async def last(self, shard: int, kind: Kind) -> Entry | None:
        assert (shard, kind) == (0, Kind.TICK)
        return entry(self.tick)


class Place:
    """A shard of 35 entries whose first tens are segments."""

    def __init__(self, folder: Path) -> None:
        self.archive, self.dest = folder / "archive", folder / "backup"
        self.dest.mkdir()

    async def segments(self) -> list[Path]:
        """Close the segments; return their manifests."""
        self.journal = Ticking((await archived(self.archive, 3)).entries)
        return sorted((self.archive / "FAKE_0").glob("*.json"))

    async def back_up(self) -> ShardFact:
        return await take_shard(
            self.journal, 0, self.archive, 30, BackupFolder(self.dest, Share(max))
        )

    def inside(self) -> list[int]:
        """Return the numbers of all entries of the backup, in order."""
        files = (self.dest / "journal/FAKE_0").glob("**/*.zst")
        return sorted(one.sequence for file in files for one in read_segment(file))


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


@pytest.mark.parametrize("tick", [34, 25], ids=["a tick in the stream", "one in a segment"])
@pytest.mark.parametrize(
    ("lost", "holes"),
    [
        ((), ()),
        ((0,), ((1, 10),)),
        ((1,), ((11, 20),)),
        ((0, 1), ((1, 20),)),
    ],
    ids=["nothing", "the first", "one between", "two"],
)
async def test_what_the_journal_lost_before_is_said_and_the_rest_is_inside(
    place: Place, lost: tuple[int, ...], holes: tuple[tuple[int, int], ...], tick: int
) -> None:
    segments = await place.segments()
    place.journal.tick = tick
    for number in lost:
        segments[number].unlink()
        segments[number].with_suffix(".zst").unlink()
    fact = await place.back_up()
    assert (fact.holes, fact.tail, fact.last) == (holes, tick, 35)
    gone = {number for first, last in holes for number in range(first, last + 1)}
    assert place.inside() == [number for number in range(1, 36) if number not in gone]


@pytest.mark.parametrize(("lost", "hole"), [((2,), (21, 30)), ((0, 1, 2), (1, 30))], ids=str)
async def test_a_hole_before_the_stream_is_one(
    place: Place, lost: tuple[int, ...], hole: tuple[int, int]
) -> None:
    segments = await place.segments()
    for number in lost:
        segments[number].unlink()
        segments[number].with_suffix(".zst").unlink()
    assert (await place.back_up()).holes == (hole,)
    assert place.inside()[-5:] == [31, 32, 33, 34, 35]


async def test_half_a_segment_stops_a_backup_with_its_cure(place: Place) -> None:
    segments = await place.segments()
    segments[1].with_suffix(".zst").unlink()
    with pytest.raises(SegmentCorrupt, match=r"is gone, and its \.json is not: bring it back"):
        await place.back_up()
