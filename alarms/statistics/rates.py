"""A share as what it is made of, so that shares of many add up."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Rate:
    """``part`` of ``whole``, in one unit."""

    part: float
    whole: float

    @property
    def value(self) -> float | None:
        """The share; None of nothing."""
        return None if self.whole == 0 else self.part / self.whole


NONE_OF_NOTHING: Final = Rate(0, 0)


def added(rates: Iterable[Rate]) -> Rate:
    """Return the share of all together."""
    listed = list(rates)
    return Rate(sum(one.part for one in listed), sum(one.whole for one in listed))
