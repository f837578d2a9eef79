"""Two folds of the same history beside each other: which alarms only one has, which are otherwise.

An episode of one fold is an episode of the other when rule, subject and kind are the same and they
have a moment in common; where either has several, the first ones belong together.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from wattwarden.alarms.episodes.findings import (
    Alarm,
    Ended,
    Finding,
    Graded,
    Key,
    Raised,
    Returned,
)

APPEARS: Final = "appears"
VANISHES: Final = "vanishes"
MOVES: Final = "moves"
REGRADES: Final = "regrades"
CHANGES: Final = (APPEARS, VANISHES, MOVES, REGRADES)

Classes = Mapping[str, str]
"""The class of each rule."""


@dataclass(frozen=True, slots=True)
class Difference:
    """What would be otherwise; ``before`` is None for what appears, ``after`` for what vanishes.

    ``grade_before`` and ``grade_after`` are the classes A to F, with +1 for each level above; ""
    where there is no such alarm.
    """

    before: Alarm | None
    after: Alarm | None
    grade_before: str
    grade_after: str

    @property
    def change(self) -> str:
        """What it is called."""
        if self.before is None:
            return APPEARS
        if self.after is None:
            return VANISHES
        return REGRADES if _times(self.before) == _times(self.after) else MOVES

    @property
    def alarm(self) -> Alarm:
        """The episode as it is in one of the folds."""
        alarm = self.after or self.before
        if alarm is None:
            raise ValueError("a difference has an alarm")
        return alarm


@dataclass(frozen=True, slots=True)
class Comparison:
    """Differences in order of time, and how many episodes are the same."""

    differences: Sequence[Difference]
    same: int


def episodes_of(findings: Iterable[Finding], since: int, until: int) -> dict[Key, Alarm]:
    """Return the episodes raised from ``since`` on and before ``until`` (ms), as they ended."""
    listed = list(findings)
    found = {
        one.alarm.key: one.alarm
        for one in listed
        if isinstance(one, Raised) and since <= one.alarm.raised < until
    }
    for one in listed:
        if isinstance(one, Ended | Returned) and one.key in found:
            ended = one.ended if isinstance(one, Ended) else None
            found[one.key] = msgspec.structs.replace(found[one.key], ended=ended)
        elif isinstance(one, Graded) and one.key in found:
            found[one.key] = msgspec.structs.replace(found[one.key], grade_up=one.up)
    return found


def compared(
    before: Mapping[Key, Alarm], after: Mapping[Key, Alarm], classes: tuple[Classes, Classes]
) -> Comparison:
    """Say what would be otherwise; ``classes`` are those of the rules before and after."""
    old, new = classes
    same = {
        key
        for key in before.keys() & after.keys()
        if _times(before[key]) == _times(after[key])
        and _grade(before[key], old) == _grade(after[key], new)
    }
    pairs: dict[tuple[str, str, str], tuple[list[Alarm], list[Alarm]]] = defaultdict(
        lambda: ([], [])
    )
    for number, episodes in enumerate((before, after)):
        for key, alarm in sorted(episodes.items()):
            if key not in same:
                pairs[key.rule, key.subject, key.kind][number].append(alarm)
    differences = [
        Difference(first, then, _grade(first, old), _grade(then, new))
        for olds, news in pairs.values()
        for first, then in _paired(olds, news)
    ]
    differences.sort(key=lambda one: (one.alarm.began, one.alarm.key))
    return Comparison(differences, len(same))


def _paired(olds: list[Alarm], news: list[Alarm]) -> Iterable[tuple[Alarm | None, Alarm | None]]:
    """Pair episodes of one condition that overlap; both lists are in order of time."""
    left = list(news)
    for old in olds:
        new = next((one for one in left if _overlap(old, one)), None)
        if new is not None:
            left.remove(new)
        yield old, new
    for new in left:
        yield None, new


def _grade(alarm: Alarm | None, classes: Classes) -> str:
    if alarm is None:
        return ""
    up = f"+{alarm.grade_up}" if alarm.grade_up else ""
    return f"{classes.get(alarm.rule, '')}{up}"


def _overlap(one: Alarm, other: Alarm) -> bool:
    return _ends_after(one, other.began) and _ends_after(other, one.began)


def _ends_after(alarm: Alarm, moment: int) -> bool:
    return alarm.ended is None or alarm.ended >= moment


def _times(alarm: Alarm) -> tuple[int, int | None]:
    return alarm.raised, alarm.ended
