"""When a line works, and how hard each of its production units does.

shifts ─► sessions of the day ─► spans of each unit with a load ─► runs of the line
"""

from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Final

import numpy as np

from wattwarden.tools.simulator.site import Firm, Machine
from wattwarden.tools.simulator.steps import DAY_S, MINUTE_S, How, Span, Step, merged

# People begin and end a shift within this of the clock.
EDGE_MIN: Final = 8.0
# A line's machines start one after the other within this.
STAGGER_MIN: Final = 8.0
BATCH_ON_MIN: Final = (40.0, 120.0)
BATCH_PAUSE_MIN: Final = (6.0, 20.0)
LEVEL_MIN: Final = (40.0, 180.0)
LEVELS: Final = (0.55, 0.75, 1.0)
DAY_TO_DAY: Final = (0.93, 1.05)
SATURDAY: Final = 5


@dataclass(slots=True)
class Work:
    """A line's day: its sessions, whether they go on over midnight, and what its units do."""

    sessions: list[Span] = field(default_factory=list)
    from_before: bool = False
    into_next: bool = False
    steps: list[Step] = field(default_factory=list)
    runs: list[Span] = field(default_factory=list)


def works_on(firm: Firm, day: date) -> bool:
    """Whether a firm works on a local day."""
    spec = firm.spec
    resting = {SATURDAY: "saturday", SATURDAY + 1: "sunday"}.get(day.weekday())
    return resting not in spec.rest_days and day not in spec.holidays


def work_of(firm: Firm, line: int, start: date, day: int, chance: np.random.Generator) -> Work:
    """Plan the day of a line; ``day`` counts from the scenario's ``start``."""
    today = start + timedelta(days=day)
    if not works_on(firm, today):
        return Work()
    shifts = _shifts(firm, line)
    whole = shifts[0].begin == 0 and shifts[-1].end == DAY_S
    work = Work(
        from_before=whole and works_on(firm, today - timedelta(days=1)),
        into_next=whole and works_on(firm, today + timedelta(days=1)),
    )
    edges = chance.uniform(-EDGE_MIN, EDGE_MIN, 2 * len(shifts)).tolist()
    for number, shift in enumerate(shifts):
        begin, end = edges[2 * number] * MINUTE_S, edges[2 * number + 1] * MINUTE_S
        if number == 0 and work.from_before:
            begin = 0.0
        if number == len(shifts) - 1 and work.into_next:
            end = 0.0
        work.sessions.append(Span(day * DAY_S + shift.begin + begin, day * DAY_S + shift.end + end))
    for machine in firm.producers[line]:
        for number, session in enumerate(work.sessions):
            first = machine is firm.producers[line][0]
            sharp = (
                first or (number == 0 and work.from_before),
                first or (number == len(work.sessions) - 1 and work.into_next),
            )
            work.steps += _unit_steps(machine, session, sharp, chance)
    work.runs = merged([Span(step.begin, step.end) for step in work.steps])
    return work


def _shifts(firm: Firm, line: int) -> list[Span]:
    """The shifts in seconds of the day; those that follow one another without a break are one."""
    texts = firm.lines[line].shifts or firm.spec.shifts
    spans = []
    for begin, end in texts:
        first, last = _seconds(begin), _seconds(end)
        spans.append(Span(first, last if last > first else last + DAY_S))
    return merged(spans)


def _seconds(clock: str) -> int:
    hours, minutes = clock.split(":")
    return int(hours) * 3600 + int(minutes) * 60


def _unit_steps(
    machine: Machine, session: Span, sharp: tuple[bool, bool], chance: np.random.Generator
) -> list[Step]:
    early, late, drawn = chance.random(3).tolist()
    begin = session.begin + (0.0 if sharp[0] else early * STAGGER_MIN * MINUTE_S)
    end = session.end - (0.0 if sharp[1] else late * STAGGER_MIN * MINUTE_S)
    low, high = DAY_TO_DAY
    load = machine.base * (low + (high - low) * drawn)
    column, process = machine.column, machine.spec.process
    if process == "continuous" or end - begin < BATCH_ON_MIN[0] * MINUTE_S:
        return [Step(column, begin, end, How.SET, load)] if end > begin else []
    steps = []
    at = begin
    while at < end:
        stretch, pause, level = chance.random(3).tolist()
        low, high = BATCH_ON_MIN if process == "batch" else LEVEL_MIN
        upto = min(end, at + (low + (high - low) * stretch) * MINUTE_S)
        share = 1.0 if process == "batch" else LEVELS[int(level * len(LEVELS))]
        steps.append(Step(column, at, upto, How.SET, load * share))
        low, high = BATCH_PAUSE_MIN if process == "batch" else (0.0, 0.0)
        at = upto + (low + (high - low) * pause) * MINUTE_S
    return steps
