"""How long units ran, and whether treatment ran beside production, in ms.

    开停率   run / heard                   heard: with a valid state, and nobody declared it away
    在线率   heard / connected             connected: it was heard once; declared time apart
    同步率   production ∧ all needed / production, of each line

A line produces while any of its production units works.  It needs every treatment unit that takes
part in the comparison, of a standby group as many as must run; what is declared away is not needed.
Where it cannot be said whether a line produces or its treatment runs, time counts as neither.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from wattwarden.alarms.plant.table import I8, I32
from wattwarden.alarms.registry.nouns import UnitKind
from wattwarden.alarms.registry.registry import Registry
from wattwarden.alarms.states.codes import RUN_STATES, UnitState
from wattwarden.alarms.statistics.rates import Rate
from wattwarden.alarms.statistics.timelines import (
    NOTHING_HEARD,
    Mosaic,
    Span,
    Timeline,
    cut,
)

PRODUCES: Final = (UnitKind.PRODUCTION, UnitKind.BOTH)
# Idling machines make nothing that must be treated; treatment that idles is another rule's matter.
MAKING: Final = (
    UnitState.RUNNING,
    UnitState.OVER,
    UnitState.REDUCED_VFD,
    UnitState.REDUCED_SLOW,
)
SILENT: Final = (UnitState.NEVER, UnitState.OFFLINE)
NO, YES, UNKNOWN = 0, 1, 2


@dataclass(frozen=True, slots=True)
class Need:
    """Units of which so many must run while a line produces."""

    units: tuple[str, ...]
    required: int


@dataclass(frozen=True, slots=True)
class LinePlan:
    """A line: which units make it produce, and what it needs beside them."""

    line: str
    production: tuple[str, ...]
    needs: tuple[Need, ...]


@dataclass(frozen=True, slots=True)
class UnitTime:
    """What a unit did in a span, ms: it ran, was heard, was or should have been heard."""

    run: int
    heard: int
    connected: int

    @property
    def running(self) -> Rate:
        """开停率."""
        return Rate(self.run, self.heard)

    @property
    def online(self) -> Rate:
        """在线率."""
        return Rate(self.heard, self.connected)


def unit_time(timeline: Timeline, span: Span) -> UnitTime:
    """Return what a unit did in a span."""
    mosaic = cut([timeline], span)
    state = mosaic.state[:, 0]
    connected = ~np.isin(state, (UnitState.NEVER, UnitState.DECLARED))
    return UnitTime(
        run=int(mosaic.length[np.isin(state, RUN_STATES)].sum()),
        heard=int(mosaic.length[connected & (state != UnitState.OFFLINE)].sum()),
        connected=int(mosaic.length[connected].sum()),
    )


def line_plans(registry: Registry) -> dict[str, tuple[LinePlan, ...]]:
    """Return each enterprise's lines that have production and treatment to compare it with."""
    members: dict[str, list[str]] = {}
    for unit in sorted(registry.unit.values(), key=lambda one: one.id):
        if unit.standby is not None and unit.kind is UnitKind.TREATMENT and unit.sync:
            members.setdefault(unit.standby, []).append(unit.id)
    units_of: dict[str, set[str]] = {}
    for link in registry.link.values():
        units_of.setdefault(link.line, set()).add(link.unit)
    found: dict[str, list[LinePlan]] = {}
    for line in sorted(registry.line.values(), key=lambda one: one.id):
        linked = sorted(units_of.get(line.id, ()))
        makers = tuple(one for one in linked if registry.unit[one].kind in PRODUCES)
        needs = _needs(registry, linked, members)
        if makers and needs:
            found.setdefault(line.enterprise, []).append(LinePlan(line.id, makers, needs))
    return {enterprise: tuple(plans) for enterprise, plans in found.items()}


def synchronous(plan: LinePlan, timelines: Mapping[str, Timeline], span: Span) -> Rate:
    """Return 同步率 of a line in a span: ms with all that it needs, of ms of production."""
    needed = [unit for need in plan.needs for unit in need.units]
    mosaic = cut([timelines.get(unit, NOTHING_HEARD) for unit in (*plan.production, *needed)], span)
    if not len(mosaic.length):
        return Rate(0, 0)
    makers = len(plan.production)
    making = np.isin(mosaic.state[:, :makers], MAKING).any(axis=1)
    place, met = makers, np.full(len(mosaic.length), YES, np.int8)
    for need in plan.needs:
        column = slice(place, place + len(need.units))
        met = both(met, met_by(mosaic, column, need.required))
        place += len(need.units)
    valid = making & (met != UNKNOWN)
    return Rate(int(mosaic.length[valid & (met == YES)].sum()), int(mosaic.length[valid].sum()))


def met_by(mosaic: Mosaic, columns: slice, required: int) -> I8:
    """Say of each piece whether so many of some units run; those declared away are not needed."""
    state = mosaic.state[:, columns]
    declared = state == UnitState.DECLARED
    wanted = np.minimum(required, _count(~declared))
    running = _count(np.isin(state, RUN_STATES))
    hidden = _count(np.isin(state, SILENT))
    unsure = np.where(running + hidden >= wanted, UNKNOWN, NO)
    return np.where(running >= wanted, YES, unsure).astype(np.int8)


def both(one: I8, other: I8) -> I8:
    """Say whether both hold: no where either does not, unknown where nobody knows."""
    unsure = np.where((one == UNKNOWN) | (other == UNKNOWN), UNKNOWN, YES)
    return np.where((one == NO) | (other == NO), NO, unsure).astype(np.int8)


def _needs(
    registry: Registry, linked: Sequence[str], members: Mapping[str, list[str]]
) -> tuple[Need, ...]:
    singles, groups = [], {}
    for identity in linked:
        unit = registry.unit[identity]
        if unit.kind is not UnitKind.TREATMENT or not unit.sync:
            continue
        if unit.standby is None:
            singles.append(Need((identity,), 1))
        else:
            required = registry.standby[unit.standby].required
            groups[unit.standby] = Need(tuple(members[unit.standby]), required)
    return (*singles, *groups.values())


def _count(chosen: NDArray[np.bool_]) -> I32:
    counted: I32 = chosen.sum(axis=1, dtype=np.int32)
    return counted
