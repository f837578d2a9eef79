"""The ladder of a case: how grave it was, is and will be, as three rungs that fill with time.

to 30 min      to 2 h         to 24 h
██████████████ ███░░░░░░░░░░░ ░░░░░░░░░░░░░░
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Final

from wattwarden.alarms.cases.case import Case, Level
from wattwarden.alarms.cases.grading import Grading

# Where the shipped grading's classes go a rung further.
BOUNDS_S: Final = (0, 1_800, 7_200, 86_400)
# In hundredths of the picture: three rungs and two gaps.
RUNG: Final = 32.0
STRIDE: Final = 34.0


@dataclass(frozen=True, slots=True)
class Rung:
    """A stretch of time: where it is drawn, how much of it is filled, and the level it earns."""

    x: float
    width: float
    filled: float
    level: Level


@dataclass(frozen=True, slots=True)
class Ladder:
    """The rungs; when the case becomes graver if nothing is done, None where it does not."""

    rungs: tuple[Rung, ...]
    next_at: datetime | None
    next_level: Level | None

    @property
    def reached(self) -> int:
        """The place of the rung on which the case stands."""
        return max((place for place, one in enumerate(self.rungs) if one.filled), default=0)


def ladder_of(case: Case, grading: Grading, now: datetime) -> Ladder:
    """Return the ladder of a case at a moment."""
    end = case.cleared or now
    lasted_s = max(0.0, (end - case.raised).total_seconds())
    rungs = []
    for place, (since_s, until_s) in enumerate(pairwise(BOUNDS_S)):
        share = (lasted_s - since_s) / (until_s - since_s)
        level = _level(case, grading, case.raised + timedelta(seconds=since_s))
        # A sliver shows that the rung was reached.
        filled = 0.0 if share <= 0 else max(min(share, 1.0), 0.02) * RUNG
        rungs.append(Rung(round(STRIDE * place, 2), RUNG, round(filled, 2), level))
    at, level_then = _next(case, grading, now)
    return Ladder(tuple(rungs), at, level_then)


def _next(case: Case, grading: Grading, now: datetime) -> tuple[datetime | None, Level | None]:
    if case.cleared is not None or not case.open:
        return None, None
    for rung in grading.rungs(case.episode):
        at = case.raised + timedelta(seconds=rung.at_s)
        if at > now and (level := _level(case, grading, at)) > case.level:
            return at, level
    return None, None


def _level(case: Case, grading: Grading, at: datetime) -> Level:
    """Return how grave the case is at a moment, if its condition stands until then."""
    standing = replace(case.episode, sure=None)
    return grading.level(standing, case.supervision, at, up=int(case.overdue) + case.escalated)
