"""How a response was answered, when it is over or so far.

    responded   = units that complied for 95 % of their window / units ordered
    energy cut  = 1 - energy in the window / energy of the same hours in normal weeks

A unit's window is when its plans hold, from the end of the grace on.  Under a stop it complies
while it makes nothing, or is declared absent; under a limit while no alarm says that the limit is
exceeded.  While nothing is known of it, it does not: silence is no answer.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from wattwarden.alarms.responses.numbers import Numbers
from wattwarden.alarms.states.running import Doing, Spell, run_time, within
from wattwarden.alarms.statistics.compliance import SAID_BY, Standing

_WEEK: Final = timedelta(days=7)


class Window(NamedTuple):
    """From one moment to before another."""

    start: datetime
    end: datetime

    @property
    def seconds(self) -> float:
        """How long."""
        return (self.end - self.start).total_seconds()


@dataclass(frozen=True, slots=True)
class Obedience:
    """How a unit complied with its orders: seconds of their windows, and of these."""

    unit: str
    window_s: float
    complied_s: float
    unknown_s: float

    def responded(self, numbers: Numbers) -> bool | None:
        """Tell whether it did; None while its window has not begun."""
        if self.window_s <= 0:
            return None
        return self.complied_s >= numbers.compliant_share * self.window_s


@dataclass(frozen=True, slots=True)
class Energy:
    """Wh of a subject in its window, and of a normal one; None: not known."""

    used: float | None
    base: float | None

    def cut(self) -> float | None:
        """Return which share less it used; below 0 it used more."""
        if self.used is None or not self.base:
            return None
        return 1 - self.used / self.base


@dataclass(frozen=True, slots=True)
class Assessment:
    """A response as it was answered.  Shares are None where there is nothing to tell them by."""

    ordered: int
    responded: int
    waiting: int
    responded_share: float | None
    energy_cut: float | None
    energy_unknown: int
    answers: Mapping[Standing, int]


def windows_of(
    hours: Iterable[tuple[datetime, datetime]], grace: timedelta, until: datetime
) -> list[Window]:
    """Return when a plan is judged: its hours up to a moment, each from the end of the grace on."""
    cut = (Window(start + grace, min(end, until)) for start, end in hours)
    return [window for window in cut if window.start < window.end]


def stop_obeyed(unit: str, windows: Sequence[Window], spells: Sequence[Spell]) -> Obedience:
    """Judge a unit under a stop by what it did."""
    times = [run_time(within(spells, *window)) for window in windows]
    return Obedience(
        unit,
        sum(window.seconds for window in windows),
        sum(time.rest_s + time.idle_s + time.declared_s for time in times),
        sum(time.unknown_s for time in times),
    )


def limit_obeyed(
    unit: str, windows: Sequence[Window], spells: Sequence[Spell], exceeded: Sequence[Window]
) -> Obedience:
    """Judge a unit under a limit by when an alarm said that the limit was exceeded."""
    known = [
        Window(spell.start, spell.end)
        for window in windows
        for spell in within(spells, *window)
        if spell.doing is not Doing.UNKNOWN
    ]
    total = sum(window.seconds for window in windows)
    heard = sum(window.seconds for window in known)
    broken = sum(window.seconds for window in common(known, joined(exceeded)))
    return Obedience(unit, total, heard - broken, total - heard)


def by_unit(obeyed: Iterable[Obedience]) -> list[Obedience]:
    """Return one for each unit, however many orders it was under."""
    found: dict[str, Obedience] = {}
    for one in obeyed:
        so_far = found.get(one.unit, Obedience(one.unit, 0.0, 0.0, 0.0))
        found[one.unit] = Obedience(
            one.unit,
            so_far.window_s + one.window_s,
            so_far.complied_s + one.complied_s,
            so_far.unknown_s + one.unknown_s,
        )
    return list(found.values())


def base_windows(
    windows: Sequence[Window], ordered: Sequence[Window], numbers: Numbers
) -> list[list[Window]]:
    """Return the same hours of earlier weeks in which nothing was ordered, the latest first.

    Args:
        windows: Of the response.
        ordered: When orders of any kind held for the subject.
        numbers: How many weeks, and how far back they are looked for.
    """
    found: list[list[Window]] = []
    for week in range(1, numbers.base_weeks_searched + 1):
        back = [Window(start - week * _WEEK, end - week * _WEEK) for start, end in windows]
        if not common(back, ordered):
            found.append(back)
        if len(found) == numbers.base_weeks:
            break
    return found


def answer_of(rules: Iterable[str], doing: Iterable[Doing]) -> Standing:
    """Say what a firm did by its alarms, and by all that its production units did."""
    raised = set(rules)
    for standing, said_by in SAID_BY:
        if raised & said_by:
            return standing
    done = set(doing)
    if Doing.RUN in done:
        return Standing.COMPLIANT
    return Standing.UNHEARD if done <= {Doing.UNKNOWN} else Standing.IDLE


def assess(
    obeyed: Iterable[Obedience],
    energies: Iterable[Energy],
    answers: Iterable[Standing],
    numbers: Numbers,
) -> Assessment:
    """Add up units, subjects of plans, and firms."""
    told = [one.responded(numbers) for one in obeyed]
    judged = [one for one in told if one is not None]
    energies = list(energies)
    known = [(one.used, one.base) for one in energies if one.used is not None and one.base]
    base = sum(base for _, base in known)
    return Assessment(
        ordered=len(told),
        responded=sum(judged),
        waiting=len(told) - len(judged),
        responded_share=sum(judged) / len(judged) if judged else None,
        energy_cut=1 - sum(used for used, _ in known) / base if base else None,
        energy_unknown=len(energies) - len(known),
        answers=Counter(answers),
    )


def common(some: Sequence[Window], others: Sequence[Window]) -> list[Window]:
    """Return what windows have in common, pair by pair."""
    return list(_overlaps(some, others))


def joined(windows: Iterable[Window]) -> list[Window]:
    """Return windows as such that do not overlap, in order."""
    found: list[Window] = []
    for window in sorted(windows):
        if found and window.start <= found[-1].end:
            found[-1] = Window(found[-1].start, max(found[-1].end, window.end))
        else:
            found.append(window)
    return found


def _overlaps(some: Sequence[Window], others: Sequence[Window]) -> Iterator[Window]:
    for one in some:
        for other in others:
            start, end = max(one.start, other.start), min(one.end, other.end)
            if start < end:
                yield Window(start, end)
