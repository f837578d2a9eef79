"""Gradings over time: an alarm is graded by the one that was in force when it was raised.

Nothing that was graded once is graded anew: a stricter ladder is for what comes.
"""

from dataclasses import dataclass
from datetime import datetime

from wattwarden.alarms.cases.case import Episode
from wattwarden.alarms.cases.grading import Grading


@dataclass(frozen=True, slots=True)
class Gradings:
    """The shipped grading, and what was decided since, oldest decision first.

    Of several whose time has come, the one that was decided last is in force.
    """

    shipped: Grading
    decided: tuple[tuple[datetime, Grading], ...] = ()

    def at(self, moment: datetime) -> Grading:
        """Return what is in force at a moment."""
        begun = (grading for since, grading in reversed(self.decided) if since <= moment)
        return next(begun, self.shipped)

    def of(self, episode: Episode) -> Grading:
        """Return what an alarm is graded by."""
        return self.at(episode.raised)
