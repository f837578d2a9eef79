"""Other gateways of the same journal: a meter that dials in there is no longer here.

    another gateway ─ logins, closes ─► journal ─ as they pass by ─► Fleet ─► our older connection
                    └ signs of life ───►                                     is closed

What opens and closes is journalled by every gateway a few times a second; who listens on these
subjects hears of it, and nothing else has to be said.  News that are missed cost little: a line
that is dead ends by its own deadlines.
"""

from collections.abc import Callable
from typing import Final, Generic, Protocol, TypeVar

import msgspec
import structlog

from wattwarden.protocol.envelope import Occurrence, decode_alive, decode_occurrences
from wattwarden.protocol.microseconds import SECOND_US
from wattwarden.server.fleet import Elsewhere, Fleet, Verdict
from wattwarden.storage.journal.journal import Journal, Kind

# Signs of life come every ten seconds; whoever has missed two is gone.
SILENT_S: Final = 25
# The head of an entry, in which its gateway is named.
_HEAD_BYTES: Final = 64

_log: Final = structlog.get_logger(__name__)


class Held(Protocol):
    """A connection of ours."""

    def hang_up(self, reason: str) -> None:
        """Close it once what was written has gone out."""


H = TypeVar("H", bound=Held)


class Siblings(Generic[H]):
    """What other gateways tell of meters that may be ours; ``gateway`` is our own name.

    ``rate`` seconds of ``now_us`` pass in a real one.
    """

    def __init__(
        self,
        gateway: str,
        journal: Journal,
        fleet: Fleet[H],
        now_us: Callable[[], int],
        rate: int = 1,
    ) -> None:
        self._ours = gateway.encode()
        self._journal = journal
        self._fleet = fleet
        self._now_us = now_us
        self._silent_us = SILENT_S * rate * SECOND_US
        self._heard_at: dict[str, int] = {}
        self._connects = 0

    async def follow(self) -> None:
        """Listen from now on."""
        self._connects = self._journal.link.counters.connects
        await self._journal.overhear(Kind.SESSION, self.hear)
        await self._journal.overhear(Kind.ALIVE, self.hear_alive)

    def hear(self, payload: bytes) -> None:
        """Take what happened to connections of a gateway."""
        if self._ours in payload[:_HEAD_BYTES]:
            return
        try:
            told = decode_occurrences(payload)
        except (msgspec.DecodeError, ValueError) as error:
            _log.warning("what another gateway says is not understood", reason=str(error))
            return
        self._heard_at.setdefault(told.gateway, self._now_us())
        for row in told.rows:
            if row.identity is not None and row.codec is not None:
                self._take(f"{row.codec}:{row.identity}", row, told.gateway)

    def hear_alive(self, payload: bytes) -> None:
        """Take note that a gateway serves."""
        if self._ours not in payload[:_HEAD_BYTES]:
            self._heard_at[decode_alive(payload).gateway] = self._now_us()

    def sweep(self, now: int) -> None:
        """Forget who is gone; call it once a second."""
        connects = self._journal.link.counters.connects
        if connects != self._connects:
            # What was said meanwhile is missed.
            self._connects = connects
            self._fleet.forget_elsewhere(None)
        for gateway, at in list(self._heard_at.items()):
            if now - at > self._silent_us:
                del self._heard_at[gateway]
                self._fleet.forget_elsewhere(gateway)

    def _take(self, identity: str, row: Occurrence, gateway: str) -> None:
        if row.what == "login" and row.reason != Verdict.REFUSED.value:
            there = Elsewhere(gateway, row.epoch, row.peer, row.at)
            ours = self._fleet.hear_login(identity, there, self._now_us())
            if ours is not None:
                ours.hang_up("taken over by the same meter, at another gateway")
        elif row.what == "close":
            self._fleet.hear_close(identity, gateway, row.epoch)
