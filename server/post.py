"""The post of the one courier who sends: a connection that holds a lock while it lasts."""

import contextlib
from collections.abc import Awaitable, Callable

from wattwarden.storage.database import Connection, connect
from wattwarden.storage.errors import StorageError
from wattwarden.storage.outbox import queue
from wattwarden.storage.outbox.follow import CHANNEL

Work = Callable[[Connection], Awaitable[None]]


class Post:
    """``adopt`` is done by whoever takes over; ``wake`` is called when there is something new."""

    def __init__(self, dsn: str, adopt: Work, wake: Callable[[], None]) -> None:
        self.connection: Connection | None = None
        self._dsn = dsn
        self._adopt = adopt
        self._wake = wake
        # While another courier sends.
        self._standby: Connection | None = None

    async def take_over(self) -> "Connection | None":
        """Return the connection once it is us who send, None while another does.

        Raises:
            StorageError: The database is away.
        """
        if self.connection is not None and not self.connection.is_closed():
            return self.connection
        connection, self._standby = self._standby, None
        if connection is None or connection.is_closed():
            connection = await connect(self._dsn, name="courier")
        try:
            if not await queue.hold(connection):
                self._standby = connection
                return None
            await connection.add_listener(CHANNEL, lambda *_: self._wake())
            await self._adopt(connection)
        except BaseException:
            connection.terminate()
            raise
        self.connection = connection
        return connection

    def lose(self) -> None:
        """Give up a connection that failed."""
        if self.connection is not None:
            self.connection.terminate()
        self.connection = None

    async def leave(self, last: Work) -> None:
        """Do what is left to be done, and let another courier send."""
        if self._standby is not None:
            await self._standby.close()
        connection, self.connection = self.connection, None
        if connection is not None and not connection.is_closed():
            with contextlib.suppress(StorageError):
                await last(connection)
            await connection.close()
