"""When a message may be sent without passing a gateway's limits.

A window slides: of all spans of ``window_s`` none may hold more than ``count`` sends.  What is kept
in reserve is for L4 alone, so that a flood of lesser alarms cannot hold one up.
"""

from collections import deque
from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Final

from wattwarden.alarms.channels.channel import SECOND_US, TOP_LEVEL, Limit, Pace, Scope

# People who got something within the longest window; past it, those who wait longest are let go.
MAX_RECIPIENTS: Final = 100_000


def earliest(limit: Limit, sent_us: Sequence[int], level: int, now_us: int) -> int:
    """Return when one more may be sent under one limit, in microseconds UTC, not before now.

    ``sent_us`` are the moments of earlier sends in the limit's scope, ascending.
    """
    allowed = limit.count if level >= TOP_LEVEL else limit.count - limit.reserve
    if len(sent_us) < allowed:
        return now_us
    return max(now_us, sent_us[-allowed] + limit.window_s * SECOND_US)


class Pacer:
    """What one credential has sent of late, and what it may send now."""

    def __init__(self, pace: Pace) -> None:
        self._limits = pace.limits
        self._whole = _memory(pace.limits, Scope.CREDENTIAL)
        self._recipients: dict[str, deque[int]] = {}

    def earliest(self, to: Iterable[str], level: int, now_us: int) -> int:
        """Return when a message may be sent to all of its addresses."""
        addresses = tuple(to)
        moments = [now_us]
        for limit in self._limits:
            if limit.scope is Scope.CREDENTIAL:
                moments.append(earliest(limit, self._whole, level, now_us))
                continue
            for address in addresses:
                sent = self._recipients.get(address, ())
                moments.append(earliest(limit, sent, level, now_us))
        return max(moments)

    def note(self, to: Iterable[str], sent_us: int) -> None:
        """Remember that a message was sent; moments are told in ascending order."""
        self._whole.append(sent_us)
        for address in to:
            # Whoever got something last stands last.
            sent = self._recipients.pop(address, None)
            sent = _memory(self._limits, Scope.RECIPIENT) if sent is None else sent
            sent.append(sent_us)
            self._recipients[address] = sent
        while len(self._recipients) > MAX_RECIPIENTS:
            del self._recipients[next(iter(self._recipients))]


def _memory(limits: Iterable[Limit], scope: Scope) -> deque[int]:
    """Return room for as many moments as a limit of that scope may ask for."""
    counts = (limit.count for limit in limits if limit.scope is scope)
    return deque(maxlen=max(chain(counts, (0,))))
