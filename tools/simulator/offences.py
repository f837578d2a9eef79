"""The five offences: who may commit which, when, how far; and what stays short of one.

not started R1     the unit stays off while its line begins, and longer
shut down R2       the unit is switched off while its line works
idling R3          its motor runs, the belt is off or the pump is empty
turned down R4     a converter is set to a low frequency
slowed R5          slip, a closed damper, worn blades: a motor on the mains does less
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from wattwarden.tools.simulator.scenario import Scenario
from wattwarden.tools.simulator.site import Machine
from wattwarden.tools.simulator.steps import MINUTE_S, OFF, Cause, How, Span, Step

# The delays of the rules as the specification has them; an offence is longer, a near one shorter.
DELAY_S: Final = {"R1": 600.0, "R2": 300.0, "R3": 600.0, "R4": 900.0, "R5": 900.0}
RULES: Final = tuple(DELAY_S)
CAUSES: Final = {
    "R1": "not started", "R2": "shut down", "R3": "idling", "R4": "turned down", "R5": "slowed",
}  # fmt: skip
# Production has settled before anything is done, and goes on after it.
SETTLED_S: Final = 15 * MINUTE_S
REST_S: Final = 6 * MINUTE_S
# An offence begins and ends this far from a blackout.
CLEAR_S: Final = 60 * MINUTE_S
# What is left of the shaft load when the belt is off or the pump is empty.
IDLE_LOAD: Final = (0.0, 0.03)
MAINS_HZ: Final = 50.0
# Whoever turns a converter down goes well below what the load of the moment asks for.
WELL_BELOW: Final = 0.75
LEAST_NEAR_S: Final = 30.0
# Late starts of between two and four and a half minutes would be late for one reader and not for
# another: R6 says three.
SILENT_LATE_S: Final = 2 * MINUTE_S
PLAINLY_LATE_S: Final = 4.5 * MINUTE_S


@dataclass(frozen=True, slots=True)
class Occasion:
    """A unit's day, for whoever looks for a moment to do something.

    ``runs`` are when its lines work without a break, ``spans`` when it is switched on; ``fresh``
    are the runs that begin a session which did not go on over midnight; ``avoid`` has blackouts,
    and what the scenario writes out for the unit.
    """

    machine: Machine
    runs: list[tuple[Span, int]]
    spans: list[Span]
    fresh: list[tuple[Span, int]]
    avoid: list[Span]
    delay_cycle_s: float

    def delay_s(self, rule: str) -> float:
        """The rule's own delay: its time, or two samples."""
        return max(DELAY_S[rule], 2 * self.delay_cycle_s)

    def is_clear(self, span: Span) -> bool:
        """Whether nothing of ``avoid`` is near."""
        wide = span.widened(CLEAR_S, CLEAR_S)
        return not any(wide.overlaps(other) for other in self.avoid)


def may_commit(machine: Machine) -> tuple[str, ...]:
    """Return which offences leave a trace that its meter can show."""
    spec = machine.spec
    if spec.kind != "treatment" or not spec.sync or spec.interlock or spec.drive == "pulsed":
        return ()
    rules = ["R2"] if spec.standby else ["R1", "R2"]
    if spec.meter == "full" and spec.drive in {"direct", "vfd"}:
        rules += ["R3", "R4" if spec.drive == "vfd" else "R5"]
    return tuple(rules)


def draw_offence(
    occasion: Occasion, scenario: Scenario, chance: np.random.Generator
) -> tuple[list[Step], Cause] | None:
    """Draw an offence of this unit on this day; usually there is none."""
    rates = scenario.offences
    drawn, first, second, third, fourth = chance.random(5).tolist()
    for rule in may_commit(occasion.machine):
        drawn -= getattr(rates, rule) / 30.0
        if drawn >= 0:
            continue
        low, high = rates.minutes
        extra = 2 * occasion.delay_cycle_s + (low + (high - low) * first**2) * MINUTE_S
        span = _window(occasion, rule, occasion.delay_s(rule) + extra, second)
        if span is None:
            return None
        return commit(occasion.machine, rule, *span, *_depth(scenario, rule, third, fourth))
    return None


def draw_near(occasion: Occasion, scenario: Scenario, chance: np.random.Generator) -> list[Step]:
    """Draw what looks like an offence and is over before it is one."""
    drawn, first, second, third, fourth = chance.random(5).tolist()
    rules = may_commit(occasion.machine)
    if drawn >= scenario.confounders.short_stop / 30.0 or not rules:
        return []
    rule = rules[int(first * len(rules))]
    if rule == "R1":
        rule = "R2"
    most = occasion.delay_s(rule) - 2 * occasion.delay_cycle_s
    if most <= LEAST_NEAR_S:
        return []
    span = _window(occasion, rule, LEAST_NEAR_S + (most - LEAST_NEAR_S) * second, third)
    if span is None:
        return []
    return commit(occasion.machine, rule, *span, *_depth(scenario, rule, fourth, first))[0]


def draw_late_start(
    occasion: Occasion, scenario: Scenario, chance: np.random.Generator
) -> tuple[list[Step], Cause | None]:
    """Draw a start that lags behind production; one that lags plainly is what R6 notes."""
    drawn, place, lag = chance.random(3).tolist()
    machine = occasion.machine
    chosen = scenario.confounders.late_start
    starts = [(run, line) for run, line in occasion.fresh if occasion.is_clear(run)]
    if drawn >= chosen.rate / 30.0 or not starts or "R1" not in may_commit(machine):
        return [], None
    most = occasion.delay_s("R1") - 2 * occasion.delay_cycle_s
    lag_s = min(most, chosen.lasting_s(lag))
    if SILENT_LATE_S < lag_s < PLAINLY_LATE_S:
        lag_s = SILENT_LATE_S
    run, line = starts[int(place * len(starts))]
    if lag_s <= 0 or run.end - run.begin < lag_s + REST_S:
        return [], None
    on = next((span for span in occasion.spans if span.begin <= run.begin < span.end), None)
    if on is None:
        return [], None
    step = Step(machine.column, on.begin, run.begin + lag_s, How.SET, OFF)
    if lag_s < PLAINLY_LATE_S:
        return [step], None
    cause = Cause("R6", machine.column, line, run.begin, run.begin + lag_s, "started late", 0.0)
    return [step], cause


def commit(
    machine: Machine, rule: str, span: Span, switched: float, line: int | None,
    hertz: float, load: float,
) -> tuple[list[Step], Cause]:  # fmt: skip
    """Return what is done to a unit, and the truth about it.

    ``switched`` is when it would have been switched on, for R1; ``load`` the share of its load that
    idling or slowing leaves.
    """
    column = machine.column
    begin, end = span
    if rule in {"R1", "R2"}:
        begin = min(begin, switched) if rule == "R1" else begin
        step, depth = Step(column, begin, end, How.SET, OFF), 0.0
    elif rule == "R3":
        step, depth = Step(column, begin, end, How.SET_ON, load), load
    elif rule == "R4":
        hertz = min(hertz, max(25.0, WELL_BELOW * machine.spec.hertz))
        step = Step(column, begin, end, How.CAP, machine.spec.load * (hertz / MAINS_HZ) ** 3)
        depth = (hertz / machine.spec.hertz) ** 3
    else:
        step, depth = Step(column, begin, end, How.SCALE, load), load
    return [step], Cause(rule, column, line, span.begin, end, CAUSES[rule], round(depth, 4))


def _depth(scenario: Scenario, rule: str, first: float, second: float) -> tuple[float, float]:
    """Draw a frequency and a load."""
    low, high = scenario.offences.hertz
    hertz = low + (high - low) * first
    low, high = IDLE_LOAD if rule == "R3" else scenario.offences.load
    return hertz, low + (high - low) * second


def _window(
    occasion: Occasion, rule: str, length_s: float, place: float
) -> tuple[Span, float, int] | None:
    """Find a stretch of production for it, and when the unit would have been switched on."""
    if rule == "R1":
        return _first_run(occasion, length_s, place)
    choices: list[tuple[Span, int]] = []
    for run, line in occasion.runs:
        for on in occasion.spans:
            free = Span(max(run.begin, on.begin) + SETTLED_S, min(run.end, on.end) - REST_S)
            if free.end - free.begin >= length_s and occasion.is_clear(free):
                choices.append((free, line))
    if not choices:
        return None
    free, line = choices[int(place * len(choices))]
    # The place among the choices tells little of the place within the one that was chosen.
    begin = free.begin + (place * len(choices) % 1.0) * (free.end - free.begin - length_s)
    return Span(begin, begin + length_s), begin, line


def _first_run(occasion: Occasion, length_s: float, place: float) -> tuple[Span, float, int] | None:
    choices = [
        (run, line)
        for run, line in occasion.fresh
        if run.end - run.begin >= length_s + REST_S and occasion.is_clear(run)
    ]
    if not choices:
        return None
    run, line = choices[int(place * len(choices))]
    on = next((span for span in occasion.spans if span.begin <= run.begin < span.end), None)
    if on is None:
        return None
    return Span(run.begin, run.begin + length_s), on.begin, line
