"""How long to wait after a failure of which nobody said when it ends."""

from typing import Final

# Standard Webhooks' example begins with 5 s, 5 min, 30 min and goes on to a day; alarms have rungs
# of minutes, so there are steps between the first two, and all after the last are as long as it.
WAITS_S: Final = (5, 15, 60, 300, 900, 1800, 3600)
# A quarter either way spreads what failed together, and keeps the steps apart.
JITTER: Final = 0.25


def backoff_s(failures: int, spread: float) -> float:
    """Return the seconds to wait after so many failures (from 1), jittered by ``spread`` in 0..1.

    A gateway's own time (RetryAt, Throttled) holds where it is later.
    """
    wait = WAITS_S[min(max(failures, 1), len(WAITS_S)) - 1]
    return wait * (1 - JITTER + 2 * JITTER * spread)
