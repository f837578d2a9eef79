"""What pages ask of gateways: who a visitor is there, and how a gateway calls back.

The routing table is read anew now and then; each question opens connections of its own, guarded as
those of the courier are.
"""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from wattwarden.alarms.channels.channel import Delivered, Outcome
from wattwarden.alarms.channels.wecom_app import Settings as WecomSettings
from wattwarden.alarms.routing.table import Endpoint as Configured
from wattwarden.alarms.routing.table import Table
from wattwarden.console.gateways import Bindable, UnknownVisitorError
from wattwarden.console.store import Store
from wattwarden.console.wecom_crypt import Callback
from wattwarden.server.aside.books import take_aside
from wattwarden.server.backtest.running import Backtests
from wattwarden.server.courier import wall_us
from wattwarden.server.endpoint import Endpoint
from wattwarden.server.secret_files import SecretError, read_secret
from wattwarden.server.trying import note_trial, send_trial
from wattwarden.storage.backtests import Wanted
from wattwarden.storage.books.exchange import Sent, Taken
from wattwarden.storage.database import Connection
from wattwarden.storage.outbox.load import load_routing
from wattwarden.storage.profiles import ProfileBook, load_profiles
from wattwarden.storage.quarantine import Selection
from wattwarden.storage.retrying import Readers, Retried, retry

# As soon as the courier takes up another table.
FRESH_S: Final = 5.0
_SECRETS: Final = ("callback_token", "callback_key")


class Exchange:
    """Endpoints of the routing table in force; ``secrets`` is the folder of their secrets.

    ``readers`` makes what frames are read with of the configurations of meters.
    """

    def __init__(
        self, store: Store, secrets: Path, readers: Callable[[ProfileBook], Readers]
    ) -> None:
        self._readers = readers
        self._store = store
        self._secrets = secrets
        self._table: Table | None = None
        self._until_s = 0.0
        self._reading = asyncio.Lock()
        self._backtests = Backtests(store)

    async def bindable(self, endpoint: str, back: str) -> Bindable | None:
        """Return how addresses of an endpoint are bound; None where they cannot be."""
        configured = await self._configured(endpoint)
        if configured is None or configured.address is None:
            return None
        identity = configured.kind().identity
        if identity is None:
            return None
        return Bindable(configured.address, identity.consent(configured.decoded(), back))

    async def identify(self, endpoint: str, code: str) -> str:
        """Return the address of who opened a page.

        Raises:
            UnknownVisitorError: The gateway does not say.
        """
        configured = await self._configured(endpoint)
        if configured is None or self._table is None:
            raise UnknownVisitorError("no such endpoint")
        asked = Endpoint(endpoint, configured, self._table.reader, self._secrets, wall_us)
        try:
            found = await asked.identify(code)
        finally:
            await asked.close()
        if isinstance(found, str):
            return found
        reason = "no answer" if isinstance(found, Delivered) else found.reason
        raise UnknownVisitorError(reason)

    async def retry(self, connection: Connection, selection: Selection) -> Retried:
        """Read frames in quarantine again, with today's codecs, configuration and keys.

        Raises:
            StorageError: The database is away; what was resolved stays so.
        """
        book = ProfileBook()
        found = await load_profiles(connection, self._secrets)
        book.replace(found.profiles)
        return await retry(connection, selection, self._readers(book))

    async def try_out(self, endpoint: str, to: tuple[str, ...]) -> Outcome:
        """Send one message by an endpoint of the table in force, and say what became of it.

        No connection is held while the gateway answers.

        Raises:
            StorageError: The database is away.
        """
        async with self._store.connection() as connection:
            table = await load_routing(connection)
        outcome = await send_trial(table, endpoint, to, self._secrets)
        async with self._store.connection() as connection:
            await note_trial(connection, endpoint, outcome, to)
        return outcome

    async def callback(self, endpoint: str) -> Callback | None:
        """Return how buttons of an endpoint are answered; None where they are not."""
        configured = await self._configured(endpoint)
        files = {} if configured is None else configured.secrets
        if configured is None or not all(name in files for name in _SECRETS):
            return None
        settings = configured.decoded()
        if not isinstance(settings, WecomSettings):
            return None
        try:
            token, key = (read_secret(self._secrets, files[name]).reveal() for name in _SECRETS)
        except SecretError:
            return None
        return Callback(settings.corpid, token, key)

    async def take_book(self, sent: Sent) -> Taken:
        """Read a book that somebody sent, one after the other, and import it where it is wanted."""
        async with self._reading:
            return await take_aside(self._store.dsn, sent)

    async def begin_backtest(self, wanted: Wanted) -> int:
        """Begin a back-test and return its number.

        Raises:
            BusyError: Another runs.
            StorageError: The database is away.
        """
        return await self._backtests.begin(wanted)

    async def close(self) -> None:
        """End what runs."""
        await self._backtests.close()

    async def _configured(self, name: str) -> Configured | None:
        now_s = time.monotonic()
        if self._table is None or now_s >= self._until_s:
            async with self._store.connection() as connection:
                self._table = await load_routing(connection)
            self._until_s = now_s + FRESH_S
        return self._table.endpoint.get(name)
