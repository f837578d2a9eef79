"""What an enterprise is recognised by: pure functions of its history, as of a moment.

    false rectification   said to be gone, and back within some hours of production, again
    running sick          so much of production with open alarms, so many alarms, or worn-out parts
    high frequency        so many alarms that grew grave
    standing              a gravest alarm that goes on

All limits are inclusive, but "more than" (a part beyond its limit, a day open) is more.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from wattwarden.alarms.enforcement.incidents import History, Incident
from wattwarden.alarms.enforcement.limits import Limits
from wattwarden.alarms.enforcement.spans import Spans, common, length, merged, within
from wattwarden.alarms.enforcement.words import Flag


@dataclass(frozen=True, slots=True)
class Flagged:
    """A flag, the alarms and parts that it rests on, and what was found, in both languages."""

    flag: Flag
    alarms: tuple[int, ...]
    zh: str
    en: str
    consumables: tuple[str, ...] = ()


def flags(history: History, at: datetime, limits: Limits) -> list[Flagged]:
    """Return everything that an enterprise is flagged for at a moment."""
    found = (
        false_rectification(history, at, limits),
        running_sick(history, at, limits),
        high_frequency(history, at, limits),
        standing(history, at, limits),
    )
    return [one for one in found if one is not None]


def false_rectification(history: History, at: datetime, limits: Limits) -> Flagged | None:
    """虚假整改: a unit's fault came back so soon after it was said to be gone, so many times."""
    rules = limits.false_rectification
    since = at - timedelta(days=rules.window_d)
    by_subject: dict[str, list[tuple[Incident, Incident]]] = {}
    for before, after in _returns(history, at, timedelta(hours=rules.recurs_h)):
        if after.raised >= since:
            by_subject.setdefault(after.subject, []).append((before, after))
    worst = max(by_subject.values(), key=len, default=[])
    if len(worst) < rules.times:
        return None
    subject, times = worst[0][1].subject, len(worst)
    days, hours = rules.window_d, rules.recurs_h
    return Flagged(
        Flag.FALSE_RECTIFICATION,
        _numbers(one for pair in worst for one in pair),
        f"{history.called(subject)}在{days:g}天内{times}次整改后{hours:g}小时生产时间内再次报警",
        f"{subject} was said to be rectified and back within {hours:g} h of production,"
        f" {times} times in {days:g} d",
    )


def _returns(
    history: History, at: datetime, soon: timedelta
) -> Iterator[tuple[Incident, Incident]]:
    """Yield each incident that was said to be gone, with the next of its like if that was soon."""
    by_cause: dict[tuple[str, str], list[Incident]] = {}
    for one in history.counting(at, "ABCDEF"):
        by_cause.setdefault((one.rule, one.subject), []).append(one)
    for incidents in by_cause.values():
        for place, after in enumerate(incidents[1:], start=1):
            last = incidents[place - 1].raised
            # What came back before it was said to be gone was no return.
            said = [(one.corrected(after.raised), one) for one in incidents[:place]]
            gone = [(when, one) for when, one in said if when is not None and when >= last]
            if not gone:
                continue
            when, before = max(gone, key=lambda pair: pair[0])
            if length(within(history.producing(after.line), when, after.raised)) <= soon:
                yield before, after


def running_sick(history: History, at: datetime, limits: Limits) -> Flagged | None:
    """长期带病: production goes on with what is known to be wrong."""
    rules = limits.running_sick
    since = at - timedelta(days=rules.window_d)
    incidents = history.counting(at, "AB")
    recent = [one for one in incidents if one.raised >= since]
    sick = _sickest_line(history, incidents, (since, at), limits)
    worn = [
        one
        for one in history.worn
        if one.since <= at and within(history.producing(one.line), one.since, at)
    ]
    many = len(recent) >= rules.alarms
    if not (sick or many or worn):
        return None
    days, said_zh, said_en = rules.window_d, [], []
    if sick:
        said_zh.append(f"{days:g}天内{sick.share:.0%}的生产时间带A、B类报警运行")
        said_en.append(f"{sick.share:.0%} of production in {days:g} d with A or B alarms open")
    if many:
        said_zh.append(f"{days:g}天内A、B类报警{len(recent)}次")
        said_en.append(f"{len(recent)} alarms of class A or B in {days:g} d")
    if worn:
        over = f"{rules.overuse_share - 1:.0%}"
        said_zh.append(f"耗材{'、'.join(one.consumable for one in worn)}超期{over}以上仍在生产")
        named = ", ".join(one.consumable for one in worn)
        said_en.append(f"producing with {named} more than {over} over the limit")
    behind = [*(sick.incidents if sick else ()), *(recent if many else ())]
    return Flagged(
        Flag.RUNNING_SICK,
        _numbers(behind),
        ",".join(said_zh),
        ", ".join(said_en),
        tuple(sorted({one.consumable for one in worn})),
    )


@dataclass(frozen=True, slots=True)
class _Sick:
    share: float
    incidents: tuple[Incident, ...]


def _sickest_line(
    history: History, incidents: list[Incident], window: tuple[datetime, datetime], limits: Limits
) -> _Sick | None:
    """The line with most of its production under open alarms, if that is enough.

    Alarms of no line in particular are every line's.
    """
    rules, found = limits.running_sick, []
    for line in history.production:
        production = within(history.producing(line), *window)
        if length(production) < timedelta(hours=rules.least_production_h):
            continue
        own = [one for one in incidents if one.line in (line, "")]
        behind = tuple(one for one in own if common(production, _open(one, window[1])))
        opened = merged(span for one in behind for span in _open(one, window[1]))
        share = length(common(production, opened)) / length(production)
        if share >= rules.open_share:
            found.append(_Sick(share, behind))
    return max(found, key=lambda one: one.share, default=None)


def _open(incident: Incident, at: datetime) -> Spans:
    """From raise to end, or to now while it goes on."""
    end = at if incident.ended is None else min(incident.ended, at)
    return merged([(incident.raised, end)])


def high_frequency(history: History, at: datetime, limits: Limits) -> Flagged | None:
    """高频报警: so many alarms of classes A and C that reached level 3."""
    rules = limits.high_frequency
    since = at - timedelta(days=rules.window_d)
    grave = [
        one for one in history.counting(at, "AC") if one.raised >= since and one.reached(3, at)
    ]
    if len(grave) < rules.alarms:
        return None
    days = rules.window_d
    return Flagged(
        Flag.HIGH_FREQUENCY,
        _numbers(grave),
        f"{days:g}天内A、C类三级以上报警{len(grave)}次",
        f"{len(grave)} alarms of class A or C at level 3 or above in {days:g} d",
    )


def standing(history: History, at: datetime, limits: Limits) -> Flagged | None:
    """严重报警未消除: at level 4, and open for a day or when the ladder called for a visit."""
    most = timedelta(hours=limits.standing.open_h)
    found = [
        one
        for one in history.counting(at, "ABCDEF")
        if one.is_open(at) and one.reached(4, at) and (_called(one, at) or at - one.raised > most)
    ]
    if not found:
        return None
    longest = (at - found[0].raised) / timedelta(hours=1)
    return Flagged(
        Flag.STANDING,
        _numbers(found),
        f"严重报警{len(found)}项未消除,最长已持续{longest:.1f}小时",
        f"{len(found)} severe alarms go on, the longest for {longest:.1f} h",
    )


def _called(incident: Incident, at: datetime) -> bool:
    return incident.called is not None and incident.called <= at


def _numbers(incidents: Iterator[Incident] | list[Incident]) -> tuple[int, ...]:
    return tuple(sorted({one.alarm for one in incidents}))
