"""How long alarms lasted, and whether what was due was done in time.

mean alarm duration   mean(clear - raise), with the median and the 90th percentile; of treatment and
                      production first, of data, statistics and duties apart: these last for days
及时处置率            rectified, and not sent back, or closed before the deadline / due
及时核实率            the same with verified: a proof takes a day of production, which is the
                      authority's time and not the firm's
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from statistics import fmean, median
from typing import Final

from wattwarden.alarms.cases.case import Case
from wattwarden.alarms.statistics.rates import Rate


class Sort(StrEnum):
    """What alarms are of, for how long they lasted."""

    ABNORMAL = "abnormal"  # 治污、生产异常: treatment, its power, orders
    DATA = "data"  # 数据: meters and silence
    STATISTICS = "statistics"  # 统计
    DUTY = "duty"  # 管理提醒: patrols, parts that wear out


SORTS: Final[Mapping[str, Sort]] = {
    "A": Sort.ABNORMAL,
    "B": Sort.ABNORMAL,
    "C": Sort.ABNORMAL,
    "D": Sort.DATA,
    "E": Sort.STATISTICS,
    "F": Sort.DUTY,
}
"""By the class of a rule."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class ToldAlarm:
    """An alarm that people were told, ms; ``ended`` is None while it goes on.

    ``deadline`` is None where nothing is due.  ``done`` is when the firm had done its part, as it
    stands: rectified and not sent back, or closed; ``verified``: when nothing was left to do.
    """

    rule: str
    grade: str
    subject: str
    enterprise: str
    line: str
    raised: int
    ended: int | None = None
    deadline: int | None = None
    done: int | None = None
    verified: int | None = None


@dataclass(frozen=True, slots=True)
class Durations:
    """Of alarms that ended: how many, and ms; None where none did."""

    ended: int
    mean: float | None
    median: float | None
    p90: float | None


def told(case: Case) -> ToldAlarm:
    """Return a case's alarm, due by the case's deadline; what was sent back was not done."""
    return ToldAlarm(
        rule=case.rule,
        grade=case.grade,
        subject=case.subject,
        enterprise=case.enterprise,
        line=case.line,
        raised=milliseconds(case.raised),
        ended=None if case.cleared is None else milliseconds(case.cleared),
        deadline=milliseconds(case.deadline),
        done=None if case.done is None else milliseconds(case.done),
        verified=None if case.settled is None else milliseconds(case.settled),
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


def by_sort(alarms: Iterable[ToldAlarm], upto: int) -> dict[Sort, Durations]:
    """Return how long alarms lasted that had ended by a moment (ms), each sort apart."""
    listed = list(alarms)
    return {
        sort: durations((one for one in listed if SORTS[one.grade] is sort), upto) for sort in Sort
    }


def in_time(alarms: Iterable[ToldAlarm], upto: int) -> Rate:
    """Return 及时处置率 at a moment (ms): what is done, or whose deadline has passed, is due."""
    return _before(((one.deadline, one.done) for one in alarms), upto)


def verified_in_time(alarms: Iterable[ToldAlarm], upto: int) -> Rate:
    """Return 及时核实率 at a moment (ms): as ``in_time``, for what was verified or closed."""
    return _before(((one.deadline, one.verified) for one in alarms), upto)


def _before(dues: Iterable[tuple[int | None, int | None]], upto: int) -> Rate:
    """Return which share of what is due was reached before its deadline."""
    done = late = 0
    for deadline, reached in dues:
        if deadline is None:
            continue
        if reached is not None and reached <= min(deadline, upto):
            done += 1
        elif deadline <= upto:
            late += 1
    return Rate(done, done + late)
