"""One backup after another: linked to the last whole one, and only the last so many stay."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import pytest

from wattwarden.server.backing import Made, Wanted
from wattwarden.server.nightly import Next, back_up_next, backups_in
from wattwarden.storage.backup.draft import drafted
from wattwarden.storage.backup.errors import BackupError
from wattwarden.storage.backup.files import BackupFolder
from wattwarden.storage.backup.manifest import FORMAT, Manifest, write_manifest
from wattwarden.storage.backup.share import Share

FIRST: Final = datetime(2026, 11, 23, 2, 30, tzinfo=UTC)
PHRASE: Final = "a passphrase of twelve"


def nights(number: int) -> datetime:
    return FIRST + timedelta(days=number)


class Backups:
    """Makes backups in which nothing is but their manifest."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.fails = False
        self.wanted: list[Wanted] = []

    async def make(self, wanted: Wanted) -> Made:
        self.wanted.append(wanted)
        if self.fails:
            raise BackupError("no room", cure="make room")
        wanted.dest.mkdir(parents=True)
        manifest = Manifest(
            format=FORMAT, program="1", began_at=FIRST, ended_at=FIRST, schema=(), tables=(),
            sequences=(), shards=(), days=(), days_elsewhere={}, settings=(), secrets=(), files=(),
        )  # fmt: skip
        write_manifest(BackupFolder(wanted.dest, Share(max)), manifest)
        return Made(manifest, 0)

    async def at(self, number: int, keep: int = 3) -> Next:
        return await back_up_next(self.folder, keep, PHRASE, self.make, nights(number))

    def names(self) -> list[str]:
        return [one.name for one in backups_in(self.folder)]


@pytest.fixture
def backups(tmp_path: Path) -> Backups:
    return Backups(tmp_path / "backups")


async def test_the_last_so_many_stay_each_linked_to_the_one_before(backups: Backups) -> None:
    done = [await backups.at(night) for night in range(5)]
    assert backups.names() == ["2026-11-25T0230Z", "2026-11-26T0230Z", "2026-11-27T0230Z"]
    assert [one.previous for one in done] == [None, *(one.dest for one in done[:-1])]
    assert [one.gone for one in done] == [(), (), (), (done[0].dest,), (done[1].dest,)]
    assert {one.passphrase for one in backups.wanted} == {PHRASE}
    assert sorted(one.name for one in backups.folder.iterdir()) == backups.names()


async def test_what_is_named_otherwise_is_never_touched(backups: Backups) -> None:
    for name in ("2026-11-01", "2025-01-01T0000Z-by-hand", "photos.going"):
        (backups.folder / name).mkdir(parents=True)
    (backups.folder / "2025-01-01T0000Z").write_text("a file")
    for night in range(3):
        await backups.at(night, keep=1)
    assert sorted(one.name for one in backups.folder.iterdir()) == [
        "2025-01-01T0000Z", "2025-01-01T0000Z-by-hand", "2026-11-01", "2026-11-25T0230Z",
        "photos.going",
    ]  # fmt: skip


async def test_a_backup_that_fails_removes_none(backups: Backups) -> None:
    await backups.at(0, keep=1)
    backups.fails = True
    with pytest.raises(BackupError, match="no room"):
        await backups.at(1, keep=1)
    assert backups.names() == ["2026-11-23T0230Z"]


async def test_what_killed_ones_left_half_made_goes_and_what_is_being_made_stays(
    backups: Backups,
) -> None:
    for name in ("2026-11-01T0230Z.part", "2026-11-01.part"):
        (backups.folder / name / "rows").mkdir(parents=True)
    (backups.folder / ".2026-11-01T0230Z.lock").write_text("17")
    backups.fails = True
    with drafted(backups.folder / "2026-11-02T0230Z"), pytest.raises(BackupError, match="no room"):
        await backups.at(0)
    left = sorted(one.name for one in backups.folder.iterdir())
    assert left == ["2026-11-01.part", "2026-11-02T0230Z"]


async def test_files_are_shared_with_the_last_backup_that_is_whole(backups: Backups) -> None:
    whole, damaged = [(await backups.at(night)).dest for night in range(2)]
    (damaged / "manifest.json").write_text("{")
    assert (await backups.at(2)).previous == whole
    # What a night left half removed goes with the next.
    (backups.folder / "2026-11-01T0230Z.going").mkdir()
    await backups.at(3)
    assert not (backups.folder / "2026-11-01T0230Z.going").exists()
