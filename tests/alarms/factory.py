"""A factory of a few units, and what its meters say, minute by minute."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from wattwarden.alarms.decisions.kinds import AnyBody
from wattwarden.alarms.episodes.findings import Ended, Finding, Raised
from wattwarden.alarms.folding.fold import fold
from wattwarden.alarms.plant.compile import compile_plant
from wattwarden.alarms.plant.orders import compile_orders
from wattwarden.alarms.registry.nouns import (
    Drive,
    Enterprise,
    Line,
    Link,
    Outlet,
    Point,
    Standby,
    Unit,
    UnitKind,
)
from wattwarden.alarms.registry.registry import Registry
from wattwarden.alarms.rulebook import Rules, default_rules
from wattwarden.alarms.states import state as states
from wattwarden.alarms.states.grid import Grid, empty_grid
from wattwarden.alarms.states.state import State

if TYPE_CHECKING:
    from wattwarden.alarms.plant.plant import Plant

RULES = default_rules()
SINCE = datetime(2026, 1, 1, tzinfo=UTC)
# Monday 2 March 2026, 00:00 in Shanghai.
MIDNIGHT_S = 1_772_380_800
RATED_W = 10_000.0
RATED_A = 20.0


@dataclass
class Factory:
    """One enterprise ``e`` with one line ``l``; units are added by name."""

    registry: Registry = field(default_factory=Registry)
    cycle_s: int = 60

    def __post_init__(self) -> None:
        """Found the enterprise."""
        self.registry.put(
            "enterprise", Enterprise(id="e", name="厂", agency="a", region="r", industry="metal")
        )
        self.registry.put("line", Line(id="l", enterprise="e", name="线"))

    def unit(
        self,
        name: str,
        kind: UnitKind = UnitKind.TREATMENT,
        drive: Drive = Drive.DIRECT,
        link: dict[str, float] | None = None,
        **more: Any,
    ) -> "Factory":
        """Add a unit of the line with its meter."""
        record = Unit(
            id=name, enterprise="e", name=name, kind=kind, drive=drive, rated_power=RATED_W,
            rated_current=RATED_A, **more,
        )  # fmt: skip
        self.registry.put("unit", record)
        self.registry.put("link", Link(id=name, line="l", unit=name, **(link or {})))
        point = Point(id=name, meter=f"c:{name}", unit=name, valid_from=SINCE, cycle_s=self.cycle_s)
        self.registry.put("point", point)
        return self

    def outlet(self, limit: float) -> "Factory":
        """Add an outlet of the line with one factor."""
        record = Outlet(id="o", enterprise="e", name="口", line="l", limits={"a24088": limit})
        self.registry.put("outlet", record)
        point = Point(
            id="o", meter="c:o", outlet="o", factor="a24088", measures="pollutant",
            valid_from=SINCE, cycle_s=self.cycle_s,
        )  # fmt: skip
        self.registry.put("point", point)
        return self

    def standby(self, required: int = 1) -> "Factory":
        """Add the group ``g``."""
        self.registry.put("standby", Standby(id="g", enterprise="e", required=required))
        return self


def simple(**unit: Any) -> Factory:
    """Return a factory with one production unit ``p`` and one treatment unit ``t``."""
    return Factory().unit("p", UnitKind.PRODUCTION).unit("t", **unit)


class Day:
    """A plant's grid from midnight on, everything running as rated, to be written on."""

    def __init__(
        self, factory: Factory, slots: int = 240, rules: Rules = RULES, first_s: int = MIDNIGHT_S
    ) -> None:
        self.registry, self.rules = factory.registry, rules
        self.plant: Plant = compile_plant(factory.registry, rules, ["e"])
        self.first = first_s // self.plant.slot_s
        self.slots = slots
        self.grid: Grid = empty_grid(self.plant, self.first, slots)
        grid = self.grid
        ends = self.first + np.arange(slots)
        grid.at[:] = ends[:, None] * 1000 * self.plant.slot_s + 1000
        noise = 1 + 0.004 * np.sin(np.arange(slots) * 1.7)[:, None]
        for name in ("current", "current_low", "current_high"):
            getattr(grid, name)[:] = RATED_A * noise
        grid.power[:] = RATED_W * noise
        grid.voltage_low[:] = grid.voltage_high[:] = 220 * noise
        grid.power_factor[:] = 0.8
        grid.factor_at[:] = grid.at[:, :1]
        grid.factor_value[:] = 10 * noise

    def share(self, unit: str, rows: slice, power: float, current: float, factor: float) -> "Day":
        """Let a unit draw shares of its power and current, at a power factor."""
        column, grid = self.plant.units.index(unit), self.grid
        wave = self.wave(rows)
        grid.power[rows, column] = RATED_W * power * wave
        for name in ("current", "current_low", "current_high"):
            getattr(grid, name)[rows, column] = RATED_A * current * wave
        grid.power_factor[rows, column] = factor
        return self

    def wave(self, rows: slice) -> Any:
        """Return the little noise of some rows."""
        return 1 + 0.004 * np.sin(np.arange(self.slots)[rows] * 1.7)

    def off(self, unit: str, rows: slice) -> "Day":
        """Switch a unit off."""
        return self.share(unit, rows, 0.0, 0.0, np.nan)

    def idle(self, unit: str, rows: slice) -> "Day":
        """Let a motor run without load."""
        return self.share(unit, rows, 0.08, 0.55, 0.15)

    def put(self, unit: str, rows: slice, **values: Any) -> "Day":
        """Write cells of a unit."""
        for name, value in values.items():
            getattr(self.grid, name)[rows, self.plant.units.index(unit)] = value
        return self

    def silent(self, unit: str, rows: slice) -> "Day":
        """Let a meter say nothing."""
        return self.put(unit, rows, at=-1)

    def dark(self, rows: slice) -> "Day":
        """Take the firm's supply away; its meters go on."""
        for unit in self.plant.units:
            self.off(unit, rows).put(unit, rows, voltage_low=0.0, voltage_high=0.0)
        return self

    def fold(
        self,
        decisions: Iterable[AnyBody] = (),
        parts: Iterable[int] = (),
        state: State | None = None,
        change: Callable[[State], State] = lambda state: state,
    ) -> tuple[State, list[Finding]]:
        """Fold the day, in parts that end at some slots; ``change`` is done in between."""
        orders = compile_orders(self.plant, decisions)
        state = state or states.initial(self.plant, self.first)
        findings: list[Finding] = []
        for upto in [*sorted(set(parts)), self.slots]:
            target = np.array([self.first + upto])
            state, found = fold(self.plant, self.rules, state, self.grid, target, orders)
            findings += found
            state = change(state)
        return state, findings

    def minute(self, at_ms: int) -> float:
        """Return a moment as slots since midnight."""
        return (at_ms / 1000 - self.first * self.plant.slot_s) / self.plant.slot_s


def alarms(day: Day, findings: Iterable[Finding]) -> list[tuple[str, str, int, int]]:
    """Return (rule, subject, began, raised) of alarms, in whole slots."""
    return [
        (one.alarm.rule, one.alarm.subject.partition(":")[2], int(day.minute(one.alarm.began)),
         int(day.minute(one.alarm.raised)))
        for one in findings
        if isinstance(one, Raised)
    ]  # fmt: skip


def ends(day: Day, findings: Iterable[Finding]) -> list[tuple[str, int]]:
    """Return (rule, ended) of episodes, in whole slots."""
    return [
        (one.key.rule, int(day.minute(one.ended))) for one in findings if isinstance(one, Ended)
    ]
