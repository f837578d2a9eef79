"""What a scenario amounts to: every machine with its place in the columns, its meter and its table.

Columns are units in the order of (enterprise, unit).
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np

from wattwarden.tools.errors import UsageError
from wattwarden.tools.simulator.chance import key_of, share
from wattwarden.tools.simulator.city import draw_city
from wattwarden.tools.simulator.drives import STEPS, table_of
from wattwarden.tools.simulator.mains import NOMINAL_BETWEEN_V
from wattwarden.tools.simulator.mistakes import mistake, unknown
from wattwarden.tools.simulator.moments import parse_moment
from wattwarden.tools.simulator.scenario import (
    FactorySpec,
    LineSpec,
    OutletSpec,
    Scenario,
    UnitSpec,
)

# Primary currents of transformers with 5 A behind them, over 5; 1 is a meter without one.
RATIOS: Final = (1, 2, 3, 4, 6, 8, 10, 15, 20, 30, 40, 60, 80, 120, 160, 200, 300, 400)
METER_A: Final = 5.0
MINUTE_S: Final = 60
HOUR_S: Final = 3600
WATTS: Final = 1000.0
# Slots of an hour divide it, so that days begin with a slot.
CYCLES_HINT: Final = "cycles divide an hour: 1, 5, 10, 15, 30, 60, 300, 600, 900, 1800 or 3600 s"
# A meter's clock shows whole seconds; its frames leave within two of them.
JITTER_S: Final = 2


@dataclass(frozen=True, slots=True)
class Machine:
    """A unit: its column, where it belongs, and how its meter reports.

    ``ratio`` is the current transformer's; ``phase_s`` is when in its cycle the meter reports,
    ``skew_ms`` how far its clock is ahead.  Rated values are electric, W and A.
    """

    spec: UnitSpec
    column: int
    firm: int
    lines: tuple[int, ...]
    cycle_s: int
    phase_s: int
    skew_ms: int
    ratio: int
    address: str
    rated_w: float
    rated_a: float
    key: int

    @property
    def base(self) -> float:
        """Its shaft load when nothing is wrong: what is set, times the cube of its speed."""
        return self.spec.load * (self.spec.hertz / 50.0) ** 3


@dataclass(frozen=True, slots=True)
class Station:
    """What measures at an outlet: it speaks HJ 212; its column lies behind those of all machines.

    ``lines`` are those whose emissions pass it.
    """

    spec: OutletSpec
    column: int
    firm: int
    lines: tuple[int, ...]
    cycle_s: int
    phase_s: int
    address: str
    key: int


Speaker = Machine | Station
"""Whoever has a connection of its own."""


@dataclass(frozen=True)
class Firm:
    """An enterprise, and its machines: columns ``first`` to ``behind`` (not with)."""

    spec: FactorySpec
    index: int
    lines: tuple[LineSpec, ...]
    machines: tuple[Machine, ...]

    @property
    def id(self) -> str:
        """Its id in the registry."""
        return self.spec.id

    @property
    def first(self) -> int:
        """Its first column."""
        return self.machines[0].column

    @property
    def behind(self) -> int:
        """The column behind its last."""
        return self.machines[-1].column + 1

    @cached_property
    def producers(self) -> tuple[tuple[Machine, ...], ...]:
        """The production units of each line."""
        return tuple(
            tuple(
                machine
                for machine in self.machines
                if number in machine.lines and machine.spec.kind in {"production", "both"}
            )
            for number in range(len(self.lines))
        )


@dataclass(frozen=True)
class Site:
    """All firms of a scenario.

    ``slot_s`` is the shortest cycle of all meters, ``begin_s`` when the simulation begins: moments
    like +90m count from there.
    """

    scenario: Scenario
    seed: int
    begin_s: float
    slot_s: int
    firms: tuple[Firm, ...]
    stations: tuple[Station, ...]

    def moment(self, text: str, key: str) -> float:
        """Read a moment of the scenario, in seconds since its first midnight; raises UsageError."""
        where = f"scenario {self.scenario.name}: {key}"
        return parse_moment(text, self.scenario.start, where, self.begin_s)

    @cached_property
    def machines(self) -> tuple[Machine, ...]:
        """All machines in the order of their columns."""
        return tuple(machine for firm in self.firms for machine in firm.machines)

    @cached_property
    def speakers(self) -> tuple[Speaker, ...]:
        """All that have a connection, in the order of their columns."""
        return (*self.machines, *self.stations)

    @cached_property
    def by_outlet(self) -> dict[str, Station]:
        """Stations by the id of their outlet."""
        return {station.spec.id: station for station in self.stations}

    @cached_property
    def by_id(self) -> dict[str, Machine]:
        """Machines by the id of their unit."""
        return {machine.spec.id: machine for machine in self.machines}


def build_site(scenario: Scenario, seed: int, begin_s: float = 0.0) -> Site:
    """Draw what is to be drawn and put everything in its place.

    Raises:
        UsageError: the scenario contradicts itself; names the key and the cure.
    """
    specs = list(scenario.factory)
    if scenario.city is not None:
        specs += draw_city(scenario.city, seed)
    if not specs:
        message = f"scenario {scenario.name}: no factory"
        raise UsageError(message, "add a [city] or a [[factory]] table")
    specs = sorted((_with_line(spec) for spec in specs), key=lambda spec: spec.id)
    _check_unique(scenario, "factory.id", [spec.id for spec in specs])
    _check_unique(scenario, "factory.unit.id", [unit.id for spec in specs for unit in spec.unit])
    outlets = [outlet.id for spec in specs for outlet in spec.outlet]
    _check_unique(scenario, "factory.outlet.id", outlets)
    _check_unique(scenario, "factory.line.id", [line.id for spec in specs for line in spec.line])
    firms: list[Firm] = []
    column = 0
    for spec in specs:
        firm = _Founding(scenario, seed, spec, len(firms), column).firm()
        firms.append(firm)
        column = firm.behind
    stations = tuple(_stations(scenario, seed, firms))
    cycles = {machine.cycle_s for firm in firms for machine in firm.machines}
    cycles |= {station.cycle_s for station in stations}
    slot_s = min(cycles)
    for cycle_s in sorted(cycles):
        if HOUR_S % cycle_s or cycle_s % slot_s:
            what = f"{cycle_s} does not fit into an hour, or not {slot_s} s"
            raise mistake(scenario, "cycle_s", what, CYCLES_HINT)
    return Site(scenario, seed, begin_s, slot_s, tuple(firms), stations)


def _stations(scenario: Scenario, seed: int, firms: list[Firm]) -> Iterator[Station]:
    column = firms[-1].behind
    for firm in firms:
        lines = {line.id: number for number, line in enumerate(firm.lines)}
        for spec in firm.spec.outlet:
            cycle_s = spec.cycle_s or firm.spec.cycle_s or scenario.cycle_s
            _check_cycle(scenario, f"outlet {spec.id}", cycle_s)
            yield Station(
                spec=spec,
                column=column,
                firm=firm.index,
                lines=tuple(lines.values()) if spec.line is None else (lines[spec.line],),
                cycle_s=cycle_s,
                phase_s=int(share(seed, "phase", spec.id) * max(1, cycle_s - JITTER_S)),
                address=f"{key_of(seed, 'address', spec.id) % 10**14:014d}",
                key=key_of(seed, "outlet", spec.id),
            )
            column += 1


def _check_cycle(scenario: Scenario, key: str, cycle_s: int) -> None:
    if not 1 <= cycle_s <= HOUR_S:
        what = f"cycle_s {cycle_s} is not between 1 and 3600"
        raise mistake(scenario, key, what, CYCLES_HINT)


def _with_line(spec: FactorySpec) -> FactorySpec:
    """A factory that names no line has one."""
    if spec.line:
        return spec
    values = {name: getattr(spec, name) for name in spec.__struct_fields__}
    return FactorySpec(**values | {"line": (LineSpec(id=f"{spec.id}-L1", name="1号线"),)})


def _check_unique(scenario: Scenario, key: str, ids: list[str]) -> None:
    twice = [one for one, count in Counter(ids).items() if count > 1]
    if twice:
        what = f"{twice[0]} stands {ids.count(twice[0])} times"
        cure = "ids are unique in the whole scenario, a drawn city's (E0001) too"
        raise mistake(scenario, key, what, cure)


class _Founding:
    """One firm while it is put in its place."""

    def __init__(
        self, scenario: Scenario, seed: int, spec: FactorySpec, index: int, column: int
    ) -> None:
        self._scenario = scenario
        self._seed = seed
        self._spec = spec
        self._index = index
        self._column = column
        self._lines = {line.id: number for number, line in enumerate(spec.line)}

    def firm(self) -> Firm:
        """Return the firm."""
        spec = self._spec
        if not spec.unit:
            cure = "add [[factory.unit]] tables behind it"
            raise mistake(self._scenario, f"factory {spec.id}", "it has no unit", cure)
        for outlet in spec.outlet:
            if outlet.line is not None and outlet.line not in self._lines:
                key, noun = f"outlet {outlet.id}: line", "line"
                raise unknown(self._scenario, key, noun, outlet.line, self._lines)
        units = sorted(spec.unit, key=lambda unit: unit.id)
        machines = tuple(
            self._machine(unit, self._column + number) for number, unit in enumerate(units)
        )
        return Firm(spec, self._index, spec.line, machines)

    def _machine(self, unit: UnitSpec, column: int) -> Machine:
        self._check(unit)
        cycle_s = unit.cycle_s or self._spec.cycle_s or self._scenario.cycle_s
        _check_cycle(self._scenario, f"unit {unit.id}", cycle_s)
        rated_w, rated_a = _rated(unit)
        return Machine(
            spec=unit,
            column=column,
            firm=self._index,
            lines=self._lines_of(unit),
            cycle_s=cycle_s,
            phase_s=int(self._share("phase", unit) * max(1, cycle_s - JITTER_S)),
            skew_ms=self._skew_ms(unit),
            ratio=_ratio(rated_a) if self._spec.protocol == "acrel" else 1,
            address=self._address(unit),
            rated_w=rated_w,
            rated_a=rated_a,
            key=key_of(self._seed, "unit", unit.id),
        )

    def _share(self, word: str, unit: UnitSpec) -> float:
        return share(self._seed, word, unit.id)

    def _address(self, unit: UnitSpec) -> str:
        # As long as an MN; a serial of Acrel's has 20 letters at most.
        number = key_of(self._seed, "address", unit.id)
        return f"{number % 10**14:014d}"

    def _skew_ms(self, unit: UnitSpec) -> int:
        confounders = self._scenario.confounders
        if self._share("skewed", unit) >= confounders.skewed:
            return 0
        low, high = confounders.skew_s
        size = low + (high - low) * self._share("skew", unit)
        return 1000 * round(size if self._share("skew sign", unit) < 0.5 else -size)

    def _lines_of(self, unit: UnitSpec) -> tuple[int, ...]:
        if unit.kind in {"main", "indirect"}:
            return ()
        names = unit.lines or tuple(self._lines)
        for name in names:
            if name not in self._lines:
                key, noun = f"unit {unit.id}: lines", "line"
                raise unknown(self._scenario, key, noun, name, self._lines)
        if unit.kind == "production" and len(names) > 1:
            what, cure = "a production unit belongs to one line", f"give it lines = [{names[0]!r}]"
            raise mistake(self._scenario, f"unit {unit.id}", what, cure)
        return tuple(self._lines[name] for name in names)

    def _check(self, unit: UnitSpec) -> None:
        key = f"unit {unit.id}"
        if unit.follows and unit.drive != "vfd":
            what = "follows needs a frequency converter"
            raise mistake(self._scenario, key, what, 'give it drive = "vfd"')
        if unit.meter != "full" and self._spec.protocol != "hj212":
            what = f"meter = {unit.meter!r} needs HJ 212"
            raise mistake(self._scenario, key, what, 'give its factory protocol = "hj212"')


def _rated(unit: UnitSpec) -> tuple[float, float]:
    """Electric power (W) and current (A) at rated load."""
    if unit.kind in {"main", "indirect"}:
        return unit.power_kw * WATTS, unit.power_kw * WATTS / (np.sqrt(3) * NOMINAL_BETWEEN_V * 0.9)
    table = table_of(unit.drive, unit.power_kw)
    scale = unit.power_kw * WATTS
    current = float(table.current[STEPS + 1]) * scale / (np.sqrt(3) * NOMINAL_BETWEEN_V)
    return float(table.power[STEPS + 1]) * scale, current


def _ratio(rated_a: float) -> int:
    """The smallest transformer that carries the rated current and a fifth more."""
    return next((one for one in RATIOS if one * METER_A >= 1.2 * rated_a), RATIOS[-1])
