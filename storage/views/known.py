"""The registry as pages look names up in it: read again only when a decision changed it."""

from wattwarden.alarms.registry.registry import Registry
from wattwarden.storage.database import Connection, errors
from wattwarden.storage.registry.registry import load_registry


class Known:
    """The registry as it is entered now.  What it returns is shared: nobody changes it."""

    def __init__(self) -> None:
        self._registry = Registry()
        self._decision = 0

    async def registry(self, connection: Connection) -> Registry:
        """Return all records, with one query where nothing changed since the last time.

        Raises:
            StorageError: The database is away.
        """
        with errors("asking for the registry's last change"):
            last = await connection.fetchval("SELECT max(decision) FROM registry_entry") or 0
        if last != self._decision:
            # Read after the question: what changes in between is read twice, never missed.
            self._registry = await load_registry(connection)
            self._decision = last
        return self._registry
