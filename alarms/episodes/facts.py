"""Facts: what is known of one unit at the moment of an alarm, and how people write it."""

from dataclasses import dataclass

import numpy as np

from wattwarden.alarms.episodes.findings import Signal
from wattwarden.alarms.plant.plant import DIRECT, Plant
from wattwarden.alarms.states.block import Block
from wattwarden.alarms.states.state import State
from wattwarden.alarms.states.sync import Beside


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of one unit in one slot."""

    plant: Plant
    unit: int
    name: str
    signals: dict[str, Signal]
    lasted_s: float
    # Its line's production load, NaN where unknown.
    load: float
    least: float
    # Below this share of its usual current it draws none.
    i_off: float


def facts(
    plant: Plant, state: State, block: Block, beside: Beside | None, where: tuple[int, int],
    lasted_ms: int,
) -> Facts:  # fmt: skip
    """Collect what is known of unit ``where[1]`` in slot ``where[0]``."""
    slot, unit = where
    learned, grid = state.learned, block.grid
    # The slot's own cell where the unit spoke in it.
    signals: dict[str, Signal] = {}
    add(signals, "power", grid.power[slot, unit], "W")
    add(signals, "power_reference", learned.power[unit], "W")
    add(signals, "power_share", block.level[slot, unit], "1")
    add(signals, "current", grid.current[slot, unit], "A")
    add(signals, "current_share", block.current[slot, unit], "1")
    add(signals, "power_factor", grid.power_factor[slot, unit], "1")
    if plant.unit.drive[unit] == DIRECT:
        add(signals, "power_factor_reference", learned.power_factor[unit], "1")
    add(signals, "voltage_share", block.voltage[slot, unit], "1")
    load = least = float("nan")
    treat = int(np.searchsorted(plant.treats, unit))
    if beside is not None and treat < len(plant.treats) and plant.treats[treat] == unit:
        load, least = float(beside.load[slot, treat]), float(beside.least[slot, treat])
        add(signals, "production_load", load, "1")
    name = plant.unit_names[unit]
    i_off = float(plant.limit["state.i_off"][unit])
    return Facts(plant, unit, name, signals, lasted_ms / 1000, load, least, i_off)


def power_text(watts: float) -> str:
    """Write a power as people do."""
    return f"{watts / 1000:.3g} kW"


def span_texts(seconds: float) -> tuple[str, str]:
    """Write a span as people do, in Chinese and in English: minutes, hours or days.

    >>> span_texts(5_400), span_texts(200_000)
    (('90 分钟', '90 min'), ('2.3 天', '2.3 days'))
    """
    if seconds < 2 * 3_600:
        return f"{minutes(seconds)} 分钟", f"{minutes(seconds)} min"
    if seconds < 2 * 86_400:
        return f"{seconds / 3_600:.1f} 小时", f"{seconds / 3_600:.1f} h"
    return f"{seconds / 86_400:.1f} 天", f"{seconds / 86_400:.1f} days"


def minutes(seconds: float) -> str:
    """Write a span in minutes, no less than one."""
    return f"{max(1, round(seconds / 60))}"


def add(signals: dict[str, Signal], name: str, value: float, unit: str) -> None:
    """Add a signal where there is a value."""
    number = float(value)
    if not np.isnan(number):
        # What a float32 holds of a value, and no digits more.
        signals[name] = Signal(float(f"{number:.6g}"), unit)


def value_of(facts: Facts, name: str) -> float | None:
    """Return a signal's value, None where there is none."""
    signal = facts.signals.get(name)
    return None if signal is None else signal.value
