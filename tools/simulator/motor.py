"""Induction motors by their equivalent circuit: shaft load to power and current.

    ── R1 ── X1 ──┬──┬── X2 ──┐
                  Rc  Xm     R2/s      all per unit of rated shaft power and rated voltage
    ──────────────┴──┴────────┘

The 15 kW motor is the typical 4-pole one; parameters of other sizes follow from it by powers of the
size: small motors lose more and magnetise more.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

LEAST_KW: Final = 0.1
MOST_KW: Final = 1000.0
TYPICAL_KW: Final = 15.0
# Far enough beyond the pull-out slip of every size.
_SLIPS: Final = np.concatenate([np.geomspace(1e-7, 1e-4, 50), np.linspace(1.1e-4, 0.2, 12_000)])


@dataclass(frozen=True, slots=True)
class Circuit:
    """Per unit: resistances of stator and rotor, leakage of each, magnetising, core, friction."""

    stator: float
    rotor: float
    leakage: float
    magnetising: float
    core: float
    friction: float


@dataclass(frozen=True, slots=True)
class Curve:
    """What a motor takes at shaft loads: per unit of rated shaft power, and its current.

    ``current`` is apparent power at rated voltage, per unit of rated shaft power.
    """

    load: NDArray[np.float64]
    power: NDArray[np.float64]
    current: NDArray[np.float64]

    def at(self, load: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return power and current at these loads."""
        power = np.interp(load, self.load, self.power)
        return power, np.interp(load, self.load, self.current)


def circuit_of(rated_kw: float) -> Circuit:
    """Return the circuit of a motor of this size."""
    size = min(max(rated_kw, LEAST_KW), MOST_KW) / TYPICAL_KW
    return Circuit(
        stator=0.02 * size**-0.25,
        rotor=0.02 * size**-0.25,
        leakage=0.06,
        magnetising=1.6 * size**0.12,
        core=40.0 * size**0.25,
        friction=0.01 * size**-0.2,
    )


@lru_cache(maxsize=256)
def curve_of(rated_kw: float) -> Curve:
    """Solve the circuit over slip, from no load to pull-out."""
    circuit = circuit_of(rated_kw)
    rotor = circuit.rotor / _SLIPS + 1j * circuit.leakage
    shunt = 1 / (1j * circuit.magnetising) + 1 / circuit.core
    inner = 1 / (shunt + 1 / rotor)
    current = 1 / (circuit.stator + 1j * circuit.leakage + inner)
    through_rotor = np.abs(current * inner / rotor)
    shaft = through_rotor**2 * circuit.rotor * (1 - _SLIPS) / _SLIPS - circuit.friction
    upto = int(np.argmax(shaft))
    columns = (shaft[:upto], current.real[:upto], np.abs(current[:upto]))
    return Curve(*(column.astype(np.float64) for column in columns))
