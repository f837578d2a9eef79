"""A folder that is whole or not there: written under another name, renamed in the end.

    DEST.part ── everything in it, synced ──► DEST

Ctrl-C and every error remove what was begun; of a killed one the next removes it.
"""

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path

from wattwarden.storage.backup.errors import OccupiedError
from wattwarden.storage.backup.files import PRIVATE_FOLDER, disk_errors
from wattwarden.storage.engines.embedded import FolderLock
from wattwarden.storage.journal.segment_file import sync_folder


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
    part = dest.with_name(dest.name + ".part")
    lock = FolderLock(dest.with_name(f".{dest.name}.lock"))
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
        dest.with_name(f".{dest.name}.lock").unlink(missing_ok=True)
        lock.release()


def _is_empty(folder: Path) -> bool:
    return folder.is_dir() and next(folder.iterdir(), None) is None
