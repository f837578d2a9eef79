"""How far a part is used up, and when it will be: by running, by the calendar, whichever is first.

    used = run hours since its last replacement, and days;  due when either limit is reached
    forecast = what is left / the median of run hours a day

Hours that are not known are told apart and count as none.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from statistics import median
from typing import Final

from wattwarden.alarms.consumables.numbers import Forecasting
from wattwarden.alarms.decisions.bodies import Consumable
from wattwarden.alarms.states.running import RunTime, Spell, reached, run_time

_HOUR_S: Final = 3600.0
_DAY: Final = timedelta(days=1)


class Level(StrEnum):
    """How far a part is used up; after the first they are those of the rule R18."""

    IN_USE = "in_use"  # 在用
    REMIND = "remind"  # 将到期
    DUE = "due"  # 到期
    OVERDUE = "overdue"  # 超期


LEVELS_ZH: Final = {
    Level.IN_USE: "在用",
    Level.REMIND: "将到期",
    Level.DUE: "已到期",
    Level.OVERDUE: "已超期",
}


@dataclass(frozen=True, slots=True)
class Bounds:
    """Shares of a limit at which R18's levels begin, for one unit."""

    remind: float
    due: float
    overdue: float

    def level(self, share: float) -> Level:
        """Return the level of a used share."""
        steps = ((Level.OVERDUE, self.overdue), (Level.DUE, self.due), (Level.REMIND, self.remind))
        return next((level for level, bound in steps if share >= bound), Level.IN_USE)


@dataclass(frozen=True, slots=True)
class Wear:
    """A part's use: hours of running, hours not known, days; when it is due, None: no telling.

    ``left_hours`` is None for a part that only the calendar limits; below 0 it is overdrawn.
    """

    hours: float
    unknown_hours: float
    days: float
    share: float
    left_hours: float | None
    pace_h_d: float | None
    due_at: datetime | None


def wear_of(
    part: Consumable, since: datetime, spells: Sequence[Spell], pace: float | None, now: datetime
) -> Wear:
    """Tell how far a part is used up.

    Args:
        part: Whose limits count.
        since: Its last replacement.
        spells: What its unit did from then to now.
        pace: Hours a day that the unit runs, None where that is not known.
        now: The present.
    """
    time = run_time(spells)
    hours, days = time.worked_s / _HOUR_S, max((now - since) / _DAY, 0.0)
    shares = [
        used / limit
        for used, limit in ((hours, part.limit_hours), (days, part.limit_days))
        if limit is not None
    ]
    return Wear(
        hours=hours,
        unknown_hours=time.unknown_s / _HOUR_S,
        days=days,
        share=max(shares, default=0.0),
        left_hours=None if part.limit_hours is None else part.limit_hours - hours,
        pace_h_d=pace,
        due_at=min(_dues(part, since, spells, pace, now), default=None),
    )


def pace_of(days: Mapping[date, RunTime], today: date, numbers: Forecasting) -> float | None:
    """Return the median of hours a day of the days before today; None of too few known days."""
    known = [
        time.worked_s / _HOUR_S
        for day, time in days.items()
        if 0 < (today - day).days <= numbers.days
        and time.unknown_s <= numbers.most_unknown * _DAY.total_seconds()
    ]
    return median(known) if len(known) >= numbers.least_days else None


def _dues(
    part: Consumable, since: datetime, spells: Sequence[Spell], pace: float | None, now: datetime
) -> list[datetime]:
    """When each of its limits was or will be reached, as far as that can be told."""
    found = [] if part.limit_days is None else [_after(since, part.limit_days)]
    if part.limit_hours is None:
        return found
    was = reached(spells, part.limit_hours * _HOUR_S)
    if was is not None:
        return [*found, was]
    if pace:
        left = part.limit_hours - run_time(spells).worked_s / _HOUR_S
        found.append(_after(now, left / pace))
    return found


def _after(moment: datetime, days: float) -> datetime:
    """Return a moment so many days later; for ever where no calendar reaches."""
    try:
        return moment + timedelta(days=days)
    except OverflowError:
        return datetime.max.replace(tzinfo=moment.tzinfo)
