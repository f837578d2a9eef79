"""Strips: what units did over a span, as stretches with a place and a width in hundredths.

▁▁▁▁▁▇▇▇▇▇▇▇▓▓▓▓│░░░░    lane, state by state, now, what is to come
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import numpy as np

from wattwarden.alarms.states.codes import UnitState
from wattwarden.alarms.statistics.durations import milliseconds
from wattwarden.alarms.statistics.timelines import Span, Timeline, states_at

# How states are drawn; several machines' words are one look.
LOOKS: Final = {
    UnitState.RUNNING: "running",
    UnitState.OVER: "running",
    UnitState.REDUCED_VFD: "reduced",
    UnitState.REDUCED_SLOW: "reduced",
    UnitState.IDLE: "idle",
    UnitState.OFF: "off",
    UnitState.NO_POWER: "off",
    UnitState.OFFLINE: "offline",
    UnitState.NEVER: "offline",
    UnitState.DECLARED: "declared",
}


@dataclass(frozen=True, slots=True)
class Stretch:
    """A state from one moment to another; ``look`` is how it is drawn, or "offence"."""

    look: str
    x: float
    width: float


@dataclass(frozen=True, slots=True)
class Strip:
    """A unit over a span; ``now`` is where the present is, in hundredths of the picture."""

    stretches: tuple[Stretch, ...]
    now: float


def strip_of(timeline: Timeline, span: Span, now: datetime, offences: Sequence[Span] = ()) -> Strip:
    """Draw a unit's states over a span, which may go on beyond the present.

    Args:
        timeline: The unit's states.
        span: What is drawn.
        now: The present; nothing is known behind it.
        offences: When the unit stood while its line produced.
    """
    end = min(span.end, milliseconds(now))
    found: list[Stretch] = []
    if span.start < end:
        inner = timeline.at[(timeline.at > span.start) & (timeline.at < end)]
        edges = np.concatenate([np.array([span.start], np.int64), inner, np.array([end], np.int64)])
        states = states_at(timeline, edges[:-1])
        for start, stop, state in zip(edges[:-1], edges[1:], states, strict=True):
            look = LOOKS[UnitState(int(state))]
            if look != "off":
                found.append(_stretch(look, int(start), int(stop), span))
        for one in offences:
            start, stop = max(one.start, span.start), min(one.end, end)
            if start < stop:
                found.append(_stretch("offence", start, stop, span))
    return Strip(tuple(found), _share(end, span))


def _stretch(look: str, start: int, stop: int, span: Span) -> Stretch:
    x = _share(start, span)
    return Stretch(look, x, round(_share(stop, span) - x, 3))


def _share(at: int, span: Span) -> float:
    return round(100 * (at - span.start) / (span.end - span.start), 3)
