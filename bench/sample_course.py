"""What a made-up city's machines did for some months: shifts, and what went wrong in them.

firm ─► its shift ─► days of each unit: stretches of running ─► minutes of power, changes of state
                          └► offences: the unit stops, idles, slows or falls silent amid a shift
"""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Final

import numpy as np
from numpy.typing import NDArray

DAY_MIN: Final = 1_440
# Minutes after midnight, how many firms of a hundred have the shift, and whether Sunday is off.
SHIFTS: Final = (
    ((0, DAY_MIN), 15, False),
    ((360, 1_320), 30, False),
    ((480, 1_080), 35, True),
    ((450, 1_170), 20, True),
)
# A machine stands still on such a share of working days.
IDLE_DAYS: Final = 0.08
JITTER_MIN: Final = 9
# Of a unit's day, by what happens in it: rule, chance, state, share of the usual power.
TROUBLES: Final = (
    ("R2", 0.02, "off", 0.004),
    ("R4", 0.012, "reduced_vfd", 0.45),
    ("R5", 0.01, "reduced_slow", 0.62),
    ("R3", 0.006, "idle", 0.3),
    ("R8", 0.006, "offline", 0.0),
)
LASTS_MIN: Final = (6, 190)
STANDBY: Final = 0.004


@dataclass(frozen=True, slots=True)
class Stretch:
    """A unit was in a state from one minute since the beginning to another, at a share of power."""

    since: int
    until: int
    state: str
    share: float


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something went wrong with a unit; ``until`` None: it goes on."""

    unit: int
    rule: str
    since: int
    until: int | None


@dataclass(frozen=True, slots=True)
class Machine:
    """A unit as its course is drawn: whose it is, whether it treats, its usual power in W.

    ``ratio`` is that of its transformers: its meter sees so much less.
    """

    firm: str
    name: str
    treats: bool
    watts: float
    ratio: float


@dataclass(slots=True)
class Course:
    """All machines over ``minutes`` from the first midnight to the present."""

    machines: Sequence[Machine]
    minutes: int
    stretches: list[list[Stretch]] = field(default_factory=list)
    troubles: list[Trouble] = field(default_factory=list)

    def day(self, number: int) -> NDArray[np.float32]:
        """Return what each unit's meter saw in each minute of a day, W; NaN: nothing was heard."""
        begin = number * DAY_MIN
        shares = np.full((len(self.machines), DAY_MIN), STANDBY, np.float32)
        for row, many in enumerate(self.stretches):
            # A shift is within its day: those behind the day's first belong to it or to later ones.
            for one in many[bisect_left(many, begin, key=_since) :]:
                if one.since >= begin + DAY_MIN:
                    break
                within = slice(one.since - begin, one.until - begin)
                shares[row, within] = np.nan if one.state == "offline" else one.share
        watts = np.array([one.watts / one.ratio for one in self.machines], np.float32)
        noise = np.random.default_rng(number)
        drift = 1 + 0.07 * np.sin(np.arange(DAY_MIN) / 67.0 + np.arange(len(watts))[:, None])
        scatter = 1 + 0.02 * noise.standard_normal(shares.shape, np.float32)
        return (shares * watts[:, None] * drift * scatter).astype(np.float32)

    def changes(self) -> Iterator[tuple[int, int, str]]:
        """Yield (unit, minute, state), each state from that minute on."""
        for row, many in enumerate(self.stretches):
            state, ended = "off", 0
            for one in many:
                if one.since > ended and state != "off":
                    yield row, ended, "off"
                if one.since > ended or one.state != state:
                    yield row, one.since, one.state
                state, ended = one.state, one.until
            if state != "off" and ended < self.minutes:
                yield row, ended, "off"


def draw(machines: Sequence[Machine], days: int, minutes: int, weekday: int, seed: int) -> Course:
    """Return the course of machines over so many days and minutes of the last.

    ``weekday`` is that of the first day, 0 for Monday.
    """
    chance = Random(seed)
    shifts = {one.firm: one.firm for one in machines}
    chosen = {
        firm: chance.choices(SHIFTS, [weight for _, weight, _ in SHIFTS])[0] for firm in shifts
    }
    course = Course(machines, (days - 1) * DAY_MIN + minutes)
    for row, machine in enumerate(machines):
        (begin, end), _, rests = chosen[machine.firm]
        many: list[Stretch] = []
        for day in range(days):
            if (rests and (weekday + day) % 7 == 6) or chance.random() < IDLE_DAYS:
                continue
            many += _day(course, row, chance, day * DAY_MIN + begin, day * DAY_MIN + end)
        course.stretches.append(many)
    return course


def _day(course: Course, row: int, chance: Random, begin: int, end: int) -> Iterator[Stretch]:
    """Yield the stretches of a unit's shift: one, or three where something went wrong."""
    treats = course.machines[row].treats
    if end - begin < DAY_MIN:
        begin += chance.randint(-JITTER_MIN, JITTER_MIN) - (6 if treats else 0)
        end += chance.randint(-JITTER_MIN, JITTER_MIN) + (14 if treats else 0)
    begin, end = max(0, begin), min(end, course.minutes)
    if begin >= end:
        return
    share = chance.uniform(0.7, 1.0)
    found = next((one for one in TROUBLES if chance.random() < one[1]), None)
    if found is None or not treats or end - begin < 2 * LASTS_MIN[0]:
        yield Stretch(begin, end, "running", share)
        return
    rule, _, state, left = found
    since = chance.randint(begin + 1, end - LASTS_MIN[0])
    until = min(end, since + int(chance.triangular(*LASTS_MIN, 25)))
    course.troubles.append(Trouble(row, rule, since, None if until >= course.minutes else until))
    yield Stretch(begin, since, "running", share)
    yield Stretch(since, until, state, left)
    if until < end:
        yield Stretch(until, end, "running", share)


def _since(one: Stretch) -> int:
    return one.since
