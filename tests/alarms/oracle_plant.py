"""The oracle's units, watches and firms, made from a plant's numbers."""

from dataclasses import dataclass, field
from typing import Final
from zoneinfo import ZoneInfo

from tests.alarms.oracle_memory import Memory
from tests.alarms.oracle_timer import Timer
from tests.alarms.oracle_treat import Group, Treat
from tests.alarms.oracle_unit import NAN, NONE, Unit

from wattwarden.alarms.plant.plant import DRIVES, KINDS, Plant

MAKERS: Final = ("production", "both")


@dataclass(slots=True)
class Watch:
    """A pollutant of an outlet."""

    outlet: str
    factor: str
    cycle: int
    limit: float
    makers: list[Unit]
    number: dict[str, float]
    timers: dict[str, Timer]
    at: int = NONE
    value: float = NAN
    same: int = 0


@dataclass(slots=True)
class Firm:
    """An enterprise."""

    name: str
    zone: ZoneInfo
    units: list[Unit] = field(default_factory=list)
    treats: list[Treat] = field(default_factory=list)
    groups: list[Group] = field(default_factory=list)
    watches: list[tuple[int, Watch]] = field(default_factory=list)
    day: int = NONE
    next_look: int = NONE
    fed_at: int = NONE
    blackout: int = NONE
    blackout_ended: int = NONE
    last_blackout: int = NONE


def unit_of(plant: Plant, index: int) -> Unit:
    row, number = plant.unit, {name: float(many[index]) for name, many in plant.limit.items()}
    cycle, rated = int(row.cycle[index]), float(row.rated[index])
    amperes = float(row.rated_current[index])
    drive = DRIVES[row.drive[index]]
    memory = Memory(
        rated, amperes, direct=drive == "direct", power=rated, greatest=rated, current=amperes
    )
    names = ("R1", "R3", "R4", "R5", "R7", "R9", "R11", "R15", "frozen", "phase_loss", "reversed")
    return Unit(
        name=plant.units[index],
        firm=plant.firms[row.firm[index]],
        meter=plant.unit_meters[index],
        kind=KINDS[row.kind[index]],
        drive=drive,
        cycle=cycle,
        rated=rated,
        rated_current=amperes,
        rated_voltage=float(row.voltage[index]),
        number=number,
        memory=memory,
        timers={name: Timer(cycle) for name in names},
    )


def watch_of(plant: Plant, index: int, units: list[Unit]) -> Watch:
    """Return a watch; an outlet without a line is the whole firm's."""
    outlet, factor = plant.watches[index]
    row, cycle = plant.watch, int(plant.watch.cycle[index])
    firm, line = int(row.firm[index]), int(row.line[index])
    makers = [
        unit
        for place, unit in enumerate(units)
        if unit.kind in MAKERS
        and plant.unit.firm[place] == firm
        and line in (NONE, int(plant.unit.line[place]))
    ]
    number = {name: float(many[firm]) for name, many in plant.firm_limit.items()}
    timers = {kind: Timer(cycle) for kind in ("limit", "flag", "constant")}
    return Watch(outlet, factor, cycle, float(row.limit[index]), makers, number, timers)
