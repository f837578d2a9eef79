"""What a scenario writes out: its own offences and happenings, over all that is drawn."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final

from wattwarden.tools.errors import UsageError
from wattwarden.tools.simulator.offences import IDLE_LOAD, commit
from wattwarden.tools.simulator.plan import Plan
from wattwarden.tools.simulator.scenario import HappeningSpec, OffenceSpec
from wattwarden.tools.simulator.site import Firm, Machine, Site
from wattwarden.tools.simulator.steps import (
    DAY_S,
    MINUTE_S,
    OFF,
    Cause,
    Disturbance,
    How,
    Span,
    Step,
)

PlanOf = Callable[[Firm, int], Plan]
METER_TROUBLES: Final = frozenset(
    ("meter_outage", "carrier_outage", "frozen", "ct_off", "ct_reversed", "skew", "counter_reset")
)
# Amounts where a scenario names none: of a normal load, or seconds of a clock.
AMOUNTS: Final = {
    "sag": 0.93, "overload": 1.4, "hunting": 4.0, "fouling": 0.12, "skew": 600.0, "ct_off": 0.0,
    "trial_run": 0.8,
}  # fmt: skip
# R1 needs a start that it can miss.
NEAR_START_S: Final = 2 * 3600.0


@dataclass
class Explicit:
    """By firm index: steps and causes; ``blackouts`` and ``disturbances`` likewise."""

    steps: dict[int, list[Step]] = field(default_factory=lambda: defaultdict(list))
    causes: dict[int, list[Cause]] = field(default_factory=lambda: defaultdict(list))
    disturbances: dict[int, list[Disturbance]] = field(default_factory=lambda: defaultdict(list))


def blackouts_of(site: Site) -> dict[int, tuple[Span, ...]]:
    """Return the blackouts that the scenario names, by firm.

    Raises:
        UsageError: a happening names what is not there, or no moment.
    """
    found: dict[int, list[Span]] = defaultdict(list)
    for spec in site.scenario.happening:
        if spec.kind == "blackout":
            for firm in _firms(site, spec):
                found[firm.index].append(_span(site, spec))
    return {index: tuple(spans) for index, spans in found.items()}


def explicit_of(site: Site, plan_of: PlanOf) -> Explicit:
    """Work out all that the scenario writes out but blackouts.

    Raises:
        UsageError: it names what is not there, or what cannot be; names the key and the cure.
    """
    explicit = Explicit()
    for offence in site.scenario.offence:
        machine = _machine(site, offence.unit, "offence.unit")
        steps, cause = _committed(site, machine, offence, plan_of)
        explicit.steps[machine.firm] += steps
        explicit.causes[machine.firm].append(cause)
    for spec in site.scenario.happening:
        if spec.kind in METER_TROUBLES:
            span = _span(site, spec)
            amount = AMOUNTS.get(spec.kind, 0.0) if spec.amount is None else spec.amount
            for machine in _machines(site, spec):
                trouble = Disturbance(machine.column, *span, spec.kind, amount)
                explicit.disturbances[machine.firm].append(trouble)
        elif spec.kind != "blackout":
            for machine in _machines(site, spec):
                explicit.steps[machine.firm] += _steps(machine, spec, site)
    return explicit


def _committed(
    site: Site, machine: Machine, offence: OffenceSpec, plan_of: PlanOf
) -> tuple[list[Step], Cause]:
    onset = site.moment(offence.onset, "offence.onset")
    drive, rule = machine.spec.drive, offence.rule
    if rule == "R4" and drive != "vfd":
        message = f"scenario: offence.rule: R4 needs a converter, {machine.spec.id} has {drive}"
        raise UsageError(message, 'name a unit with drive = "vfd", or rule = "R5"')
    if rule == "R5" and drive == "vfd":
        message = f"scenario: offence.rule: R5 is of units on the mains, {machine.spec.id} has vfd"
        raise UsageError(message, 'name a unit with drive = "direct", or rule = "R4"')
    firm = site.firms[machine.firm]
    line = machine.lines[0] if machine.lines else None
    switched = onset
    if rule == "R1":
        onset, switched = _start_near(firm, machine, onset, plan_of)
    load = offence.load if rule == "R5" else IDLE_LOAD[1] / 2
    span = Span(onset, onset + offence.minutes * MINUTE_S)
    steps, cause = commit(machine, rule, span, switched, line, offence.hertz, load)
    if machine.spec.kind == "both" and rule in {"R1", "R2"}:
        left = 1.0 - machine.spec.treatment_share
        steps = [Step(machine.column, *span, How.SCALE, left)]
    return steps, cause


def _start_near(firm: Firm, machine: Machine, onset: float, plan_of: PlanOf) -> tuple[float, float]:
    """Return when production starts nearest to a moment, and when the unit would have before it."""
    producers = [one.column for line in machine.lines for one in firm.producers[line]]
    starts = []
    for day in range(int(onset // DAY_S) - 1, int(onset // DAY_S) + 2):
        plan = plan_of(firm, day)
        for on in plan.spans.get(machine.column, ()):
            begins = [
                span.begin
                for column in producers
                for span in plan.spans.get(column, ())
                if span.begin < on.end and span.end > on.begin
            ]
            if begins:
                starts.append((min(begins), min(on.begin, *begins)))
    nearest = min(starts, key=lambda pair: abs(pair[0] - onset), default=None)
    if nearest is None or abs(nearest[0] - onset) > NEAR_START_S:
        message = f"scenario: offence.onset: production of {machine.spec.id} does not start then"
        cure = "an R1 begins with a start of production: see the shifts of " + firm.id
        raise UsageError(message, cure)
    return nearest


def _steps(machine: Machine, spec: HappeningSpec, site: Site) -> Iterable[Step]:
    begin, end = _span(site, spec)
    column = machine.column
    amount = AMOUNTS.get(spec.kind, 0.0) if spec.amount is None else spec.amount
    if spec.kind == "maintenance":
        return [Step(column, begin, end, How.SET, OFF)]
    if spec.kind == "trial_run":
        return [Step(column, begin, end, How.SET, amount)]
    if spec.kind == "hunting":
        half = amount * MINUTE_S
        count = int((end - begin) // (2 * half))
        starts = [begin + 2 * half * number for number in range(count)]
        return [Step(column, at, at + half, How.SET, OFF) for at in starts]
    if spec.kind == "fouling":
        days = max(1, int((end - begin) // DAY_S))
        each = [begin + DAY_S * number for number in range(days)]
        return [
            Step(column, at, at + DAY_S, How.SCALE, 1 - amount * (number + 1) / days)
            for number, at in enumerate(each)
        ]
    return [Step(column, begin, end, How.SCALE, amount)]


def _span(site: Site, spec: HappeningSpec) -> Span:
    begin = site.moment(spec.onset, "happening.onset")
    return Span(begin, begin + spec.minutes * MINUTE_S)


def _machine(site: Site, name: str, key: str) -> Machine:
    machine = site.by_id.get(name)
    if machine is None:
        message = f"scenario: {key}: there is no unit {name!r}"
        some = ", ".join(list(site.by_id)[:8])
        raise UsageError(message, f"units are {some} …")
    return machine


def _firms(site: Site, spec: HappeningSpec) -> list[Firm]:
    if spec.unit is not None:
        return [site.firms[_machine(site, spec.unit, "happening.unit").firm]]
    if spec.factory is None:
        return list(site.firms)
    firms = [firm for firm in site.firms if firm.id == spec.factory]
    if not firms:
        message = f"scenario: happening.factory: there is no factory {spec.factory!r}"
        raise UsageError(message, f"factories are {', '.join(f.id for f in site.firms[:8])} …")
    return firms


def _machines(site: Site, spec: HappeningSpec) -> list[Machine]:
    if spec.unit is not None:
        return [_machine(site, spec.unit, "happening.unit")]
    return [machine for firm in _firms(site, spec) for machine in firm.machines]
