"""Packages of evidence out of the running system: its journal, its archive, its signing key."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from wattwarden import __version__
from wattwarden.server.journal import join_journal
from wattwarden.server.places import NotRunningError, Places, archive_of, dsn_of, nats_of
from wattwarden.server.settings import Settings
from wattwarden.storage.database import connect
from wattwarden.storage.errors import StorageError
from wattwarden.storage.journal.history import History
from wattwarden.storage.proof.container import ContainerError
from wattwarden.storage.proof.export import DEFAULT_DAYS, NoSuchAlarmError, Wanted, export
from wattwarden.storage.proof.keys import open_signer
from wattwarden.storage.proof.showing import Source
from wattwarden.storage.rows.binding import ClockBounds


@asynccontextmanager
async def evidence_source(settings: Settings) -> AsyncIterator[Source]:
    """Open the journal with its archive, and the key in use.

    Raises:
        NotRunningError: No journal is known.
        StorageError: It is away, or the key cannot be used.
    """
    wall = datetime.now(UTC)
    signer = open_signer(Places(settings.data).secrets, wall)
    journal = await join_journal(settings, nats_of(settings))
    try:
        yield Source(journal, History(journal, archive_of(settings)), signer, wall)
    finally:
        await journal.close()


def wanted_of(settings: Settings, alarm: int, days: int = DEFAULT_DAYS) -> Wanted:
    """Return what is exported of an alarm, by the settings under which its rows were stored."""
    bounds = ClockBounds(retention_days=settings.writer.retention_days)
    return Wanted(alarm, __version__, bounds, days)


class Packages:
    """Makes packages for the pages, one at a time, beside the loop: a month takes half a minute."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._one = asyncio.Lock()

    async def make(self, alarm: int) -> bytes | None:
        """Return the package about an alarm, None where there is no such alarm.

        Raises:
            StorageError: Something of it cannot be read, or it is more than a package may hold.
        """
        async with self._one:
            work = asyncio.to_thread(lambda: asyncio.run(self._made(alarm)))
            making = asyncio.ensure_future(work)
            try:
                return await asyncio.shield(making)
            except asyncio.CancelledError:
                # Who asked is gone, and the thread is not: the next one waits for it.
                await asyncio.gather(making, return_exceptions=True)
                raise

    async def _made(self, alarm: int) -> bytes | None:
        settings = self._settings
        try:
            async with evidence_source(settings) as source:
                connection = await connect(dsn_of(settings), name="evidence")
                try:
                    return await export(connection, source, wanted_of(settings, alarm))
                finally:
                    connection.terminate()
        except NoSuchAlarmError:
            return None
        except (NotRunningError, ContainerError) as error:
            raise StorageError(str(error), retryable=False) from error
