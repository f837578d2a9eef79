"""The data folder that is restored into: built in a folder inside it, moved out of it in the end.

    D ── empty, or with a wattwarden.toml ── D/.restore.part, engines run in it ── complete
                                              └─ killed: the next restore begins anew ─┘ └─► D

As long as D/.restore.part stands, no engine starts in D.  Whoever is killed while things are moved
leaves the word ``complete``; the next restore moves the rest and has nothing else to do.
"""

import contextlib
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from wattwarden.storage.backup.errors import OccupiedError
from wattwarden.storage.backup.files import disk_errors
from wattwarden.storage.engines.embedded import RESTORING_FOLDER, FolderLock
from wattwarden.storage.journal.segment_file import sync_folder

SETTINGS_FILE: Final = "wattwarden.toml"
LOCK: Final = "restore.lock"
COMPLETE: Final = "complete"
# What no installation is made of.
IGNORED: Final = frozenset({RESTORING_FOLDER, SETTINGS_FILE, LOCK, "lost+found"})


@dataclass(frozen=True, slots=True)
class Place:
    """The data folder, and the folder in it in which everything is built."""

    data: Path
    building: Path


@contextlib.contextmanager
def restoring(data: Path) -> Iterator[Place | None]:
    """Give a place to build in, moved to where it belongs when the block ends well.

    None where only the end of a killed restore was missing, which then is done.

    Raises:
        OccupiedError: The folder holds an installation, or something else, now or in the end.
        BackupError: It cannot be written to.
        EngineError: Another restore works there now.
    """
    building, lock = data / RESTORING_FOLDER, FolderLock(data / LOCK)
    with disk_errors(f"restoring into {data}"):
        is_new = not data.exists()
        data.mkdir(parents=True, exist_ok=True)
        lock.acquire()
        try:
            if (building / COMPLETE).exists():
                _move(building, data)
                yield None
                return
            _check_free(data)
            shutil.rmtree(building, ignore_errors=True)
            building.mkdir()
            try:
                yield Place(data, building)
            except BaseException:
                shutil.rmtree(building, ignore_errors=True)
                raise
            (building / COMPLETE).touch()
            sync_folder(building)
            _move(building, data)
        finally:
            (data / LOCK).unlink(missing_ok=True)
            lock.release()
            if is_new and next(data.iterdir(), None) is None:
                data.rmdir()


def check_folder(folder: Path) -> None:
    """Refuse a folder outside of the data folder that holds something.

    Raises:
        OccupiedError: It does.
    """
    if folder.is_dir() and next(folder.iterdir(), None) is not None:
        message = f"{folder} is not empty"
        raise OccupiedError(message, cure="empty it, or set another one in wattwarden.toml")


def _check_free(data: Path) -> None:
    there = sorted(one.name for one in data.iterdir() if one.name not in IGNORED)
    if there:
        message = f"{data} is not empty: it holds {', '.join(there[:5])}"
        cure = "name an empty or new folder with --data, or move this one away first"
        raise OccupiedError(message, cure=cure)


def _move(building: Path, data: Path) -> None:
    """Move what was built to where it belongs; of settings those that the folder has stay.

    Raises:
        OccupiedError: Something came there meanwhile; what was built stays where it is.
    """
    for one in sorted(building.iterdir()):
        target = data / one.name
        if one.name == COMPLETE or (one.name == SETTINGS_FILE and target.exists()):
            continue
        if target.exists():
            message = f"{target} came while the backup was restored, which waits in {building}"
            raise OccupiedError(message, cure=f"move {target} away, and restore once more")
        one.replace(target)
    sync_folder(data)
    shutil.rmtree(building)
    sync_folder(data)
