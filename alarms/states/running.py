"""How long a unit ran, from the states that were published of it.

    transitions, heard until when ─► spells ─► RunTime, of a stretch or of each local day
                                          └──► the moment in which so much work was reached

A published state ends two cycles after the last sample at the latest: from there on the unit is
offline, so no gap is ever counted as running.  What is not known is told apart.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from enum import StrEnum
from typing import Final

from wattwarden.alarms.states.codes import UnitState


class Doing(StrEnum):
    """What hours count as."""

    RUN = "run"
    # It turns and wears, and makes nothing.
    IDLE = "idle"
    REST = "rest"
    # Excused: whether it ran was not judged.
    DECLARED = "declared"
    UNKNOWN = "unknown"


_DOING: Final = {
    UnitState.RUNNING: Doing.RUN,
    UnitState.OVER: Doing.RUN,
    UnitState.REDUCED_VFD: Doing.RUN,
    UnitState.REDUCED_SLOW: Doing.RUN,
    UnitState.IDLE: Doing.IDLE,
    UnitState.OFF: Doing.REST,
    UnitState.NO_POWER: Doing.REST,
    UnitState.DECLARED: Doing.DECLARED,
    UnitState.OFFLINE: Doing.UNKNOWN,
    UnitState.NEVER: Doing.UNKNOWN,
}
DOING_OF: Final[Mapping[str, Doing]] = {state.name.lower(): _DOING[state] for state in UnitState}
"""By the names under which states are kept."""
WORKING: Final = (Doing.RUN, Doing.IDLE)
"""While hours of wear count."""


@dataclass(frozen=True, slots=True)
class Spell:
    """From one moment to before another a unit did the same."""

    start: datetime
    end: datetime
    doing: Doing

    @property
    def seconds(self) -> float:
        """How long."""
        return (self.end - self.start).total_seconds()


@dataclass(frozen=True, slots=True)
class RunTime:
    """Seconds of a stretch, by what they count as."""

    run_s: float = 0.0
    idle_s: float = 0.0
    rest_s: float = 0.0
    declared_s: float = 0.0
    unknown_s: float = 0.0

    @property
    def worked_s(self) -> float:
        """Seconds that wear a machine out."""
        return self.run_s + self.idle_s


def spells_of(
    transitions: Sequence[tuple[datetime, str]],
    heard_until: datetime | None,
    since: datetime,
    until: datetime,
) -> list[Spell]:
    """Cut a stretch into what a unit did in it; the spells join without gaps.

    Args:
        transitions: When which state (by its kept name) began, oldest first, the last one before
            ``since`` included.
        heard_until: Two cycles after the last sample; later nothing is known.  None: never heard.
        since: Where the stretch begins; before the first transition nothing is known.
        until: Where it ends; nothing comes of a stretch that ends before.
    """
    found: list[Spell] = []
    for start, end, doing in _raw(transitions, since, until):
        if doing is Doing.DECLARED:
            _add(found, start, end, doing)
            continue
        known_until = start if heard_until is None else min(end, max(start, heard_until))
        _add(found, start, known_until, doing)
        _add(found, known_until, end, Doing.UNKNOWN)
    return found


def run_time(spells: Iterable[Spell]) -> RunTime:
    """Add up spells."""
    sums = dict.fromkeys(Doing, 0.0)
    for spell in spells:
        sums[spell.doing] += spell.seconds
    return _run_time(sums)


def within(spells: Iterable[Spell], start: datetime, end: datetime) -> Iterator[Spell]:
    """Yield the parts of spells that lie in a window."""
    for spell in spells:
        first, last = max(spell.start, start), min(spell.end, end)
        if first < last:
            yield Spell(first, last, spell.doing)


def by_day(spells: Iterable[Spell], zone: tzinfo) -> dict[date, RunTime]:
    """Add up spells, in order of time, by local day; days without any are absent."""
    days: dict[date, dict[Doing, float]] = {}
    day, over = date.min, datetime.min.replace(tzinfo=UTC)
    for spell in spells:
        start = spell.start
        while start < spell.end:
            if start >= over:
                day = start.astimezone(zone).date()
                over = _midnight(day + timedelta(days=1), zone)
                days.setdefault(day, dict.fromkeys(Doing, 0.0))
            end = min(spell.end, over)
            days[day][spell.doing] += (end - start).total_seconds()
            start = end
    return {day: _run_time(sums) for day, sums in days.items()}


def reached(spells: Iterable[Spell], seconds: float) -> datetime | None:
    """Return when so many seconds of work were reached; None where it was not."""
    left = seconds
    for spell in spells:
        if spell.doing not in WORKING:
            continue
        if spell.seconds >= left:
            return spell.start + timedelta(seconds=left)
        left -= spell.seconds
    return None


def _run_time(sums: Mapping[Doing, float]) -> RunTime:
    return RunTime(**{f"{doing}_s": seconds for doing, seconds in sums.items()})


def _raw(
    transitions: Sequence[tuple[datetime, str]], since: datetime, until: datetime
) -> Iterator[tuple[datetime, datetime, Doing]]:
    """Yield the stretch by published states; unknown before the first of them."""
    at, doing = since, Doing.UNKNOWN
    for moment, state in transitions:
        if moment >= until:
            break
        if at < moment:
            yield at, moment, doing
            at = moment
        doing = DOING_OF[state]
    if at < until:
        yield at, until, doing


def _add(found: list[Spell], start: datetime, end: datetime, doing: Doing) -> None:
    """Append a spell, one with the spell before where it does the same."""
    if start >= end:
        return
    if found and found[-1].doing is doing:
        start = found.pop().start
    found.append(Spell(start, end, doing))


def _midnight(day: date, zone: tzinfo) -> datetime:
    """Return when a local day begins; in UTC, where moments are compared quickly."""
    return datetime.combine(day, datetime.min.time(), zone).astimezone(UTC)
