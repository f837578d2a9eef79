"""What carries a channel's requests: HTTP, mail, SMPP; and how it fails.

Carried ─► Response    NotSentError: it never left us    LostError: nobody knows whether it arrived
"""

from typing import Final, Protocol

from wattwarden.alarms.channels.channel import Credentials, Request, Response

# Standard Webhooks: 15 to 30 s for an answer.  Above that an L4's other way is due.
ANSWER_S: Final = 15.0
# Farther away than five seconds of handshakes nobody is.
CONNECT_S: Final = 5.0


class NotSentError(Exception):
    """A request that certainly has not reached anybody.

    ``for_good``: nor will any other, until the endpoint is mended.
    """

    def __init__(self, reason: str, *, for_good: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.for_good = for_good


class LostError(Exception):
    """A request that may have arrived; no whole answer came back."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Carrier(Protocol):
    """Carries requests of one endpoint."""

    async def carry(self, request: Request, credentials: Credentials) -> Response:
        """Send a request and return what comes back; NotSentError or LostError else."""

    async def close(self) -> None:
        """Let go of connections."""
