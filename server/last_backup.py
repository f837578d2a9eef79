"""When the last backup was made, and where it went: what whoever made it leaves behind."""

import os
from datetime import datetime
from pathlib import Path

import msgspec

from wattwarden.server.places import Places


class LastBackup(msgspec.Struct, frozen=True):
    """A backup of the data folder: its own folder, when it was done, and what was lost before.

    ``lost`` are entries of the journal.
    """

    folder: str
    at: datetime
    lost: int = 0


def note_backup(places: Places, done: LastBackup) -> None:
    """Remember a backup that was made.

    Raises:
        OSError: The data folder cannot be written to.
    """
    places.run.mkdir(parents=True, exist_ok=True)
    draft = _file(places).with_suffix(f".{os.getpid()}")
    draft.write_bytes(msgspec.json.encode(done))
    draft.replace(_file(places))


def last_backup(places: Places) -> LastBackup | None:
    """Return the last backup; None where nobody has made one, or nobody knows any more."""
    try:
        return msgspec.json.decode(_file(places).read_bytes(), type=LastBackup)
    except (OSError, msgspec.DecodeError):
        return None


def _file(places: Places) -> Path:
    return places.run / "backup.json"
