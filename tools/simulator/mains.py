"""The supply of a firm: voltage by the hour, noise, and phases that are not quite equal."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from wattwarden.tools.simulator.chance import Numbers, key_of, share

PHASE_V: Final = 220.0
NOMINAL_BETWEEN_V: Final = 380.0
# GB/T 12325 allows +7 and -7 %; a transformer's tap is set a little high.
OFFSET_SHARE: Final = 0.02
# Nights are lightly loaded: voltage is highest at four.
SWING_SHARE: Final = 0.018
NOISE_SHARE: Final = 0.006
# GB/T 15543 allows 2 % of unbalance.
UNBALANCE_SHARE: Final = 0.008
_DAY_S: Final = 86_400
_HIGHEST_AT_S: Final = 4 * 3600
_FULL_SCALE: Final = 32_768.0


def voltages(
    seed: int, firm: str, chance: Numbers, step_s: int, first: int, slots: int
) -> NDArray[np.float32]:
    """Return the phase voltages of a firm, V, float32[3, slots].

    Slots of ``step_s`` are counted from the scenario's first midnight.
    """
    seconds = step_s * np.arange(first, first + slots)
    angle = (2 * np.pi / _DAY_S) * (seconds - _HIGHEST_AT_S)
    bits = chance.at(key_of(seed, "mains", firm), first, slots)
    noise = bits.view(np.int16).reshape(slots, 4)[:, :3].T / _FULL_SCALE
    offset = OFFSET_SHARE * (2 * share(seed, "tap", firm) - 0.6)
    phases = np.array([2 * share(seed, "phase", firm, phase) - 1 for phase in "abc"])
    level = 1 + offset + SWING_SHARE * np.cos(angle) + UNBALANCE_SHARE * phases[:, None]
    # Two thirds of the noise are the grid's, common to the phases.
    level = level + NOISE_SHARE * (0.67 * noise[0] + 0.33 * noise)
    volts: NDArray[np.float32] = (PHASE_V * level).astype(np.float32)
    return volts
