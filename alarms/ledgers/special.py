"""Special periods day by day: what production did while a plan told it to stop, or to make less.

    plans as they stood ─► hours of each local day ─┐
    states of production units ─────────────────────┼─► an entry a day and plan, after midnight
    alarms that a limit is exceeded ────────────────┘

A day is told by what was known when it was over: only alarms raised by then count.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from itertools import pairwise
from typing import Final
from zoneinfo import ZoneInfo

from wattwarden.alarms.decisions.bodies import Measure, Plan
from wattwarden.alarms.ledgers.bodies import Occasion
from wattwarden.alarms.ledgers.contents import Special
from wattwarden.alarms.ledgers.entries import LedgerKind
from wattwarden.alarms.ledgers.motions import Seen
from wattwarden.alarms.ledgers.reconcile import Fact
from wattwarden.alarms.plant.orders import plan_hours
from wattwarden.alarms.responses.assessment import Window, common, joined
from wattwarden.alarms.states.running import DOING_OF, Doing

# The rule whose alarms say that a limit is exceeded.
EXCEEDS: Final = "R12"
_MINUTE: Final = timedelta(minutes=1)
# A day's entry is of its last second, so that it stands among what happened on that day.
_LAST: Final = timedelta(seconds=1)
_INSTANT: Final = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Version:
    """A plan as it was decided at a moment."""

    at: datetime
    plan: Plan


@dataclass(frozen=True, slots=True)
class Exceeded:
    """An alarm that a limit is exceeded; ``ended`` is None while it stands."""

    began: datetime
    raised: datetime
    ended: datetime | None


@dataclass(frozen=True, slots=True)
class Ordered:
    """What a plan asked for on a day: its hours, and the version that held last."""

    day_end: datetime
    windows: tuple[Window, ...]
    plan: Plan

    @property
    def at(self) -> datetime:
        """Of when the day's entry is."""
        return self.day_end - _LAST

    @property
    def source(self) -> str:
        """What its entry rests on."""
        return f"plan:{self.plan.id}"


def ordered_days(
    versions: Sequence[Version], zone: ZoneInfo, since: datetime, until: datetime
) -> Iterator[Ordered]:
    """Yield the days on which a plan held, by their last seconds from ``since`` on.

    Args:
        versions: All that was decided of one plan, oldest first.
        zone: The enterprise's.
        since: The first moment of which a day's entry may be.
        until: Days that end later are left for their time.
    """
    held = _held(versions, zone, since - timedelta(days=2), until)
    midnight = day_end(since + _LAST, zone)
    while midnight <= until:
        day = Window(day_before(midnight, zone), midnight)
        within = [(hours, plan) for window, plan in held for hours in common([window], [day])]
        if within:
            yield Ordered(midnight, tuple(joined(hours for hours, _ in within)), within[-1][1])
        midnight = day_end(midnight + _MINUTE, zone)


def next_day(versions: Sequence[Version], zone: ZoneInfo, after: datetime) -> datetime | None:
    """Return of when the next entry of a plan may be, after a moment; None: there is none."""
    force = [Window(max(one.at, one.plan.start), until) for one, until in _forces(versions)]
    begin = min((window.start for window in force), default=after)
    midnight = day_end(max(after, begin) + _LAST + _INSTANT, zone)
    if any(window.end > day_before(midnight, zone) for window in force):
        return midnight - _LAST
    return None


def day_end(moment: datetime, zone: ZoneInfo) -> datetime:
    """Return the first local midnight at or after a moment."""
    local = moment.astimezone(zone)
    today = datetime.combine(local.date(), time(), zone)
    if today == local:
        return today.astimezone(moment.tzinfo)
    following = datetime.combine(local.date() + timedelta(days=1), time(), zone)
    return following.astimezone(moment.tzinfo)


def day_before(midnight: datetime, zone: ZoneInfo) -> datetime:
    """Return the local midnight before one."""
    before = midnight.astimezone(zone).date() - timedelta(days=1)
    return datetime.combine(before, time(), zone).astimezone(midnight.tzinfo)


def day_fact(
    ordered: Ordered,
    name: str,
    states: Mapping[str, Sequence[Seen]],
    exceeded: Iterable[Exceeded],
) -> Fact:
    """Return what is entered of a plan's day.

    Args:
        ordered: The plan and its hours.
        name: What people call its subject.
        states: What each production unit of the subject did, from before these hours on.
        exceeded: The alarms about its limit.
    """
    plan = ordered.plan
    ran = joined(_when(states.values(), Doing.RUN, ordered.windows))
    hidden = joined(_when(states.values(), Doing.UNKNOWN, ordered.windows))
    words = [_ordered(plan), _ran(_seconds(ran))]
    if plan.measure is Measure.LIMIT:
        words.append(_over(_seconds(_exceeded(exceeded, ordered))))
    unknown = _seconds(hidden) - _seconds(common(hidden, ran))
    if unknown >= _MINUTE.total_seconds():
        words.append(f"其中{_lasted(unknown)}无监测数据")
    content = Special(
        name=name,
        occasion=Occasion.OFF_PEAK if plan.level is None else Occasion.HEAVY_POLLUTION,
        start=ordered.windows[0].start,
        end=ordered.windows[-1].end,
        measure=",".join(words),
        units=tuple(sorted(states)),
    )
    return Fact(LedgerKind.SPECIAL, ordered.source, ordered.at, content)


def _held(
    versions: Sequence[Version], zone: ZoneInfo, since: datetime, until: datetime
) -> list[tuple[Window, Plan]]:
    """Return the hours of each version until the next one took its place."""
    found: list[tuple[Window, Plan]] = []
    for one, replaced in _forces(versions):
        force = Window(max(one.at, since), min(replaced, until))
        for start, end in plan_hours(one.plan, zone):
            if start >= until:
                break
            if start < force.end and end > force.start:
                found.append((Window(max(start, force.start), min(end, force.end)), one.plan))
    return found


def _forces(versions: Sequence[Version]) -> Iterator[tuple[Version, datetime]]:
    """Yield the versions that order something, with when each ended or was replaced."""
    for one, later in pairwise([*versions, None]):
        if one is not None and one.plan.enabled and not one.plan.exempt:
            yield one, one.plan.end if later is None else min(later.at, one.plan.end)


def _when(units: Iterable[Sequence[Seen]], doing: Doing, windows: Sequence[Window]) -> list[Window]:
    """Return when any of some units did something, within windows; unheard of, it is unknown."""
    first, last = windows[0].start, windows[-1].end
    found: list[Window] = []
    for series in units:
        begin = min([first, *(seen.at for seen in series[:1])])
        for seen, then in pairwise([Seen(begin, "never"), *series, Seen(last, "")]):
            if DOING_OF[seen.state] is doing and seen.at < then.at:
                found.append(Window(seen.at, then.at))
    return common(windows, joined(found))


def _exceeded(alarms: Iterable[Exceeded], ordered: Ordered) -> list[Window]:
    stood = [
        Window(one.began, one.ended or ordered.day_end)
        for one in alarms
        if one.raised < ordered.day_end
    ]
    return common(ordered.windows, joined(stood))


def _ordered(plan: Plan) -> str:
    if plan.reduction is None:
        return "要求停产"
    return f"要求限产{plan.reduction:.0%}"


def _ran(seconds: float) -> str:
    return f"期间生产{_lasted(seconds)}" if seconds >= _MINUTE.total_seconds() else "期间未生产"


def _over(seconds: float) -> str:
    return f"超出限值{_lasted(seconds)}" if seconds >= _MINUTE.total_seconds() else "未超出限值"


def _lasted(seconds: float) -> str:
    minutes = int(seconds // _MINUTE.total_seconds())
    hours, rest = divmod(minutes, 60)
    return f"{hours}小时{rest}分" if hours else f"{rest}分"


def _seconds(windows: Iterable[Window]) -> float:
    return sum(window.seconds for window in windows)
