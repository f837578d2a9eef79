"""A folder that is whole or not there: written under another name, renamed in the end.

    DEST.part ── everything in it, synced ──► DEST

Ctrl-C and every error remove what was begun; of a killed one the next to the same place removes it,
or ``forget_draft``.
"""

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from wattwarden.storage.backup.errors import OccupiedError
from wattwarden.storage.backup.files import PRIVATE_FOLDER, disk_errors
from wattwarden.storage.engines.embedded import FolderLock
from wattwarden.storage.errors import EngineError
from wattwarden.storage.journal.segment_file import sync_folder

DRAFT: Final = ".part"


@contextlib.contextmanager
def drafted(dest: Path) -> Iterator[Path]:
    """Give a folder to write into; it is ``dest`` when the block ends well, and gone otherwise.

    Raises:
        OccupiedError: Something is at ``dest``.
        BackupError: The folder cannot be made.
        EngineError: Somebody else writes to the same place now.
    """
    if dest.is_symlink() or (dest.exists() and not _is_empty(dest)):
        message = f"{dest} is there already"
        raise OccupiedError(message, cure="name a folder that does not exist: every backup is new")
    part, lock_file = _beside(dest)
    lock = FolderLock(lock_file)
    with disk_errors(f"making {part}"):
        dest.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    try:
        with disk_errors(f"writing {part}"):
            shutil.rmtree(part, ignore_errors=True)
            part.mkdir(PRIVATE_FOLDER)
            yield part
            for folder in (*(one for one in part.rglob("*") if one.is_dir()), part):
                sync_folder(folder)
            part.replace(dest)
            sync_folder(dest.parent)
    finally:
        shutil.rmtree(part, ignore_errors=True)
        lock_file.unlink(missing_ok=True)
        lock.release()


def forget_draft(dest: Path) -> None:
    """Remove what a killed process left of ``dest``; what somebody writes now stays.

    Raises:
        OSError: It cannot be removed.
    """
    part, lock_file = _beside(dest)
    lock = FolderLock(lock_file)
    try:
        lock.acquire()
    except EngineError:
        return
    try:
        shutil.rmtree(part)
        lock_file.unlink()
    finally:
        lock.release()


def _beside(dest: Path) -> tuple[Path, Path]:
    """Return where it is written, and the file by which one process alone writes there."""
    return dest.with_name(dest.name + DRAFT), dest.with_name(f".{dest.name}.lock")


def _is_empty(folder: Path) -> bool:
    return folder.is_dir() and next(folder.iterdir(), None) is None
