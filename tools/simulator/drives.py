"""Tables of what a unit takes from the mains, by drive and size, over its shaft load.

    index 0        switched off
    index 1 …      loads 0, 1/1600, … : fine enough to be looked up, not interpolated

A fan or pump at speed s of a converter has the load s³ of its full one.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from wattwarden.tools.simulator.motor import curve_of

STEPS: Final = 1600
MOST_LOAD: Final = 1.6
ENTRIES: Final = int(STEPS * MOST_LOAD) + 2
LOADS: Final = np.arange(ENTRIES - 1) / STEPS
# Of the input at full load: rectifier, inverter and fan of a converter, and the motor's own losses
# that do not go with speed.  Gives 0.53 at 40 Hz, 0.25 at 30 Hz, 0.10 at 20 Hz.
CONVERTER_LOSS: Final = 0.04
CONVERTER_EFFICIENCY: Final = 0.97
DISPLACEMENT: Final = 0.95
# Current distortion of a six-pulse rectifier at full load, and what it gains towards no load.
DISTORTION_FULL: Final = 0.35
DISTORTION_GAIN: Final = 0.45
HEATER_POWER_FACTOR: Final = 0.995


@dataclass(frozen=True, slots=True)
class Table:
    """Per unit of rated shaft power (of heaters: electric power), float32[ENTRIES] each."""

    power: NDArray[np.float32]
    current: NDArray[np.float32]


def index_of(load: NDArray[np.float32]) -> NDArray[np.int32]:
    """Return where loads stand in a table; below 0 is off."""
    index = (load * np.float32(STEPS) + np.float32(1.5)).astype(np.int32)
    return np.clip(index, 0, ENTRIES - 1, out=index)


@lru_cache(maxsize=1024)
def table_of(drive: str, rated_kw: float) -> Table:
    """Return the table of a drive (direct, vfd, resistive, pulsed) and size."""
    if drive == "resistive":
        power, current = LOADS.copy(), LOADS / HEATER_POWER_FACTOR
    else:
        power, current = curve_of(rated_kw).at(LOADS)
        if drive == "vfd":
            power, current = _converted(power)
    return Table(_with_off(power), _with_off(current))


def power_factor_of_converter(share: NDArray[np.float64]) -> NDArray[np.float64]:
    """True power factor at a share of full input: displacement over distortion."""
    distortion = DISTORTION_FULL + DISTORTION_GAIN * np.clip(1 - share, 0, 1) ** 2
    return DISPLACEMENT / np.sqrt(1 + distortion**2)


def _converted(power: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    full = float(power[STEPS]) / CONVERTER_EFFICIENCY
    share = (LOADS + CONVERTER_LOSS) / (1 + CONVERTER_LOSS)
    return full * share, full * share / power_factor_of_converter(share)


def _with_off(column: NDArray[np.float64]) -> NDArray[np.float32]:
    return np.concatenate([[0.0], column]).astype(np.float32)
