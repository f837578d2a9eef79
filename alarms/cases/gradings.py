"""Norms over time: an alarm is judged by those that were in force when it was raised.

Nothing that was judged once is judged anew: a stricter ladder, or another class, is for what comes.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

from wattwarden.alarms.cases.case import Episode
from wattwarden.alarms.cases.grading import Grading
from wattwarden.alarms.rulebook import Rules

_N = TypeVar("_N")


@dataclass(frozen=True, slots=True)
class _OverTime(Generic[_N]):
    """The shipped norm, and what was decided since, oldest decision first.

    Of several whose time has come, the one that was decided last is in force.
    """

    shipped: _N
    decided: tuple[tuple[datetime, _N], ...] = ()

    def at(self, moment: datetime) -> _N:
        """Return what is in force at a moment."""
        begun = (norm for since, norm in reversed(self.decided) if since <= moment)
        return next(begun, self.shipped)


class Gradings(_OverTime[Grading]):
    """Gradings: levels, deadlines and who is told."""

    __slots__ = ()

    def of(self, episode: Episode) -> Grading:
        """Return what an alarm is graded by."""
        return self.at(episode.raised)


class Rulebooks(_OverTime[Rules]):
    """Rule files, each since it was decided: classes of alarms, and when an end is certain."""

    __slots__ = ()

    @property
    def latest(self) -> Rules:
        """The one that was decided last."""
        return self.decided[-1][1] if self.decided else self.shipped

    def ever_of(self, grades: Collection[str]) -> set[str]:
        """Return the rules that are or were of one of some classes."""
        books = (self.shipped, *(rules for _, rules in self.decided))
        return {one.id for rules in books for one in rules.rules.values() if one.grade in grades}

    def classes_changed(self) -> list[datetime]:
        """Return when rules got other classes; in between each rule has one and the same."""
        before, found = _classes(self.shipped), []
        for since, rules in self.decided:
            if _classes(rules) != before:
                found.append(since)
            before = _classes(rules)
        return found


def _classes(rules: Rules) -> dict[str, str]:
    return {one.id: one.grade for one in rules.rules.values()}
