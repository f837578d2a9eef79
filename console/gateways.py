"""What the console asks of endpoints; whoever composes the system gives it."""

from dataclasses import dataclass
from typing import Protocol

from wattwarden.console.wecom_crypt import Callback


@dataclass(frozen=True, slots=True)
class Bindable:
    """An endpoint at which people are known by addresses of a kind, such as openid."""

    kind: str
    consent: str
    """The page that leads back with a code."""


class UnknownVisitorError(Exception):
    """Who opened a page is not known; says why, without any secret."""


class Gateways(Protocol):
    """Endpoints of the routing table in force."""

    async def bindable(self, endpoint: str, back: str) -> Bindable | None:
        """Return how addresses of an endpoint are bound; None where they cannot be."""

    async def identify(self, endpoint: str, code: str) -> str:
        """Return the address of who opened a page; raises UnknownVisitorError."""

    async def callback(self, endpoint: str) -> Callback | None:
        """Return how buttons of an endpoint are answered; None where they are not."""
