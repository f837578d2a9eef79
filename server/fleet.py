"""Who is connected under which identity, and who wins when two claim the same one.

newcomer, nobody there                             → ADMITTED
newcomer, somebody there                           → TAKEN_OVER, the older is closed
 … after 3 takeovers in 10 minutes from other hosts → REFUSED, the older stays, one alarm names both

A meter that dials in again before its old connection was seen to die is the common case; two meters
under one id would kick each other in turn for ever.
"""

from collections import deque
from enum import Enum
from typing import Final, Generic, TypeVar

MOST_TAKEOVERS: Final = 3
TAKEOVER_WINDOW_US: Final = 600 * 1_000_000

C = TypeVar("C")


class Verdict(Enum):
    """What becomes of a newcomer."""

    ADMITTED = "first connection of this meter"
    TAKEN_OVER = "the meter dialled in again; its older connection is closed"
    REFUSED = "another peer uses the same id and keeps coming back; the older connection stays"


class Fleet(Generic[C]):
    """The connections (of any type) by identity.  Pure: the caller closes and answers."""

    def __init__(self) -> None:
        self._online: dict[str, tuple[C, str]] = {}
        self._takeovers: dict[str, deque[int]] = {}
        self._named: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._online)

    def held(self, identity: str) -> C | None:
        """Return the connection of an identity, None while it is away."""
        held = self._online.get(identity)
        return None if held is None else held[0]

    def login(self, identity: str, newcomer: C, host: str, now: int) -> tuple[Verdict, C | None]:
        """Judge a newcomer; the second value is the older connection, when there is one."""
        held = self._online.get(identity)
        if held is None:
            self._online[identity] = (newcomer, host)
            return Verdict.ADMITTED, None
        older, older_host = held
        if host != older_host and not self._may_take_over(identity, now):
            return Verdict.REFUSED, older
        self._online[identity] = (newcomer, host)
        return Verdict.TAKEN_OVER, older

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
        self._takeovers = {k: v for k, v in self._takeovers.items() if v[-1] > horizon}
        self._named = {k: at for k, at in self._named.items() if at > horizon}

    def _may_take_over(self, identity: str, now: int) -> bool:
        recent = self._takeovers.setdefault(identity, deque())
        while recent and recent[0] <= now - TAKEOVER_WINDOW_US:
            recent.popleft()
        if len(recent) >= MOST_TAKEOVERS:
            return False
        recent.append(now)
        return True
