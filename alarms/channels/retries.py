"""How long to wait after a failure of which nobody said when it ends."""

from typing import Final

# Standard Webhooks' example begins with 5 s, 5 min, 30 min and goes on to a day; alarms have rungs
# of minutes, so there are steps between the first two, and all after the last are as long as it.
WAITS_S: Final = (5, 15, 60, 300, 900, 1800, 3600)
# A gateway that is back after an hour gets what is grave soon: nothing waits much longer than its
# level would wait for another way.
MOST_S: Final = {1: 3600, 2: 900, 3: 300, 4: 60}
# A quarter either way spreads what failed together, and keeps the steps apart.
JITTER: Final = 0.25


def backoff_s(failures: int, spread: float, level: int) -> float:
    """Return the seconds to wait after so many failures (from 1), jittered by ``spread`` in 0..1.

    What is of a higher ``level`` (1 to 4) waits less in the end.
    A gateway's own time (RetryAt, Throttled) holds where it is later.
    """
    wait = min(WAITS_S[min(max(failures, 1), len(WAITS_S)) - 1], MOST_S[level])
    return wait * (1 - JITTER + 2 * JITTER * spread)
