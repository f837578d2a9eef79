"""The one clock of a process: wall time anchored once, carried on by the monotonic clock.

A wall clock that is stepped (an administrator, a bad NTP peer) moves ours by slewing only, so times
in the journal never run backwards and never jump.
"""

import time
from collections.abc import Callable
from typing import Final

# A tenth of real time: a clock that is a minute off is right again after ten.
SLEW_RATE: Final = 0.1
# Below this the wall clock's own corrections and scheduling noise are all there is.
IGNORED_US: Final = 20_000
# Beyond this somebody has to look: readings would be folded at wrong times.
ALARMING_US: Final = 2_000_000


class Clock:
    """Microseconds UTC, ``rate`` of its seconds in a real one.

    ``wall_ns`` and ``monotonic_ns`` run at that rate already; they can be replaced in tests.
    """

    def __init__(
        self,
        wall_ns: Callable[[], int] = time.time_ns,
        monotonic_ns: Callable[[], int] = time.monotonic_ns,
        rate: int = 1,
    ) -> None:
        self.rate = rate
        self._wall_ns = wall_ns
        self._monotonic_ns = monotonic_ns
        self._anchor_ns = wall_ns() - monotonic_ns()
        self._steered_at_ns = monotonic_ns()
        self.off_us = 0

    def now_us(self) -> int:
        """Return the time in microseconds UTC."""
        return (self._anchor_ns + self._monotonic_ns()) // 1000

    def steer(self) -> bool:
        """Move towards the wall clock a little; call about once a second.

        Returns True while the wall clock is so far off that somebody has to look.
        """
        monotonic = self._monotonic_ns()
        elapsed, self._steered_at_ns = monotonic - self._steered_at_ns, monotonic
        off_ns = self._wall_ns() - (self._anchor_ns + monotonic)
        self.off_us = off_ns // 1000
        if abs(self.off_us) > IGNORED_US:
            most = int(elapsed * SLEW_RATE)
            self._anchor_ns += max(-most, min(most, off_ns))
        return abs(self.off_us) > ALARMING_US
