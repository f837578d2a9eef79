"""What the console asks of the rest; whoever composes the system gives it."""

from dataclasses import dataclass
from typing import Protocol

from wattwarden.alarms.channels.channel import Outcome
from wattwarden.console.wecom_crypt import Callback
from wattwarden.storage.backtests import Wanted
from wattwarden.storage.books.exchange import Sent, Taken
from wattwarden.storage.database import Connection
from wattwarden.storage.quarantine import Selection
from wattwarden.storage.retrying import Retried


@dataclass(frozen=True, slots=True)
class Bindable:
    """An endpoint at which people are known by addresses of a kind, such as openid."""

    kind: str
    consent: str
    """The page that leads back with a code."""


class UnknownVisitorError(Exception):
    """Who opened a page is not known; says why, without any secret."""


class Gateways(Protocol):
    """Endpoints of the routing table in force, and what computes for longer than a page may."""

    async def bindable(self, endpoint: str, back: str) -> Bindable | None:
        """Return how addresses of an endpoint are bound; None where they cannot be."""

    async def identify(self, endpoint: str, code: str) -> str:
        """Return the address of who opened a page; raises UnknownVisitorError."""

    async def retry(self, connection: Connection, selection: Selection, /) -> Retried:
        """Read frames in quarantine again, with today's codecs, configuration and keys."""

    async def try_out(self, endpoint: str, to: tuple[str, ...], /) -> Outcome:
        """Send one message by an endpoint of the table in force, and say what became of it."""

    async def callback(self, endpoint: str) -> Callback | None:
        """Return how buttons of an endpoint are answered; None where they are not."""

    async def take_book(self, sent: Sent, /) -> Taken:
        """Read a book that somebody sent, and import it where that is wanted."""

    async def begin_backtest(self, wanted: Wanted, /) -> int:
        """Begin a back-test and return its number; raises BusyError where another runs."""

    async def close(self) -> None:
        """End what runs."""
