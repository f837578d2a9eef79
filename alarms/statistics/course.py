"""What lines did at moments: whether each produced, and whether its treatment ran beside it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from wattwarden.alarms.plant.table import I8, I32, I64, Bools
from wattwarden.alarms.statistics.running import MAKING, NO, YES, LinePlan, both, met_by
from wattwarden.alarms.statistics.timelines import NOTHING_HEARD, Mosaic, Timeline, states_at

Counts = I32
_NOTHING: Final = np.int64(0)


@dataclass(frozen=True, slots=True)
class Course:
    """A line at some moments; ``met`` is of ``running``: NO, YES or UNKNOWN."""

    making: Bools
    met: I8

    @property
    def unmet(self) -> Bools:
        """Where it produced and its treatment did not run."""
        unmet: Bools = self.making & (self.met == NO)
        return unmet


@dataclass(frozen=True, slots=True)
class Courses:
    """How many lines of some produced at each moment, and of how many treatment did not run."""

    making: Counts
    unmet: Counts


def course_of(plan: LinePlan, timelines: Mapping[str, Timeline], moments: I64) -> Course:
    """Return what a line did at moments (ms)."""
    needed = [unit for need in plan.needs for unit in need.units]
    units = (*plan.production, *needed)
    states = [states_at(timelines.get(unit, NOTHING_HEARD), moments) for unit in units]
    mosaic = Mosaic(np.full(len(moments), _NOTHING), np.stack(states, axis=1))
    place = len(plan.production)
    making: Bools = np.asarray(np.isin(mosaic.state[:, :place], MAKING).any(axis=1))
    met = np.full(len(moments), YES, np.int8)
    for need in plan.needs:
        met = both(met, met_by(mosaic, slice(place, place + len(need.units)), need.required))
        place += len(need.units)
    return Course(making, met)


def together(courses: Iterable[Course], moments: int) -> Courses:
    """Count lines at each of so many moments."""
    making, unmet = np.zeros(moments, np.int32), np.zeros(moments, np.int32)
    for one in courses:
        making += one.making
        unmet += one.unmet
    return Courses(making, unmet)
