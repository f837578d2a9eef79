"""A firm's day: what every machine is told to do, and the truth about what is wrong with it.

lines work ─► treatment follows ─► somebody spoils it ─► meters have their troubles
"""

from dataclasses import dataclass, field
from datetime import date
from typing import Final

import numpy as np

from wattwarden.tools.simulator.blackouts import Blackouts, back_again
from wattwarden.tools.simulator.chance import share, stream
from wattwarden.tools.simulator.offences import (
    Occasion,
    draw_late_start,
    draw_near,
    draw_offence,
    may_commit,
)
from wattwarden.tools.simulator.scenario import Scenario
from wattwarden.tools.simulator.shifts import Work, work_of
from wattwarden.tools.simulator.site import Firm, Machine
from wattwarden.tools.simulator.spoken_for import SpokenFor
from wattwarden.tools.simulator.steps import DAY_S, MINUTE_S, Cause, How, Span, Step, merged
from wattwarden.tools.simulator.treatment import sessions_of, treatment_spans

SAG: Final = (0.91, 0.95)
TREATMENT_DAY_TO_DAY: Final = (0.985, 1.015)
# A trial run comes this long after the shift, and shifts that begin sooner leave no room for one.
TRIAL_AFTER_S: Final = 45 * MINUTE_S
TRIAL_ROOM_S: Final = 180 * MINUTE_S
FOULING_DAYS: Final = 30


@dataclass(slots=True)
class Plan:
    """``steps`` in the order in which they count; ``spans`` when each column is switched on."""

    steps: list[Step] = field(default_factory=list)
    causes: list[Cause] = field(default_factory=list)
    spans: dict[int, list[Span]] = field(default_factory=dict)


def plan_of(
    firm: Firm, day: int, start: date, scenario: Scenario, blackouts: Blackouts, seed: int
) -> Plan:
    """Plan a firm's day, counted from the scenario's first."""
    plan = Plan()
    if day < 0:
        return plan
    chance = stream(seed, "plan", firm.id, day)
    spoken = blackouts.spoken
    works = [
        _work(firm, line, start, day, scenario, chance, spoken) for line in range(len(firm.lines))
    ]
    for work in works:
        plan.steps += work.steps
        for step in work.steps:
            plan.spans.setdefault(step.column, []).append(Span(step.begin, step.end))
    spoiling = _Spoiling(scenario, blackouts.around(firm, day), chance, plan)
    for machine in firm.machines:
        if machine.spec.kind == "treatment":
            spans = treatment_spans(firm, machine, works, start, chance)
            plan.spans[machine.column] = spans
            low, high = TREATMENT_DAY_TO_DAY
            load = machine.base * (low + (high - low) * chance.random())
            load *= _fouled(scenario, seed, machine, day)
            plan.steps += [Step(machine.column, *span, How.SET, load) for span in spans]
            avoid = spoiling.blackouts + spoken.of_unit(machine.column)
            spoiling.spoil(_occasion(machine, works, spans, avoid, firm), day)
        elif machine.spec.kind == "indirect":
            spans = [span for work in works for span in work.sessions]
            plan.steps += [Step(machine.column, *span, How.SET, machine.base) for span in spans]
    _trial(firm, works, scenario, chance, plan)
    for blackout in blackouts.of(firm, day):
        plan.steps += back_again(firm, blackout, seed)
    return plan


def _work(
    firm: Firm, line: int, start: date, day: int, scenario: Scenario,
    chance: np.random.Generator, spoken: SpokenFor,
) -> Work:  # fmt: skip
    """A line's day; on a day of maintenance it does not work at all."""
    work = work_of(firm, line, start, day, chance)
    if work.from_before or work.into_next:
        return work
    stands = chance.random() < scenario.confounders.maintenance / 30.0
    return Work() if stands and not spoken.is_day_of(firm, day) else work


def _fouled(scenario: Scenario, seed: int, machine: Machine, day: int) -> float:
    """What slow fouling leaves of a load; each unit is cleaned once a month on a day of its own."""
    lost = scenario.confounders.fouling
    if not lost:
        return 1.0
    since = (day + int(share(seed, "cleaned", machine.spec.id) * FOULING_DAYS)) % FOULING_DAYS
    return 1.0 - lost * since / FOULING_DAYS


def _occasion(
    machine: Machine, works: list[Work], spans: list[Span], avoid: list[Span], firm: Firm
) -> Occasion:
    lines = machine.lines
    runs = merged([run for line in lines for run in works[line].runs])
    fresh = []
    goes_on = any(works[line].from_before for line in lines)
    for number, session in enumerate(sessions_of(machine, works)):
        first = next((run for run in runs if run.overlaps(session)), None)
        if first is not None and not (number == 0 and goes_on):
            fresh.append((first, _line_of(lines, works, first)))
    meters = [machine, *(one for line in lines for one in firm.producers[line])]
    return Occasion(
        machine=machine,
        runs=[(run, _line_of(lines, works, run)) for run in runs],
        spans=spans,
        fresh=fresh,
        avoid=avoid,
        delay_cycle_s=max(one.cycle_s for one in meters),
    )


def _line_of(lines: tuple[int, ...], works: list[Work], run: Span) -> int:
    """Return the line that works at the beginning of a run."""
    inside = Span(run.begin, run.begin + 1)
    return next(line for line in lines if any(inside.overlaps(other) for other in works[line].runs))


@dataclass(slots=True)
class _Spoiling:
    """What people and wear do to the treatment of a firm on a day."""

    scenario: Scenario
    blackouts: list[Span]
    chance: np.random.Generator
    plan: Plan

    def spoil(self, occasion: Occasion, day: int) -> None:
        """Commit an offence, or something that only looks like one, or nothing."""
        plan, scenario, chance = self.plan, self.scenario, self.chance
        if day >= scenario.offences.first_day:
            found = draw_offence(occasion, scenario, chance)
            if found is not None:
                plan.steps += found[0]
                plan.causes.append(found[1])
                return
        steps, cause = draw_late_start(occasion, scenario, chance)
        plan.steps += steps
        if cause is not None:
            plan.causes.append(cause)
        if not steps:
            plan.steps += draw_near(occasion, scenario, chance) or self._sag(occasion)

    def _sag(self, occasion: Occasion) -> list[Step]:
        """A filter that is nearly full: a little less for an hour, and no offence."""
        sag, machine = self.scenario.confounders.sag, occasion.machine
        drawn, place, length, depth = self.chance.random(4).tolist()
        if drawn >= sag.rate / 30.0 or not occasion.spans or not may_commit(machine):
            return []
        size = sag.lasting_s(length)
        span = occasion.spans[0]
        begin = span.begin + place * max(0.0, span.end - span.begin - size)
        share_left = SAG[0] + (SAG[1] - SAG[0]) * depth
        end = min(span.end, begin + size)
        return [Step(machine.column, begin, end, How.SCALE, share_left)]


def _trial(
    firm: Firm, works: list[Work], scenario: Scenario, chance: np.random.Generator,
    plan: Plan,
) -> None:  # fmt: skip
    """Somebody tries a repaired machine for a few minutes after the shift, without treatment."""
    often = scenario.confounders.trial_run
    if chance.random() >= often.rate / 30.0:
        return
    for line, work in enumerate(works):
        machine = firm.producers[line][0] if firm.producers[line] else None
        if machine is None or not work.sessions or work.into_next:
            continue
        ends = max(span.end for other in works for span in other.sessions)
        begins = min(span.begin for other in works for span in other.sessions)
        if begins + DAY_S - ends < TRIAL_ROOM_S or any(other.into_next for other in works):
            return
        begin = ends + TRIAL_AFTER_S
        length = often.lasting_s(chance.random())
        plan.steps.append(Step(machine.column, begin, begin + length, How.SET, machine.base))
        return
