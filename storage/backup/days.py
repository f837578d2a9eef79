"""Files of closed days: those of a folder go along, those of a store of objects stay in it."""

from collections import Counter
from pathlib import Path
from typing import Final

from wattwarden.storage.archive.store import Store
from wattwarden.storage.backup.errors import BackupError, DamagedError
from wattwarden.storage.backup.files import PIECE_BYTES, BackupFolder, Tell
from wattwarden.storage.backup.manifest import DayFact, Manifest
from wattwarden.storage.database import Connection, errors

DAYS: Final = "days"


async def take_days(
    connection: Connection, folder: BackupFolder
) -> tuple[tuple[DayFact, ...], dict[str, int]]:
    """Take the files that a snapshot's catalogue names.

    Do it before all else: a file that another generation has replaced is removed an hour later.

    Returns:
        What is inside, and how many lie in which store of objects.

    Raises:
        BackupError: A file that stands for its day is not as the catalogue has it.
        StorageError: The database or the store is away.
    """
    with errors("reading the archive's catalogue"):
        rows = await connection.fetch(_FILES)
    inside, elsewhere = [], Counter[str]()
    for row in rows:
        store = Store(row["store"])
        if store.folder is None:
            elsewhere[row["store"]] += 1
            continue
        path = f"{DAYS}/{row['path']}"
        known = row["sha256"].hex()
        if not folder.take_over(path, known):
            await folder.share.aside(_copy, store.folder / row["path"], path, known, folder)
        day = str(row["day"])
        inside.append(DayFact(row["kind"], day, row["generation"], row["path"], path))
    return tuple(inside), dict(elsewhere)


def put_days(root: Path, manifest: Manifest, store: Store, tell: Tell) -> None:
    """Put the files of a backup, verified before, into a store.

    Raises:
        DamagedError: One changed since.
        StorageError: The store is away.
    """
    known = {one.path: one for one in manifest.files}
    for day in manifest.days:
        with (root / day.path).open("rb") as source, store.create(day.place) as target:
            while piece := source.read(PIECE_BYTES):
                target.write(piece)
                tell(len(piece))
        sha256, _ = store.measure(day.place)
        if sha256.hex() != known[day.path].sha256:
            message = f"{day.path} changed while it was read"
            raise DamagedError(message)


def _copy(source: Path, path: str, known: str, folder: BackupFolder) -> None:
    try:
        with source.open("rb") as file:
            fact = folder.copy(path, file)
    except FileNotFoundError as error:
        message = f"{source} is not there, though the catalogue has it"
        cure = "see wattwarden archive verify; bring it back from an earlier backup"
        raise BackupError(message, cure=cure) from error
    if fact.sha256 != known:
        message = f"{source} is not as it was written"
        cure = "see wattwarden archive verify; bring it back from an earlier backup"
        raise BackupError(message, cure=cure)


# Those that stand for a day, and those that were read back and will; replaced ones are done with.
_FILES: Final = """
SELECT f.kind, f.day, f.generation, f.store, f.path, f.sha256 FROM archive_file AS f
WHERE f.replaced_at IS NULL OR EXISTS (SELECT FROM archive_day AS d
    WHERE d.kind = f.kind AND d.day = f.day AND d.generation = f.generation)
ORDER BY f.kind, f.day, f.generation
"""
