"""How values spread: counts by bucket, cheap enough to note every frame and every request.

bounds 1, 2, 5  ─►  ≤ 1 │ ≤ 2 │ ≤ 5 │ more
"""

from bisect import bisect_left
from collections.abc import Sequence
from typing import Final

# Seconds until something was answered: from a cached page to what people give up on.
ANSWER_BOUNDS_S: Final = (
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
)  # fmt: skip
# How many were done together, up to what an envelope holds, and somewhat more.
BATCH_BOUNDS: Final = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 4000, 10_000, 20_000, 50_000)


class Spread:
    """Counts of values by ascending upper ``bounds``; the last count is of all beyond them."""

    __slots__ = ("bounds", "counts", "total")

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = tuple(bounds)
        self.counts = [0] * (len(self.bounds) + 1)
        self.total = 0.0

    def note(self, value: float, times: int = 1) -> None:
        """Count a value, as often as it occurred."""
        self.counts[bisect_left(self.bounds, value)] += times
        self.total += value * times
