"""Who works on the archive, and what is kept of it: one at a time, and nothing for ever."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, time, timedelta
from typing import Final, NamedTuple

from wattwarden.storage.archive.catalogue import (
    ArchiveFile,
    forget_file,
    replaced_files,
    retire_before,
)
from wattwarden.storage.archive.store import Opener, Store, is_folder
from wattwarden.storage.database import Connection, connect, errors
from wattwarden.storage.errors import StorageError
from wattwarden.storage.rolling import forget_before

# A day of 4 million rows is sorted and sent in a minute on two cores; a busy machine takes ten.
EXPORT_DEADLINE_S: Final = 1800.0
# Any number that nobody else takes in the database.
LOCK_KEY: Final = int.from_bytes(b"wwarchiv", "big")


class ArchiveBusyError(StorageError):
    """Somebody else works on the archive."""

    def __init__(self) -> None:
        super().__init__("somebody else works on the archive now", retryable=True)


@contextlib.asynccontextmanager
async def archiving(dsn: str) -> AsyncIterator[Connection]:
    """Open a connection that alone works on the archive, as long as the block lasts.

    Raises:
        ArchiveBusyError: Another does.
        StorageError: The database is away.
    """
    connection = await connect(dsn, name="archive", command_timeout_s=EXPORT_DEADLINE_S)
    try:
        with errors("taking the archive"):
            if not await connection.fetchval("SELECT pg_try_advisory_lock($1)", LOCK_KEY):
                raise ArchiveBusyError
        yield connection
        # Whoever is next must not find it taken: a connection that is cut is noticed later.
        with errors("letting go of the archive"):
            await connection.execute("SELECT pg_advisory_unlock_all()")
    finally:
        connection.terminate()


class Swept(NamedTuple):
    """How many files were removed, and left because they lie in a store that is not ours."""

    removed: int
    left: int


async def sweep(
    connection: Connection,
    now: datetime,
    archive_days: int,
    own: str,
    opener: Opener = Store,
    tell: Callable[[int], object] = int,
) -> Swept:
    """Retire days that were kept long enough, and remove files that nobody reads.

    What was rolled up and counted of these days goes with them.  Of buckets only the ``own`` one
    is touched: what was restored from a backup names those of the system that it is a copy of.

    ``tell`` is told how many are gone since it was told last.

    Raises:
        StorageError: The database is away; or a store is, and files of others are gone all the
            same.  The rest follows the next time.
    """
    oldest = now.astimezone(UTC).date() - timedelta(days=archive_days)
    removed, left, faults = 0, 0, list[StorageError]()
    with errors("sweeping the archive"):
        await retire_before(connection, oldest, now)
        await forget_before(connection, datetime.combine(oldest, time(), UTC))
        for file in await replaced_files(connection, now):
            if not (file.store == own or is_folder(file.store)):
                left += 1
                continue
            try:
                await asyncio.to_thread(_remove, opener, file)
            except StorageError as error:
                faults.append(error)
                continue
            await forget_file(connection, file)
            removed += 1
            tell(1)
    if faults:
        raise faults[0]
    return Swept(removed, left)


def _remove(opener: Opener, file: ArchiveFile) -> None:
    opener(file.store).remove(file.path)
