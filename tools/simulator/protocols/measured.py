"""What a simulated meter measures: believable numbers, looked up by meter and turn.

(seed, meter, turn) ─► a load ─► quantities, each in whole steps of what its protocol carries
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Final

from wattwarden.protocol.quantity import QUANTITIES
from wattwarden.tools.simulator.chance import key_of, share

Steps = Mapping[str, Decimal]
"""How finely a protocol carries each quantity, in the quantity's own unit."""
Measured = dict[str, Decimal]

_LEAST_VOLTS: Final = 212.0
_VOLTS: Final = 20.0
# What a machine of a workshop draws on a phase behind its transformer.
_MOST_AMPERES: Final = 32.0
_LEAST_FACTOR: Final = 0.75
_LEAST_HERTZ: Final = 49.9
# Meters of some age; of the tariffs, and of what goes back, less.
_OLDEST_WH: Final = 50_000_000
_MOST_WH_A_TURN: Final = 1_000
_BYTE: Final = 256
_PHASES: Final = "abc"


def measure(seed: int, meter: str, turn: int, steps: Steps) -> Measured:
    """Return what a meter reads at its ``turn``-th look, of the quantities that it has."""
    lots = key_of(seed, "measured", meter, turn).to_bytes(8, "little")
    electric = _electric(lots)
    found: Measured = {}
    for name, step in steps.items():
        exact = QUANTITIES[name].exact
        value = _counted(seed, meter, name, turn) if exact else electric[name]
        found[name] = round(value / float(step)) * step
    return found


def stored(measured: Measured) -> dict[str, float]:
    """Return quantities as the store has them: energies whole, others as the nearest float."""
    return {
        name: int(value) if QUANTITIES[name].exact else float(value)
        for name, value in measured.items()
    }


def _electric(lots: bytes) -> dict[str, float]:
    values = {"frequency": _LEAST_HERTZ + lots[7] / _BYTE / 5}
    totals = {"power": 0.0, "reactive": 0.0, "apparent": 0.0}
    for place, phase in enumerate(_PHASES):
        volts = _LEAST_VOLTS + _VOLTS * lots[place] / _BYTE
        amperes = _MOST_AMPERES * lots[3 + place] / _BYTE
        factor = _LEAST_FACTOR + (1 - _LEAST_FACTOR) * lots[6] / _BYTE
        power = volts * amperes * factor
        parts = {"power": power, "reactive": power * (1 - factor), "apparent": volts * amperes}
        values |= {f"{name}_{phase}": value for name, value in parts.items()}
        values |= {f"voltage_{phase}": volts, f"current_{phase}": amperes}
        values |= {f"power_factor_{phase}": factor, f"voltage_thd_{phase}": lots[place] / 1e4}
        values[f"current_thd_{phase}"] = lots[3 + place] / 1e4
        totals = {name: totals[name] + value for name, value in parts.items()}
        values["power_factor_total"] = factor
    return values | {f"{name}_total": value for name, value in totals.items()}


def _counted(seed: int, meter: str, name: str, turn: int) -> float:
    """Return what a register of energy shows: it goes up with every turn."""
    lot = share(seed, "counter", meter, name)
    return lot * _OLDEST_WH + turn * (1 + lot * _MOST_WH_A_TURN)
