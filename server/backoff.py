"""How long to wait before a part that died is started again."""

from typing import Final

# A part that was killed is back before a meter has noticed.
FIRST_PAUSE_S: Final = 0.1
# One that always dies at once costs an eighth of a processor then, and is back soon after its cause
# is mended.
LONGEST_PAUSE_S: Final = 1.0
# A part that lived this long did not die of how it was started.
STEADY_S: Final = 10.0


class Backoff:
    """Pauses for one part: doubling while it dies young, the first again once it has run well.

    Times are seconds of one monotonic clock.
    """

    def __init__(self, started_at: float) -> None:
        self._started_at = started_at
        self._next_s = FIRST_PAUSE_S

    def started(self, now: float) -> None:
        """Take note of a start, also of one that failed."""
        self._started_at = now

    def ended(self, now: float) -> float:
        """Return how long to wait before the next start."""
        pause_s = FIRST_PAUSE_S if now - self._started_at > STEADY_S else self._next_s
        self._next_s = min(2 * pause_s, LONGEST_PAUSE_S)
        return pause_s
