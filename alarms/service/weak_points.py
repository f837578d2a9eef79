"""Where a firm's own weak points are: which machine troubles it most, how often, and why.

What people named as the cause is told beside it, so that a firm sees that it was the same part
three times.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from wattwarden.alarms.cases.bodies import Cause, Fault
from wattwarden.alarms.cases.case import Case
from wattwarden.alarms.statistics.durations import ToldAlarm


@dataclass(frozen=True, slots=True)
class WeakPoint:
    """A machine or line: alarms by rule, ms with one open, and the causes that people named."""

    subject: str
    alarms: int
    open_ms: int
    last: int
    rules: Mapping[str, int]
    causes: Mapping[Cause, int]
    parts: tuple[str, ...]


def weak_points(alarms: Iterable[ToldAlarm], cases: Iterable[Case], upto: int) -> list[WeakPoint]:
    """Return what troubles a firm, the most open time first; faults of meters are not its own.

    Args:
        alarms: Of one firm.
        cases: Of these alarms, where people did something.
        upto: ms; alarms that go on are counted until then.
    """
    known = list(cases)
    meters = {_key(one) for one in known if one.fault is Fault.METERING}
    found: dict[str, list[ToldAlarm]] = {}
    for alarm in alarms:
        if (alarm.rule, alarm.subject, alarm.raised) not in meters:
            found.setdefault(alarm.subject, []).append(alarm)
    points = [
        _point(subject, listed, [one for one in known if one.subject == subject], upto)
        for subject, listed in found.items()
    ]
    return sorted(points, key=lambda one: (-one.open_ms, -one.alarms, one.subject))


def _point(subject: str, alarms: list[ToldAlarm], cases: list[Case], upto: int) -> WeakPoint:
    own = [one for one in cases if one.fault is not Fault.METERING]
    causes = Counter(one.cause for one in own if one.cause is not None)
    return WeakPoint(
        subject=subject,
        alarms=len(alarms),
        open_ms=_covered(alarms, upto),
        last=max(one.raised for one in alarms),
        rules=dict(sorted(Counter(one.rule for one in alarms).items())),
        causes=dict(sorted(causes.items())),
        parts=tuple(sorted({one.part for one in own if one.part})),
    )


def _covered(alarms: Iterable[ToldAlarm], upto: int) -> int:
    """Return the ms in which at least one of the alarms stood."""
    total, behind = 0, 0
    for one in sorted(alarms, key=lambda one: one.raised):
        end = min(upto, upto if one.ended is None else one.ended)
        start = max(one.raised, behind)
        total += max(0, end - start)
        behind = max(behind, end)
    return total


def _key(case: Case) -> tuple[str, str, int]:
    return case.rule, case.subject, round(1000 * case.raised.timestamp())
