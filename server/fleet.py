"""Who is connected under which identity, and who wins when two claim the same one.

newcomer, nobody there                             → ADMITTED
newcomer, somebody there                           → TAKEN_OVER, the older is closed
 … after 3 takeovers in 10 minutes from other hosts → REFUSED, the older stays, one alarm names both
newcomer at another gateway                        → the older is closed here; it counts likewise

A meter that dials in again before its old connection was seen to die is the common case; two meters
under one id would kick each other in turn for ever.
"""

from collections import deque
from dataclasses import dataclass
from enum import Enum
from typing import Final, Generic, TypeVar

MOST_TAKEOVERS: Final = 3
TAKEOVER_WINDOW_US: Final = 600 * 1_000_000
# As many as a gateway of usual size has meters; some 20 MiB.
MOST_ELSEWHERE: Final = 50_000

C = TypeVar("C")


class Verdict(Enum):
    """What becomes of a newcomer."""

    ADMITTED = "first connection of this meter"
    TAKEN_OVER = "the meter dialled in again; its older connection is closed"
    REFUSED = "another peer uses the same id and keeps coming back; the older connection stays"


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """A meter's connection at another gateway, as that one told; ``at`` is when it logged in."""

    gateway: str
    epoch: int
    peer: str
    at: int

    @property
    def host(self) -> str:
        """The peer without its port."""
        return self.peer.rpartition(":")[0]

    def hang_up(self, reason: str) -> None:
        """Nothing is to be done here: its gateway hears of the newcomer by itself."""


class Fleet(Generic[C]):
    """The connections (of any type) by identity.  Pure: the caller closes and answers."""

    def __init__(self) -> None:
        # Each with its peer's host and when it logged in.
        self._online: dict[str, tuple[C, str, int]] = {}
        # Those of the last minutes, in order of hearing.
        self._elsewhere: dict[str, Elsewhere] = {}
        self._takeovers: dict[str, deque[int]] = {}
        self._named: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._online)

    def held(self, identity: str) -> C | None:
        """Return the connection of an identity, None while it is away."""
        held = self._online.get(identity)
        return None if held is None else held[0]

    def login(
        self, identity: str, newcomer: C, host: str, now: int
    ) -> tuple[Verdict, "C | Elsewhere | None"]:
        """Judge a newcomer; the second value is the older connection, when there is one."""
        held = self._online.get(identity)
        there = None if held is not None else self._elsewhere.get(identity)
        if held is None and there is None:
            self._online[identity] = (newcomer, host, now)
            return Verdict.ADMITTED, None
        older: C | Elsewhere | None = there if held is None else held[0]
        older_host = there.host if there is not None else held[1] if held is not None else ""
        if host != older_host and not self._may_take_over(identity, now):
            return Verdict.REFUSED, older
        self._elsewhere.pop(identity, None)
        self._online[identity] = (newcomer, host, now)
        return Verdict.TAKEN_OVER, older

    def hear_login(self, identity: str, there: Elsewhere, now: int) -> C | None:
        """Take note of a login at another gateway; return our connection, which it takes over."""
        held, known = self._online.get(identity), self._elsewhere.get(identity)
        last_at = held[2] if held is not None else known.at if known is not None else there.at
        if there.at < last_at:
            # Ours is the newcomer, and that one hears of it; or news came in another order.
            return None
        before = held[1] if held is not None else known.host if known is not None else there.host
        if before != there.host:
            self._note_takeover(identity, now)
        self._online.pop(identity, None)
        self._elsewhere.pop(identity, None)
        self._elsewhere[identity] = there
        if len(self._elsewhere) > MOST_ELSEWHERE:
            del self._elsewhere[next(iter(self._elsewhere))]
        return None if held is None else held[0]

    def hear_close(self, identity: str, gateway: str, epoch: int) -> None:
        """Take note that another gateway's connection has ended."""
        known = self._elsewhere.get(identity)
        if known is not None and (known.gateway, known.epoch) == (gateway, epoch):
            del self._elsewhere[identity]

    def forget_elsewhere(self, gateway: str | None) -> None:
        """Forget what a gateway that is gone has told; None for all of them."""
        self._elsewhere = {
            identity: there
            for identity, there in self._elsewhere.items()
            if gateway is not None and there.gateway != gateway
        }

    def logout(self, identity: str, leaver: C) -> None:
        """Forget a connection; one that was taken over is forgotten already."""
        held = self._online.get(identity)
        if held is not None and held[0] is leaver:
            del self._online[identity]

    def is_worth_an_alarm(self, identity: str, now: int) -> bool:
        """Say once per window that an id is used twice."""
        if now - self._named.get(identity, -TAKEOVER_WINDOW_US) < TAKEOVER_WINDOW_US:
            return False
        self._named[identity] = now
        return True

    def expire(self, now: int) -> None:
        """Forget takeovers and alarms older than the window."""
        horizon = now - TAKEOVER_WINDOW_US
        while self._elsewhere:
            first = next(iter(self._elsewhere))
            if self._elsewhere[first].at > horizon:
                break
            del self._elsewhere[first]
        self._takeovers = {k: v for k, v in self._takeovers.items() if v[-1] > horizon}
        self._named = {k: at for k, at in self._named.items() if at > horizon}

    def _may_take_over(self, identity: str, now: int) -> bool:
        recent = self._takeovers.get(identity, deque())
        while recent and recent[0] <= now - TAKEOVER_WINDOW_US:
            recent.popleft()
        if len(recent) >= MOST_TAKEOVERS:
            return False
        self._note_takeover(identity, now)
        return True

    def _note_takeover(self, identity: str, now: int) -> None:
        self._takeovers.setdefault(identity, deque(maxlen=MOST_TAKEOVERS)).append(now)
