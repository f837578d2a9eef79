"""What the oracle learns of a unit: counts of the day, fading over the days before."""

import struct
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Final

NAN: Final = float("nan")
_FLOAT: Final = struct.Struct("f")
# Cells of 2 % of the nameplate up to 160 %; by load, of 4 %; loads in cells of 10 % up to 140 %.
POWERS: Final = 80
LOADS: Final = 14
LOAD_POWERS: Final = 40
_POWER: Final = 0.02
_LOAD_POWER: Final = 0.04


def short(value: float) -> float:
    """Round to 32 bits."""
    return float(_FLOAT.unpack(_FLOAT.pack(value))[0])


@dataclass(slots=True)
class Memory:
    """W, A, 1; nameplates until enough was seen."""

    rated: float
    rated_current: float
    # A motor on the mains.
    direct: bool
    power: float
    greatest: float
    current: float
    power_factor: float = short(0.8)
    least: dict[int, float] = field(default_factory=dict)
    run_days: int = 0
    powers_today: dict[int, int] = field(default_factory=lambda: defaultdict(int))
    loads_today: dict[tuple[int, int], int] = field(default_factory=lambda: defaultdict(int))
    powers: dict[int, float] = field(default_factory=lambda: defaultdict(float))
    loads: dict[tuple[int, int], float] = field(default_factory=lambda: defaultdict(float))
    load_days: dict[int, float] = field(default_factory=lambda: defaultdict(float))
    factor_sum: int = 0
    current_sum: int = 0
    near: int = 0
    factor_mean: float = 0.0
    current_mean: float = 0.0
    weight: float = 0.0

    def count(self, watts: float) -> float:
        """Count a sample's power; returns its share of the nameplate."""
        share = short(watts / self.rated)
        self.powers_today[min(int(short(share / short(_POWER))), POWERS - 1)] += 1
        return share

    def count_load(self, share: float, load: int) -> None:
        """Count a share of the nameplate at a load."""
        cell = min(int(short(share / short(_LOAD_POWER))), LOAD_POWERS - 1)
        self.loads_today[load, cell] += 1

    def count_near(self, factor: float, current: float) -> None:
        """Count power factor and current near the usual power."""
        self.factor_sum += round(short(factor * 10_000))
        self.current_sum += round(short(current * 1_000))
        self.near += 1

    def close(self, number: dict[str, float], run_ms: int, cycle: int, days: int) -> None:
        """Close a day: fold it into the memory and put in force what it tells."""
        keep = (1 - 1 / number["state.memory_d"]) ** days
        for power in range(POWERS):
            self.powers[power] = short(self.powers[power] * keep + self.powers_today[power])
        for load in range(LOADS):
            seen = 0
            for power in range(LOAD_POWERS):
                today = self.loads_today[load, power]
                seen += today
                self.loads[load, power] = short(self.loads[load, power] * keep + today)
            long = seen * cycle >= 600_000
            self.load_days[load] = short(self.load_days[load] * keep + long)
        self._close_near(keep)
        self.powers_today.clear()
        self.loads_today.clear()
        if run_ms >= 3_600_000:
            self.run_days += 1
        self._put_in_force(number)

    def _close_near(self, keep: float) -> None:
        weight = self.weight * keep + self.near
        if weight > 0:
            before = self.weight * keep
            self.factor_mean = (self.factor_mean * before + self.factor_sum / 10_000) / weight
            self.current_mean = (self.current_mean * before + self.current_sum / 1_000) / weight
        self.weight = weight
        self.factor_sum = self.current_sum = self.near = 0

    def _put_in_force(self, number: dict[str, float]) -> None:
        usual, greatest = self._usual()
        if self.run_days >= number["state.learn_run_days"] and usual > 0:
            self.power = short(usual * self.rated)
            self.greatest = short(greatest * self.rated)
            # A meter of current alone tells its share of the nameplate.
            self.current = short(usual * self.rated_current)
            if self.weight > 0:
                self.current = short(self.current_mean)
                self.power_factor = short(self.factor_mean)
        self._learn_least(number)

    def _learn_least(self, number: dict[str, float]) -> None:
        """Put in force the least normal power by load, W; loads that are not known have none."""
        enough = number["state.learn_load_days"] - 0.5
        seen = {
            load: self._percentile(load, number["state.normal_percentile"]) * self.rated
            for load in range(LOADS)
            if self.load_days[load] >= enough
        }
        self.least = {load: short(power) for load, power in seen.items()}
        fewest, most = min(seen.values(), default=NAN), max(seen.values(), default=NAN)
        # A motor on the mains that draws the same at all loads seen does so at the others.
        flat = self.direct and len(seen) >= 2 and fewest >= 0.9 * most
        for load in range(LOADS):
            if load in seen:
                continue
            below = [power for known, power in seen.items() if known < load]
            # More production needs what less of it does, nearly.
            if below:
                self.least[load] = short(0.8 * max(below))
            elif flat:
                self.least[load] = short(0.8 * fewest)

    def _usual(self) -> tuple[float, float]:
        """The mode above the mean, and the 99th percentile, as shares of the nameplate."""
        total = sum(self.powers[power] for power in range(POWERS))
        if total == 0:
            return 0.0, _POWER
        mean = sum(self.powers[p] * (p + 0.5) * _POWER for p in range(POWERS)) / total
        above = [
            self.powers[p] if (p + 0.5) * _POWER > mean - _POWER else 0.0 for p in range(POWERS)
        ]
        around = [0.0, *above, 0.0]
        masses = [around[p] + around[p + 1] + around[p + 2] for p in range(POWERS)]
        mode = masses.index(max(masses))
        offset = (around[mode + 2] - around[mode]) / masses[mode] if masses[mode] > 0 else 0.0
        usual = (mode + 0.5) * _POWER + offset * _POWER
        upto = 0.0
        for power in range(POWERS):
            upto += self.powers[power]
            if upto >= 0.99 * total:
                return usual, max((power + 1) * _POWER, usual)
        return usual, usual

    def _percentile(self, load: int, part: float) -> float:
        counts = [self.loads[load, power] for power in range(LOAD_POWERS)]
        target = sum(counts) * part
        upto = 0.0
        for cell, count in enumerate(counts):
            if upto + count >= target > 0:
                return (cell + (target - upto) / (count if count > 0 else 1)) * _LOAD_POWER
            upto += count
        return NAN
