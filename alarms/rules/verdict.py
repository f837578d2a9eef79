"""What rules that weigh a number against bounds say."""

from typing import NamedTuple


class Verdict(NamedTuple):
    """A number and its bounds; outside of them is the condition."""

    value: float
    low: float
    high: float

    @property
    def outside(self) -> bool:
        """Whether the condition holds."""
        return not self.low <= self.value <= self.high
