"""The journal in a backup: all that is there, and what is not is said."""

from pathlib import Path

import pytest
from tests.storage.journal.test_history import FakeJournal, archived

from wattwarden.storage.backup.files import BackupFolder
from wattwarden.storage.backup.journal import take_shard
from wattwarden.storage.backup.manifest import ShardFact
from wattwarden.storage.backup.share import Share
from wattwarden.storage.journal.entry import Entry, Kind


class Ticking(FakeJournal):
    """One whose last tick is the entry before the last."""

    async def last(self, shard: int, kind: Kind) -> Entry | None:
        assert (shard, kind) == (0, Kind.TICK)
        return self.entries[-2]


async def taken(tmp_path: Path, *lost: int) -> ShardFact:
    """Back up a shard of 35 entries whose first tens are segments, some of which are lost."""
    archive, dest = tmp_path / "archive", tmp_path / "backup"
    journal = Ticking((await archived(archive, 3)).entries)
    segments = sorted((archive / "FAKE_0").glob("*.json"))
    for number in lost:
        segments[number].unlink()
        segments[number].with_suffix(".zst").unlink()
    dest.mkdir()
    return await take_shard(journal, 0, archive, 30, BackupFolder(dest, Share(max)))


@pytest.mark.parametrize(
    ("lost", "holes"),
    [((), ()), ((1,), ((11, 20),)), ((2,), ((21, 30),)), ((1, 2), ((11, 30),))],
    ids=["none", "one between", "the last", "two"],
)
async def test_what_the_journal_lost_before_is_said_of_a_backup(
    tmp_path: Path, lost: tuple[int, ...], holes: tuple[tuple[int, int], ...]
) -> None:
    fact = await taken(tmp_path, *lost)
    assert (fact.holes, fact.tail, fact.last) == (holes, 34, 35)
