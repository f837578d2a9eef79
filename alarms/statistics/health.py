"""How well the alarm system itself serves those who watch it (EEMUA 191, ISA-18.2, IEC 62682).

An operator is the officer who answers for a firm.  Averages hide bursts, so floods are counted in
windows of ten minutes for each operator.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from wattwarden.alarms.statistics.durations import ToldAlarm
from wattwarden.alarms.statistics.numbers import HealthNumbers
from wattwarden.alarms.statistics.rates import NONE_OF_NOTHING, Rate
from wattwarden.alarms.statistics.timelines import Span

MINUTE_MS: Final = 60_000
HOUR_MS: Final = 3_600_000


@dataclass(frozen=True, slots=True)
class Source:
    """Where alarms come from: a rule and its subject, and how many there were."""

    rule: str
    subject: str
    alarms: int


@dataclass(frozen=True, slots=True)
class Health:
    """``hourly`` is alarms an hour and operator, None without operators.

    ``mix`` is the share of alarms by priority; ``peak_hour`` and ``peak_minute`` are the most
    alarms that one operator got in one.
    """

    operators: int
    hourly: float | None
    top: Rate
    worst: tuple[Source, ...]
    chattering: tuple[Source, ...]
    stale: tuple[ToldAlarm, ...]
    flood: Rate
    peak_hour: int
    peak_minute: int
    mix: Mapping[str, Rate]


def health(
    alarms: Sequence[ToldAlarm],
    operator_of: Mapping[str, str],
    span: Span,
    numbers: HealthNumbers,
) -> Health:
    """Return the figures of alarms raised in a span.

    Args:
        alarms: Those raised in it, and those raised before that still stand at its end.
        operator_of: Who answers for each enterprise.
        span: Of what time.
        numbers: The limits.
    """
    raised = [one for one in alarms if span.start <= one.raised < span.end]
    operators = len(set(operator_of.values()))
    hours = (span.end - span.start) / HOUR_MS
    sources = Counter((one.rule, one.subject) for one in raised)
    worst = [Source(*key, count) for key, count in _ranked(sources)[: numbers.top]]
    asked = [(operator_of.get(one.enterprise, one.enterprise), one.raised) for one in raised]
    windows = -(-(span.end - span.start) // numbers.flood_window_ms)
    bursts = _busiest(asked, span.start, numbers.flood_window_ms)
    flooded = sum(1 for count in bursts.values() if count > numbers.flood_alarms)
    return Health(
        operators=operators,
        hourly=len(raised) / hours / operators if operators and hours > 0 else None,
        top=Rate(sum(one.alarms for one in worst), len(raised)),
        worst=tuple(worst),
        chattering=_chattering(raised, numbers),
        stale=tuple(one for one in alarms if _stands(one, span.end) >= numbers.stale_ms),
        flood=Rate(flooded, windows * operators),
        peak_hour=max(_busiest(asked, span.start, HOUR_MS).values(), default=0),
        peak_minute=max(_busiest(asked, span.start, MINUTE_MS).values(), default=0),
        mix=_mix(raised, numbers),
    )


def _mix(raised: Sequence[ToldAlarm], numbers: HealthNumbers) -> dict[str, Rate]:
    found = Counter(numbers.priority[one.grade] for one in raised)
    names = sorted(set(numbers.priority.values()))
    return {name: Rate(found[name], len(raised)) if raised else NONE_OF_NOTHING for name in names}


def _ranked(counted: Counter[tuple[str, str]]) -> list[tuple[tuple[str, str], int]]:
    return sorted(counted.items(), key=lambda item: (-item[1], item[0]))


def _busiest(asked: Sequence[tuple[str, int]], start: int, width: int) -> Counter[tuple[str, int]]:
    """Count alarms by operator and window."""
    return Counter((operator, (at - start) // width) for operator, at in asked)


def _chattering(raised: Sequence[ToldAlarm], numbers: HealthNumbers) -> tuple[Source, ...]:
    """Find sources that came so often within the window, the most frequent first."""
    moments: dict[tuple[str, str], list[int]] = {}
    for one in sorted(raised, key=lambda one: one.raised):
        moments.setdefault((one.rule, one.subject), []).append(one.raised)
    many, window = numbers.chatter_alarms, numbers.chatter_window_ms
    found = Counter(
        {
            key: len(at)
            for key, at in moments.items()
            if any(last - first <= window for first, last in zip(at, at[many - 1 :], strict=False))
        }
    )
    return tuple(Source(*key, count) for key, count in _ranked(found))


def _stands(alarm: ToldAlarm, at: int) -> int:
    """Return for how long an alarm has stood at a moment; 0 where it does not."""
    return at - alarm.raised if alarm.ended is None or alarm.ended > at else 0
