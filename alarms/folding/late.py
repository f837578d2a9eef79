"""When days are folded again: when their late rows have ceased to come, in seconds of ticks.

    late row ─► waits 30 s for more of the same day, 10 min at most ─► due, oldest day first

A meter that sends a gap row by row has its day folded once.  All of it follows from the ticks, so
that the same steps give the same order, however many are taken at once.
"""

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Final, NamedTuple

SETTLE_S: Final = 30
LONGEST_WAIT_S: Final = 600
# A day of an enterprise takes a tenth of a second: a step stays within what people wait for.
DAYS_PER_STEP: Final = 64
# The state at the beginning of each day is kept so long; learning itself remembers 60 days.
KEPT_DAYS: Final = 62


class LateDay(NamedTuple):
    """A local day of an enterprise; the oldest come first."""

    day: date
    enterprise: str


class Span(NamedTuple):
    """Seconds (Unix) in which the first and the last late row of a day came, and how many came."""

    first: int
    last: int
    rows: int

    @property
    def due(self) -> int:
        """From which second on the day is to be folded again."""
        return min(self.last + SETTLE_S, self.first + LONGEST_WAIT_S)


def gathered(
    waiting: Mapping[LateDay, Span], arrived: Iterable[tuple[LateDay, int]]
) -> dict[LateDay, Span]:
    """Return what waits after late rows: (day, second), in order of time.

    Rows that come when their day is due already count for the same time.
    """
    after = dict(waiting)
    for day, second in arrived:
        span = after.get(day)
        after[day] = (
            Span(second, second, 1)
            if span is None
            else Span(span.first, max(span.last, second), span.rows + 1)
        )
    return after


def first_due(
    waiting: Mapping[LateDay, Span], arrived: Iterable[tuple[LateDay, int]]
) -> int | None:
    """Return the second in which a day is due first, given rows to come; None while none waits."""
    due = {day: span.due for day, span in waiting.items()}
    spans = dict(waiting)
    fixed: set[LateDay] = set()
    for day, second in arrived:
        if day in fixed:
            continue
        span = spans.get(day)
        if span is not None and span.due < second:
            fixed.add(day)
            continue
        spans[day] = Span(second, second, 1) if span is None else span._replace(last=second)
        due[day] = spans[day].due
    return min(due.values(), default=None)


def due_at(waiting: Mapping[LateDay, Span], second: int) -> list[LateDay]:
    """Return the days to be folded again at a second: oldest first, so many as a step takes."""
    return sorted(day for day, span in waiting.items() if span.due <= second)[:DAYS_PER_STEP]
