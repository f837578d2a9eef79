"""How long alarms lasted, and whether what was due was done in time.

mean alarm duration   mean(clear - raise), with the median and the 90th percentile
及时处置率            closed before the deadline / due
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from statistics import fmean, median
from typing import Final

from wattwarden.alarms.cases.case import Case
from wattwarden.alarms.statistics.rates import Rate

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class ToldAlarm:
    """An alarm that people were told, ms; ``ended`` is None while it goes on.

    ``deadline`` is None where nothing is due; ``closed`` where it is not closed yet.
    """

    rule: str
    grade: str
    subject: str
    enterprise: str
    line: str
    raised: int
    ended: int | None = None
    deadline: int | None = None
    closed: int | None = None


@dataclass(frozen=True, slots=True)
class Durations:
    """Of alarms that ended: how many, and ms; None where none did."""

    ended: int
    mean: float | None
    median: float | None
    p90: float | None


def told(case: Case) -> ToldAlarm:
    """Return a case's alarm, due by the case's deadline and closed when it was settled."""
    return ToldAlarm(
        rule=case.rule,
        grade=case.grade,
        subject=case.subject,
        enterprise=case.enterprise,
        line=case.line,
        raised=milliseconds(case.raised),
        ended=None if case.cleared is None else milliseconds(case.cleared),
        deadline=milliseconds(case.deadline),
        closed=None if case.settled is None else milliseconds(case.settled),
    )


def milliseconds(moment: datetime) -> int:
    """Return a moment as ms Unix, rounded down."""
    return (moment - _EPOCH) // timedelta(milliseconds=1)


def durations(alarms: Iterable[ToldAlarm], upto: int) -> Durations:
    """Return how long the alarms lasted that had ended by a moment (ms)."""
    lasted = sorted(
        one.ended - one.raised for one in alarms if one.ended is not None and one.ended <= upto
    )
    if not lasted:
        return Durations(0, None, None, None)
    return Durations(len(lasted), fmean(lasted), float(median(lasted)), float(nearest(lasted, 0.9)))


def nearest(ordered: Sequence[int], share: float) -> int:
    """Return the least value that this share of all does not exceed (nearest rank)."""
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def in_time(alarms: Iterable[ToldAlarm], upto: int) -> Rate:
    """Return 及时处置率 at a moment (ms): what is closed, or whose deadline has passed, is due."""
    done = late = 0
    for one in alarms:
        if one.deadline is None:
            continue
        if one.closed is not None and one.closed <= min(one.deadline, upto):
            done += 1
        elif one.deadline <= upto:
            late += 1
    return Rate(done, done + late)
