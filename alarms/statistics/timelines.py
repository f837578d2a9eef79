"""What units did over a span: their published states, cut at every change of any of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from wattwarden.alarms.plant.table import I8, I64
from wattwarden.alarms.states.codes import UnitState


@dataclass(frozen=True, slots=True)
class Span:
    """From one moment to another (excluded), ms Unix."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Timeline:
    """A unit's states: ``state[k]`` from ``at[k]`` (ms, ascending) on; NEVER before the first."""

    at: I64
    state: I8


@dataclass(frozen=True, slots=True)
class Mosaic:
    """Pieces of a span in which nothing changes: their lengths in ms, (pieces, units) of states."""

    length: I64
    state: I8


NOTHING_HEARD: Final = Timeline(np.empty(0, np.int64), np.empty(0, np.int8))


def cut(timelines: Sequence[Timeline], span: Span) -> Mosaic:
    """Cut a span where any of some units changes; an empty span has no pieces."""
    if span.end <= span.start:
        return Mosaic(np.empty(0, np.int64), np.empty((0, len(timelines)), np.int8))
    within = [line.at[(line.at > span.start) & (line.at < span.end)] for line in timelines]
    edges = np.unique(np.concatenate([np.array([span.start, span.end], np.int64), *within]))
    states = [states_at(line, edges[:-1]) for line in timelines]
    shape = (len(edges) - 1, len(timelines))
    state = np.stack(states, axis=1) if states else np.empty(shape, np.int8)
    return Mosaic(np.diff(edges), state)


def states_at(timeline: Timeline, moments: I64) -> I8:
    """Return a unit's state at each moment (ms)."""
    place = np.searchsorted(timeline.at, moments, side="right")
    known = np.concatenate([np.array([UnitState.NEVER], np.int8), timeline.state])
    found: I8 = known[place]
    return found


def silent_from(timeline: Timeline, heard: int) -> Timeline:
    """Return the states of a unit whose meter was last believed at a moment (ms).

    What was published last holds until then, and after that nothing is known, unless something was
    published later, or the unit is declared away.
    """
    if not len(timeline.at) or timeline.at[-1] >= heard:
        return timeline
    if timeline.state[-1] in (UnitState.DECLARED, UnitState.OFFLINE):
        return timeline
    return Timeline(
        np.append(timeline.at, np.int64(heard)),
        np.append(timeline.state, np.int8(UnitState.OFFLINE)),
    )


def spans_in(timeline: Timeline, states: Sequence[UnitState], span: Span) -> NDArray[np.int64]:
    """Return (n, 2) stretches of a span in which a unit was in one of some states, joined."""
    if span.end <= span.start:
        return np.empty((0, 2), np.int64)
    inside = timeline.at[(timeline.at > span.start) & (timeline.at < span.end)]
    edges = np.concatenate([np.array([span.start]), inside, np.array([span.end])])
    within = np.isin(states_at(timeline, edges[:-1]), states)
    turned = np.diff(np.concatenate([[False], within, [False]]).astype(np.int8))
    return np.stack([edges[np.flatnonzero(turned == 1)], edges[np.flatnonzero(turned == -1)]], 1)
