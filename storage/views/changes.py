"""Whose things change, as it happens, from the channel on which the store tells it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Final

from wattwarden.storage.database import Connection, errors

CHANNEL: Final = "live"
# A blackout touches every firm of a city at once; who is further behind knows enough.
MAX_WAITING: Final = 10_000


@contextlib.asynccontextmanager
async def listening(connection: Connection) -> AsyncIterator[asyncio.Queue[str | None]]:
    """Listen on a connection; the queue gives firms' ids, "" for nobody's, None once it is lost.

    It also counts as lost where ``MAX_WAITING`` wait: whoever listens anew looks at everything.

    Raises:
        StorageError: The database is away.
    """
    found: asyncio.Queue[str | None] = asyncio.Queue()

    def hear(_connection: object, _pid: int, _channel: str, payload: object) -> None:
        if found.qsize() < MAX_WAITING:
            found.put_nowait(str(payload))
        elif found.qsize() == MAX_WAITING:
            found.put_nowait(None)

    def lost(_connection: object) -> None:
        found.put_nowait(None)

    with errors("listening for changes"):
        await connection.add_listener(CHANNEL, hear)
    connection.add_termination_listener(lost)
    try:
        yield found
    finally:
        if not connection.is_closed():
            connection.remove_termination_listener(lost)
            with errors("listening no more"):
                await connection.remove_listener(CHANNEL, hear)
