"""What a scenario writes out: its own offences and happenings, over all that is drawn."""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field

from wattwarden.tools.errors import UsageError
from wattwarden.tools.simulator.happenings import (
    CAUSES,
    METER_TROUBLES,
    amount_of,
    cause_of,
    disturbances_of,
    firms_of,
    span_of,
    station_of,
    steps_of,
)
from wattwarden.tools.simulator.site import Site
from wattwarden.tools.simulator.steps import Cause, Disturbance, Span, Step
from wattwarden.tools.simulator.written import PlanOf, Written

Unable = Callable[[UsageError], None]
"""Is told of what a scenario writes out and cannot be at its moment; it may raise the error."""


def refuse(error: UsageError) -> None:
    """Let nothing pass that cannot be.

    Raises:
        UsageError: always.
    """
    raise error


@dataclass
class Explicit:
    """By firm index: steps, causes and disturbances."""

    steps: dict[int, list[Step]] = field(default_factory=lambda: defaultdict(list))
    causes: dict[int, list[Cause]] = field(default_factory=lambda: defaultdict(list))
    disturbances: dict[int, list[Disturbance]] = field(default_factory=lambda: defaultdict(list))


def blackouts_of(site: Site, unable: Unable) -> dict[int, tuple[Span, ...]]:
    """Return the blackouts that the scenario names, by firm.

    Raises:
        UsageError: a happening names what is not there, or no moment.
    """
    found: dict[int, list[Span]] = defaultdict(list)
    for number, spec in enumerate(site.scenario.happening):
        if spec.kind == "blackout":
            try:
                span = span_of(site, spec, number)
            except UsageError as error:
                unable(error)
                continue
            for firm in firms_of(site, spec, number):
                found[firm.index].append(span)
    return {index: tuple(spans) for index, spans in found.items()}


def explicit_of(
    site: Site, plan_of: PlanOf, dark: dict[int, tuple[Span, ...]], unable: Unable
) -> Explicit:
    """Work out all that the scenario writes out but blackouts, which are given as ``dark``.

    ``unable`` is told of what cannot be at its moment: an offence while nothing is produced, and
    whatever lies outside the simulated days.

    Raises:
        UsageError: it names what is not there, or what cannot be; names the key and the cure.
    """
    explicit = Explicit()
    written = Written(site, plan_of, dark)
    for number, offence in enumerate(site.scenario.offence):
        machine = written.machine(number, offence)
        try:
            steps, causes = written.committed(number, offence, machine)
        except UsageError as error:
            unable(error)
            continue
        explicit.steps[machine.firm] += steps
        explicit.causes[machine.firm] += causes
    written.check_apart()
    for number, spec in enumerate(site.scenario.happening):
        firms_of(site, spec, number)
        station = station_of(site, spec, number)
        amount = amount_of(site, spec, number)
        try:
            span = span_of(site, spec, number)
        except UsageError as error:
            unable(error)
            continue
        if station is not None:
            trouble = Disturbance(station.column, *span, spec.kind, amount)
            explicit.disturbances[station.firm].append(trouble)
            if spec.kind in CAUSES:
                explicit.causes[station.firm].append(cause_of(station, spec.kind, span, amount))
        elif spec.kind in METER_TROUBLES:
            for trouble in disturbances_of(site, spec, number, span, amount):
                explicit.disturbances[site.machines[trouble.column].firm].append(trouble)
        elif spec.kind != "blackout":
            for step in steps_of(site, spec, number, span, amount):
                explicit.steps[site.machines[step.column].firm].append(step)
    return explicit
