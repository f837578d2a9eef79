"""What a unit's nameplate says, or makes likely where it is silent."""

import math
from typing import Final

from wattwarden.alarms.registry.nouns import Drive, Unit

# A loaded motor's power factor times its efficiency, about 0.87 by 0.92; a heater's is 1.
MOTOR_FACTOR: Final = 0.8


def rated_current(unit: Unit) -> float:
    """Return a unit's rated current, A: as given, or what its power and voltage make likely."""
    if unit.rated_current is not None:
        return unit.rated_current
    factor = 1.0 if unit.drive is Drive.RESISTIVE else MOTOR_FACTOR
    return unit.rated_power / (math.sqrt(3) * unit.rated_voltage * factor)
