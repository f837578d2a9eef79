"""What is done to units, as steps in time; later steps count over earlier ones.

Times are seconds since the scenario's first local midnight.
"""

from dataclasses import dataclass
from enum import IntEnum
from typing import Final, NamedTuple

OFF: Final = -1.0
MINUTE_S: Final = 60.0
DAY_S: Final = 86_400


class Span(NamedTuple):
    """From begin to end, the end not with it."""

    begin: float
    end: float

    def overlaps(self, other: "Span") -> bool:
        """Whether they have a moment in common."""
        return self.begin < other.end and other.begin < self.end

    def widened(self, before: float, after: float) -> "Span":
        """Return the span with something before and after it."""
        return Span(self.begin - before, self.end + after)


class How(IntEnum):
    """What a step does to the shaft load of a unit."""

    SET = 0
    """The load, OFF for a switch that is open."""
    SET_ON = 1
    """The load of a unit that is switched on: its belt is off, its pump runs dry."""
    SCALE = 2
    """A factor of the load."""
    CAP = 3
    """The load at most: its converter was turned down."""


class Step(NamedTuple):
    """Something done to the unit of a column."""

    column: int
    begin: float
    end: float
    how: How
    value: float


class Disturbance(NamedTuple):
    """Something that happens to what a meter says, not to its unit."""

    column: int
    begin: float
    end: float
    kind: str
    amount: float = 0.0


@dataclass(frozen=True, slots=True)
class Cause:
    """The truth about an abnormality: what was done, by whom it was meant and how far it went.

    ``onset_s`` and ``end_s`` count from the first midnight; ``depth`` is the share of its normal
    load that the unit is left with (0 for off).
    """

    rule: str
    column: int
    line: int | None
    onset_s: float
    end_s: float
    cause: str
    depth: float

    @property
    def span(self) -> Span:
        """From onset to end."""
        return Span(self.onset_s, self.end_s)


def merged(spans: list[Span], gap_s: float = 0.0) -> list[Span]:
    """Join spans that overlap, or that are no more than a gap apart."""
    found: list[Span] = []
    for span in sorted(spans):
        if found and span.begin <= found[-1].end + gap_s:
            found[-1] = Span(found[-1].begin, max(found[-1].end, span.end))
        else:
            found.append(span)
    return found
