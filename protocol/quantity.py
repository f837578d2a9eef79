"""What meters measure: the names, units and number types of readings.

The order here is the order of the columns of the table ``reading``.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Unit(StrEnum):
    """SI units in which readings are kept."""

    VOLT = "V"
    AMPERE = "A"
    WATT = "W"
    VAR = "var"
    VOLT_AMPERE = "VA"
    ONE = "1"
    HERTZ = "Hz"
    WATT_HOUR = "Wh"
    VAR_HOUR = "varh"


@dataclass(frozen=True, slots=True)
class Quantity:
    """A measured quantity.  ``exact`` ones are integers (int8), the others float4."""

    name: str
    unit: Unit
    exact: bool


def _phases(stem: str, unit: Unit) -> tuple[Quantity, ...]:
    return tuple(Quantity(f"{stem}_{phase}", unit, exact=False) for phase in "abc")


def _phases_and_total(stem: str, unit: Unit) -> tuple[Quantity, ...]:
    return (Quantity(f"{stem}_total", unit, exact=False), *_phases(stem, unit))


def _energy(name: str, unit: Unit = Unit.WATT_HOUR) -> Quantity:
    return Quantity(name, unit, exact=True)


# 尖 峰 平 谷 深谷, the tariffs of GB/T 36290 meters, as the English of DL/T 645 names them.
TARIFFS: Final = ("sharp", "peak", "flat", "valley", "deep_valley")

_ALL: Final = (
    *_phases("voltage", Unit.VOLT),
    *_phases("current", Unit.AMPERE),
    *_phases_and_total("power", Unit.WATT),
    *_phases_and_total("reactive", Unit.VAR),
    *_phases_and_total("apparent", Unit.VOLT_AMPERE),
    *_phases_and_total("power_factor", Unit.ONE),
    Quantity("frequency", Unit.HERTZ, exact=False),
    *_phases("voltage_thd", Unit.ONE),
    *_phases("current_thd", Unit.ONE),
    _energy("energy_forward"),
    _energy("energy_reverse"),
    _energy("energy_combined"),
    *(_energy(f"energy_forward_{tariff}") for tariff in TARIFFS),
    *(_energy(f"energy_reverse_{tariff}") for tariff in TARIFFS),
    _energy("reactive_energy_forward", Unit.VAR_HOUR),
    _energy("reactive_energy_reverse", Unit.VAR_HOUR),
)

QUANTITIES: Final[dict[str, Quantity]] = {quantity.name: quantity for quantity in _ALL}
"""Every quantity by its name, in column order."""

# An exact column marks "no value" with the most negative integer: no energy register reaches it.
MISSING: Final = -(2**63)
