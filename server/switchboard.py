"""The endpoints of the routing table in force: which are open, which rest, what settles doubts."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

import structlog

from wattwarden.alarms.channels.channel import (
    SECOND_US,
    Delivered,
    Fault,
    Outcome,
    Receipt,
    Refused,
    Scope,
    Throttled,
)
from wattwarden.alarms.routing.bundle import Item
from wattwarden.alarms.routing.table import Endpoint as Configured
from wattwarden.alarms.routing.table import Table
from wattwarden.server.endpoint import Endpoint, carrier_of
from wattwarden.server.judging import Terms
from wattwarden.storage.database import Connection
from wattwarden.storage.moments import moment_of, us_of
from wattwarden.storage.outbox import queue
from wattwarden.storage.outbox.load import load_routing, routing_number

RELOAD_INTERVAL_S: Final = 5.0
# A gateway that refuses us, or is gone, is asked again with one message after this.
REFUSING_RESTS_S: Final = 300

_log: Final = structlog.get_logger(__name__)


class Switchboard:
    """``secrets`` is the folder of keys; for ``answer_s`` answers are waited for.

    ``rate`` is how many of the system's seconds pass in a real one.
    """

    def __init__(
        self, secrets: Path, answer_s: float, wall_us: Callable[[], int], rate: int = 1
    ) -> None:
        self.table: Table | None = None
        self.endpoints: dict[str, Endpoint] = {}
        self._secrets = secrets
        self._answer_s = answer_s
        self._wall_us = wall_us
        self._rate = rate
        self._number = -1
        self._reloaded = float("-inf")

    async def renew(self, connection: Connection) -> None:
        """Take up another routing table when there is one.

        Raises:
            StorageError: The database is away.
        """
        now = self._wall_us()
        if self.table is not None and now < self._reloaded + RELOAD_INTERVAL_S * SECOND_US:
            return
        self._reloaded = now
        number = await routing_number(connection)
        if self.table is None or number != self._number:
            await self._connect(connection, await load_routing(connection))
            self._number = number

    def forget(self) -> None:
        """Read the table and what was sent of late anew: another courier sent meanwhile."""
        self.table = None

    def receipts(self) -> dict[str, Receipt]:
        """Return how gateways are asked for receipts, of those that can be asked now."""
        wall = self._wall_us()
        return {
            name: one.receipt
            for name, one in self.endpoints.items()
            if one.receipt is not None and not one.resting(wall)
        }

    def ways(self, names: Iterable[str]) -> queue.Open:
        """Return which of some endpoints are open to all, and which to level 4 alone."""
        wall = self._wall_us()
        known = [(name, self.endpoints[name]) for name in names]
        return queue.Open(
            endpoints=[name for name, one in known if one.open_to(1, wall)],
            grave=[name for name, one in known if one.open_to_grave_alone(wall)],
        )

    def terms(self, item: Item) -> Terms:
        """Return how doubts about a notice are settled."""
        endpoint = self.endpoints.get(item.endpoint)
        tries = 1 if self.table is None else self.table.ambiguous_tries
        if endpoint is None:
            return Terms(None, tries)
        return Terms(endpoint.receipt, None if endpoint.channel.idempotent else tries)

    def rest(self, name: str, outcome: Outcome) -> None:
        """Let an endpoint rest where its gateway wants that."""
        if name not in self.endpoints:
            return
        endpoint = self.endpoints[name]
        match outcome:
            case Throttled(until_second=second, scope=Scope.CREDENTIAL, reason=reason):
                endpoint.rest(second * SECOND_US, reason)
            case Refused(fault=Fault.ENDPOINT, reason=reason):
                _log.error("endpoint refuses", endpoint=endpoint.name, reason=reason)
                endpoint.rest(self._wall_us() + REFUSING_RESTS_S * SECOND_US, reason)
                endpoint.is_doubted = True
            case Delivered() | Refused():
                endpoint.is_doubted = False
            case _:
                pass

    async def close(self) -> None:
        """Let go of all connections."""
        for endpoint in self.endpoints.values():
            await endpoint.close()

    async def _connect(self, connection: Connection, table: Table) -> None:
        """Make what the table has; what stayed the same keeps its connections and its paces."""
        old, self.endpoints = self.endpoints, {}
        for name, configured in table.endpoint.items():
            known = old.get(name)
            if self.table is not None and known is not None and known.configured == configured:
                self.endpoints[name] = old.pop(name)
            else:
                self.endpoints[name] = await self._made(connection, name, configured, table)
        self.table = table
        for one in old.values():
            await one.close()

    async def _made(
        self, connection: Connection, name: str, configured: Configured, table: Table
    ) -> Endpoint:
        """Return an endpoint that knows what was sent of late."""
        carrier = carrier_of(configured, self._answer_s)
        # Gateways judge by the wall; what a reader can take is meant in the system's time.
        reader = table.reader.hastened(self._rate)
        endpoint = Endpoint(name, configured, reader, self._secrets, self._wall_us, carrier)
        if endpoint.longest_window_s:
            since = moment_of(self._wall_us() - endpoint.longest_window_s * SECOND_US)
            for started, to in await queue.sent_lately(connection, name, since):
                endpoint.pacer.note(to, us_of(started))
        return endpoint
