"""Disturbances that a scenario writes out: of whom, when, how much, and what they do."""

from collections.abc import Iterator
from typing import Final, NamedTuple

from wattwarden.tools.simulator.mistakes import mistake, unknown
from wattwarden.tools.simulator.scenario import HappeningSpec
from wattwarden.tools.simulator.site import Firm, Machine, Site, Station
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

METER_TROUBLES: Final = frozenset(
    ("meter_outage", "carrier_outage", "frozen", "ct_off", "ct_reversed", "skew", "counter_reset")
)


# What is wrong with emissions, and what the truth calls it.
CAUSES: Final = {
    "exceedance": "over the limit", "stuck": "constant", "flagged": "flagged as faulty",
}  # fmt: skip
EMISSIONS: Final = frozenset(CAUSES)


class Amount(NamedTuple):
    """What the amount of a kind of happening may be; ``usual`` is None where it must be told."""

    least: float
    most: float
    usual: float | None
    meaning: str


AMOUNTS: Final = {
    "sag": Amount(0.0, 1.0, 0.93, "the share of its load that is left"),
    "overload": Amount(1.0, 4.0, None, "the factor of its load, such as 1.4"),
    "hunting": Amount(0.1, 1440.0, 4.0, "the minutes between off and on"),
    "fouling": Amount(0.0, 1.0, 0.12, "the share of its load that is lost at the end"),
    "skew": Amount(-DAY_S, DAY_S, 600.0, "the seconds by which its clock is ahead"),
    "ct_off": Amount(0.0, 2.0, 0.0, "the phase: 0, 1 or 2"),
    "exceedance": Amount(0.1, 100.0, 1.5, "the pollutant as a multiple of its limit"),
    "trial_run": Amount(0.01, 1.2, 0.8, "the load, a share of the rated one"),
}


def amount_of(site: Site, spec: HappeningSpec, number: int) -> float:
    """Return the amount of a happening, 0 of kinds that have none.

    Raises:
        UsageError: it is missing, or not what its kind can have.
    """
    key, allowed = f"happening[{number}].amount", AMOUNTS.get(spec.kind)
    if allowed is None:
        if spec.amount is not None:
            what = f"a {spec.kind} has no amount"
            raise mistake(site.scenario, key, what, "leave it out")
        return 0.0
    amount = allowed.usual if spec.amount is None else spec.amount
    if amount is None:
        what = f"{spec.kind} needs an amount"
        raise mistake(site.scenario, key, what, f"write amount = {allowed.meaning}")
    if not allowed.least <= amount <= allowed.most:
        what = f"{amount:g} is not between {allowed.least:g} and {allowed.most:g}"
        raise mistake(site.scenario, key, what, f"it is {allowed.meaning}")
    return amount


def span_of(site: Site, spec: HappeningSpec, number: int) -> Span:
    """Return when it happens.

    Raises:
        UsageError: its onset is no moment, or none of the simulated days.
    """
    begin = onset_within(site, spec.onset, f"happening[{number}].onset")
    return Span(begin, begin + spec.minutes * MINUTE_S)


def onset_within(site: Site, text: str, key: str) -> float:
    """Read a moment that lies in the simulated days.

    Raises:
        UsageError: it does not, or is none.
    """
    onset, days = site.moment(text, key), site.scenario.days
    if not 0 <= onset < days * DAY_S:
        what = f"{text!r} is not within the {days} simulated days from {site.scenario.start} on"
        cure = f"name an earlier moment, or more days (days = {int(onset // DAY_S) + 1})"
        if onset < 0:
            cure = 'name a later moment, such as "day 1 09:30"'
        raise mistake(site.scenario, key, what, cure)
    return onset


def firms_of(site: Site, spec: HappeningSpec, number: int) -> list[Firm]:
    """Return the firms to which it happens.

    Raises:
        UsageError: the unit or factory that is named is not there, or they are of different firms.
    """
    if spec.unit is not None:
        machine = _machine(site, spec.unit, number)
        firm = site.firms[machine.firm]
        if spec.factory not in {None, firm.id}:
            key, what = f"happening[{number}].factory", f"{spec.unit} is of {firm.id}"
            raise mistake(site.scenario, key, what, "name the unit alone")
        return [firm]
    if spec.factory is None:
        return list(site.firms)
    firms = [firm for firm in site.firms if firm.id == spec.factory]
    if not firms:
        ids = [firm.id for firm in site.firms]
        key, noun = f"happening[{number}].factory", "factory"
        raise unknown(site.scenario, key, noun, spec.factory, ids)
    return firms


def station_of(site: Site, spec: HappeningSpec, number: int) -> Station | None:
    """Return the station to which it happens, None where it happens to machines.

    Raises:
        UsageError: the outlet is not there, is not named, or such a thing does not happen to it.
    """
    key = f"happening[{number}].outlet"
    if spec.outlet is None:
        if spec.kind in EMISSIONS:
            cure = "write outlet = the id of one"
            raise mistake(site.scenario, key, f"{spec.kind} is of an outlet", cure)
        return None
    if spec.kind not in EMISSIONS | {"meter_outage"}:
        what = f"{spec.kind} does not happen to an outlet"
        cure = f"it may have {', '.join(sorted(EMISSIONS))} or meter_outage"
        raise mistake(site.scenario, key, what, cure)
    station = site.by_outlet.get(spec.outlet)
    if station is None:
        raise unknown(site.scenario, key, "outlet", spec.outlet, site.by_outlet)
    return station


def cause_of(station: Station, kind: str, span: Span, amount: float) -> Cause:
    """Return the truth about emissions that are wrong; its depth is the multiple of the limit."""
    line = station.lines[0] if len(station.lines) == 1 else None
    return Cause("R20", station.column, line, *span, CAUSES[kind], amount)


def disturbances_of(
    site: Site, spec: HappeningSpec, number: int, span: Span, amount: float
) -> Iterator[Disturbance]:
    """Yield what happens to meters."""
    for machine in _machines(site, spec, number):
        yield Disturbance(machine.column, *span, spec.kind, amount)


def steps_of(
    site: Site, spec: HappeningSpec, number: int, span: Span, amount: float
) -> Iterator[Step]:
    """Yield what happens to units."""
    for machine in _machines(site, spec, number):
        yield from _steps(machine.column, spec.kind, span, amount)


def _steps(column: int, kind: str, span: Span, amount: float) -> Iterator[Step]:
    begin, end = span
    if kind == "maintenance":
        yield Step(column, begin, end, How.SET, OFF)
    elif kind == "trial_run":
        yield Step(column, begin, end, How.SET, amount)
    elif kind == "hunting":
        half = amount * MINUTE_S
        for number in range(int((end - begin) // (2 * half))):
            at = begin + 2 * half * number
            yield Step(column, at, at + half, How.SET, OFF)
    elif kind == "fouling":
        days = max(1, int((end - begin) // DAY_S))
        for number in range(days):
            at = begin + DAY_S * number
            yield Step(column, at, at + DAY_S, How.SCALE, 1 - amount * (number + 1) / days)
    else:
        yield Step(column, begin, end, How.SCALE, amount)


def _machines(site: Site, spec: HappeningSpec, number: int) -> list[Machine]:
    if spec.unit is not None:
        return [_machine(site, spec.unit, number)]
    return [machine for firm in firms_of(site, spec, number) for machine in firm.machines]


def _machine(site: Site, name: str, number: int) -> Machine:
    machine = site.by_id.get(name)
    if machine is None:
        raise unknown(site.scenario, f"happening[{number}].unit", "unit", name, site.by_id)
    return machine
