"""One backup after another in one folder: linked to the one before, and the oldest gone.

    FOLDER/2026-11-23T0230Z  2026-11-24T0230Z  …  ─► the next one ─► only the last so many stay

Each is named by the moment at which it began, UTC.  What is named otherwise is never touched.
"""

import asyncio
import re
import shutil
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import structlog

from wattwarden.server.backing import Made, Wanted
from wattwarden.storage.backup.draft import DRAFT, forget_draft
from wattwarden.storage.backup.errors import BackupError
from wattwarden.storage.backup.files import disk_errors
from wattwarden.storage.backup.manifest import load_manifest

_FORM: Final = "%Y-%m-%dT%H%MZ"
_NAMED: Final = re.compile(r"\d{4}-\d{2}-\d{2}T\d{4}Z")
# What is being removed has no name of a backup: half of one must not be taken for a whole.
_GOING: Final = ".going"

_log: Final = structlog.get_logger(__name__)

Make = Callable[[Wanted], Awaitable[Made]]
"""What makes one backup."""


@dataclass(frozen=True, slots=True)
class Next:
    """A backup that was made, where, after which, and those that went for it."""

    made: Made
    dest: Path
    previous: Path | None
    gone: tuple[Path, ...]


async def back_up_next(
    folder: Path, keep: int, passphrase: str | None, make: Make, now: datetime
) -> Next:
    """Make the next backup of a folder, and then remove all but the last ``keep``.

    What killed ones left half made goes first: it takes the room of a whole one.

    Raises:
        BackupError: It cannot be made as asked; no backup is removed.
        StorageError: Database, journal or disk are away; no backup is removed.
    """
    with disk_errors(f"removing what was left half made in {folder}"):
        await asyncio.to_thread(_remove_drafts, folder)
    before = backups_in(folder)
    previous = next((one for one in reversed(before) if _is_whole(one)), None)
    dest = folder / now.astimezone(UTC).strftime(_FORM)
    made = await make(Wanted(dest, previous, passphrase))
    gone = tuple([*before, dest][:-keep])
    with disk_errors(f"removing old backups of {folder}"):
        await asyncio.to_thread(_remove, folder, gone)
    return Next(made, dest, previous, gone)


def backups_in(folder: Path) -> list[Path]:
    """Return the backups of a folder that were made one after another, the oldest first."""
    if not folder.is_dir():
        return []
    return sorted(one for one in folder.iterdir() if _NAMED.fullmatch(one.name) and one.is_dir())


def _is_whole(backup: Path) -> bool:
    """Whether files may be shared with a backup; one that is damaged must not stop all others."""
    try:
        load_manifest(backup)
    except BackupError as error:
        _log.warning("files are shared with no damaged backup", reason=error.message)
        return False
    return True


def _remove_drafts(folder: Path) -> None:
    for one in folder.glob(f"*{DRAFT}"):
        if _NAMED.fullmatch(one.name.removesuffix(DRAFT)):
            forget_draft(one.with_name(one.name.removesuffix(DRAFT)))


def _remove(folder: Path, gone: tuple[Path, ...]) -> None:
    for one in gone:
        one.rename(one.with_name(one.name + _GOING))
    for one in folder.glob(f"*{_GOING}"):
        if _NAMED.fullmatch(one.name.removesuffix(_GOING)):
            shutil.rmtree(one)
