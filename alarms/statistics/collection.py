"""What came of what should have come, point by point and day by day.

    采集率       min(slots with data + slots declared stopped, 288) / 288, slots of 5 minutes;
                 a row of a meter with a longer cycle stands for all slots of its cycle
    传输有效率   received / expected × valid / received

A day that the span or the point's validity cuts has fewer slots; nothing else changes.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from wattwarden.alarms.states.codes import UnitState
from wattwarden.alarms.statistics.rates import NONE_OF_NOTHING, Rate, added
from wattwarden.alarms.statistics.timelines import Span, Timeline, states_at

# The deployed evaluation looks every 5 minutes: 288 slots a day, whatever the meter's cycle.
SLOT_MS: Final = 300_000
DAY_MS: Final = 86_400_000


@dataclass(frozen=True, slots=True)
class Came:
    """What came of a point on a day: slots with data, rows, and how many of them are valid."""

    slots: int
    received: int
    valid: int


@dataclass(frozen=True, slots=True)
class Listened:
    """A point as long as it is expected to speak: in which span, how often, from which unit."""

    point: str
    unit: str
    cycle_s: int
    span: Span


@dataclass(frozen=True, slots=True)
class Collected:
    """Shares of points together."""

    collection: Rate = NONE_OF_NOTHING
    transmission: Rate = NONE_OF_NOTHING
    valid: Rate = NONE_OF_NOTHING

    @property
    def transmission_valid(self) -> float | None:
        """传输有效率; None where nothing is expected."""
        if self.transmission.value is None:
            return None
        return self.transmission.value * (self.valid.value or 0.0)


NOTHING_CAME: Final = Came(0, 0, 0)


def days_of(span: Span, offset_ms: int) -> list[Span]:
    """Cut a span into the days of a zone that is ``offset_ms`` ahead of UTC."""
    first = (span.start + offset_ms) // DAY_MS
    last = (span.end - 1 + offset_ms) // DAY_MS
    midnights = (day * DAY_MS - offset_ms for day in range(first, last + 1))
    return [Span(max(span.start, at), min(span.end, at + DAY_MS)) for at in midnights]


def collected(
    listened: Listened, came: Mapping[int, Came], timeline: Timeline, offset_ms: int
) -> Collected:
    """Return a point's shares over its span.

    Args:
        listened: The point.
        came: What came, by the start of the day (ms) as ``days_of`` cuts the span.
        timeline: Its unit's states, which tell when it was declared away.
        offset_ms: How far the point's zone is ahead of UTC.
    """
    got = sent = expected = valid = slots = 0
    stands_for = max(1, 1000 * listened.cycle_s // SLOT_MS)
    for day in days_of(listened.span, offset_ms):
        here = came.get(day.start, NOTHING_CAME)
        whole = (day.end - day.start) // SLOT_MS
        slots += whole
        got += min(here.slots * stands_for + declared_slots(timeline, day), whole)
        due = (day.end - day.start) // (1000 * listened.cycle_s)
        expected += due
        # More rows than cycles are the same minutes told twice, not others made up for.
        sent += min(here.received, due)
        valid += round(here.valid * min(1.0, due / max(here.received, 1)))
    return Collected(Rate(got, slots), Rate(sent, expected), Rate(valid, sent))


def together(parts: Iterable[Collected]) -> Collected:
    """Return the shares of several points together."""
    listed = list(parts)
    return Collected(
        added(one.collection for one in listed),
        added(one.transmission for one in listed),
        added(one.valid for one in listed),
    )


def declared_slots(timeline: Timeline, span: Span) -> int:
    """Count the slots of a span that begin while the unit is declared away."""
    if UnitState.DECLARED not in timeline.state:
        return 0
    starts = np.arange(span.start, span.end - SLOT_MS + 1, SLOT_MS, dtype=np.int64)
    return int(np.count_nonzero(states_at(timeline, starts) == UnitState.DECLARED))
